//! One store, several owners.

use crate::port::{Commit, Entities, Read, Snapshot, Store, StoreError, Stored, Verdict};
use activity::{EntityKey, Incarnation, Shard};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// For roles that share a process: one call at a time, as a server takes them.
impl<S: Store> Store for Arc<Mutex<S>> {
    fn stored(&mut self, shard: Shard) -> Result<Option<Stored>, StoreError> {
        locked(self).stored(shard)
    }

    fn records(
        &mut self,
        shard: Shard,
        incarnation: Incarnation,
        keys: &[EntityKey],
    ) -> Result<Read<Vec<Option<Vec<u8>>>>, StoreError> {
        locked(self).records(shard, incarnation, keys)
    }

    fn snapshot(&mut self, shard: Shard) -> Result<Option<Snapshot>, StoreError> {
        locked(self).snapshot(shard)
    }

    fn commit(&mut self, shard: Shard, commit: &Commit) -> Result<Verdict, StoreError> {
        locked(self).commit(shard, commit)
    }

    fn portion(&mut self, shard: Shard, incarnation: Incarnation, portion: u32) -> Result<Read<Entities>, StoreError> {
        locked(self).portion(shard, incarnation, portion)
    }

    fn portions(&self) -> u32 {
        locked(self).portions()
    }

    fn discard(&mut self, shard: Shard, incarnation: Incarnation) -> Result<(), StoreError> {
        locked(self).discard(shard, incarnation)
    }
}

/// A call that panicked leaves a store in which a commit may have broken off; its mark says so.
fn locked<S>(store: &Arc<Mutex<S>>) -> MutexGuard<'_, S> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}
