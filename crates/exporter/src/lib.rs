//! The exporter: reads the counters of all shards, adds them up, and serves gauges. It processes no events.
//!
//! Invariant: a gauge is shown only if every shard was read, stands where it stood or further, is not rebuilding, and is
//! not staler than the bound. Otherwise it is absent, and the pipeline's own gauges say why: never 0, never a silent last
//! value.

mod board;
mod gauges;
mod goals;
mod http;
pub mod lists;
mod metrics;
pub mod portrait;
mod records;
mod totals;
mod value;

pub use board::{Board, Settings, Shown};
pub use gauges::series;
pub use goals::{Stand, series_of_tree};
pub use http::{Access, Lists, Pages, Reader, ServeError, serve};
pub use metrics::Metrics;
pub use totals::{Stands, Totals, Withheld};
pub use value::{Told, Value};
