//! The checked plan: what a catalogue means, with every name resolved. Only [`crate::parse()`] makes one, so a plan in
//! hand is a plan without mistakes.

use crate::calendar::Calendar;
use crate::dimension::{By, Dimension, Slice};
use crate::filter::Requirement;
use crate::formula::Formula;
use crate::kinds::{self, Family, Role};
use crate::source::{Path, Source};
use crate::tree::NorthStar;
use activity::marks::Keep;
use activity::record::Floors;
use activity::{
    Bucket, CatalogVersion, DimensionIndex, EntityKind, Extent, Grain, MetricIndex, Millis, PerGrain, Window,
};
use std::ops::RangeInclusive;

/// A day may go on for so long after the next one has begun: where clocks are set back over midnight. By at most two hours
/// since 1970, in St. John's in 1988.
const SET_BACK_MS: i64 = 2 * 3_600_000;

/// A whole catalogue, checked.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The product's name, for people.
    pub product: String,
    /// Turns times into day buckets of the reporting time zone and back.
    pub calendar: Calendar,
    /// How many complete buckets back an as-of bucket can be asked for.
    pub history: PerGrain<u16>,
    /// Where events come from; at least one.
    pub sources: Vec<Source>,
    /// What can be counted; an [`EntityKind`] is an index into it.
    pub entities: Vec<Entity>,
    /// What metrics can be sliced by; a [`activity::DimensionIndex`] is an index into it.
    pub dimensions: Vec<Dimension>,
    /// Traffic that no metric counts which does not say so.
    pub exclude: Vec<Rule>,
    /// What is counted; a [`MetricIndex`] is an index into it, or past its end into `slices`.
    pub metrics: Vec<Metric>,
    /// The metrics that are worked out together of one record, each family in the order of its first metric.
    pub families: Vec<Family>,
    /// What follows from that; a [`crate::FormulaIndex`] is an index into it.
    pub formulas: Vec<Formula>,
    /// The slices of metrics, in their order, then in that of the dimensions by which they are sliced, then by value.
    pub slices: Vec<Slice>,
    /// Where metrics are to get.
    pub north_stars: Vec<NorthStar>,
    /// The fingerprint of everything above that shapes stored state: the time zone and its database's version, history,
    /// entities, dimensions, excluded traffic, metrics, lateness and the sources' topics, but neither formulas nor targets nor
    /// descriptions nor field names.
    pub version: CatalogVersion,
}

/// A kind of thing that can be counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// Its name in the catalogue.
    pub name: String,
    /// The native fields whose values name one, in order; at least one.
    pub key: Vec<String>,
    /// Which of them decides the shard: an index into `key`.
    pub shard_by: usize,
}

/// One metric: what is counted of which events, over which windows.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its name, fit for a Prometheus metric name: `[a-z][a-z0-9_]*`.
    pub name: String,
    /// For people; empty if not given.
    pub description: String,
    /// What is counted of the events.
    pub measure: Measure,
    /// Which events count; `None` is any.
    pub events: Option<Vec<String>>,
    /// What else must hold of the event; all of it.
    pub conditions: Vec<Condition>,
    /// What must hold of the attributes of the entity that counts, or that owns what counts, as of each bucket; all of it.
    pub required: Vec<Requirement>,
    /// The windows, finer grains first, then trailing ones ascending, then those to date; each once, at least one.
    pub windows: Vec<Window>,
    /// What it is sliced by, each dimension once.
    pub by: Vec<By>,
    /// The excluded traffic that it counts all the same: places in [`Plan::exclude`].
    pub include: Vec<usize>,
    /// Its place in a family; `None` if an entity counts wherever the window covers one of its buckets, or if events count.
    pub role: Option<Role>,
}

/// What a metric counts of the events that it wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measure {
    /// How many different entities they name.
    Distinct(EntityKind),
    /// How many they are, each event id once.
    Count,
    /// What a value of theirs adds up to, each event id once.
    Sum {
        /// The property that has the value, as a path below the record's properties.
        value: Path,
        /// To how many decimals each value is rounded before it is added.
        decimals: u8,
    },
    /// How many events each entity had, each event id once: what follows, a kind says.
    Events(EntityKind),
    /// What happened to entities, and when: what follows, a kind says.
    Marks(Marks),
}

/// Events that are kept with their times in the records of the entities that they name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    /// To which entities they happen.
    pub entity: EntityKind,
    /// What is kept of an event.
    pub said: Said,
    /// What is kept of those that are older than everything that can be asked for.
    pub keep: Keep,
}

/// What is kept of an event beside its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A value of a property, as a path below the record's properties, rounded to so many decimals.
    Value {
        /// The property.
        value: Path,
        /// The decimals.
        decimals: u8,
        /// Outside of this the event is rejected.
        range: RangeInclusive<i64>,
    },
    /// Which of several steps it is, from 0: by which of these lists names it, which is one only.
    Steps(Vec<Vec<String>>),
    /// The number of the value that it says of a dimension, at the beginning of its day: each once a day.
    Label(DimensionIndex),
    /// Nothing: moments are joined that are no further apart than that.
    Moment {
        /// In milliseconds.
        gap_ms: i64,
    },
}

/// A kind of traffic that is told by the properties of its events (internal, tests, bots), or by attributes of entities (free,
/// trial).
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name in the catalogue.
    pub name: String,
    /// What holds of its events; all of it. Empty if it is told by attributes.
    pub conditions: Vec<Condition>,
    /// What holds of its entities' attributes; all of it. Empty if it is told by events.
    pub required: Vec<Requirement>,
}

/// A test of one property of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The property, as a path below the record's properties.
    pub property: Path,
    /// What must hold of it; of a property that is missing nothing does.
    pub asks: Asks,
}

/// What must hold of a property.
#[derive(Clone, Debug, PartialEq)]
pub enum Asks {
    /// It has one of these values.
    OneOf(Vec<Literal>),
    /// Of the address of an email the domain is one of these, in small letters.
    Domain(Vec<Literal>),
    /// It is the id in a field of some entity's key, or another one.
    Key {
        /// The field.
        name: String,
        /// Whether it has to be the same id.
        is_same: bool,
    },
}

/// A value that is written in the catalogue.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number; finite.
    Float(f64),
    /// Text.
    Text(String),
}

impl Plan {
    /// The metric of an index; that of a slice is the one that it is a slice of.
    #[must_use]
    pub fn metric(&self, index: MetricIndex) -> &Metric {
        let whole = self.slice(index).map_or(index, |slice| slice.metric);
        &self.metrics[usize::from(whole.0)]
    }

    /// The grains of all windows, finest first.
    #[must_use]
    pub fn grains(&self) -> Vec<Grain> {
        let has = |grain: &Grain| self.metrics.iter().any(|metric| metric.windows_of(*grain).next().is_some());
        Grain::ALL.into_iter().filter(has).collect()
    }

    /// The bucket in which a time lies; times past the year 9999 or before -9999 count as the calendar's first and last day,
    /// and those that no bucket can number as the first and last bucket.
    #[must_use]
    pub fn bucket(&self, grain: Grain, time: Millis) -> Bucket {
        match grain {
            Grain::Day => self.calendar.day(time),
            Grain::Minute | Grain::Hour => {
                let number = time.0.div_euclid(grain.nominal_ms());
                Bucket(i32::try_from(number.clamp(i32::MIN.into(), i32::MAX.into())).expect("clamped"))
            }
        }
    }

    /// The first as-of bucket of which a window no longer covers `bucket`.
    #[must_use]
    pub fn until(&self, window: Window, bucket: Bucket) -> Bucket {
        match window.extent {
            Extent::Trailing(length) => bucket.plus(length.into()),
            Extent::ToDate(period) => self.calendar.period(period, bucket).end,
            Extent::AsOf => bucket.plus(1),
        }
    }

    /// How many buckets of the grain any metric looks back as of one: most, its longest window.
    #[must_use]
    pub fn reach(&self, grain: Grain) -> u16 {
        let of = |metric| move |window| self.reach_of(metric, window);
        self.metrics.iter().flat_map(|metric| metric.windows_of(grain).map(of(metric))).max().unwrap_or(1)
    }

    /// How many buckets a metric looks back as of one, in a window of its.
    #[must_use]
    pub fn reach_of(&self, metric: &Metric, window: Window) -> u16 {
        let kind = metric.role.as_ref().map(|role| &self.families[role.family].kind);
        kind.map_or(window.longest(), |kind| kind.reach(window))
    }

    /// The longest lateness of any source, in milliseconds.
    #[must_use]
    pub fn lateness_ms(&self, grain: Grain) -> i64 {
        self.sources.iter().map(|source| source.lateness_ms[grain]).max().unwrap_or(0)
    }

    /// The first bucket of which records are kept at shard time `time`: far enough back for the longest window as of the
    /// oldest bucket that can be asked for, or that a late event can still change. One bucket more than the lateness, since a
    /// lateness of so many times 24 hours can reach over one day more across a change of the clocks.
    #[must_use]
    pub fn floor(&self, grain: Grain, time: Millis) -> Bucket {
        let lateness = (self.lateness_ms(grain) + grain.nominal_ms() - 1) / grain.nominal_ms();
        let kept = i64::from(self.reach(grain) - 1) + lateness + 1 + i64::from(self.history[grain]);
        self.bucket(grain, time).plus(-i32::try_from(kept).expect("reach, lateness and history are bounded"))
    }

    /// The shard time from which on no event of a bucket can be in time: no partition's clock lies before shard time.
    #[must_use]
    pub fn in_time_until(&self, grain: Grain, bucket: Bucket) -> Millis {
        let end = match grain {
            Grain::Minute | Grain::Hour => Some(Millis((i64::from(bucket.0) + 1).saturating_mul(grain.nominal_ms()))),
            Grain::Day => self.calendar.start_of(bucket.plus(1)).map(|end| Millis(end.0 + SET_BACK_MS)),
        };
        Millis(end.map_or(i64::MAX, |end| end.0.saturating_add(self.lateness_ms(grain))))
    }

    /// Below what nothing is kept at shard time `time`.
    #[must_use]
    pub fn floors(&self, time: Millis) -> Floors {
        let buckets = PerGrain::of(|grain| self.floor(grain, time));
        let starts = self.grains().into_iter().map(|grain| self.start(grain, buckets[grain]));
        Floors { buckets, time: starts.min().unwrap_or(time) }
    }

    /// When a bucket begins; that of a day past the calendar's ends is never known to have begun.
    #[must_use]
    pub fn start(&self, grain: Grain, bucket: Bucket) -> Millis {
        match grain {
            Grain::Minute | Grain::Hour => Millis(i64::from(bucket.0).saturating_mul(grain.nominal_ms())),
            Grain::Day => self.calendar.start_of(bucket).unwrap_or(Millis(i64::MIN)),
        }
    }

    /// The first as-of bucket of which counters are kept when records are kept from `floor` on: its longest window is whole.
    #[must_use]
    pub fn origin(&self, grain: Grain, floor: Bucket) -> Bucket {
        floor.plus(i32::from(self.reach(grain) - 1))
    }
}

impl Entity {
    /// Where the parts of an owner's key are in this entity's, if it names one owner and lies in that one's shard.
    #[must_use]
    pub fn places_of(&self, owner: &Entity) -> Option<Vec<usize>> {
        let place = |field: &String| self.key.iter().position(|of| of == field);
        let places: Option<Vec<usize>> = owner.key.iter().map(place).collect();
        places.filter(|_| owner.key[owner.shard_by] == self.key[self.shard_by])
    }
}

impl Measure {
    /// What is counted, or to what something happens; `None` if events count themselves.
    #[must_use]
    pub fn entity(&self) -> Option<EntityKind> {
        match self {
            Measure::Distinct(entity) | Measure::Events(entity) | Measure::Marks(Marks { entity, .. }) => Some(*entity),
            Measure::Count | Measure::Sum { .. } => None,
        }
    }
}

impl Metric {
    /// What is counted, or to what something happens; `None` if events count themselves.
    #[must_use]
    pub fn entity(&self) -> Option<EntityKind> {
        self.measure.entity()
    }

    /// The property that is added up, as a path below the record's properties, and its decimals, if one is.
    #[must_use]
    pub fn value(&self) -> Option<(&Path, u8)> {
        match &self.measure {
            Measure::Sum { value, decimals } => Some((value, *decimals)),
            Measure::Marks(Marks { said: Said::Value { value, decimals, .. }, .. }) => Some((value, *decimals)),
            Measure::Distinct(_) | Measure::Count | Measure::Events(_) | Measure::Marks(_) => None,
        }
    }

    /// Whether each entity counts once or not at all, so that those that do can be listed under the metric's name.
    #[must_use]
    pub fn counts_entities(&self) -> bool {
        let counts_at_most_once = match &self.measure {
            Measure::Distinct(_) | Measure::Events(_) => true,
            // What is begun holds once; a conversion may be of several entries, and what attributes say has no time.
            Measure::Marks(Marks { said: Said::Steps(steps), keep: Keep::Last, .. }) => !steps.is_empty(),
            Measure::Marks(Marks { said: Said::Value { .. }, .. }) => {
                self.role.as_ref().is_some_and(|role| !role.is_amount)
            }
            Measure::Marks(Marks { said: Said::Label(_), .. }) => true,
            Measure::Marks(_) | Measure::Count | Measure::Sum { .. } => false,
        };
        counts_at_most_once && self.label().is_none()
    }

    /// How many decimals the metric's values have: they are counted in units of the last of them.
    #[must_use]
    pub fn decimals(&self) -> u8 {
        match (&self.role, &self.measure) {
            (Some(Role { is_amount: false, .. }), _) => 0,
            (_, Measure::Marks(Marks { said: Said::Moment { .. }, .. })) => kinds::SECONDS_DECIMALS,
            (Some(Role { is_amount: true, .. }), Measure::Marks(Marks { said: Said::Steps(_), .. })) => {
                kinds::SHARE_DECIMALS
            }
            _ => self.value().map_or(0, |(_, decimals)| decimals),
        }
    }

    /// The label that tells it from other metrics that are called the same, if there are any: its name and value.
    #[must_use]
    pub fn label(&self) -> Option<(&'static str, &str)> {
        let (name, value) = self.role.as_ref()?.label.as_ref()?;
        Some((name, value))
    }

    /// The windows of a grain.
    pub fn windows_of(&self, grain: Grain) -> impl Iterator<Item = Window> {
        self.windows.iter().copied().filter(move |window| window.grain == grain)
    }
}
