//! Brute force: what a shard has to hold at an offset, from its log alone, and what the whole has to count, from the
//! source records alone. Neither shares code with the workers beyond the formats.

use crate::events::Events;
use crate::log::{LogPartition, index};
use activity::counter::Counter;
use activity::header::Header;
use activity::pack::{Coverage, Pack};
use activity::record::Record;
use activity::{Bucket, EntityKey, MetricIndex, Millis, Offset, PerGrain, Shard, Track, Window};
use catalog::Plan;
use state::{CounterKey, MemoryStore, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

type Bit = (Track, EntityKey, Bucket);
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
    bits: BTreeMap<Bit, usize>,
    pub(crate) events: Events,
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
                        self.bits.entry((track, key.clone(), delta.bucket)).or_insert(at);
                    }
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
        let track = Track { metric, grain: window.grain };
        let range = as_of.plus(1 - i32::from(window.length))..=as_of;
        let bits = self.bits.iter().filter(|((of, _, at), seen)| *of == track && range.contains(at) && **seen < next);
        let active: BTreeSet<_> = bits.map(|((_, key, _), _)| key).collect();
        i128::try_from(active.len()).expect("few")
    }

    /// The first and last bucket of a track that the log up to an offset tells something about.
    fn span(&self, track: Track, next: usize) -> Option<(Bucket, Bucket)> {
        let bits = || self.bits.iter().filter(|((of, _, _), at)| *of == track && **at < next);
        let buckets = || bits().map(|((_, _, bucket), _)| *bucket);
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
        floors: Option<PerGrain<Bucket>>,
        next: usize,
    ) -> Result<(), String> {
        for (metric, of) in (0..).map(MetricIndex).zip(&self.plan.metrics) {
            for window in &of.windows {
                let grain = window.grain;
                let Some((Bucket(first), Bucket(last))) = self.span(Track { metric, grain }, next) else { continue };
                let origin = floors.map(|floors| self.plan.origin(grain, floors[grain]).0);
                let counter = counters.get(&CounterKey { metric, window: *window });
                let from = origin.map_or(first - 1, |origin| origin.max(first - 1));
                for as_of in (from..=last + i32::from(window.length) + 1).map(Bucket) {
                    let expected = self.value(metric, *window, as_of, next);
                    let told = counter.map_or(Some(0), |counter| counter.value(as_of));
                    if told != Some(expected) {
                        let name = &of.name;
                        return Err(format!("{name} {window} as of {as_of} is {told:?}, its log says {expected}"));
                    }
                }
            }
        }
        Ok(())
    }

    fn check_records(
        &self,
        mut records: BTreeMap<EntityKey, Record>,
        floors: Option<PerGrain<Bucket>>,
        next: usize,
    ) -> Result<(), String> {
        let mut expected: BTreeMap<&EntityKey, Record> = BTreeMap::new();
        for ((track, key, bucket), _) in self.bits.iter().filter(|(_, at)| **at < next) {
            if floors.is_none_or(|floors| *bucket >= floors[track.grain]) {
                expected.entry(key).or_default().mask_mut(*track).insert(*bucket);
            }
        }
        floors.iter().for_each(|floors| records.values_mut().for_each(|record| record.trim(floors)));
        records.retain(|_, record| !record.is_empty());
        match records.iter().eq(expected.iter().map(|(key, record)| (*key, record))) {
            true => Ok(()),
            false => Err(format!("holds {records:?}, its log says {expected:?}")),
        }
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
