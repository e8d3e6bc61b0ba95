//! The in-memory adapter on the bench.

use super::Bench;
use activity::Shard;
use state::{Commit, MemoryStore};
use std::sync::{Arc, Mutex, MutexGuard};

#[derive(Default)]
pub struct Memory {
    store: Arc<Mutex<MemoryStore>>,
    backup: MemoryStore,
}

impl Memory {
    fn locked(&self) -> MutexGuard<'_, MemoryStore> {
        self.store.lock().unwrap()
    }
}

impl Bench for Memory {
    type Store = Arc<Mutex<MemoryStore>>;

    fn store(&self) -> Self::Store {
        self.store.clone()
    }

    fn flush(&mut self) {
        *self.locked() = MemoryStore::default();
    }

    fn back_up(&mut self) {
        let backup = self.locked().clone();
        self.backup = backup;
    }

    fn restore(&mut self) {
        *self.locked() = self.backup.clone();
    }

    fn break_off(&mut self, shard: Shard, commit: &Commit) {
        let writes = commit.counters.len() + commit.records.len() - 1;
        self.locked().break_off(shard, commit, writes).expect("the commit would go through");
    }
}
