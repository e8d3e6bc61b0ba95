//! Why window has to stop.

use activity::additive::Place;
use activity::admission::Admitted;
use activity::continuity::Break;
use activity::pack::PackError;
use activity::{Bucket, CatalogVersion, Offset, Shard};
use kafka::LogError;
use state::StoreError;
use thiserror::Error;

/// Why window has to stop: starting anew without a change would only meet it again, but for [`WindowError::Log`].
#[derive(Debug, Error)]
pub enum WindowError {
    /// The log cannot go on.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The store is not fit for use, or holds what cannot be read.
    #[error(transparent)]
    Store(StoreError),
    /// The activity topic holds something that is no pack.
    #[error("the activity topic cannot be read at offset {offset} of partition {shard}: {source}")]
    Pack {
        /// The shard, which is the partition.
        shard: Shard,
        /// The record's offset.
        offset: Offset,
        /// Why.
        source: PackError,
    },
    /// A pack is not the next one of its source positions.
    #[error("shard {shard} cannot go on at offset {offset}: {source}")]
    Continuity {
        /// The shard.
        shard: Shard,
        /// The record's offset.
        offset: Offset,
        /// Why.
        source: Break,
    },
    /// State or packs were made by another catalogue.
    #[error(
        "the catalogue changed: shard {shard} was made by version {found}, this one is {known}, and packs cannot rebuild \
         metrics that they never held. Go back to the old catalogue, or set a new `group` and a new `topics.activity` to \
         build new state from the source topics"
    )]
    OtherCatalogue {
        /// The shard.
        shard: Shard,
        /// The version found.
        found: CatalogVersion,
        /// The version that runs.
        known: CatalogVersion,
    },
    /// A number of a value means something else than it did.
    #[error(
        "shard {shard} cannot go on at offset {offset}: the pack says that number {} of dimension `{dimension}` is `{}`, but number {} \
         is `{}`. The topic of admitted values was made again, or processes of one group use different ones. Set a new `group` and \
         a new `topics.activity` to build new state from the source topics",
        told.number.0, told.value, known.number.0, known.value
    )]
    OtherValues {
        /// The shard.
        shard: Shard,
        /// The record's offset.
        offset: Offset,
        /// The dimension's name.
        dimension: String,
        /// What is known.
        known: Admitted,
        /// What the pack tells.
        told: Admitted,
    },
    /// The state was written by another version of nsm.
    #[error(
        "shard {shard} is stored in format {found}, this version of nsm writes format {known}: run the version that wrote \
         it, or empty the store to have it rebuilt from the activity topic"
    )]
    OtherFormat {
        /// The shard.
        shard: Shard,
        /// The format found.
        found: u16,
        /// The format known.
        known: u16,
    },
    /// A delta lies below what is kept, though no partition was behind.
    #[error(
        "shard {shard} cannot apply offset {offset}: a delta is of {} {}, but what is of use now begins with {floor}. \
         The pack was written by a faulty ingest",
        place.grain.name(),
        place.bucket
    )]
    BelowFloor {
        /// The shard.
        shard: Shard,
        /// The record's offset.
        offset: Offset,
        /// The delta's bucket.
        place: Place,
        /// The first bucket that is kept, or from which events may still come.
        floor: Bucket,
    },
}
