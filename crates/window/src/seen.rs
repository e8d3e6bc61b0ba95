//! The ids of events that were counted and may come again: what keeps a duplicate from counting twice, whichever
//! partition it comes by.

use activity::additive::Place;
use activity::{Bucket, EventId, Offset, PerGrain};
use hashbrown::HashSet;
use std::collections::BTreeMap;

/// Ids, by the bucket of their events.
///
/// Invariant: a pure function of the log's prefix. It is not stored: whoever opens the shard reads the log again from
/// [`Seen::from`].
#[derive(Debug, Default)]
pub(crate) struct Seen {
    ids: HashSet<EventId>,
    by_bucket: BTreeMap<Place, Counted>,
    /// The first bucket of each grain that was not forgotten.
    first: Option<PerGrain<Bucket>>,
}

/// The events of a bucket.
#[derive(Debug)]
struct Counted {
    /// The first record of the log that had one.
    from: Offset,
    ids: Vec<EventId>,
}

impl Seen {
    /// Remembers an event of a bucket, which the record at an offset holds; `false` if its id was seen before.
    pub(crate) fn insert(&mut self, id: EventId, place: Place, at: Offset) -> bool {
        let is_new = self.ids.insert(id);
        if is_new {
            self.by_bucket.entry(place).or_insert_with(|| Counted { from: at, ids: Vec::new() }).ids.push(id);
        }
        is_new
    }

    /// Forgets the events of buckets before the first of their grain from which one may still come.
    pub(crate) fn forget(&mut self, first: PerGrain<Bucket>) {
        if self.first.replace(first) == Some(first) {
            return;
        }
        for (_, gone) in self.by_bucket.extract_if(.., |place, _| place.bucket < first[place.grain]) {
            gone.ids.iter().for_each(|id| {
                self.ids.remove(id);
            });
        }
        if self.ids.len() < self.ids.capacity() / 4 {
            self.ids.shrink_to_fit();
        }
    }

    /// From where on the log has to be read to know all of them; `None` if there are none.
    pub(crate) fn from(&self) -> Option<Offset> {
        self.by_bucket.values().map(|counted| counted.from).min()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity::Grain;

    fn place(grain: Grain, bucket: i32) -> Place {
        Place { grain, bucket: Bucket(bucket) }
    }

    #[test]
    fn an_id_is_new_once_until_its_bucket_is_past() {
        let mut seen = Seen::default();
        assert!(seen.insert(EventId(1), place(Grain::Day, 7), Offset(3)));
        assert!(!seen.insert(EventId(1), place(Grain::Day, 7), Offset(4)));
        assert!(!seen.insert(EventId(1), place(Grain::Day, 8), Offset(4)), "the id decides, not the bucket");
        seen.forget(PerGrain::of(|_| Bucket(7)));
        assert_eq!(seen.len(), 1);
        seen.forget(PerGrain::of(|_| Bucket(8)));
        assert!(seen.insert(EventId(1), place(Grain::Day, 8), Offset(9)));
    }

    #[test]
    fn the_log_is_read_again_from_the_first_record_of_a_bucket_that_is_left() {
        let mut seen = Seen::default();
        assert_eq!(seen.from(), None);
        seen.insert(EventId(1), place(Grain::Day, 8), Offset(3));
        seen.insert(EventId(2), place(Grain::Day, 7), Offset(2));
        seen.insert(EventId(3), place(Grain::Day, 7), Offset(5));
        seen.insert(EventId(4), place(Grain::Minute, 5), Offset(1));
        assert_eq!(seen.from(), Some(Offset(1)));
        seen.forget(PerGrain::of(|grain| Bucket(if grain == Grain::Minute { 6 } else { 7 })));
        assert_eq!(seen.from(), Some(Offset(2)));
        seen.forget(PerGrain::of(|_| Bucket(8)));
        assert_eq!(seen.from(), Some(Offset(3)));
    }
}
