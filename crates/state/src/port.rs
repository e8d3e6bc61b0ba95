//! The port itself: its types and what every adapter promises.

use activity::fence::{self, Fence, Refusal};
use activity::record::Record;
use activity::{EntityKey, Incarnation, MetricIndex, Shard, Window};
use thiserror::Error;

/// A shard's store. Calls block, within the adapter's time-outs.
///
/// Every adapter passes the suite in `tests/suite.rs`.
pub trait Store {
    /// What is stored of a shard: its fence, whether it is dirty, and its header. `None` if nothing is.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn stored(&mut self, shard: Shard) -> Result<Option<Stored>, StoreError>;

    /// The records of these entities in one incarnation, in the order asked for; `None` for one that has none. With what was
    /// stored of the shard at the same moment: a store may go back and forth between two calls.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn records(
        &mut self,
        shard: Shard,
        incarnation: Incarnation,
        keys: &[EntityKey],
    ) -> Result<Read<Vec<Option<Vec<u8>>>>, StoreError>;

    /// Everything that a reader of totals needs, from one moment. `None` if nothing is stored.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn snapshot(&mut self, shard: Shard) -> Result<Option<Snapshot>, StoreError>;

    /// Writes a batch, if the stored fence is the one that it starts from.
    ///
    /// # Errors
    /// If no answer came. Then it is unknown whether the batch was written, and the shard must be read again before
    /// anything else is done with it.
    fn commit(&mut self, shard: Shard, commit: &Commit) -> Result<Verdict, StoreError>;

    /// The records of one portion of an incarnation; portions are numbered from 0 to [`Store::portions`]. To look through
    /// a whole shard in bounded steps. With what was stored of the shard at the same moment.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn portion(&mut self, shard: Shard, incarnation: Incarnation, portion: u32) -> Result<Read<Entities>, StoreError>;

    /// How many portions an incarnation has.
    fn portions(&self) -> u32;

    /// Deletes the keys of an incarnation that is no longer the living one. May be repeated.
    ///
    /// # Errors
    /// If the store cannot be reached.
    fn discard(&mut self, shard: Shard, incarnation: Incarnation) -> Result<(), StoreError>;
}

/// What was read, and the state that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Read<T> {
    under: Option<fence::Stored>,
    value: T,
}

impl<T> Read<T> {
    /// What was read while this was stored of the shard.
    pub fn new(under: Option<fence::Stored>, value: T) -> Read<T> {
        Read { under, value }
    }

    /// What was read, if it belongs to the state of this fence; `None` if it belongs to another, or to none that is known.
    #[must_use]
    pub fn under(self, fence: &Fence) -> Option<T> {
        fence::judge(Some(fence), self.under.as_ref(), false).is_ok().then_some(self.value)
    }

    /// What was read, whatever was stored.
    #[must_use]
    pub fn anyway(self) -> T {
        self.value
    }

    /// What was stored of the shard.
    #[must_use]
    pub fn stored(&self) -> Option<fence::Stored> {
        self.under
    }
}

/// Entity keys with their encoded records, in no order.
pub type Entities = Vec<(EntityKey, Vec<u8>)>;

/// What is stored of a shard beside its entities and counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The fence, and whether a commit broke off midway.
    pub state: fence::Stored,
    /// The encoded [`activity::header::Header`].
    pub header: Vec<u8>,
}

/// A shard's totals at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Fence and header.
    pub stored: Stored,
    /// The encoded counters of the living incarnation, in no order. A counter that was never written is absent: all 0.
    pub counters: Vec<(CounterKey, Vec<u8>)>,
}

/// Names one counter of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterKey {
    /// The metric counted.
    pub metric: MetricIndex,
    /// Its trailing window.
    pub window: Window,
}

/// A batch to be written: absolute values, so that writing it twice is writing it once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The fence that the batch starts from; `None` for a shard of which nothing is stored.
    pub expected: Option<Fence>,
    /// The fence after it. If its incarnation is not the expected one, the commit claims that incarnation.
    pub next: Fence,
    /// The encoded header after it.
    pub header: Vec<u8>,
    /// The counters that changed, encoded.
    pub counters: Vec<(CounterKey, Vec<u8>)>,
    /// The records that changed, encoded; `None` deletes one.
    pub records: Vec<(EntityKey, Option<Vec<u8>>)>,
}

impl Commit {
    /// Whether the batch opens a new incarnation.
    #[must_use]
    pub fn claims(&self) -> bool {
        self.expected.is_none_or(|expected| expected.incarnation != self.next.incarnation)
    }

    /// How many bytes it carries, about: what a flush is bounded by.
    #[must_use]
    pub fn size(&self) -> usize {
        let counters = self.counters.iter().map(|(_, value)| value.len() + 8);
        let records = self.records.iter().map(|(key, value)| key.as_bytes().len() + value.as_ref().map_or(0, Vec::len));
        self.header.len() + counters.sum::<usize>() + records.sum::<usize>()
    }
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Everything was written.
    Committed,
    /// Nothing was written, since the stored fence differs.
    Refused(Refusal),
}

/// Why a store gave no answer.
#[derive(Debug, Error)]
pub enum StoreError {
    /// It cannot be reached, or did not answer in time. It may be there again later.
    #[error("the state store at {address} does not answer: {reason}")]
    Unreachable {
        /// Where it was looked for, without its password.
        address: String,
        /// What went wrong.
        reason: String,
    },
    /// It answered with something that no version of nsm wrote.
    #[error("the state store holds something unreadable at {place}: {reason}")]
    Corrupt {
        /// The key and field.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It is set up so that it may lose keys on its own.
    #[error("the state store at {address} cannot be used: {reason}")]
    Unfit {
        /// Where it is.
        address: String,
        /// Which setting, and what it has to be.
        reason: String,
    },
}

/// The record of an entity, as [`Commit::records`] wrote it.
///
/// # Errors
/// If the bytes are no record of this version.
pub fn decode_record(shard: Shard, key: &EntityKey, bytes: &[u8]) -> Result<Record, StoreError> {
    let corrupt = || StoreError::Corrupt {
        place: format!("the record of {key:?}, shard {shard}"),
        reason: "it is no record of this version".into(),
    };
    Record::decode(bytes).ok_or_else(corrupt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity::fence::FORMAT;
    use activity::{CatalogVersion, Offset, TopicId};

    #[test]
    fn what_was_read_counts_only_under_the_state_that_it_is_read_for() {
        let fence = |next| Fence {
            format: FORMAT,
            topic: TopicId([1; 16]),
            catalogue: CatalogVersion(2),
            incarnation: Incarnation(3),
            next: Offset(next),
        };
        let stored = |next, dirty| Some(fence::Stored { fence: fence(next), dirty });
        assert_eq!(Read::new(stored(5, false), "records").under(&fence(5)), Some("records"));
        assert_eq!(Read::new(stored(4, false), "records").under(&fence(5)), None);
        assert_eq!(Read::new(stored(5, true), "records").under(&fence(5)), None);
        assert_eq!(Read::new(None, "records").under(&fence(5)), None);
    }
}
