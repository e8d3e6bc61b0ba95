//! Types that say what a number is, so that an offset is never taken for a bucket.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Index, IndexMut};
use std::str::FromStr;

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

/// The number of a time bucket of some [`Grain`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bucket(pub i32);

/// How long a time bucket is, finest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Grain {
    /// Minutes since 1970-01-01T00:00:00Z.
    Minute,
    /// Hours since then, of 60 such minutes each, in every time zone.
    Hour,
    /// Days since 1970-01-01 in the reporting time zone's calendar, so that days of 23 and 25 hours are buckets like any
    /// other.
    Day,
}

/// A window: which buckets count for the value as of one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// What it is counted in.
    pub grain: Grain,
    /// How far it reaches back.
    pub extent: Extent,
}

/// How far a window reaches back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Extent {
    /// So many buckets, at least 1: as of bucket `e` the window of length `w` is `e-w+1..=e`. It slides by minutes and hours, and by
    /// calendar days.
    Trailing(u16),
    /// To the start of the period in which the bucket lies; of days alone.
    ToDate(Period),
    /// Not at all: what holds as of the bucket; of days alone.
    AsOf,
}

/// A piece of the calendar that days are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// Seven days, from the first day of the week that the catalogue says.
    Week,
    /// A month.
    Month,
    /// January to March, and so on.
    Quarter,
}

/// Something for each grain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PerGrain<T>([T; 3]);

/// The place of a metric, or of a slice of one, in the catalogue's plan, from 0: metrics come before all slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MetricIndex(pub u16);

/// A dimension's place in the catalogue's plan, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DimensionIndex(pub u16);

/// One of the values of a dimension: 0 is none, then come its declared values in order, then those that were admitted, and last
/// every other value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DimensionValue(pub u16);

/// A metric's activity at one grain: what an entity's record keeps a mask of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Track {
    /// The metric.
    pub metric: MetricIndex,
    /// The grain.
    pub grain: Grain,
}

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

impl Grain {
    /// All there are, finest first.
    pub const ALL: [Grain; 3] = [Grain::Minute, Grain::Hour, Grain::Day];

    /// The letter behind a window's length: `60m`, `24h`, `7d`.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Grain::Minute => 'm',
            Grain::Hour => 'h',
            Grain::Day => 'd',
        }
    }

    /// The grain of a letter.
    #[must_use]
    pub fn of_letter(letter: &str) -> Option<Grain> {
        Grain::ALL.into_iter().find(|grain| letter.chars().eq([grain.letter()]))
    }

    /// How long a bucket is in milliseconds; for days, one on which the clock is not moved.
    #[must_use]
    pub const fn nominal_ms(self) -> i64 {
        match self {
            Grain::Minute => 60_000,
            Grain::Hour => 3_600_000,
            Grain::Day => 86_400_000,
        }
    }

    /// Its name, in the singular.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Grain::Minute => "minute",
            Grain::Hour => "hour",
            Grain::Day => "day",
        }
    }
}

impl Window {
    /// The last so many buckets.
    #[must_use]
    pub const fn trailing(grain: Grain, length: u16) -> Window {
        Window { grain, extent: Extent::Trailing(length) }
    }

    /// The last so many days.
    #[must_use]
    pub const fn days(length: u16) -> Window {
        Window::trailing(Grain::Day, length)
    }

    /// The days of a period up to the present one.
    #[must_use]
    pub const fn to_date(period: Period) -> Window {
        Window { grain: Grain::Day, extent: Extent::ToDate(period) }
    }

    /// What holds as of a day, over no time.
    pub const AS_OF: Window = Window { grain: Grain::Day, extent: Extent::AsOf };

    /// How many buckets it covers at most.
    #[must_use]
    pub const fn longest(self) -> u16 {
        match self.extent {
            Extent::Trailing(length) => length,
            Extent::ToDate(period) => period.longest(),
            Extent::AsOf => 1,
        }
    }
}

impl Period {
    /// All there are, shortest first.
    pub const ALL: [Period; 3] = [Period::Week, Period::Month, Period::Quarter];

    /// How many days it has at most.
    #[must_use]
    pub const fn longest(self) -> u16 {
        match self {
            Period::Week => 7,
            Period::Month => 31,
            Period::Quarter => 92,
        }
    }

    /// Its name, in the singular.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Period::Week => "week",
            Period::Month => "month",
            Period::Quarter => "quarter",
        }
    }

    /// How the window to date is written: `wtd`, `mtd`, `qtd`.
    #[must_use]
    pub const fn to_date(self) -> &'static str {
        match self {
            Period::Week => "wtd",
            Period::Month => "mtd",
            Period::Quarter => "qtd",
        }
    }
}

impl<T> PerGrain<T> {
    /// What the function gives for each grain.
    pub fn of(of: impl FnMut(Grain) -> T) -> PerGrain<T> {
        PerGrain(Grain::ALL.map(of))
    }
}

impl<T> Index<Grain> for PerGrain<T> {
    type Output = T;

    fn index(&self, grain: Grain) -> &T {
        &self.0[grain as usize]
    }
}

impl<T> IndexMut<Grain> for PerGrain<T> {
    fn index_mut(&mut self, grain: Grain) -> &mut T {
        &mut self.0[grain as usize]
    }
}

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

impl DimensionValue {
    /// No value: the attribute was never told, or was taken away.
    pub const NONE: DimensionValue = DimensionValue(0);
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
display_as_number!(Offset, PartitionId, Shard, Millis, Bucket, MetricIndex, EntityKind, DimensionIndex, Incarnation);

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.extent {
            Extent::Trailing(length) => write!(f, "{length}{}", self.grain.letter()),
            Extent::ToDate(period) => f.write_str(period.to_date()),
            Extent::AsOf => f.write_str(AS_OF),
        }
    }
}

/// How a window is written that covers no time.
const AS_OF: &str = "now";

/// As a window is written: a length and `m`, `h` or `d`; or `wtd`, `mtd` or `qtd`; or `now`.
impl FromStr for Window {
    type Err = ();

    fn from_str(text: &str) -> Result<Window, ()> {
        if let Some(period) = Period::ALL.into_iter().find(|period| period.to_date() == text) {
            return Ok(Window::to_date(period));
        }
        if text == AS_OF {
            return Ok(Window::AS_OF);
        }
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let grain = Grain::of_letter(&text[digits.len()..]).ok_or(())?;
        let length = digits.parse().ok().filter(|length| *length > 0).ok_or(())?;
        Ok(Window::trailing(grain, length))
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
