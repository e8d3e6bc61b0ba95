//! The state store, and how long its calls take.

use crate::cli::Role;
use crate::clock;
use crate::config::Config;
use activity::{EntityKey, Incarnation, Shard};
use prometheus::{HistogramOpts, HistogramVec, Registry, exponential_buckets};
use state::{
    Commit, Entities, MemoryStore, Read, RedisConfig, RedisStore, Snapshot, Store, StoreError, Stored, Verdict,
};
use std::sync::{Arc, Mutex};

/// Where the state is.
#[derive(Clone, Debug)]
pub(crate) enum Keeping {
    /// On a server.
    Redis(RedisConfig),
    /// In this process, and gone with it.
    Memory(Arc<Mutex<MemoryStore>>),
}

impl Keeping {
    /// As the configuration says.
    pub(crate) fn of(config: &Config) -> Keeping {
        Keeping::Redis(config.redis_config())
    }

    /// A connection to it.
    pub(crate) fn open(&self) -> Result<Box<dyn Store + Send>, StoreError> {
        Ok(match self {
            Keeping::Redis(config) => Box::new(RedisStore::connect(config)?),
            Keeping::Memory(store) => Box::new(store.clone()),
        })
    }
}

/// Connects roles to their store. Clones share what they count.
#[derive(Clone)]
pub(crate) struct Stores {
    keeping: Keeping,
    calls: HistogramVec,
}

/// A store whose calls are timed, answered or not.
pub(crate) struct Timed {
    store: Box<dyn Store + Send>,
    role: Role,
    calls: HistogramVec,
}

impl Stores {
    /// # Errors
    /// If the registry has metrics of these names already.
    pub(crate) fn new(keeping: Keeping, registry: &Registry) -> Result<Stores, prometheus::Error> {
        let help = "How long calls of the state store took, answered or not.";
        let buckets = exponential_buckets(0.000_25, 2.0, 16)?;
        let opts = HistogramOpts::new("northstar_store_call_seconds", help).buckets(buckets);
        let calls = HistogramVec::new(opts, &["role", "call"])?;
        registry.register(Box::new(calls.clone()))?;
        Ok(Stores { keeping, calls })
    }

    /// A connection for a role.
    pub(crate) fn connect(&self, role: Role) -> Result<Timed, StoreError> {
        Ok(Timed { store: self.keeping.open()?, role, calls: self.calls.clone() })
    }
}

impl Timed {
    fn time<T>(&mut self, call: &str, with: impl FnOnce(&mut dyn Store) -> T) -> T {
        let begun = clock::steady();
        let answer = with(self.store.as_mut());
        let took = clock::steady().saturating_duration_since(begun);
        self.calls.with_label_values(&[self.role.name(), call]).observe(took.as_secs_f64());
        answer
    }
}

impl Store for Timed {
    fn stored(&mut self, shard: Shard) -> Result<Option<Stored>, StoreError> {
        self.time("stored", |store| store.stored(shard))
    }

    fn records(
        &mut self,
        shard: Shard,
        incarnation: Incarnation,
        keys: &[EntityKey],
    ) -> Result<Read<Vec<Option<Vec<u8>>>>, StoreError> {
        self.time("records", |store| store.records(shard, incarnation, keys))
    }

    fn snapshot(&mut self, shard: Shard) -> Result<Option<Snapshot>, StoreError> {
        self.time("snapshot", |store| store.snapshot(shard))
    }

    fn commit(&mut self, shard: Shard, commit: &Commit) -> Result<Verdict, StoreError> {
        self.time("commit", |store| store.commit(shard, commit))
    }

    fn portion(&mut self, shard: Shard, incarnation: Incarnation, portion: u32) -> Result<Read<Entities>, StoreError> {
        self.time("portion", |store| store.portion(shard, incarnation, portion))
    }

    fn portions(&self) -> u32 {
        self.store.portions()
    }

    fn discard(&mut self, shard: Shard, incarnation: Incarnation) -> Result<(), StoreError> {
        self.time("discard", |store| store.discard(shard, incarnation))
    }
}
