//! Brute force: what a shard has to hold at an offset, from its log alone, and what the whole has to count, from the
//! source records alone. Neither shares code with the workers beyond the formats.

mod known;
mod records;

use crate::events::Events;
use crate::kinds::{self, Once};
use crate::log::{LogPartition, index};
use activity::admission::Admitted;
use activity::counter::Counter;
use activity::header::Header;
use activity::pack::{Attribute, Coverage, Marked, Pack};
use activity::record::{Floors, Record};
use activity::{
    Bucket, DimensionIndex, DimensionValue, EntityKey, EntityKind, Grain, MetricIndex, Millis, Offset, PerGrain, Shard,
    Track, Window,
};
use catalog::{AsOf, Plan, Requirement, Slice, Taken};
use known::Known;
use state::{CounterKey, MemoryStore, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The place of accounts in the catalogue.
const ACCOUNT: EntityKind = EntityKind(1);
/// And that of their users.
const PAIR: EntityKind = EntityKind(2);

/// When and what, the first offset that says so, and the buckets that it lies in.
type Told = BTreeMap<(Millis, DimensionValue), (usize, PerGrain<Bucket>)>;
/// Every bit of a track, the first offset that sets it, and whether it was kept.
type Bits = BTreeMap<(EntityKey, Bucket), (usize, bool)>;
/// What happened, and the first offset that says so.
type Happened = BTreeMap<Once, usize>;
/// As of which bucket, by the log up to which offset.
type At = (Grain, Bucket, usize);
type Clocks = BTreeMap<(String, i32), Clock>;

/// What is known of a partition's time: its own clock, and shard time when it joined.
#[derive(Clone, Copy, Default)]
struct Clock {
    own: Option<Millis>,
    joined: Option<Millis>,
}

/// What a shard's log says, read once as it grows.
pub(crate) struct ShardOracle {
    plan: Arc<Plan>,
    read: usize,
    bits: BTreeMap<Track, Bits>,
    pub(crate) events: Events,
    /// What happened to whom, by metric, and the first offset that says so.
    marks: BTreeMap<MetricIndex, BTreeMap<EntityKey, Happened>>,
    /// What was told of which attribute of whom.
    changes: BTreeMap<(EntityKey, DimensionIndex), Told>,
    /// How far the shard has come before each offset at which that changes.
    steps: Vec<(usize, Expected)>,
    /// Where each source partition was covered up to.
    next: BTreeMap<(String, i32), Offset>,
    clocks: Clocks,
    /// What numbers mean, and the first offset that says so.
    admitted: Vec<(usize, Admitted)>,
    /// The accounts of pairs.
    accounts: BTreeSet<EntityKey>,
}

#[derive(Clone, Debug, PartialEq, Eq, Default)]
struct Expected {
    time: Option<Millis>,
    next: BTreeMap<(String, i32), Offset>,
}

impl ShardOracle {
    pub(crate) fn new(plan: Arc<Plan>) -> ShardOracle {
        ShardOracle {
            plan,
            read: 0,
            bits: BTreeMap::new(),
            events: Events::default(),
            marks: BTreeMap::new(),
            changes: BTreeMap::new(),
            steps: vec![(0, Expected::default())],
            next: BTreeMap::new(),
            clocks: BTreeMap::new(),
            admitted: Vec::new(),
            accounts: BTreeSet::new(),
        }
    }

    fn read_on(&mut self, log: &LogPartition) {
        let end = log.stable_end();
        let packs = log.committed(self.read, end).map(|(at, entry)| (at, Pack::decode(&entry.payload)));
        for (at, pack) in packs.collect::<Vec<_>>() {
            let pack = pack.expect("the simulated log holds packs");
            let before = self.steps.last().expect("never empty").1.time;
            let floors = before.map(|time| self.plan.floors(time));
            for delta in &pack.deltas {
                let is_kept = floors.is_none_or(|floors| delta.bucket >= floors[delta.grain]);
                for key in delta.keys.iter().flatten() {
                    let key = EntityKey::parse(key).expect("whole");
                    self.accounts.extend(
                        (key.kind() == PAIR)
                            .then(|| EntityKey::of(ACCOUNT, &[&key.parts().next().expect("every key has a part")])),
                    );
                    for metric in &delta.metrics {
                        let track = Track { metric: *metric, grain: delta.grain };
                        let of_track = self.bits.entry(track).or_default();
                        of_track.entry((key.clone(), delta.bucket)).or_insert((at, is_kept));
                    }
                }
            }
            for change in &pack.changes {
                let key = EntityKey::parse(&change.key).expect("whole");
                for Attribute { dimension, value } in &change.values {
                    let told = self.changes.entry((key.clone(), *dimension)).or_default();
                    let buckets = PerGrain::of(|grain| self.plan.bucket(grain, change.at));
                    told.entry((change.at, *value)).or_insert((at, buckets));
                }
            }
            for mark in &pack.marks {
                let (key, day) = (EntityKey::parse(&mark.key).expect("whole"), self.plan.calendar.day(mark.at));
                for Marked { metric, value } in &mark.values {
                    let happened = self.marks.entry(*metric).or_default().entry(key.clone()).or_default();
                    happened.entry((day, mark.at, *value)).or_insert(at);
                }
            }
            for told in &pack.admitted {
                if self.admitted.iter().all(|(_, known)| known != told) {
                    self.admitted.push((at, told.clone()));
                }
            }
            self.events.read(&self.plan, at, &pack, before);
            pack.sources.iter().for_each(|coverage| self.cover(coverage, before));
            let allowed = || self.clocks.values().map(|clock| clock.own.max(clock.joined));
            let slowest = if allowed().all(|time| time.is_some()) { allowed().flatten().min() } else { None };
            let time = slowest.max(before);
            self.steps.push((at + 1, Expected { time, next: self.next.clone() }));
        }
        self.read = end;
    }

    /// Takes in what a pack covers of a source. Partitions that are added to a topic, or that replace it, join at shard time.
    fn cover(&mut self, coverage: &Coverage, time: Option<Millis>) {
        let known = self.clocks.keys().any(|(topic, _)| *topic == coverage.topic);
        for partition in (0..coverage.partitions).filter(|_| !known || !coverage.spans.is_empty()) {
            let joining = Clock { own: None, joined: time.filter(|_| known) };
            self.clocks.entry((coverage.topic.clone(), partition)).or_insert(joining);
        }
        for span in &coverage.spans {
            let partition = (coverage.topic.clone(), span.partition.0);
            self.next.insert(partition.clone(), span.to);
            let clock = self.clocks.entry(partition).or_default();
            clock.own = span.clock.max(clock.own);
        }
    }

    fn at(&self, next: usize) -> &Expected {
        let step = self.steps.partition_point(|(from, _)| *from <= next);
        &self.steps[step - 1].1
    }

    /// What numbers mean, by the log up to an offset.
    pub(crate) fn admitted(&self, next: usize) -> impl Iterator<Item = &Admitted> {
        self.admitted.iter().filter(move |(at, _)| *at < next).map(|(_, admitted)| admitted)
    }

    /// Shard time at an offset.
    pub(crate) fn time(&mut self, log: &LogPartition, next: usize) -> Option<Millis> {
        self.read_on(log);
        self.at(next).time
    }

    /// A metric's value in the window up to `as_of`, by the log up to an offset.
    pub(crate) fn value(&self, metric: MetricIndex, window: Window, as_of: Bucket, next: usize) -> i128 {
        let slice = self.followed(metric);
        let whole = slice.map_or(metric, |slice| slice.metric);
        let known = self.known(whole, window.grain, next);
        let counted = self.counted(whole, &known, window, (as_of, next));
        let at = (window.grain, as_of, next);
        let by_value = self.by_value(whole, &counted, slice.map(|slice| slice.dimension), at);
        by_value.get(&slice.map_or(DimensionValue::NONE, |slice| slice.value)).copied().unwrap_or(0)
    }

    /// The slice of an index, if it follows an attribute.
    fn followed(&self, metric: MetricIndex) -> Option<Slice> {
        let follows = |slice: &Slice| !self.plan.dimension(slice.dimension).is_said();
        self.plan.slice(metric).filter(follows)
    }

    /// How much of what would count has each value of an attribute as of a bucket, or is taken out by each rule; without a
    /// dimension, how much counts.
    fn by_value(
        &self,
        metric: MetricIndex,
        counted: &[(Option<&EntityKey>, i128)],
        dimension: Option<DimensionIndex>,
        at: At,
    ) -> BTreeMap<DimensionValue, i128> {
        let mut sums = BTreeMap::new();
        for (entity, n) in counted {
            let account = entity.map(|entity| entity.parts().next().expect("every key has a part"));
            let verdict = self.verdict(metric, account.as_deref(), at);
            let is_of_rules = |of: &DimensionIndex| self.plan.dimension(*of).taken == Taken::Excluded;
            let value = match (verdict, dimension) {
                (Some(rule), Some(dimension)) if is_of_rules(&dimension) => Some(DimensionValue(rule)),
                (Some(0), Some(dimension)) => Some(self.told(account.as_deref(), dimension, at)),
                (Some(0), None) => Some(DimensionValue::NONE),
                _ => None,
            };
            value.into_iter().for_each(|value| *sums.entry(value).or_default() += n);
        }
        sums
    }

    /// What becomes of something of an account: 0 if it counts for a metric, else by which rule it does not; `None` if the metric
    /// does not want it.
    fn verdict(&self, metric: MetricIndex, account: Option<&str>, at: At) -> Option<u16> {
        let metric = self.plan.metric(metric);
        let has = |required: &Requirement| required.one_of.contains(&self.told(account, required.dimension, at));
        let rules = self.plan.exclude.iter().zip(0..).filter(|(rule, _)| !rule.required.is_empty()).zip(1..);
        let mut rules =
            rules.filter(|((rule, place), _)| !metric.include.contains(place) && rule.required.iter().all(has));
        metric.required.iter().all(has).then(|| rules.next().map_or(0, |(_, number)| number))
    }

    /// The value of an attribute of an account as of a bucket. Nobody has none.
    fn told(&self, account: Option<&str>, dimension: DimensionIndex, (grain, as_of, next): At) -> DimensionValue {
        let Taken::Attribute { of, as_of: when, .. } = self.plan.dimension(dimension).taken else { unreachable!() };
        let changes = account.and_then(|account| self.changes.get(&(EntityKey::of(of, &[account]), dimension)));
        // What is worth something is told in windows of two days, and nothing else is sliced as of their openings.
        let as_of = if when == AsOf::Opening { as_of.plus(-2) } else { as_of };
        let is_known = |seen: usize, bucket: Bucket| seen < next && (when == AsOf::Current || bucket <= as_of);
        let told = changes.into_iter().flatten().filter(|(_, (seen, buckets))| is_known(*seen, buckets[grain]));
        told.map(|(change, _)| *change).max().map_or(DimensionValue::NONE, |(_, value)| value)
    }

    /// The first and last bucket of a track that the log up to an offset tells something about.
    fn span(&self, track: Track, next: usize) -> Option<(Bucket, Bucket)> {
        let bits = || self.bits.get(&track).into_iter().flatten().filter(|(_, (at, is_kept))| *at < next && *is_kept);
        let buckets = || bits().map(|((_, bucket), _)| *bucket);
        let events = || self.events.span(track.metric, track.grain, next);
        let marks = self.marks.get(&track.metric).into_iter().flatten().flat_map(|(_, happened)| happened);
        let days = marks.filter(|(_, seen)| **seen < next).map(|((day, ..), _)| *day);
        let days: BTreeSet<Bucket> = days.collect();
        let days = days.first().copied().zip(days.last().copied());
        buckets().min().zip(buckets().max()).or_else(events).or(days)
    }

    /// Whether what is stored of the shard is what its log's prefix says.
    pub(crate) fn check(&mut self, shard: Shard, log: &LogPartition, store: &mut MemoryStore) -> Result<(), String> {
        self.read_on(log);
        let snapshot = store.snapshot(shard).expect("memory answers");
        let Some(snapshot) = snapshot.filter(|snapshot| !snapshot.stored.state.dirty) else {
            return Ok(());
        };
        let fence = snapshot.stored.state.fence;
        let next = index(fence.next);
        let header = Header::decode(&snapshot.stored.header).map_err(|error| error.to_string())?;
        let told = |what: String| format!("shard {shard} at offset {next}, incarnation {}: {what}", fence.incarnation);
        self.check_header(&header, next).map_err(told)?;
        let floors = header.time.map(|time| self.plan.floors(time));
        let mut counters = BTreeMap::new();
        for (key, bytes) in snapshot.counters {
            counters.insert(key, Counter::decode(&bytes).ok_or_else(|| told(format!("{key:?} is no counter")))?);
        }
        self.check_counters(&counters, floors, next).map_err(told)?;
        let mut records = BTreeMap::new();
        for portion in 0..store.portions() {
            for (key, bytes) in store.portion(shard, fence.incarnation, portion).expect("memory answers").anyway() {
                records.insert(key, Record::decode(&bytes).ok_or_else(|| told("no record".into()))?);
            }
        }
        self.check_records(records, floors, next).map_err(told)
    }

    fn check_header(&self, header: &Header, next: usize) -> Result<(), String> {
        let expected = self.at(next);
        let mut positions = BTreeMap::new();
        for source in &header.sources {
            for (partition, progress) in (0..).zip(&source.partitions) {
                progress.next.into_iter().for_each(|next| {
                    positions.insert((source.topic.clone(), partition), next);
                });
            }
        }
        if (header.time, &positions) != (expected.time, &expected.next) {
            return Err(format!("stands at {:?} {positions:?}, its log says {expected:?}", header.time));
        }
        let mut admitted: Vec<&Admitted> = self.admitted(next).collect();
        admitted.sort_unstable_by_key(|of| (of.dimension, of.number));
        if !header.admitted.iter().eq(admitted.iter().copied()) {
            return Err(format!("says that numbers mean {:?}, its log says {admitted:?}", header.admitted));
        }
        let (told, needed) = (header.ids_from.map(index), self.events.ids_from(next, expected.time));
        if needed.is_some_and(|needed| told.is_none_or(|told| told > needed)) {
            return Err(format!("would read ids again from {told:?}, its log has some from {needed:?} on"));
        }
        Ok(())
    }

    fn check_counters(
        &self,
        counters: &BTreeMap<CounterKey, Counter>,
        floors: Option<Floors>,
        next: usize,
    ) -> Result<(), String> {
        for metric in self.plan.series().filter(|metric| self.followed(*metric).is_none()) {
            for window in &self.plan.metric(metric).windows {
                let grain = window.grain;
                let of = self.parts(metric).pop().unwrap_or(metric);
                let Some((Bucket(first), Bucket(last))) = self.span(self.plan.track(of, grain), next) else {
                    continue;
                };
                let origin = floors.map(|floors| self.plan.origin(grain, floors[grain]).0);
                let from = origin.map_or(first - 1, |origin| origin.max(first - 1));
                let known = self.known(metric, grain, next);
                for as_of in (from..=last + kinds::echoes(*window) + 1).map(Bucket) {
                    for (series, expected) in self.values(metric, &known, *window, (as_of, next)) {
                        let counter = counters.get(&CounterKey { metric: series, window: *window });
                        let told = counter.map_or(Some(0), |counter| counter.value(as_of));
                        if told != Some(expected) {
                            let (name, slice) = (&self.plan.metric(series).name, self.plan.slice(series));
                            return Err(format!(
                                "{name} {slice:?} {window} as of {as_of} is {told:?}, its log says {expected}"
                            ));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The value of a metric, and those of its slices that follow attributes.
    fn values(
        &self,
        metric: MetricIndex,
        known: &Known<'_>,
        window: Window,
        (as_of, next): (Bucket, usize),
    ) -> Vec<(MetricIndex, i128)> {
        let (counted, at) = (self.counted(metric, known, window, (as_of, next)), (window.grain, as_of, next));
        let value = |by_value: &BTreeMap<_, _>, value| by_value.get(&value).copied().unwrap_or(0);
        let mut values = vec![(metric, value(&self.by_value(metric, &counted, None, at), DimensionValue::NONE))];
        let by = if self.plan.slice(metric).is_none() { self.plan.metric(metric).by.as_slice() } else { &[] };
        for by in by.iter().filter(|by| self.followed(by.slice(DimensionValue(1))).is_some()) {
            let by_value = self.by_value(metric, &counted, Some(by.dimension), at);
            let all = self.plan.dimension(by.dimension).all_values();
            values.extend(all.map(|of| (by.slice(of), value(&by_value, of))));
        }
        values
    }
}
