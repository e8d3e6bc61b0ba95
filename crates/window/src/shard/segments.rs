//! Slices by attributes: what an entity contributes to a metric, told apart by what its attributes, or its owner's, are.
//!
//! A contribution is a sum of steps, and a slice of it the same steps wherever the attribute has the slice's value. So a slice
//! is linear in the contribution, and moves with each of its steps ([`Timeline::by_bucket`], [`Values::slice`]). When an
//! attribute changes, the whole contribution is taken out by the values before and put in by those after: of an entity that is
//! its mask's; of an owner's members it is the sum of theirs, which the owner's record keeps, so that a change costs the same
//! however many members there are.
//!
//! Invariant: the counter of a slice is, as of every bucket that is kept, the sum over all entities of their contribution times
//! whether the attribute has its value then. That is a function of the activity and the changes alone, whatever their order.

use super::ShardState;
use activity::counter::Counter;
use activity::pack::{Attribute, Change, Delta};
use activity::record::Record;
use activity::timeline::Values;
use activity::{Bucket, EntityKey, EntityKind, Grain, MetricIndex, PerGrain, Track, Window, key, measure};
use catalog::{AsOf, By, Metric, Plan};
use state::CounterKey;
use std::collections::{BTreeMap, BTreeSet};

/// A step of an entity's contribution to a metric in a window.
pub(super) type Step = (CounterKey, Bucket, i64);

/// Which slices follow whose attributes, worked out once from the plan.
#[derive(Debug)]
pub(crate) struct Segments {
    /// By whole metric: what its slices follow, by owner.
    of_metric: Vec<Vec<Followed>>,
    /// By owner: the metrics whose slices follow its attributes, and which of theirs that is.
    of_owner: BTreeMap<EntityKind, Vec<(MetricIndex, usize)>>,
}

/// What slices of a metric follow.
#[derive(Debug)]
struct Followed {
    owner: EntityKind,
    /// Where the parts of the owner's key are in that of the entity that is counted; `None` if they are one.
    places: Option<Vec<usize>>,
    by: Vec<(By, AsOf)>,
}

impl Segments {
    pub(crate) fn of(plan: &Plan) -> Segments {
        let (mut of_metric, mut of_owner) = (Vec::new(), BTreeMap::<_, Vec<_>>::new());
        for (index, metric) in (0..).map(MetricIndex).zip(&plan.metrics) {
            let followed = metric.entity().map_or_else(Vec::new, |counted| Followed::of(plan, metric, counted));
            for (at, Followed { owner, .. }) in followed.iter().enumerate() {
                of_owner.entry(*owner).or_default().push((index, at));
            }
            of_metric.push(followed);
        }
        Segments { of_metric, of_owner }
    }

    /// What slices of a metric follow; nothing follows anything of a slice.
    fn followed(&self, metric: MetricIndex) -> &[Followed] {
        self.of_metric.get(usize::from(metric.0)).map_or(&[], Vec::as_slice)
    }

    /// Whether slices of the metric follow an attribute.
    pub(super) fn follow(&self, metric: MetricIndex) -> bool {
        !self.followed(metric).is_empty()
    }

    /// The owners, other than the entities themselves, whose attributes a delta's entities follow.
    pub(super) fn owners<'d>(&'d self, delta: &'d Delta) -> impl Iterator<Item = EntityKey> + 'd {
        let followed = delta.metrics.iter().flat_map(|metric| self.followed(*metric));
        followed.flat_map(|followed| delta.keys.iter().flatten().filter_map(|key| followed.owner_of(key)))
    }
}

impl Followed {
    fn of(plan: &Plan, metric: &Metric, counted: EntityKind) -> Vec<Followed> {
        let followed: Vec<_> = plan.followed_by(counted).collect();
        let mut all: Vec<Followed> = Vec::new();
        for by in &metric.by {
            let Some(of) = followed.iter().find(|of| of.dimension == by.dimension) else { continue };
            match all.iter_mut().find(|followed| followed.owner == of.of) {
                Some(followed) => followed.by.push((*by, of.as_of)),
                None => all.push(Followed { owner: of.of, places: of.places.clone(), by: vec![(*by, of.as_of)] }),
            }
        }
        all
    }

    /// The owner of an entity; `None` if that is the entity itself.
    fn owner_of(&self, key: &[u8]) -> Option<EntityKey> {
        key::of_parts(key, self.owner, self.places.as_ref()?)
    }
}

impl ShardState {
    /// Moves the slices of what an entity contributes, whose steps these are: all are of windows of one grain, and those of one
    /// metric stand together.
    pub(super) fn slice_steps(&mut self, key: &[u8], grain: Grain, steps: &[Step]) {
        let ShardState { records, floors, plan, segments, counters, changed_counters, .. } = self;
        let mut slicer = Slicer { counters, changed: changed_counters };
        for of_metric in steps.chunk_by(|(a, ..), (b, ..)| a.metric == b.metric) {
            for followed in segments.followed(of_metric[0].0.metric) {
                let owner = followed.owner_of(key);
                records.change(owner.as_ref().map_or(key, EntityKey::as_bytes), floors.as_ref(), |record| {
                    for (by, as_of) in &followed.by {
                        let values = plan.values(record.attribute(by.dimension), *as_of, grain);
                        for (CounterKey { window, .. }, at, n) in of_metric {
                            slicer.step(*by, *window, &values, (*at, *n));
                        }
                    }
                    for (CounterKey { metric, window }, at, n) in of_metric.iter().filter(|_| owner.is_some()) {
                        record.step_members(*metric, *window, *at, *n);
                    }
                    owner.is_some()
                });
            }
        }
    }

    /// Applies what a record says about the attributes of an entity, which must be at hand.
    pub(super) fn apply_change(&mut self, change: &Change) {
        let ShardState { records, floors, plan, segments, counters, changed_counters, sweep, .. } = self;
        let grains = plan.grains();
        let bucket = |grain, time| {
            let floor = floors.map_or(Bucket(i32::MIN), |floors| floors[grain]);
            if grains.contains(&grain) { plan.bucket(grain, time).max(floor) } else { floor }
        };
        let buckets = |time| PerGrain::of(|grain| bucket(grain, time));
        for grain in &grains {
            sweep.hold(*grain, bucket(*grain, change.at));
        }
        let mut slicer = Slicer { counters, changed: changed_counters };
        let metrics = change.key.first().and_then(|kind| segments.of_owner.get(&EntityKind(*kind)));
        records.change(&change.key, floors.as_ref(), |record| {
            let before = record.clone();
            for Attribute { dimension, value } in &change.values {
                record.attribute_mut(*dimension).set(change.at, *value);
            }
            floors.iter().for_each(|floors| record.trim(floors));
            for Attribute { dimension, .. } in &change.values {
                record.attribute_mut(*dimension).thin(buckets);
            }
            let is_changed = *record != before;
            for (metric, at) in metrics.into_iter().flatten().filter(|_| is_changed) {
                let followed = &segments.followed(*metric)[*at];
                for window in &plan.metric(*metric).windows {
                    let steps = contribution(plan, record, (*metric, *window), followed.places.is_some());
                    for (by, as_of) in &followed.by {
                        let of = |record: &Record| plan.values(record.attribute(by.dimension), *as_of, window.grain);
                        slicer.exchange(*by, *window, &steps, [of(&before), of(record)]);
                    }
                }
            }
            is_changed
        });
    }
}

/// The steps of what an entity contributes itself, or of what its members do.
fn contribution(
    plan: &Plan,
    record: &Record,
    (metric, window): (MetricIndex, Window),
    of_members: bool,
) -> Vec<(Bucket, i64)> {
    let mut steps = Vec::new();
    if of_members {
        steps.extend(record.members(metric, window).into_iter().flat_map(|members| members.steps()));
    } else if let Some(mask) = record.mask(Track { metric, grain: window.grain }) {
        measure::active(mask, |bucket| plan.until(window, bucket), |at, n| steps.push((at, n)));
    }
    steps
}

/// Moves the counters of slices.
struct Slicer<'s> {
    counters: &'s mut BTreeMap<CounterKey, Counter>,
    changed: &'s mut BTreeSet<CounterKey>,
}

impl Slicer<'_> {
    /// Slices one step by the values of a dimension.
    fn step(&mut self, by: By, window: Window, values: &Values, (at, n): (Bucket, i64)) {
        values.slice(at, n, |value, at, n| {
            let key = CounterKey { metric: by.slice(value), window };
            self.counters.entry(key).or_default().step(at, n);
            self.changed.insert(key);
        });
    }

    /// Takes steps out by the values before, and puts them in by those after.
    fn exchange(&mut self, by: By, window: Window, steps: &[(Bucket, i64)], [before, after]: [Values; 2]) {
        if before == after {
            return;
        }
        for (at, n) in steps {
            self.step(by, window, &before, (*at, -n));
            self.step(by, window, &after, (*at, *n));
        }
    }
}
