//! The entity records that a shard has at hand: read from the store when a pack needs them, written back when changed.

use activity::record::Record;
use activity::{Bucket, EntityKey, PerGrain};
use std::collections::{BTreeSet, HashMap};

/// Records at hand.
///
/// Invariant: a record here is what the store holds plus the packs applied since; a changed one is here until the commit
/// that writes it has succeeded.
#[derive(Debug, Default)]
pub(crate) struct Records {
    at_hand: HashMap<EntityKey, Record>,
    changed: BTreeSet<EntityKey>,
    changed_bytes: usize,
}

impl Records {
    pub(crate) fn is_at_hand(&self, key: &[u8]) -> bool {
        self.at_hand.contains_key(key)
    }

    /// Takes what the store holds of an entity that is not at hand.
    pub(crate) fn admit(&mut self, key: EntityKey, record: Record) {
        self.at_hand.entry(key).or_insert(record);
    }

    /// A record to look at and perhaps change, without what lies below the floors. It must be at hand.
    pub(crate) fn get(&mut self, key: &[u8], floors: Option<&PerGrain<Bucket>>) -> &mut Record {
        let record = self.at_hand.get_mut(key).expect("the records that a pack needs are fetched before it is applied");
        if let Some(floors) = floors {
            record.trim(floors);
        }
        record
    }

    /// Remembers that a record changed and has to be written.
    pub(crate) fn touch(&mut self, key: &EntityKey) {
        if !self.changed.contains(key) {
            self.changed_bytes += key.as_bytes().len() + 24;
            self.changed.insert(key.clone());
        }
    }

    /// Lets go of what a stored record holds below the floor, and remembers to write it if that changed it.
    pub(crate) fn sweep(&mut self, key: EntityKey, stored: Record, floors: &PerGrain<Bucket>) {
        if self.changed.contains(&key) {
            return;
        }
        let mut trimmed = stored.clone();
        trimmed.trim(floors);
        if trimmed != stored {
            self.touch(&key);
            self.at_hand.insert(key, trimmed);
        }
    }

    /// How many bytes the changed records take when written, about.
    pub(crate) fn changed_bytes(&self) -> usize {
        self.changed_bytes
    }

    /// The changed records as they are to be stored; `None` for one of which nothing is left.
    pub(crate) fn writes(&mut self, floors: Option<&PerGrain<Bucket>>) -> Vec<(EntityKey, Option<Vec<u8>>)> {
        let changed: Vec<EntityKey> = self.changed.iter().cloned().collect();
        let write = |key: EntityKey| {
            let record = self.get(key.as_bytes(), floors);
            let encoded = (!record.is_empty()).then(|| record.encode());
            (key, encoded)
        };
        changed.into_iter().map(write).collect()
    }

    /// The changed records were written. Keeps at most about `limit` records at hand.
    pub(crate) fn committed(&mut self, limit: usize) {
        self.changed.clear();
        self.changed_bytes = 0;
        if self.at_hand.len() > limit {
            self.at_hand.clear();
        }
    }
}
