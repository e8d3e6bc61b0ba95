//! Additive deltas: events that were counted, and values that were added up, each under the event's id, so that whoever
//! applies them counts an event once however often it was sent.

use crate::key::{EntityKey, KeyError};
use crate::types::{Bucket, Grain, MetricIndex, Shard};
use crate::varint;
use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed, xxh3_128, xxh3_128_with_seed};

/// What stands for an event's id: 128 bits of its hash, so that two ids practically never share one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub u128);

impl EventId {
    /// The id as one that counts in a grain: of copies of an event, the first that is in time for its hour may be another than the
    /// first that is in time for its day.
    #[must_use]
    pub fn in_grain(self, grain: Grain) -> EventId {
        EventId(self.0 ^ grain as u128)
    }
}

/// Whose ids they are: the ids of two sources have nothing to do with each other.
#[derive(Clone, Copy, Debug)]
pub struct IdSpace(u64);

impl IdSpace {
    /// The ids of a source topic.
    #[must_use]
    pub fn of(topic: &str) -> IdSpace {
        IdSpace(xxh3_64(topic.as_bytes()))
    }

    /// The ids that stand behind this text, where an id is of more than one field: the same ones behind another text differ.
    #[must_use]
    pub fn within(self, text: &str) -> IdSpace {
        IdSpace(xxh3_64_with_seed(text.as_bytes(), self.0))
    }

    /// The id that this text is: XXH3-128 of its bytes, seeded with XXH3-64 of the topic's name.
    #[must_use]
    pub fn id(self, text: &str) -> EventId {
        EventId(xxh3_128_with_seed(text.as_bytes(), self.0))
    }
}

impl EventId {
    /// The id under which an event counts for metrics that follow its owner: so an event counts once for every owner, whichever
    /// other metrics count it too, and wherever. `owner` is the owner's key; of an event that names none, the key's first byte,
    /// the kind, alone. Exclusive or with XXH3-128 of that keeps ids of one owner apart.
    #[must_use]
    pub fn under(self, owner: &[u8]) -> EventId {
        EventId(self.0 ^ xxh3_128(owner))
    }

    /// The shard of an event that counts by itself, not as something that an entity did: its hash modulo `shards`. All
    /// copies of it meet there.
    ///
    /// # Panics
    /// If `shards` is 0.
    #[must_use]
    pub fn shard(self, shards: u16) -> Shard {
        Shard(u16::try_from(self.0 % u128::from(shards)).expect("a remainder of a u16 fits in a u16"))
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventId({:032x})", self.0)
    }
}

/// Events that count for the same metrics in the same buckets, and are of the same owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Additive {
    /// The bytes of the key of the entity whose attributes the metrics' slices follow; empty if they follow none, or if the
    /// events do not name it.
    #[serde(with = "apache_avro::serde::bytes")]
    pub owner: Vec<u8>,
    /// The metrics that count events, ascending.
    pub counts: Vec<MetricIndex>,
    /// The metrics that add up a value of each event, ascending.
    pub sums: Vec<MetricIndex>,
    /// The bucket of every grain in which the events were in time and of which one of the metrics has windows, finest
    /// first; at least one.
    pub buckets: Vec<Place>,
    #[serde(with = "apache_avro::serde::bytes")]
    ids: Vec<u8>,
    #[serde(with = "apache_avro::serde::bytes")]
    values: Vec<u8>,
}

/// A bucket, and what it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// What the bucket counts.
    pub grain: Grain,
    /// The bucket.
    pub bucket: Bucket,
}

/// An event of an [`Additive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addend<'a> {
    /// Its id.
    pub id: EventId,
    /// Its value for each of the metrics that add up, in their order.
    pub values: &'a [i64],
}

/// What events add up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// How many there are.
    pub events: u64,
    /// The sum of their values, by metric of [`Additive::sums`].
    pub sums: Vec<i128>,
}

/// Why an [`Additive`] cannot be read.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum AdditiveError {
    /// The owner's key is broken.
    #[error("a pack's counted events are of an owner with a broken key: {0}")]
    Owner(#[from] KeyError),
    /// It is of no bucket.
    #[error("a pack's counted events are of no bucket")]
    Nowhere,
    /// Its buckets are not of ascending grains, each once.
    #[error("a pack's counted events name buckets that are not of ascending grains")]
    Disorder,
    /// The ids are cut off.
    #[error("a pack's list of event ids is cut off")]
    CutIds,
    /// There is not one value for each event and sum.
    #[error("a pack has {found} values for {events} events and {sums} sums")]
    Values {
        /// How many values can be read.
        found: usize,
        /// How many events there are.
        events: usize,
        /// How many metrics add up.
        sums: usize,
    },
}

const ID_BYTES: usize = 16;

impl Additive {
    /// No events yet, that count for these metrics in these buckets, of the owner with these bytes as its key; of nobody if there
    /// are none.
    #[must_use]
    pub fn new(owner: &[u8], counts: Vec<MetricIndex>, sums: Vec<MetricIndex>, buckets: Vec<Place>) -> Additive {
        Additive { owner: owner.to_vec(), counts, sums, buckets, ids: Vec::new(), values: Vec::new() }
    }

    /// The key of the owner; `None` if it is nobody.
    #[must_use]
    pub fn owner(&self) -> Option<&[u8]> {
        Some(self.owner.as_slice()).filter(|owner| !owner.is_empty())
    }

    /// Adds an event: its value for each of the metrics that add up, in their order.
    pub fn push(&mut self, event: Addend<'_>) {
        debug_assert_eq!(event.values.len(), self.sums.len());
        self.ids.extend_from_slice(&event.id.0.to_be_bytes());
        event.values.iter().for_each(|value| varint::put_signed(*value, &mut self.values));
    }

    /// How many bytes the events take.
    #[must_use]
    pub fn size(&self) -> usize {
        self.ids.len() + self.values.len()
    }

    /// The ids of the events.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = EventId> {
        let (ids, _) = self.ids.as_chunks::<ID_BYTES>();
        ids.iter().map(|bytes| EventId(u128::from_be_bytes(*bytes)))
    }

    /// The coarsest of the buckets: the last in which the events are in time. Equal events have equal ones.
    ///
    /// # Panics
    /// If there is none, which no decoded pack holds.
    #[must_use]
    pub fn place(&self) -> Place {
        *self.buckets.last().expect("checked when the pack was decoded")
    }

    /// How many events count by their id, and what the values of those add up to.
    ///
    /// # Panics
    /// If the values cannot be read, which no decoded pack holds.
    pub fn add_up(&self, mut counts: impl FnMut(EventId) -> bool) -> Total {
        let mut values = self.values();
        let mut total = Total { events: 0, sums: vec![0; self.sums.len()] };
        for id in self.ids() {
            let counts = counts(id);
            total.events += u64::from(counts);
            for sum in &mut total.sums {
                let value = values.next().flatten().expect("checked when the pack was decoded");
                *sum += if counts { i128::from(value) } else { 0 };
            }
        }
        total
    }

    /// The values of all events, one event after the other; `None` in place of the rest if they cannot be read.
    fn values(&self) -> impl Iterator<Item = Option<i64>> {
        let mut rest = &self.values[..];
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let taken = varint::take_signed(rest);
            rest = taken.map_or(&[], |(_, tail)| tail);
            Some(taken.map(|(value, _)| value))
        })
    }

    pub(crate) fn check(&self) -> Result<(), AdditiveError> {
        self.owner().map_or(Ok(()), |owner| EntityKey::parse(owner).map(drop))?;
        if self.buckets.is_empty() {
            return Err(AdditiveError::Nowhere);
        }
        if !self.buckets.is_sorted_by(|a, b| a.grain < b.grain) {
            return Err(AdditiveError::Disorder);
        }
        if !self.ids.len().is_multiple_of(ID_BYTES) {
            return Err(AdditiveError::CutIds);
        }
        let (events, sums) = (self.ids().len(), self.sums.len());
        let mut is_cut = false;
        let found = self.values().inspect(|value| is_cut |= value.is_none()).flatten().count();
        match found == events * sums && !is_cut {
            true => Ok(()),
            false => Err(AdditiveError::Values { found, events, sums }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::EntityKind;

    fn additive() -> Additive {
        let place = Place { grain: Grain::Day, bucket: Bucket(20_000) };
        let (counts, sums) = (vec![MetricIndex(3)], vec![MetricIndex(1), MetricIndex(4)]);
        let mut additive = Additive::new(&[], counts, sums, vec![place]);
        let space = IdSpace::of("usage");
        additive.push(Addend { id: space.id("a"), values: &[-1, i64::MAX] });
        additive.push(Addend { id: space.id("b"), values: &[0, i64::MIN] });
        additive
    }

    #[test]
    fn events_read_back() {
        let additive = additive();
        let space = IdSpace::of("usage");
        assert_eq!(additive.check(), Ok(()));
        assert_eq!(additive.ids().collect::<Vec<_>>(), [space.id("a"), space.id("b")]);
        assert_eq!(additive.values().collect::<Option<Vec<_>>>().unwrap(), [-1, i64::MAX, 0, i64::MIN]);
    }

    #[test]
    fn what_is_cut_off_or_nowhere_is_refused() {
        let mut cut = additive();
        cut.ids.pop();
        assert_eq!(cut.check(), Err(AdditiveError::CutIds));
        let mut cut = additive();
        cut.values.pop();
        assert_eq!(cut.check(), Err(AdditiveError::Values { found: 3, events: 2, sums: 2 }));
        let nowhere = Additive { buckets: Vec::new(), ..additive() };
        assert_eq!(nowhere.check(), Err(AdditiveError::Nowhere));
        let twice = Additive { buckets: additive().buckets.repeat(2), ..additive() };
        assert_eq!(twice.check(), Err(AdditiveError::Disorder));
        let boasts = Additive { sums: vec![MetricIndex(0); 60_000], ids: vec![0; 640_000], ..additive() };
        assert!(matches!(boasts.check(), Err(AdditiveError::Values { found: 4, .. })));
        let account = EntityKey::of(EntityKind(1), &["a"]).as_bytes().to_vec();
        let of = |owner| Additive { owner, ..additive() };
        assert_eq!(of(account.clone()).check(), Ok(()));
        assert_eq!(of(account[..2].to_vec()).check(), Err(AdditiveError::Owner(KeyError::Truncated)));
    }

    /// Stored state depends on these numbers: another release has to find the same.
    #[test]
    fn ids_are_of_their_topic_and_never_change() {
        let id = IdSpace::of("usage").id("a");
        assert_ne!(id, IdSpace::of("other").id("a"));
        assert_eq!(format!("{id:?}"), "EventId(13fc55b1e9e5439fcd1461491cd0b7f7)");
        assert_eq!(id.shard(16), Shard(7));
        let owner = EntityKey::of(EntityKind(1), &["a"]);
        assert_eq!(format!("{:?}", id.under(owner.as_bytes())), "EventId(52f5e19acdce3c08e6b2490ea215de89)");
    }

    #[test]
    fn an_event_counts_once_for_every_owner() {
        let (one, other) = (EntityKey::of(EntityKind(1), &["a"]), EntityKey::of(EntityKind(2), &["a"]));
        let under =
            |id: EventId| [id, id.under(one.as_bytes()), id.under(other.as_bytes()), id.under(&[1]), id.under(&[2])];
        let ids = ["a", "b", "c"].map(|text| under(IdSpace::of("usage").id(text)));
        let different: std::collections::BTreeSet<EventId> = ids.into_iter().flatten().collect();
        assert_eq!(different.len(), 15);
    }
}
