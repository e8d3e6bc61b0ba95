//! Types that say what a number is, so that an offset is never taken for a bucket.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A position in a Kafka partition: the offset of the next record, or of a record. Never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Offset(pub i64);

/// A partition's number within its topic, as Kafka counts them: from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartitionId(pub i32);

/// A shard: a partition of the activity topic, and the slice of all entities whose shard key hashes to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shard(pub u16);

/// Kafka's identity of a topic: a topic that was deleted and made again has another one.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TopicId(#[serde(with = "apache_avro::serde::fixed")] pub [u8; 16]);

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

/// The number of a time bucket. For the day grain: days since 1970-01-01 in the reporting time zone's calendar, so that
/// days of 23 and 25 hours are buckets like any other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bucket(pub i32);

/// The length of a trailing window in buckets, at least 1: the window of `w` buckets as of bucket `e` is `e-w+1..=e`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Window(pub u16);

/// A metric's place in the catalogue's plan, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MetricIndex(pub u16);

/// An entity declaration's place in the catalogue's plan, from 0: which kind of thing a key names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntityKind(pub u8);

/// The fingerprint of everything in a catalogue that shapes stored state. Two catalogues with the same version may share
/// packs and state; any others may not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CatalogVersion(#[serde(with = "crate::wire::signed")] pub u64);

/// Which of the generations of a shard's keys is the living one. A rebuild claims the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Incarnation(#[serde(with = "crate::wire::signed")] pub u64);

impl Bucket {
    /// The bucket `n` later (earlier, if `n` is negative); saturates at the ends of the range.
    #[must_use]
    pub fn plus(self, n: i32) -> Bucket {
        Bucket(self.0.saturating_add(n))
    }

    /// How many buckets `self` lies after `earlier`; negative if it lies before.
    #[must_use]
    pub fn since(self, earlier: Bucket) -> i64 {
        i64::from(self.0) - i64::from(earlier.0)
    }
}

impl Offset {
    /// The offset after this one.
    #[must_use]
    pub fn next(self) -> Offset {
        Offset(self.0 + 1)
    }
}

macro_rules! display_as_number {
    ($($t:ty),*) => {$(
        impl fmt::Display for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}
display_as_number!(Offset, PartitionId, Shard, Millis, Bucket, MetricIndex, EntityKind, Incarnation);

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}d", self.0)
    }
}

impl fmt::Display for CatalogVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicId({self})")
    }
}
