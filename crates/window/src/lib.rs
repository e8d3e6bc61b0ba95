//! The window worker: packs to state.
//!
//! [`ShardState`] is the step function: it takes packs and says what to write. [`Worker`] is the thin loop around it.
//! Invariants:
//! - a shard's state is a pure function of its log's prefix: nothing here reads the wall clock;
//! - what is in memory is what the store holds plus the packs since, or it is thrown away and read again;
//! - a pack's deltas are applied before its clock, by which they were not judged.

mod counters;
mod error;
mod mail;
mod metrics;
mod opening;
mod records;
mod seen;
mod shard;
mod sweep;
mod worker;

pub use error::WindowError;
pub use metrics::Metrics;
pub use shard::{Settings, ShardState};
pub use worker::Worker;
