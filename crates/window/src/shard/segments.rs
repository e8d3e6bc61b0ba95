//! Slices by attributes: what an entity contributes to a metric, told apart by what its attributes, or its owner's, are.
//!
//! A contribution is a sum of steps, and a slice of it the same steps wherever the attribute has the slice's value. So a slice
//! is linear in the contribution, and moves with each of its steps ([`Timeline::by_bucket`], [`Values::slice`]). When an
//! attribute changes, the whole contribution is taken out by the values before and put in by those after: of an entity that is
//! its mask's; of an owner's members it is the sum of theirs, which the owner's record keeps, so that a change costs the same
//! however many members there are; and of an owner's events it follows from what they add up to by bucket, which the record
//! keeps, too. Events that name no owner have no value of anything.
//!
//! A metric that attributes filter is cut once more before: each step moves with the verdict ([`Plan::gate`]), and only what
//! counts then goes into the metric's own counter and its slices; what a rule takes out goes into the rule's.
//!
//! Invariant: the counter of a slice is, as of every bucket that is kept, the sum over all entities of their contribution times
//! whether the attribute has its value then. That is a function of the activity and the changes alone, whatever their order.

mod slicer;

use self::slicer::{Looked, Slicer};
use super::{ShardState, families};
use activity::additive::Place;
use activity::pack::{Attribute, Change, Delta};
use activity::record::Record;
use activity::tally::Tally;
use activity::{Bucket, EntityKey, EntityKind, Grain, MetricIndex, PerGrain, Track, key, measure};
use catalog::{AsOf, By, Family, Gate, Plan, Slice, Verdict};
use state::CounterKey;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A step of a contribution to a metric in a window.
pub(super) type Step = (CounterKey, Bucket, i128);

/// Which slices follow whose attributes, worked out once from the plan.
#[derive(Debug)]
pub(crate) struct Segments {
    /// By metric and slice: what it and its slices follow, by owner.
    of_metric: Vec<Vec<Followed>>,
    /// By owner: what follows its attributes, and which of theirs that is.
    of_owner: BTreeMap<EntityKind, Vec<(MetricIndex, usize)>>,
    /// By entity that is counted, or that events name: whose attributes slices follow of that.
    owners: BTreeMap<EntityKind, Vec<Owner>>,
    /// The shares of owners, by each metric that is a part of theirs.
    shares: BTreeMap<MetricIndex, Vec<Arc<Family>>>,
}

/// Whose attributes slices follow.
#[derive(Debug)]
struct Owner {
    kind: EntityKind,
    /// Where the parts of the owner's key are in that of what is counted; `None` if they are one.
    places: Option<Vec<usize>>,
}

/// What a metric, or slices of it, follow.
#[derive(Debug)]
struct Followed {
    owner: EntityKind,
    whose: Whose,
    by: Vec<(By, AsOf)>,
    /// Whether attributes say what counts at all.
    is_filtered: bool,
    /// What rules by attributes take out.
    excluded: Option<By>,
}

/// Whose contribution follows an owner's attributes.
#[derive(Debug)]
enum Whose {
    /// The owner's own, which is what is counted.
    Own,
    /// That of entities that are counted, in whose keys these are the places of the parts of the owner's.
    Members(Vec<usize>),
    /// That of events that name the owner.
    Events,
}

impl Segments {
    pub(crate) fn of(plan: &Plan) -> Segments {
        let (mut of_metric, mut of_owner) = (Vec::new(), BTreeMap::<_, Vec<_>>::new());
        let mut shares = BTreeMap::<MetricIndex, Vec<Arc<Family>>>::new();
        // What steps a part may be recorded for another metric of its family.
        let mut recorded = BTreeMap::<MetricIndex, Vec<Arc<Family>>>::new();
        for family in plan.families.iter().cloned().map(Arc::new) {
            let parts: BTreeSet<MetricIndex> = family.kind.parts().into_iter().collect();
            for part in parts {
                recorded.entry(plan.track(part, Grain::Day).metric).or_default().push(family.clone());
                shares.entry(part).or_default().push(family.clone());
            }
        }
        let mut owners: BTreeMap<EntityKind, Vec<Owner>> = BTreeMap::new();
        for index in plan.series() {
            let metric = plan.metric(index);
            let of = metric.entity().or_else(|| plan.owner(metric));
            let mut followed = of.map_or_else(Vec::new, |of| Followed::of(plan, index, of));
            for share in shares.get(&index).into_iter().chain(recorded.get(&index)).flatten() {
                followed.extend(Followed::of_share(plan, share, of, &followed));
            }
            for (at, of_this) in followed.iter().enumerate() {
                of_owner.entry(of_this.owner).or_default().push((index, at));
                let owners = owners.entry(of.expect("who follows is of something")).or_default();
                if owners.iter().all(|known| known.kind != of_this.owner) {
                    owners.push(of_this.owner());
                }
            }
            of_metric.push(followed);
        }
        Segments { of_metric, of_owner, owners, shares }
    }

    /// What a metric, or slices of it, follow. Of slices only those that events say do so, and only if the metric is filtered.
    fn followed(&self, metric: MetricIndex) -> &[Followed] {
        self.of_metric.get(usize::from(metric.0)).map_or(&[], Vec::as_slice)
    }

    /// Whether slices of the metric follow an attribute.
    pub(super) fn follow(&self, metric: MetricIndex) -> bool {
        !self.followed(metric).is_empty()
    }

    /// Whether attributes say what counts for the metric at all.
    pub(super) fn filter(&self, metric: MetricIndex) -> bool {
        self.followed(metric).iter().any(|followed| followed.is_filtered)
    }

    /// The shares of an owner whose parts step.
    fn shares_of(&self, owner: EntityKind, plan: &Plan, steps: &[Step]) -> Vec<Arc<Family>> {
        let mut shares: Vec<Arc<Family>> = Vec::new();
        for family in steps.iter().filter_map(|(key, ..)| self.shares.get(&key.metric)).flatten() {
            let is_its = plan.metric(family.reads).entity() == Some(owner);
            if is_its && !shares.iter().any(|known| known.reads == family.reads) {
                shares.push(family.clone());
            }
        }
        shares
    }

    /// What slices of a metric follow of an owner.
    fn followed_of(&self, metric: MetricIndex, owner: EntityKind) -> Option<&Followed> {
        self.followed(metric).iter().find(|followed| followed.owner == owner)
    }

    /// Whose attributes slices follow of what the entity of a key contributes, or the events that name it.
    fn owners_of(&self, key: &[u8]) -> &[Owner] {
        let owners = key.first().and_then(|kind| self.owners.get(&EntityKind(*kind)));
        owners.map_or(&[], Vec::as_slice)
    }

    /// The owners, other than the entities themselves, whose attributes a delta's entities follow.
    pub(super) fn owners<'d>(&'d self, delta: &'d Delta) -> impl Iterator<Item = EntityKey> + 'd {
        let are_followed = delta.metrics.iter().any(|metric| self.follow(*metric));
        let keys = delta.keys.iter().flatten().filter(move |_| are_followed);
        keys.flat_map(|key| self.owners_of(key).iter().filter_map(move |owner| owner.of(key)))
    }

    /// The owners, other than the entity itself, whose attributes an entity follows for one of these metrics.
    pub(super) fn owners_for<'k>(
        &'k self,
        key: &'k [u8],
        mut metrics: impl Iterator<Item = MetricIndex>,
    ) -> impl Iterator<Item = EntityKey> + 'k {
        let are_followed = metrics.any(|metric| self.follow(metric));
        self.owners_of(key).iter().filter(move |_| are_followed).filter_map(move |owner| owner.of(key))
    }
}

impl Owner {
    /// The owner of an entity; `None` if that is the entity itself.
    fn of(&self, key: &[u8]) -> Option<EntityKey> {
        key::of_parts(key, self.kind, self.places.as_ref()?)
    }
}

impl Followed {
    /// `entity` is what is counted, or what the events that are counted follow.
    fn of(plan: &Plan, index: MetricIndex, entity: EntityKind) -> Vec<Followed> {
        let metric = plan.metric(index);
        let attributes: Vec<_> = plan.followed_by(entity).collect();
        let find = |dimension| attributes.iter().find(|of| of.dimension == dimension);
        let whose = |places: &Option<Vec<usize>>| match (metric.entity(), places) {
            (None, _) => Whose::Events,
            (Some(_), Some(places)) => Whose::Members(places.clone()),
            (Some(_), None) => Whose::Own,
        };
        let filter = plan.filtering(metric).find_map(|required| find(required.dimension));
        let is_said = |slice: Slice| plan.dimension(slice.dimension).is_said();
        let (by, excluded) = match plan.slice(index) {
            None => (metric.by.as_slice(), plan.excluded(metric)),
            Some(slice) if filter.is_some() && is_said(slice) => (&[][..], None),
            Some(_) => return Vec::new(),
        };
        let new = |of: &catalog::Followed, is_filtered| {
            let excluded = excluded.filter(|_| is_filtered);
            Followed { owner: of.of, whose: whose(&of.places), by: Vec::new(), is_filtered, excluded }
        };
        let mut all: Vec<Followed> = filter.map(|of| new(of, true)).into_iter().collect();
        for by in by {
            let Some(of) = find(by.dimension) else { continue };
            let at = all.iter().position(|followed| followed.owner == of.of).unwrap_or_else(|| {
                all.push(new(of, false));
                all.len() - 1
            });
            all[at].by.push((*by, of.as_of));
        }
        all
    }

    /// That of a part of a share, if no slices follow its owner anyway: the owner's record keeps what its members contribute.
    fn of_share(plan: &Plan, share: &Family, entity: Option<EntityKind>, known: &[Followed]) -> Option<Followed> {
        let (owner, entity) = (plan.metric(share.reads).entity()?, entity?);
        let whose = plan.places_of(entity, owner).map_or(Whose::Own, Whose::Members);
        let is_new = known.iter().all(|followed| followed.owner != owner);
        is_new.then(|| Followed { owner, whose, by: Vec::new(), is_filtered: false, excluded: None })
    }

    /// What becomes of contributions to a metric by what a record says of attributes; `None` if that does not matter.
    fn gate(&self, plan: &Plan, key: CounterKey, record: &Record) -> Option<Gate> {
        let timeline = |dimension| record.attribute(dimension);
        if self.is_filtered { plan.gate(plan.metric(key.metric), key.window.grain, timeline) } else { None }
    }

    /// Cuts contributions: those that count, and those that rules take out.
    fn cut(&self, gate: &Gate, steps: &[Step]) -> [Vec<Step>; 2] {
        let [mut counting, mut excluded] = [Vec::new(), Vec::new()];
        for (key, at, n) in steps {
            gate.cut(*at, *n, |verdict, at, n| match verdict {
                Verdict::Counts => counting.push((*key, at, n)),
                Verdict::Excluded(rule) => {
                    excluded.extend(self.excluded.map(|by| (CounterKey { metric: by.slice(rule), ..*key }, at, n)));
                }
                Verdict::Unwanted => {}
            });
        }
        [counting, excluded]
    }

    fn owner(&self) -> Owner {
        let places = match &self.whose {
            Whose::Members(places) => Some(places.clone()),
            Whose::Own | Whose::Events => None,
        };
        Owner { kind: self.owner, places }
    }
}

impl ShardState {
    /// Moves the slices of what an entity contributes, or the events of an owner, whose steps these are: those of one metric and
    /// grain stand together.
    pub(super) fn slice_steps(&mut self, key: &[u8], steps: &[Step]) {
        let ShardState { records, floors, plan, segments, counters, .. } = self;
        let mut slicer = Slicer { plan, counters };
        let mut shared = Vec::new();
        for owner in segments.owners_of(key) {
            let is_followed = |(of, ..): &Step| segments.followed_of(of.metric, owner.kind).is_some();
            if !steps.iter().any(is_followed) {
                continue;
            }
            let of = owner.of(key);
            let owner_key = of.as_ref().map_or(key, EntityKey::as_bytes);
            let shares = segments.shares_of(owner.kind, plan, steps);
            records.change(owner_key, floors.as_ref(), |record| {
                let contributed = |record: &Record| -> Vec<Step> {
                    shares.iter().flat_map(|share| families::contributed(share, plan, record)).collect()
                };
                let (before, mut looked) = (contributed(record), Looked::new());
                for steps in steps.chunk_by(is_of_same_track) {
                    let Some(followed) = segments.followed_of(steps[0].0.metric, owner.kind) else { continue };
                    slicer.send(followed, record, &mut looked, steps);
                    // What an owner contributes itself follows from its record, but to a share.
                    let is_kept = of.is_some() || segments.shares.contains_key(&steps[0].0.metric);
                    for (CounterKey { metric, window }, at, n) in steps.iter().filter(|_| is_kept) {
                        record.step_members(*metric, *window, *at, *n);
                    }
                }
                let moved = families::difference(before, contributed(record));
                for (key, at, n) in moved.iter().filter(|(key, ..)| !segments.filter(key.metric)) {
                    slicer.counters.step(*key, *at, *n);
                }
                if moved.iter().any(|(key, ..)| segments.follow(key.metric)) {
                    shared.push((owner_key.to_vec(), moved));
                }
                // Who was first seen there steps below the floor, where nothing may be left lying.
                let is_below = |(key, at, _): &Step| floors.is_some_and(|floors| *at <= floors[key.window.grain]);
                let is_changed = of.is_some() || !shares.is_empty();
                if is_changed && steps.iter().any(is_below) {
                    floors.iter().for_each(|floors| record.trim(floors));
                }
                is_changed
            });
        }
        // Shares are of the owner itself, and are no part of others.
        for (owner, moved) in shared {
            self.slice_steps(&owner, &moved);
        }
    }

    /// The same of events that name no owner.
    pub(super) fn slice_steps_of_nobody(&mut self, steps: &[Step]) {
        let ShardState { plan, segments, counters, .. } = self;
        let mut slicer = Slicer { plan, counters };
        for steps in steps.chunk_by(is_of_same_track) {
            let followed = segments.followed(steps[0].0.metric);
            followed.iter().for_each(|followed| slicer.send(followed, &Record::default(), &mut Looked::new(), steps));
        }
    }

    /// Keeps in the record of an owner what its events in these buckets add to metrics whose slices follow it, or that a kind works
    /// out of it; what steps by these, slices have to follow.
    pub(super) fn keep_events(&mut self, owner: &[u8], place: Place, added: &[(MetricIndex, i128)]) -> Vec<Step> {
        let ShardState { records, floors, plan, segments, families, counters, sweep, .. } = self;
        let (Place { grain, bucket }, mut steps) = (place, Vec::new());
        if floors.is_some_and(|floors| bucket < floors[grain]) {
            return steps;
        }
        records.change(owner, floors.as_ref(), |record| {
            sweep.hold(grain, bucket);
            let has_windows = |metric: MetricIndex| plan.metric(metric).windows_of(grain).next().is_some();
            for (metric, n) in added.iter().filter(|(of, _)| has_windows(*of)) {
                let (family, track) = (families.of(*metric), Track { metric: *metric, grain });
                let before = family.map(|family| families::contributed(family, plan, record));
                if family.is_some() || segments.follow(*metric) {
                    record.add_events(track, bucket, *n);
                }
                let Some((family, before)) = family.zip(before) else { continue };
                let moved = families::difference(before, families::contributed(family, plan, record));
                if !segments.filter(*metric) {
                    moved.iter().for_each(|(key, at, n)| counters.step(*key, *at, *n));
                }
                steps.extend(moved.into_iter().filter(|_| segments.follow(*metric)));
            }
            true
        });
        steps
    }

    /// Applies what a record says about the attributes of an entity, which must be at hand.
    pub(super) fn apply_change(&mut self, change: &Change) {
        let ShardState { records, floors, plan, segments, counters, sweep, .. } = self;
        let grains = plan.grains();
        let bucket = |grain, time| {
            let floor = floors.map_or(Bucket(i32::MIN), |floors| floors[grain]);
            if grains.contains(&grain) { plan.bucket(grain, time).max(floor) } else { floor }
        };
        let buckets = |time| PerGrain::of(|grain| bucket(grain, time));
        for grain in &grains {
            sweep.hold(*grain, bucket(*grain, change.at));
        }
        let mut slicer = Slicer { plan, counters };
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
                    let key = CounterKey { metric: *metric, window: *window };
                    let steps = contribution(plan, record, key, &followed.whose);
                    slicer.exchange(followed, &steps, [&before, record]);
                }
            }
            is_changed
        });
    }
}

fn is_of_same_track((a, ..): &Step, (b, ..): &Step) -> bool {
    (a.metric, a.window.grain) == (b.metric, b.window.grain)
}

/// The steps of what an owner contributes itself, or its members, or its events.
fn contribution(plan: &Plan, record: &Record, key: CounterKey, whose: &Whose) -> Vec<Step> {
    let CounterKey { metric, window } = key;
    let (mut steps, track) = (Vec::new(), Track { metric, grain: window.grain });
    let until = |bucket| plan.until(window, bucket);
    match whose {
        Whose::Own => steps.extend(plan.steps(metric, window, record).into_iter().map(|(at, n)| (key, at, n))),
        Whose::Members(_) => {
            let members = record.members(metric, window).into_iter().flat_map(Tally::iter);
            steps.extend(members.map(|(at, n)| (key, at, n)));
        }
        Whose::Events => record.events(track).into_iter().flat_map(Tally::iter).for_each(|(bucket, n)| {
            measure::additive(bucket, until(bucket), n, |at, n| steps.push((key, at, n)));
        }),
    }
    steps
}
