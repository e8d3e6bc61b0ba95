//! The in-memory adapter, for unit tests, simulations and demonstrations.

use crate::port::{Commit, CounterKey, Entities, Read, Snapshot, Store, StoreError, Stored, Verdict};
use activity::fence::{self, Fence, Refusal};
use activity::{EntityKey, Incarnation, Shard};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Shards in memory, kept as Redis keeps them: a key space an incarnation, which stays until it is discarded.
///
/// A clone is a snapshot: it costs little, and shares what neither of the two writes to later. Two owners of one store
/// share an `Arc<Mutex<MemoryStore>>`, which is a [`Store`] too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryStore {
    shards: BTreeMap<Shard, Arc<Kept>>,
}

/// What is kept of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Kept {
    /// `None` if no commit ever ended.
    fence: Option<Fence>,
    dirty: bool,
    header: Vec<u8>,
    incarnations: BTreeMap<Incarnation, Keys>,
}

/// The keys of one incarnation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Keys {
    counters: BTreeMap<CounterKey, Vec<u8>>,
    records: BTreeMap<EntityKey, Vec<u8>>,
}

/// More than one, so that whoever looks at portions is seen to look at all of them.
const PORTIONS: u32 = 4;

impl MemoryStore {
    /// Leaves the shard as a commit does that breaks off: marked dirty, with the first `writes` of its counters and
    /// records written.
    ///
    /// # Errors
    /// If the commit would have been refused. Then nothing changes.
    pub fn break_off(&mut self, shard: Shard, commit: &Commit, writes: usize) -> Result<(), Refusal> {
        let stored = self.state(shard);
        fence::judge(commit.expected.as_ref(), stored.as_ref(), commit.claims())?;
        Arc::make_mut(self.shards.entry(shard).or_default()).write(commit, writes);
        Ok(())
    }

    fn state(&self, shard: Shard) -> Option<fence::Stored> {
        self.shards.get(&shard).and_then(|kept| kept.state())
    }

    fn keys(&self, shard: Shard, incarnation: Incarnation) -> Option<&Keys> {
        self.shards.get(&shard)?.incarnations.get(&incarnation)
    }
}

impl Kept {
    fn state(&self) -> Option<fence::Stored> {
        Some(fence::Stored { fence: self.fence?, dirty: self.dirty })
    }

    /// Sets the mark and does the first `writes` writes, in the order in which the Redis adapter does them.
    fn write(&mut self, commit: &Commit, writes: usize) {
        self.dirty = true;
        let keys = self.incarnations.entry(commit.next.incarnation).or_default();
        if commit.claims() {
            *keys = Keys::default();
        }
        for (key, value) in commit.counters.iter().take(writes) {
            keys.counters.insert(*key, value.clone());
        }
        for (key, value) in commit.records.iter().take(writes.saturating_sub(commit.counters.len())) {
            match value {
                Some(value) => keys.records.insert(key.clone(), value.clone()),
                None => keys.records.remove(key),
            };
        }
    }
}

impl Store for MemoryStore {
    fn stored(&mut self, shard: Shard) -> Result<Option<Stored>, StoreError> {
        let Some(kept) = self.shards.get(&shard) else { return Ok(None) };
        Ok(kept.state().map(|state| Stored { state, header: kept.header.clone() }))
    }

    fn records(
        &mut self,
        shard: Shard,
        incarnation: Incarnation,
        keys: &[EntityKey],
    ) -> Result<Read<Vec<Option<Vec<u8>>>>, StoreError> {
        let kept = self.keys(shard, incarnation);
        let records = keys.iter().map(|key| kept.and_then(|kept| kept.records.get(key)).cloned());
        Ok(Read::new(self.state(shard), records.collect()))
    }

    fn snapshot(&mut self, shard: Shard) -> Result<Option<Snapshot>, StoreError> {
        let Some(stored) = self.stored(shard)? else { return Ok(None) };
        let counters = self.keys(shard, stored.state.fence.incarnation).map(|keys| &keys.counters);
        let counters = counters.into_iter().flatten().map(|(key, value)| (*key, value.clone())).collect();
        Ok(Some(Snapshot { stored, counters }))
    }

    fn commit(&mut self, shard: Shard, commit: &Commit) -> Result<Verdict, StoreError> {
        if let Err(refusal) = self.break_off(shard, commit, usize::MAX) {
            return Ok(Verdict::Refused(refusal));
        }
        let kept = Arc::make_mut(self.shards.entry(shard).or_default());
        kept.fence = Some(commit.next);
        kept.header.clone_from(&commit.header);
        kept.dirty = false;
        Ok(Verdict::Committed)
    }

    fn portion(&mut self, shard: Shard, incarnation: Incarnation, portion: u32) -> Result<Read<Entities>, StoreError> {
        let records = self.keys(shard, incarnation).into_iter().flat_map(|keys| &keys.records);
        let here = records.filter(|(key, _)| portion_of(key) == portion);
        Ok(Read::new(self.state(shard), here.map(|(key, record)| (key.clone(), record.clone())).collect()))
    }

    fn portions(&self) -> u32 {
        PORTIONS
    }

    fn discard(&mut self, shard: Shard, incarnation: Incarnation) -> Result<(), StoreError> {
        let Some(kept) = self.shards.get_mut(&shard) else { return Ok(()) };
        if kept.fence.is_none_or(|fence| fence.incarnation != incarnation) {
            Arc::make_mut(kept).incarnations.remove(&incarnation);
        }
        Ok(())
    }
}

fn portion_of(key: &EntityKey) -> u32 {
    key.as_bytes().iter().fold(0, |sum, byte| sum + u32::from(*byte)) % PORTIONS
}
