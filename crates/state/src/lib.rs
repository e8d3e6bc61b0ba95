//! The state port: where shards keep what they know, and the one way to change it.
//!
//! Invariant: [`Store::commit`] is one atomic step per shard. It compares the fence that is stored with the one that the
//! batch starts from and writes all or nothing, so that state and the next offset move together.

mod memory;
mod port;
mod redis;
mod shared;

pub use crate::redis::{RedisConfig, RedisStore};
pub use memory::MemoryStore;
pub use port::{Commit, CounterKey, Entities, Read, Snapshot, Store, StoreError, Stored, Verdict, decode_record};
