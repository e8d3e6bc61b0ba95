//! Brute force: what a shard has to hold at an offset, from its log alone, and what the whole has to count, from the
//! source records alone. Neither shares code with the workers beyond the formats.

use crate::events::Events;
use crate::log::{LogPartition, index};
use activity::counter::Counter;
use activity::header::Header;
use activity::mask::Mask;
use activity::pack::{Attribute, Coverage, Pack};
use activity::record::{Floors, Record};
use activity::{
    Bucket, DimensionIndex, DimensionValue, EntityKey, EntityKind, Grain, MetricIndex, Millis, Offset, PerGrain, Shard,
    Track, Window,
};
use catalog::{AsOf, Plan, Slice, Taken};
use state::{CounterKey, MemoryStore, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The place of accounts in the catalogue.
const ACCOUNT: EntityKind = EntityKind(1);

/// When and what, the first offset that says so, and the buckets that it lies in.
type Told = BTreeMap<(Millis, DimensionValue), (usize, PerGrain<Bucket>)>;
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
    /// Every bit, and the first offset that sets it.
    bits: BTreeMap<Track, BTreeMap<(EntityKey, Bucket), usize>>,
    pub(crate) events: Events,
    /// What was told of which attribute of whom.
    changes: BTreeMap<(EntityKey, DimensionIndex), Told>,
    /// How far the shard has come before each offset at which that changes.
    steps: Vec<(usize, Expected)>,
    /// Where each source partition was covered up to.
    next: BTreeMap<(String, i32), Offset>,
    clocks: Clocks,
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
            changes: BTreeMap::new(),
            steps: vec![(0, Expected::default())],
            next: BTreeMap::new(),
            clocks: BTreeMap::new(),
        }
    }

    fn read_on(&mut self, log: &LogPartition) {
        let end = log.stable_end();
        let packs = log.committed(self.read, end).map(|(at, entry)| (at, Pack::decode(&entry.payload)));
        for (at, pack) in packs.collect::<Vec<_>>() {
            let pack = pack.expect("the simulated log holds packs");
            let before = self.steps.last().expect("never empty").1.time;
            let floors = before.map(|time| self.plan.floors(time));
            for delta in
                pack.deltas.iter().filter(|delta| floors.is_none_or(|floors| delta.bucket >= floors[delta.grain]))
            {
                for key in delta.keys.iter().flatten() {
                    let key = EntityKey::parse(key).expect("whole");
                    for metric in &delta.metrics {
                        let track = Track { metric: *metric, grain: delta.grain };
                        let of_track = self.bits.entry(track).or_default();
                        of_track.entry((key.clone(), delta.bucket)).or_insert(at);
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

    /// Shard time at an offset.
    pub(crate) fn time(&mut self, log: &LogPartition, next: usize) -> Option<Millis> {
        self.read_on(log);
        self.at(next).time
    }

    /// A metric's value in the window up to `as_of`, by the log up to an offset.
    pub(crate) fn value(&self, metric: MetricIndex, window: Window, as_of: Bucket, next: usize) -> i128 {
        if self.plan.metric(metric).entity().is_none() {
            return self.events.value(metric, window, as_of, next);
        }
        let Some(slice) = self.followed(metric) else {
            return i128::try_from(self.active(metric, window, as_of, next).len()).expect("few");
        };
        let active = self.active(slice.metric, window, as_of, next);
        let by_value = self.by_value(&active, slice.dimension, window.grain, as_of, next);
        by_value.get(&slice.value).copied().unwrap_or(0)
    }

    /// The slice of an index, if it follows an attribute.
    fn followed(&self, metric: MetricIndex) -> Option<Slice> {
        let follows = |slice: &Slice| matches!(self.plan.dimension(slice.dimension).taken, Taken::Attribute { .. });
        self.plan.slice(metric).filter(follows)
    }

    /// The entities that were active in the window up to `as_of`, by the log up to an offset.
    fn active(&self, metric: MetricIndex, window: Window, as_of: Bucket, next: usize) -> BTreeSet<&EntityKey> {
        let track = Track { metric, grain: window.grain };
        let range = as_of.plus(1 - i32::from(window.longest()))..=as_of;
        let bits = self.bits.get(&track).into_iter().flatten();
        bits.filter(|((_, at), seen)| range.contains(at) && **seen < next).map(|((key, _), _)| key).collect()
    }

    /// How many of some entities have each value of an attribute as of a bucket: their own, or that of the account that the
    /// first part of their keys names.
    fn by_value(
        &self,
        entities: &BTreeSet<&EntityKey>,
        dimension: DimensionIndex,
        grain: Grain,
        as_of: Bucket,
        next: usize,
    ) -> BTreeMap<DimensionValue, i128> {
        let mut counts = BTreeMap::new();
        let Taken::Attribute { of, as_of: when, .. } = self.plan.dimension(dimension).taken else { return counts };
        for entity in entities {
            let account = entity.parts().next().expect("every key has a part");
            let told = self.changes.get(&(EntityKey::of(of, &[&account]), dimension)).into_iter().flatten();
            let is_known = |seen: usize, bucket: Bucket| seen < next && (when == AsOf::Current || bucket <= as_of);
            let told = told.filter(|(_, (seen, buckets))| is_known(*seen, buckets[grain]));
            let latest = told.map(|(change, _)| *change).max();
            *counts.entry(latest.map_or(DimensionValue::NONE, |(_, value)| value)).or_default() += 1;
        }
        counts
    }

    /// The first and last bucket of a track that the log up to an offset tells something about.
    fn span(&self, track: Track, next: usize) -> Option<(Bucket, Bucket)> {
        let bits = || self.bits.get(&track).into_iter().flatten().filter(|(_, at)| **at < next);
        let buckets = || bits().map(|((_, bucket), _)| *bucket);
        let events = || self.events.span(track.metric, track.grain, next);
        buckets().min().zip(buckets().max()).or_else(events)
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
                let Some((Bucket(first), Bucket(last))) = self.span(Track { metric, grain }, next) else { continue };
                let origin = floors.map(|floors| self.plan.origin(grain, floors[grain]).0);
                let from = origin.map_or(first - 1, |origin| origin.max(first - 1));
                for as_of in (from..=last + i32::from(window.longest()) + 1).map(Bucket) {
                    for (series, expected) in self.values(metric, *window, as_of, next) {
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
    fn values(&self, metric: MetricIndex, window: Window, as_of: Bucket, next: usize) -> Vec<(MetricIndex, i128)> {
        let mut values = vec![(metric, self.value(metric, window, as_of, next))];
        let by = if self.plan.slice(metric).is_none() { self.plan.metric(metric).by.as_slice() } else { &[] };
        let mut followed = by.iter().filter(|by| self.followed(by.first).is_some()).peekable();
        let active = followed.peek().map(|_| self.active(metric, window, as_of, next));
        for (by, active) in followed.zip(std::iter::repeat(active.unwrap_or_default())) {
            let by_value = self.by_value(&active, by.dimension, window.grain, as_of, next);
            let all = self.plan.dimension(by.dimension).all_values();
            values.extend(all.map(|value| (by.slice(value), by_value.get(&value).copied().unwrap_or(0))));
        }
        values
    }

    fn check_records(
        &self,
        mut records: BTreeMap<EntityKey, Record>,
        floors: Option<Floors>,
        next: usize,
    ) -> Result<(), String> {
        let mut expected: BTreeMap<&EntityKey, Record> = BTreeMap::new();
        let bits = self.bits.iter().flat_map(|(track, bits)| bits.iter().map(move |bit| (track, bit)));
        for (track, ((key, bucket), _)) in bits.filter(|(_, (_, at))| **at < next) {
            if floors.is_none_or(|floors| *bucket >= floors[track.grain]) {
                expected.entry(key).or_default().mask_mut(*track).insert(*bucket);
            }
        }
        for ((key, dimension), told) in &self.changes {
            for ((at, value), _) in told.iter().filter(|(_, (seen, _))| *seen < next) {
                expected.entry(key).or_default().attribute_mut(*dimension).set(*at, *value);
            }
        }
        floors
            .iter()
            .for_each(|floors| records.values_mut().chain(expected.values_mut()).for_each(|of| of.trim(floors)));
        records.retain(|_, record| !record.is_empty());
        let keys: BTreeSet<&EntityKey> = records.keys().chain(expected.keys().copied()).collect();
        let none = Record::default();
        for key in keys {
            let (told, expected) = (records.get(key).unwrap_or(&none), expected.get(key).unwrap_or(&none));
            if self.own(key, told, floors) != self.own(key, expected, floors) {
                return Err(format!("holds {told:?} of {key:?}, its log says {expected:?}"));
            }
            floors.map_or(Ok(()), |floors| self.check_members(key, told, floors, next))?;
        }
        Ok(())
    }

    /// What a record says of its entity itself: its masks, and its attributes as of every bucket that something was told of and
    /// that is kept. Which changes say so is the record's own affair.
    fn own<'r>(
        &self,
        key: &EntityKey,
        record: &'r Record,
        floors: Option<Floors>,
    ) -> (Vec<Option<&'r Mask>>, Vec<Option<DimensionValue>>) {
        let tracks = self.plan.series().flat_map(|metric| Grain::ALL.map(|grain| Track { metric, grain }));
        let mut values = Vec::new();
        for dimension in (0..).map(DimensionIndex).take(self.plan.dimensions.len()) {
            let timeline = record.attribute(dimension);
            values.push(timeline.map(|timeline| timeline.current().at(Bucket(0))));
            let told = || self.changes.get(&(key.clone(), dimension)).into_iter().flatten();
            for grain in self.plan.grains() {
                let floor = floors.map_or(Bucket(i32::MIN), |floors| floors[grain]);
                let of = timeline.map(|timeline| timeline.by_bucket(|time| self.plan.bucket(grain, time)));
                let buckets = told().map(|(_, (_, buckets))| buckets[grain].max(floor)).chain([floor]);
                values.extend(buckets.map(|bucket| of.as_ref().map(|of| of.at(bucket))));
            }
        }
        (tracks.map(|track| record.mask(track)).collect(), values)
    }

    /// Whether a record of an account says how many of its pairs count.
    fn check_members(&self, key: &EntityKey, record: &Record, floors: Floors, next: usize) -> Result<(), String> {
        let account = key.parts().next();
        let is_of =
            |metric: &MetricIndex| self.plan.metric(*metric).name == "pairs" && self.plan.slice(*metric).is_none();
        for metric in self.plan.series().filter(|metric| is_of(metric) && key.kind() == ACCOUNT) {
            for window in &self.plan.metric(metric).windows {
                let origin = self.plan.origin(window.grain, floors[window.grain]);
                for as_of in [origin, origin.plus(i32::from(window.longest()) - 1)] {
                    let members = self.active(metric, *window, as_of, next);
                    let expected = members.into_iter().filter(|pair| pair.parts().next() == account).count();
                    let steps = record.members(metric, *window).into_iter().flat_map(|members| members.steps());
                    let told: i64 = steps.filter(|(at, _)| *at <= as_of).map(|(_, n)| n).sum();
                    if usize::try_from(told) != Ok(expected) {
                        return Err(format!(
                            "{key:?} has {told} members in {window} as of {as_of}, its log says {expected}"
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether the store holds nothing of the shard that lies below its floor.
    pub(crate) fn is_swept(plan: &Plan, shard: Shard, store: &mut MemoryStore) -> bool {
        let Some(stored) = store.stored(shard).expect("memory answers") else {
            return true;
        };
        let time = Header::decode(&stored.header).ok().and_then(|header| header.time);
        let floors = time.map(|time| plan.floors(time));
        let mut portions = 0..store.portions();
        floors.is_none_or(|floors| {
            portions.all(|portion| {
                let entities =
                    store.portion(shard, stored.state.fence.incarnation, portion).expect("memory answers").anyway();
                entities.iter().all(|(_, bytes)| {
                    let record = Record::decode(bytes).unwrap_or_default();
                    let mut trimmed = record.clone();
                    trimmed.trim(&floors);
                    trimmed == record && !record.is_empty()
                })
            })
        })
    }
}
