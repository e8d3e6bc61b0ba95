//! Kinds of metric that count entities by more than whether they were active. A file a kind: how it is written, its function, its
//! words.
//!
//! A kind is one pure function from what is recorded of an entity to steps over as-of buckets, for one metric or for several that
//! belong together. Whatever else there is, slices by attributes, filters, lists of members, works on steps, and so for all kinds.

mod at_least;
mod baseline;
mod conversion;
mod frequency;
mod growth;
mod made;
mod movements;
mod percentile;
mod recency;
mod retention;
mod sessions;
mod share;
mod state;
mod survey;
mod time_to_value;

pub(crate) use at_least::AtLeast;
#[cfg(test)]
pub(crate) use at_least::KNOWN as UNITS;
pub(crate) use baseline::{Baseline, Limit};
pub(crate) use conversion::{Conversion, Within};
pub(crate) use frequency::Frequency;
pub(crate) use growth::{AGAINST, Against, Growth};
pub(crate) use made::{MadeFormula, MadeLaw, average, extend, families};
pub(crate) use movements::Movements;
pub use percentile::Bins;
pub(crate) use percentile::{MOST_BINS, Percentiles};
pub(crate) use recency::Recency;
pub(crate) use retention::Retention;
pub(crate) use sessions::{DECIMALS as SECONDS_DECIMALS, Sessions};
pub(crate) use share::{DECIMALS as SHARE_DECIMALS, Share};
pub(crate) use state::State;
pub(crate) use survey::{SCALES, Scale, Survey};
pub(crate) use time_to_value::TimeToValue;

use made::{Made, amount, made};

use crate::cursor::Cursor;
use crate::plan::{Marks, Measure, Metric, Plan};
use activity::levels::Levels;
use activity::mask::Mask;
use activity::record::Record;
use activity::tally::Tally;
use activity::{Bucket, DimensionIndex, Extent, Grain, MetricIndex, Millis, Track, Window, measure};

/// Metrics that are worked out together, of the same record of an entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// How they follow from it.
    pub kind: Kind,
    /// The metric, or the slice at event of one, whose activity is recorded.
    pub reads: MetricIndex,
    /// The metrics, or the same slices of them, in the order in which the kind makes them.
    pub moves: Vec<MetricIndex>,
}

/// How metrics follow from what is recorded of entities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An entity counts that was active in enough buckets.
    AtLeast(AtLeast),
    /// In how many buckets entities were active.
    Frequency(Frequency),
    /// Who came, stayed, came back and went.
    Growth(Growth),
    /// What holds.
    State(State),
    /// How what is held moves.
    Movements(Movements),
    /// What people answer.
    Survey(Survey),
    /// Who went on in time.
    Conversion(Conversion),
    /// Who does less, or more, than before.
    Baseline(Baseline),
    /// Who of those that came at some time is still there.
    Retention(Retention),
    /// How long ago entities were last active.
    Recency(Recency),
    /// Uses of the product, one after the other.
    Sessions(Sessions),
    /// Which share of what an owner has does something.
    Share(Share),
    /// How long it takes until something happens.
    TimeToValue(TimeToValue),
}

/// A metric's place in a family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The place of the family in [`Plan::families`].
    pub family: usize,
    /// The label that tells it from others that are called the same.
    pub label: Option<(&'static str, String)>,
    /// Whether it adds up what events say, and has their decimals; else it counts.
    pub is_amount: bool,
}

/// What a kind sees of an entity, over one window.
pub(crate) struct Seen<'s> {
    record: &'s Record,
    reads: MetricIndex,
    window: Window,
    plan: &'s Plan,
}

impl Seen<'_> {
    fn track(&self) -> Track {
        Track { metric: self.reads, grain: self.window.grain }
    }

    /// The buckets in which it was active.
    fn mask(&self) -> Option<&Mask> {
        self.record.mask(self.track())
    }

    /// The first bucket in which it was ever active, if the kind asks for that.
    fn first(&self) -> Option<Bucket> {
        self.record.first(self.track())
    }

    /// What happened to it when, if its events are kept so.
    fn marks(&self) -> impl Iterator<Item = (Millis, i64)> {
        let Measure::Marks(Marks { keep, .. }) = self.plan.metric(self.reads).measure else {
            return None.into_iter().flatten();
        };
        self.record.marks(self.reads, keep).map(|marks| marks.iter()).into_iter().flatten()
    }

    /// How many events it had in the last so many buckets, as of every one.
    fn events_of_last(&self, length: u16) -> Levels {
        self.events_until(|bucket| bucket.plus(length.into()))
    }

    /// How many events it had that still count, as of every bucket: those of each until another.
    fn events_until(&self, until: impl Fn(Bucket) -> Bucket) -> Levels {
        let events = self.record.events(self.track()).into_iter().flat_map(Tally::iter);
        Levels::of_steps(events.flat_map(|(bucket, n)| [(bucket, n), (until(bucket), -n)]))
    }

    /// The as-of bucket in which a time lies.
    fn bucket(&self, time: Millis) -> Bucket {
        self.plan.bucket(self.window.grain, time)
    }

    /// The first as-of bucket of which the window no longer covers a bucket.
    fn until(&self, bucket: Bucket) -> Bucket {
        self.plan.until(self.window, bucket)
    }
}

/// Told in whose place of the family something steps, where, and by how much.
type Step<'s> = &'s mut dyn FnMut(usize, Bucket, i128);

/// What a kind is.
trait Function {
    /// The metrics that it makes, the first of them called as declared.
    fn makes(&self, windows: &[Window]) -> Vec<Made> {
        vec![made("", windows)]
    }

    /// How many buckets back it looks as of one.
    fn reach(&self, window: Window) -> u16 {
        window.longest()
    }

    /// Whether it asks when entities were first active.
    fn asks_first(&self) -> bool {
        false
    }

    /// The steps of what an entity contributes.
    fn steps(&self, seen: &Seen<'_>, step: Step<'_>);

    /// What it says of the metric in a place of the family, behind `Every user with an event "read"`.
    fn words(&self, place: usize) -> String;

    /// The formulas that go with its metrics, of the declared name.
    fn formulas(&self, _: &str) -> Vec<MadeFormula> {
        Vec::new()
    }

    /// What tells it from others in the catalogue's fingerprint.
    fn code(&self) -> Vec<u64>;
}

impl Kind {
    fn function(&self) -> &dyn Function {
        match self {
            Kind::AtLeast(of) => of,
            Kind::Frequency(of) => of,
            Kind::Growth(of) => of,
            Kind::State(of) => of,
            Kind::Movements(of) => of,
            Kind::Survey(of) => of,
            Kind::Conversion(of) => of,
            Kind::Baseline(of) => of,
            Kind::Retention(of) => of,
            Kind::Recency(of) => of,
            Kind::Sessions(of) => of,
            Kind::Share(of) => of,
            Kind::TimeToValue(of) => of,
        }
    }

    /// How many buckets back it looks as of one.
    #[must_use]
    pub fn reach(&self, window: Window) -> u16 {
        self.function().reach(window)
    }

    /// Whether it asks when entities were first active.
    #[must_use]
    pub fn asks_first(&self) -> bool {
        self.function().asks_first()
    }

    /// The metrics whose contributions it puts together, of members of an owner or of that itself: the owner's record keeps them.
    #[must_use]
    pub fn parts(&self) -> Vec<MetricIndex> {
        match self {
            Kind::Share(share) => vec![share.numerator, share.denominator],
            _ => Vec::new(),
        }
    }

    pub(crate) fn words(&self, place: usize) -> String {
        self.function().words(place)
    }

    pub(crate) fn code(&self) -> Vec<u64> {
        self.function().code()
    }

    /// The formulas that it makes of a metric as declared.
    pub(crate) fn formulas(&self, metric: &Metric) -> Vec<MadeFormula> {
        let by: Vec<DimensionIndex> = metric.by.iter().map(|by| by.dimension).collect();
        let made = self.function().formulas(&metric.name);
        made.into_iter().map(|made| MadeFormula { by: by.clone(), ..made }).collect()
    }
}

/// The window in which a part of a share is taken: the same, or, of windows of days, that of what holds.
pub(crate) fn window_of_part(metric: &Metric, window: Window) -> Window {
    let holds = window.grain == Grain::Day && !metric.windows.contains(&window);
    if holds { Window::AS_OF } else { window }
}

/// Reports windows that do not trail.
pub(crate) fn trail(cursor: &Cursor, noun: &str, windows: &[Window]) -> Option<()> {
    match windows.iter().find(|window| matches!(window.extent, Extent::ToDate(_))) {
        None => Some(()),
        Some(to_date) => cursor.wrong(
            format!("`{to_date}` is a window to date, and {noun} compares windows of one length"),
            "write trailing windows, as in `windows: [7d, 28d]`",
        ),
    }
}

impl Plan {
    /// The window in which a part of a share over a window is taken.
    fn window_of_part(&self, metric: MetricIndex, window: Window) -> Window {
        window_of_part(self.metric(metric), window)
    }

    /// The family in which a metric, or a slice at event of one, is; `None` if it is in none.
    #[must_use]
    pub fn family(&self, index: MetricIndex) -> Option<Family> {
        let family = &self.families[self.metric(index).role.as_ref()?.family];
        let same = |of: &MetricIndex| match self.slice(index) {
            None => *of,
            Some(slice) => {
                let by = self.metric(*of).by.iter().find(|by| by.dimension == slice.dimension);
                by.expect("metrics of a family are sliced alike").slice(slice.value)
            }
        };
        let moves = family.moves.iter().map(same).collect();
        Some(Family { kind: family.kind.clone(), reads: same(&family.reads), moves })
    }

    /// Whether events are matched with a metric, or with a slice at event of it: others of a family read what it records.
    #[must_use]
    pub fn is_recorded(&self, index: MetricIndex) -> bool {
        self.family(index).is_none_or(|family| family.reads == index)
    }

    /// Where the activity is recorded that a metric, or a slice at event of it, is worked out of.
    #[must_use]
    pub fn track(&self, index: MetricIndex, grain: Grain) -> Track {
        Track { metric: self.family(index).map_or(index, |family| family.reads), grain }
    }

    /// The last bucket up to `as_of` in which something is recorded of an entity for a metric that counts entities, or for a slice at
    /// event of one.
    #[must_use]
    pub fn last_recorded(&self, index: MetricIndex, grain: Grain, record: &Record, as_of: Bucket) -> Option<Bucket> {
        let track = self.track(index, grain);
        match self.metric(index).measure {
            Measure::Events(_) => {
                let buckets = record.events(track)?.iter().map(|(bucket, _)| bucket);
                buckets.take_while(|bucket| *bucket <= as_of).last()
            }
            Measure::Marks(Marks { keep, .. }) => {
                let times = record.marks(track.metric, keep)?.iter();
                times.map(|(at, _)| self.bucket(grain, at)).rfind(|bucket| *bucket <= as_of)
            }
            Measure::Distinct(_) | Measure::Count | Measure::Sum { .. } => {
                let mask = record.mask(track)?;
                if mask.contains(as_of) { Some(as_of) } else { mask.around(as_of).0 }
            }
        }
    }

    /// The steps of what an entity with this record contributes to metrics of a family in a window of theirs, before attributes
    /// are asked: which of them, where, and by how much.
    pub fn steps_of_family(
        &self,
        family: &Family,
        window: Window,
        record: &Record,
        mut step: impl FnMut(MetricIndex, Bucket, i128),
    ) {
        let seen = Seen { record, reads: family.reads, window, plan: self };
        family.kind.function().steps(&seen, &mut |place, at, n| step(family.moves[place], at, n));
    }

    /// The steps of what an entity with this record contributes to a metric that counts entities, or to a slice at event of one, in
    /// a window, before attributes are asked.
    #[must_use]
    pub fn steps(&self, index: MetricIndex, window: Window, record: &Record) -> Vec<(Bucket, i128)> {
        let mut steps = Vec::new();
        match self.family(index) {
            Some(family) => self.steps_of_family(&family, window, record, |of, at, n| {
                steps.extend((of == index).then_some((at, n)));
            }),
            None => {
                let track = Track { metric: index, grain: window.grain };
                let until = |bucket| self.until(window, bucket);
                record.mask(track).into_iter().for_each(|mask| {
                    measure::active(mask, until, |at, n| steps.push((at, n.into())));
                });
            }
        }
        steps
    }
}

#[cfg(test)]
mod tests;
