//! The clock: log time of a source partition, and shard time as the minimum over all of them.
//!
//! Invariants: a partition's clock never goes back; shard time never goes back, and stays unknown until every partition of
//! every source was heard of. Nothing here reads the wall.

use crate::types::{Millis, Offset, PartitionId, TopicId};
use serde::{Deserialize, Serialize};

/// How far a shard has come in one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceProgress {
    /// The source's topic.
    pub topic: String,
    /// That topic's identity.
    pub topic_id: TopicId,
    /// Its partitions by number.
    pub partitions: Vec<PartitionProgress>,
}

/// How far a shard has come in one source partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionProgress {
    /// The position that the next pack has to cover; `None` if no pack has covered any.
    pub next: Option<Offset>,
    /// The partition's clock; `None` if nothing has moved it.
    pub clock: Option<Millis>,
    /// Shard time when the partition joined a shard that had one. Until its own clock gets there it holds nothing back.
    pub joined: Option<Millis>,
}

impl PartitionProgress {
    /// How far shard time may go for this partition's sake.
    #[must_use]
    pub fn allows(&self) -> Option<Millis> {
        self.clock.max(self.joined)
    }
}

impl SourceProgress {
    /// A partition's progress.
    #[must_use]
    pub fn partition(&self, id: PartitionId) -> Option<&PartitionProgress> {
        self.partitions.get(usize::try_from(id.0).ok()?)
    }
}

/// The clock of one source partition: the running maximum of log time in offset order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartitionClock(Option<Millis>);

impl PartitionClock {
    /// A clock that stands where an earlier owner left it.
    #[must_use]
    pub fn restored(at: Option<Millis>) -> PartitionClock {
        PartitionClock(at)
    }

    /// Where it stands.
    #[must_use]
    pub fn now(self) -> Option<Millis> {
        self.0
    }

    /// Moves on to `time` if that lies ahead.
    pub fn advance(&mut self, time: Millis) {
        self.0 = self.0.max(Some(time));
    }
}

/// Shard time by these sources: the minimum of what all partitions allow, but never before `before`. `None` if a partition
/// was not heard of yet, or if there is none.
#[must_use]
pub fn shard_time(sources: &[SourceProgress], before: Option<Millis>) -> Option<Millis> {
    let clocks = || sources.iter().flat_map(|source| &source.partitions).map(PartitionProgress::allows);
    let slowest = clocks().min().flatten();
    slowest.max(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(clocks: &[Option<i64>]) -> SourceProgress {
        let partition = |clock: &Option<i64>| PartitionProgress { next: None, clock: clock.map(Millis), joined: None };
        SourceProgress {
            topic: "usage".into(),
            topic_id: TopicId::default(),
            partitions: clocks.iter().map(partition).collect(),
        }
    }

    #[test]
    fn shard_time_is_the_slowest_partition_of_all_sources() {
        assert_eq!(shard_time(&[source(&[Some(9), Some(4)]), source(&[Some(7)])], None), Some(Millis(4)));
    }

    #[test]
    fn partition_not_heard_of_holds_shard_time_back() {
        assert_eq!(shard_time(&[source(&[Some(9), None])], None), None);
        assert_eq!(shard_time(&[source(&[Some(9), None])], Some(Millis(3))), Some(Millis(3)));
        assert_eq!(shard_time(&[], None), None);
    }

    #[test]
    fn shard_time_never_goes_back() {
        assert_eq!(shard_time(&[source(&[Some(2)])], Some(Millis(5))), Some(Millis(5)));
    }

    #[test]
    fn partition_clock_is_the_running_maximum() {
        let mut clock = PartitionClock::default();
        for (time, expected) in [(5, 5), (3, 5), (8, 8)] {
            clock.advance(Millis(time));
            assert_eq!(clock.now(), Some(Millis(expected)));
        }
    }
}
