//! The entity records that a shard has at hand: read from the store when a pack needs them, written back when changed.

use activity::record::Record;
use activity::{Bucket, EntityKey, PerGrain};
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// Records at hand.
///
/// Invariant: a record here is what the store holds plus the packs applied since; a changed one is here until the commit
/// that writes it has succeeded.
#[derive(Debug, Default)]
pub(crate) struct Records {
    entries: Vec<Entry>,
    /// Where the entry of a key is.
    places: HashTable<usize>,
    hasher: DefaultHashBuilder,
    /// The entries that have to be written, each once.
    changed: Vec<usize>,
    changed_bytes: usize,
    /// The entry that is looked at next when some have to go.
    hand: usize,
}

#[derive(Debug)]
struct Entry {
    key: EntityKey,
    record: Record,
    is_changed: bool,
    /// It was asked for since the hand last came by.
    is_used: bool,
}

impl Records {
    fn place(&self, key: &[u8]) -> Option<usize> {
        let is_it = |at: &usize| self.entries[*at].key.as_bytes() == key;
        self.places.find(self.hasher.hash_one(key), is_it).copied()
    }

    pub(crate) fn is_at_hand(&self, key: &[u8]) -> bool {
        self.place(key).is_some()
    }

    /// Takes what the store holds of an entity, unless it is at hand. Its place.
    pub(crate) fn admit(&mut self, key: EntityKey, record: Record) -> usize {
        self.place(key.as_bytes()).unwrap_or_else(|| {
            let Records { entries, places, hasher, .. } = self;
            let (hash, at) = (hasher.hash_one(key.as_bytes()), entries.len());
            entries.push(Entry { key, record, is_changed: false, is_used: true });
            places.insert_unique(hash, at, |at| hasher.hash_one(entries[*at].key.as_bytes()));
            at
        })
    }

    /// Shows a record, without what lies below the floors, to `change`, which says whether it has changed it. It must be at
    /// hand.
    pub(crate) fn change(
        &mut self,
        key: &[u8],
        floors: Option<&PerGrain<Bucket>>,
        change: impl FnOnce(&mut Record) -> bool,
    ) {
        let at = self.place(key).expect("the records that a pack needs are fetched before it is applied");
        let entry = &mut self.entries[at];
        entry.is_used = true;
        if let Some(floors) = floors {
            entry.record.trim(floors);
        }
        if change(&mut entry.record) {
            self.touch(at);
        }
    }

    /// Remembers that a record has to be written.
    fn touch(&mut self, at: usize) {
        let Entry { key, is_changed, .. } = &mut self.entries[at];
        if !std::mem::replace(is_changed, true) {
            self.changed_bytes += key.as_bytes().len() + 24;
            self.changed.push(at);
        }
    }

    /// Remembers to write a stored record that holds something below the floors, which it then no longer will.
    pub(crate) fn sweep(&mut self, key: EntityKey, stored: Record, floors: &PerGrain<Bucket>) {
        let mut trimmed = stored.clone();
        trimmed.trim(floors);
        if trimmed != stored {
            let at = self.admit(key, trimmed);
            self.touch(at);
        }
    }

    /// How many bytes the changed records take when written, about.
    pub(crate) fn changed_bytes(&self) -> usize {
        self.changed_bytes
    }

    /// The changed records as they are to be stored; `None` for one of which nothing is left.
    pub(crate) fn writes(&mut self, floors: Option<&PerGrain<Bucket>>) -> Vec<(EntityKey, Option<Vec<u8>>)> {
        let Records { entries, changed, .. } = self;
        let write = |at: &usize| {
            let Entry { key, record, .. } = &mut entries[*at];
            if let Some(floors) = floors {
                record.trim(floors);
            }
            (key.clone(), (!record.is_empty()).then(|| record.encode()))
        };
        changed.iter().map(write).collect()
    }

    /// The changed records were written. Keeps at most `limit` records at hand.
    pub(crate) fn committed(&mut self, limit: usize) {
        for at in self.changed.drain(..) {
            self.entries[at].is_changed = false;
        }
        self.changed_bytes = 0;
        while self.entries.len() > limit {
            self.turn();
        }
    }

    /// Moves the hand on, past a record that was asked for since it last came by; one that was not has to go. Only for when
    /// nothing is changed.
    fn turn(&mut self) {
        let Records { entries, places, hasher, hand, .. } = self;
        let at = if *hand < entries.len() { *hand } else { 0 };
        *hand = at + 1;
        if std::mem::take(&mut entries[at].is_used) {
            return;
        }
        // The last entry takes its place, and is looked at next.
        *hand = at;
        let last = entries.len() - 1;
        let hash = |at: usize| hasher.hash_one(entries[at].key.as_bytes());
        if let Ok(place) = places.find_entry(hash(at), |place| *place == at) {
            place.remove();
        }
        if let Some(place) = places.find_mut(hash(last), |place| *place == last) {
            *place = at;
        }
        entries.swap_remove(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity::{EntityKind, Grain, MetricIndex, Track};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn key(id: u8) -> EntityKey {
        EntityKey::of(EntityKind(0), &[&id.to_string()])
    }

    fn touch(records: &mut Records, id: u8, is_changed: bool) {
        records.change(key(id).as_bytes(), None, |record| {
            record.mask_mut(Track { metric: MetricIndex(0), grain: Grain::Day }).insert(Bucket(1));
            is_changed
        });
    }

    #[test]
    fn what_is_asked_for_stays_longer_than_what_is_not() {
        let mut records = Records::default();
        for id in 0..4 {
            records.admit(key(id), Record::default());
        }
        records.committed(3);
        for id in 10..30 {
            touch(&mut records, 3, false);
            records.admit(key(id), Record::default());
            records.committed(3);
            assert!(records.is_at_hand(key(3).as_bytes()), "{id}");
        }
    }

    proptest! {
        #[test]
        fn changed_records_are_at_hand_until_they_are_written(
            steps in proptest::collection::vec((0u8..20, any::<bool>(), any::<bool>()), 0..200), limit in 0usize..8,
        ) {
            let (mut records, mut changed) = (Records::default(), BTreeSet::new());
            for (id, is_changed, is_commit) in steps {
                records.admit(key(id), Record::default());
                touch(&mut records, id, is_changed);
                changed.extend(is_changed.then_some(id));
                let writes: BTreeSet<EntityKey> = records.writes(None).into_iter().map(|(key, _)| key).collect();
                prop_assert_eq!(&writes, &changed.iter().map(|id| key(*id)).collect());
                if is_commit {
                    records.committed(limit);
                    changed.clear();
                    prop_assert!(records.entries.len() <= limit);
                }
                for (at, entry) in records.entries.iter().enumerate() {
                    prop_assert_eq!(records.place(entry.key.as_bytes()), Some(at));
                }
                prop_assert_eq!(records.entries.len(), records.places.len());
            }
        }
    }
}
