//! The state store, and how long its calls take.

use crate::cli::Role;
use crate::clock;
use activity::{EntityKey, Incarnation, Shard};
use prometheus::{HistogramOpts, HistogramVec, Registry, exponential_buckets};
use state::{Commit, Entities, Read, RedisConfig, RedisStore, Snapshot, Store, StoreError, Stored, Verdict};

/// Connects roles to their store. Clones share what they count.
#[derive(Clone)]
pub(crate) struct Stores {
    config: RedisConfig,
    calls: HistogramVec,
}

/// A store whose calls are timed, answered or not.
pub(crate) struct Timed<S> {
    store: S,
    role: Role,
    calls: HistogramVec,
}

impl Stores {
    /// # Errors
    /// If the registry has metrics of these names already.
    pub(crate) fn new(config: RedisConfig, registry: &Registry) -> Result<Stores, prometheus::Error> {
        let help = "How long calls of the state store took, answered or not.";
        let buckets = exponential_buckets(0.000_25, 2.0, 16)?;
        let opts = HistogramOpts::new("northstar_store_call_seconds", help).buckets(buckets);
        let calls = HistogramVec::new(opts, &["role", "call"])?;
        registry.register(Box::new(calls.clone()))?;
        Ok(Stores { config, calls })
    }

    /// A connection for a role.
    pub(crate) fn connect(&self, role: Role) -> Result<Timed<RedisStore>, StoreError> {
        Ok(Timed { store: RedisStore::connect(&self.config)?, role, calls: self.calls.clone() })
    }
}

impl<S: Store> Timed<S> {
    fn time<T>(&mut self, call: &str, with: impl FnOnce(&mut S) -> T) -> T {
        let begun = clock::steady();
        let answer = with(&mut self.store);
        let took = clock::steady().saturating_duration_since(begun);
        self.calls.with_label_values(&[self.role.name(), call]).observe(took.as_secs_f64());
        answer
    }
}

impl<S: Store> Store for Timed<S> {
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
