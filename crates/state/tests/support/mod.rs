//! What the rules are tried on: an adapter, and what can befall its state.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(unreachable_pub, reason = "the module is the test binaries' own")]

pub mod memory;
pub mod redis;

use activity::fence::{FORMAT, Fence};
use activity::{CatalogVersion, EntityKey, EntityKind, Incarnation, MetricIndex, Offset, Shard, TopicId, Window};
use state::{Commit, CounterKey, Entities, Snapshot, Store, Verdict};

/// An adapter under test.
pub trait Bench {
    type Store: Store + Send + 'static;

    /// Another owner of the same state.
    fn store(&self) -> Self::Store;
    /// Deletes everything.
    fn flush(&mut self);
    /// Takes a backup.
    fn back_up(&mut self);
    /// Goes back to the backup.
    fn restore(&mut self);
    /// Leaves the shard as this commit does when it breaks off after some of its writes. It must be one that would go
    /// through, and have records in several buckets.
    fn break_off(&mut self, shard: Shard, commit: &Commit);
}

pub const SHARD: Shard = Shard(3);

pub fn fence(next: i64) -> Fence {
    Fence {
        format: FORMAT,
        topic: TopicId([7; 16]),
        catalogue: CatalogVersion(0xfeed),
        incarnation: Incarnation(1),
        next: Offset(next),
    }
}

pub fn key(name: &str) -> EntityKey {
    EntityKey::of(EntityKind(0), &[name])
}

pub fn counter(metric: u16) -> CounterKey {
    CounterKey { metric: MetricIndex(metric), window: Window::days(28) }
}

/// A commit from one fence to another that changes nothing but the header.
pub fn bare(expected: Option<Fence>, next: Fence) -> Commit {
    Commit { expected, next, header: next.to_string().into_bytes(), counters: vec![], records: vec![] }
}

pub trait CommitExt {
    fn with_records(self, records: &[(&str, Option<&str>)]) -> Self;
    fn with_counter(self, metric: u16, value: &str) -> Self;
}

impl CommitExt for Commit {
    fn with_records(mut self, records: &[(&str, Option<&str>)]) -> Commit {
        self.records
            .extend(records.iter().map(|(name, value)| (key(name), value.map(|value| value.as_bytes().to_vec()))));
        self
    }

    fn with_counter(mut self, metric: u16, value: &str) -> Commit {
        self.counters.push((counter(metric), value.as_bytes().to_vec()));
        self
    }
}

/// Commits, which must work.
#[track_caller]
pub fn commit(store: &mut impl Store, commit: &Commit) {
    assert_eq!(store.commit(SHARD, commit).unwrap(), Verdict::Committed);
}

/// The first commit of a shard, with two entities and a counter.
pub fn first() -> Commit {
    bare(None, fence(10)).with_records(&[("ada", Some("a1")), ("bob", Some("b1"))]).with_counter(0, "two")
}

/// Everything that can be seen of a shard, in order.
#[derive(Debug, PartialEq, Eq)]
pub struct Contents {
    pub snapshot: Option<Snapshot>,
    pub records: Vec<(Incarnation, Entities)>,
}

pub fn contents(store: &mut impl Store, shard: Shard, incarnations: &[Incarnation]) -> Contents {
    let mut snapshot = store.snapshot(shard).unwrap();
    assert_eq!(store.stored(shard).unwrap(), snapshot.as_ref().map(|snapshot| snapshot.stored.clone()));
    if let Some(snapshot) = &mut snapshot {
        snapshot.counters.sort();
    }
    let records = incarnations.iter().map(|incarnation| (*incarnation, everyone(store, shard, *incarnation))).collect();
    Contents { snapshot, records }
}

/// All records of an incarnation, in order.
pub fn everyone(store: &mut impl Store, shard: Shard, incarnation: Incarnation) -> Entities {
    let mut all = Entities::new();
    for portion in 0..store.portions() {
        all.extend(store.portion(shard, incarnation, portion).unwrap().anyway());
    }
    all.sort();
    all
}

/// The records of these entities in an incarnation, as text.
pub fn read(store: &mut impl Store, incarnation: u64, names: &[&str]) -> Vec<Option<String>> {
    let keys: Vec<EntityKey> = names.iter().map(|name| key(name)).collect();
    let records = store.records(SHARD, Incarnation(incarnation), &keys).unwrap().anyway();
    records.into_iter().map(|record| record.map(|bytes| String::from_utf8(bytes).unwrap())).collect()
}

/// What [`read`] gives for these texts.
pub fn texts(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| (!text.is_empty()).then(|| (*text).to_owned())).collect()
}
