//! The state store over the simulated world: it may be out of reach, lose its reply, or break a commit off midway.

use crate::sim::Sim;
use crate::world::{Process, World};
use activity::{EntityKey, Incarnation, Shard};
use rand::Rng;
use state::{Commit, Entities, Read, Snapshot, Store, StoreError, Stored, Verdict};

/// The store as a worker sees it.
pub(crate) struct SimStore {
    pub(crate) sim: Sim,
    pub(crate) process: Process,
}

impl SimStore {
    /// A call of the store: it may be out of reach before, the worker may crash before or after, and its reply may be lost.
    fn call<T>(&self, name: &str, call: impl FnOnce(&mut World) -> T) -> Result<T, StoreError> {
        let unreachable = |reason: &str| StoreError::Unreachable { address: "memory".into(), reason: reason.into() };
        if !self.sim.effect(self.process, name) {
            return Err(unreachable("crash"));
        }
        let (answer, lost) = {
            let mut world = self.sim.world.borrow_mut();
            if world.store_down {
                world.faults.count("store out of reach");
                return Err(unreachable("down"));
            }
            (call(&mut world), world.chance(60))
        };
        if lost {
            self.sim.world.borrow_mut().faults.count(&format!("reply lost: {name}"));
            return Err(unreachable("the reply was lost"));
        }
        if self.sim.effect(self.process, name) { Ok(answer) } else { Err(unreachable("crash")) }
    }
}

impl Store for SimStore {
    fn stored(&mut self, shard: Shard) -> Result<Option<Stored>, StoreError> {
        self.call("stored", |world| world.store.stored(shard))?
    }

    fn records(
        &mut self,
        shard: Shard,
        of: Incarnation,
        keys: &[EntityKey],
    ) -> Result<Read<Vec<Option<Vec<u8>>>>, StoreError> {
        self.call("records", |world| world.store.records(shard, of, keys))?
    }

    fn snapshot(&mut self, shard: Shard) -> Result<Option<Snapshot>, StoreError> {
        self.call("snapshot", |world| world.store.snapshot(shard))?
    }

    fn commit(&mut self, shard: Shard, commit: &Commit) -> Result<Verdict, StoreError> {
        let process = self.process;
        self.call("commit", |world| {
            if world.chance(20) {
                let most = commit.counters.len() + commit.records.len();
                let writes = world.rng.random_range(0..=most);
                let broke_off = world.store.break_off(shard, commit, writes).is_ok();
                if broke_off && world.rng.random_ratio(1, 10) {
                    // It was another owner's, who stood where this one does.
                    world.faults.count("commit broke off: another owner's");
                } else if broke_off {
                    world.faults.count("commit broke off");
                    let reason = "the function failed".to_owned();
                    return Err(StoreError::Unreachable { address: "memory".into(), reason });
                }
            }
            let verdict = world.store.commit(shard, commit)?;
            match verdict {
                Verdict::Committed => {
                    if commit.claims() {
                        world.claimed(process, shard);
                    }
                    world.check(shard);
                }
                Verdict::Refused(refusal) => world.faults.count(&format!("fence refused: {}", refusal.reason())),
            }
            Ok(verdict)
        })?
    }

    fn portion(&mut self, shard: Shard, incarnation: Incarnation, portion: u32) -> Result<Read<Entities>, StoreError> {
        self.call("portion", |world| world.store.portion(shard, incarnation, portion))?
    }

    fn portions(&self) -> u32 {
        self.sim.world.borrow().store.portions()
    }

    fn discard(&mut self, shard: Shard, incarnation: Incarnation) -> Result<(), StoreError> {
        self.call("discard", |world| {
            world.faults.count("incarnation discarded");
            world.store.discard(shard, incarnation)
        })?
    }
}
