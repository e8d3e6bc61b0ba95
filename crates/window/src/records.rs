//! The entity records that a shard has at hand: read from the store when a pack needs them, written back when changed.

use activity::EntityKey;
use activity::cache::Cache;
use activity::record::{Floors, Record};

/// Records at hand.
///
/// Invariant: a record here is what the store holds plus the packs applied since; a changed one is here until the commit
/// that writes it has succeeded. So records go only when all changes were written.
#[derive(Debug, Default)]
pub(crate) struct Records {
    at_hand: Cache<EntityKey, Entry>,
    /// The places of those that have to be written, each once.
    changed: Vec<usize>,
    /// The places of those of them that have changed since they were weighed, each once.
    unweighed: Vec<usize>,
    changed_bytes: usize,
    /// The floors to which records are trimmed, and how often these have moved.
    floors: Option<Floors>,
    moves: u32,
}

#[derive(Debug)]
struct Entry {
    record: Record,
    /// How many bytes it was taken to have when written, if it has to be.
    to_write: Option<usize>,
    is_weighed: bool,
    /// How often the floors had moved when it was trimmed to them.
    trimmed: u32,
}

impl Entry {
    fn new(record: Record) -> Entry {
        Entry { record, to_write: None, is_weighed: true, trimmed: 0 }
    }

    /// Lets go of what lies below the floors, once after each of their moves: nothing comes to lie there between two.
    fn trim(&mut self, floors: Option<&Floors>, moves: u32) {
        if let Some(floors) = floors.filter(|_| self.trimmed != moves) {
            self.record.trim(floors);
            self.trimmed = moves;
        }
    }
}

impl Records {
    pub(crate) fn is_at_hand(&self, key: &[u8]) -> bool {
        self.at_hand.contains(key)
    }

    /// Takes what the store holds of an entity, unless it is at hand; its place.
    pub(crate) fn admit(&mut self, key: EntityKey, record: Record) -> usize {
        let found = self.at_hand.find(key.as_bytes());
        found.unwrap_or_else(|| self.at_hand.add(key, Entry::new(record)))
    }

    /// Shows a record, without what lies below the floors, to `change`, which says whether it has changed it. It must be at
    /// hand.
    pub(crate) fn change(&mut self, key: &[u8], floors: Option<&Floors>, change: impl FnOnce(&mut Record) -> bool) {
        self.see(floors);
        let at = self.at_hand.find(key).expect("the records that a pack needs are fetched before it is applied");
        let entry = &mut self.at_hand[at];
        entry.trim(floors, self.moves);
        if change(&mut entry.record) {
            self.touch(at);
        }
    }

    /// Takes notice of where the floors are now.
    fn see(&mut self, floors: Option<&Floors>) {
        if floors != self.floors.as_ref() {
            (self.floors, self.moves) = (floors.copied(), self.moves.wrapping_add(1));
        }
    }

    /// Remembers that a record has to be written.
    fn touch(&mut self, at: usize) {
        let Entry { to_write, is_weighed, .. } = &mut self.at_hand[at];
        if to_write.is_none() {
            *to_write = Some(0);
            self.changed.push(at);
        }
        if std::mem::take(is_weighed) {
            self.unweighed.push(at);
        }
    }

    /// Remembers to write a stored record that holds something below the floors, which it then no longer will.
    pub(crate) fn sweep(&mut self, key: EntityKey, stored: Record, floors: &Floors) {
        let mut trimmed = stored.clone();
        trimmed.trim(floors);
        if trimmed != stored {
            let at = self.admit(key, trimmed);
            self.touch(at);
        }
    }

    /// Whether no record has changed since the last commit.
    pub(crate) fn are_written(&self) -> bool {
        self.changed.is_empty()
    }

    /// How many bytes the changed records take when written, about.
    pub(crate) fn changed_bytes(&mut self) -> usize {
        for at in self.unweighed.drain(..) {
            let bytes = self.at_hand.key(at).as_bytes().len() + self.at_hand[at].record.size();
            let entry = &mut self.at_hand[at];
            entry.is_weighed = true;
            self.changed_bytes += bytes;
            self.changed_bytes -= entry.to_write.replace(bytes).unwrap_or(0);
        }
        self.changed_bytes
    }

    /// The changed records as they are to be stored; `None` for one of which nothing is left.
    pub(crate) fn writes(&mut self, floors: Option<&Floors>) -> Vec<(EntityKey, Option<Vec<u8>>)> {
        self.see(floors);
        let Records { at_hand, changed, moves, .. } = self;
        let write = |at: &usize| {
            let entry = &mut at_hand[*at];
            entry.trim(floors, *moves);
            let record = &entry.record;
            let encoded = (!record.is_empty()).then(|| record.encode());
            (at_hand.key(*at).clone(), encoded)
        };
        changed.iter().map(write).collect()
    }

    /// The changed records were written. Keeps at most `limit` records at hand.
    pub(crate) fn committed(&mut self, limit: usize) {
        for at in self.changed.drain(..) {
            let entry = &mut self.at_hand[at];
            (entry.to_write, entry.is_weighed) = (None, true);
        }
        self.unweighed.clear();
        self.changed_bytes = 0;
        self.at_hand.shrink(limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity::{Bucket, EntityKind, Grain, MetricIndex, Track, Window};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn key(id: u8) -> EntityKey {
        EntityKey::of(EntityKind(0), &[&id.to_string()])
    }

    #[test]
    fn an_owner_of_many_weighs_what_is_written_of_it() {
        let mut records = Records::default();
        records.admit(key(0), Record::default());
        for day in 0..500 {
            records.change(key(0).as_bytes(), None, |record| {
                record.step_members(MetricIndex(0), Window::days(28), Bucket(20_000 + day), i128::from(day) + 1);
                true
            });
        }
        let written = records.writes(None)[0].1.as_ref().map_or(0, Vec::len);
        assert!((written..4 * written).contains(&records.changed_bytes()), "{written}, {}", records.changed_bytes());
        records.committed(1);
        assert_eq!(records.changed_bytes(), 0);
    }

    proptest! {
        #[test]
        fn changed_records_are_at_hand_until_they_are_written(
            steps in proptest::collection::vec((0u8..20, any::<bool>(), any::<bool>()), 0..200), limit in 0usize..8,
        ) {
            let (mut records, mut changed) = (Records::default(), BTreeSet::new());
            for (id, is_changed, is_commit) in steps {
                records.admit(key(id), Record::default());
                records.change(key(id).as_bytes(), None, |record| {
                    record.mask_mut(Track { metric: MetricIndex(0), grain: Grain::Day }).insert(Bucket(1));
                    is_changed
                });
                changed.extend(is_changed.then_some(id));
                let writes: BTreeSet<EntityKey> = records.writes(None).into_iter().map(|(key, _)| key).collect();
                prop_assert_eq!(&writes, &changed.iter().map(|id| key(*id)).collect());
                if is_commit {
                    records.committed(limit);
                    changed.clear();
                    prop_assert!((0..20).filter(|id| records.is_at_hand(key(*id).as_bytes())).count() <= limit);
                }
            }
        }
    }
}
