//! What an entity did and what that contributes: the pure heart of the pipeline.
//!
//! Nothing here knows a clock, a socket or a global. Every type keeps one invariant, named in its documentation, and
//! every step of the pipeline (`ingest`, `window`, `exporter`) is a composition of these.
//!
//! The way of an activity through this crate: an entity's [`EntityKey`] and a [`Bucket`] travel in a [`pack::Pack`];
//! [`continuity`] says whether the pack is next; its bits are set in a [`record::Record`]; a [`measure`] says as steps what
//! that changes, and what events add by themselves ([`additive`]); steps are added to a [`counter::Counter`]; the [`clock`]
//! moves; and all of it is stored behind a [`fence`].

pub mod additive;
pub mod admission;
pub mod cache;
pub mod clock;
pub mod continuity;
pub mod counter;
pub mod fence;
pub mod header;
pub mod key;
pub mod levels;
pub mod marks;
pub mod mask;
pub mod measure;
pub mod pack;
pub mod record;
pub mod spans;
pub mod standing;
pub mod tally;
pub mod timeline;
mod types;
mod varint;
mod wire;

pub use additive::EventId;
pub use key::{EntityKey, KeyError};
pub use types::{
    Bucket, CatalogVersion, DimensionIndex, DimensionValue, EntityKind, Extent, Grain, Incarnation, MetricIndex,
    Millis, Offset, PartitionId, PerGrain, Period, Shard, TopicId, Track, Window,
};
pub use wire::WireError;
