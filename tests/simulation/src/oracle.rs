//! Brute force: what a shard has to hold at an offset, from its log alone, and what the whole has to count, from the
//! source records alone. Neither shares code with the workers beyond the formats.

use crate::log::{LogPartition, index, offset};
use activity::counter::Counter;
use activity::header::Header;
use activity::pack::Pack;
use activity::record::Record;
use activity::{Bucket, EntityKey, MetricIndex, Millis, Offset, Shard};
use catalog::Plan;
use state::{CounterKey, MemoryStore, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

type Bit = (MetricIndex, EntityKey, Bucket);
type Clocks = BTreeMap<(String, i32), Option<Millis>>;

/// What a shard's log says, read once as it grows.
pub(crate) struct ShardOracle {
    plan: Arc<Plan>,
    read: usize,
    /// Every bit, and the first offset that sets it.
    bits: BTreeMap<Bit, usize>,
    /// How far the shard has come before each offset at which that changes.
    steps: Vec<(usize, Expected)>,
    /// Source positions covered so far, to know repetitions.
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
            for delta in &pack.deltas {
                for key in delta.keys.iter().flatten() {
                    let key = EntityKey::parse(key).expect("whole");
                    for metric in &delta.metrics {
                        self.bits.entry((*metric, key.clone(), delta.bucket)).or_insert(at);
                    }
                }
            }
            for coverage in &pack.sources {
                for partition in 0..coverage.partitions {
                    self.clocks.entry((coverage.topic.clone(), partition)).or_insert(None);
                }
                for span in &coverage.spans {
                    let partition = (coverage.topic.clone(), span.partition.0);
                    self.next.insert(partition.clone(), span.to);
                    let clock = self.clocks.entry(partition).or_insert(None);
                    *clock = span.clock.max(*clock);
                }
            }
            let before = self.steps.last().expect("never empty").1.time;
            let slowest = if self.clocks.values().all(Option::is_some) { self.clocks.values().min() } else { None };
            let time = slowest.copied().flatten().max(before);
            self.steps.push((at + 1, Expected { time, next: self.next.clone() }));
        }
        self.read = end;
    }

    fn at(&self, next: usize) -> &Expected {
        let step = self.steps.partition_point(|(from, _)| *from <= next);
        &self.steps[step - 1].1
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
        let origin = header.floor.map(|floor| self.plan.origin(floor));
        let mut counters = BTreeMap::new();
        for (key, bytes) in snapshot.counters {
            counters.insert(key, Counter::decode(&bytes).ok_or_else(|| told(format!("{key:?} is no counter")))?);
        }
        self.check_counters(&counters, origin, next).map_err(told)?;
        let mut records = BTreeMap::new();
        for portion in 0..store.portions() {
            for (key, bytes) in store.portion(shard, fence.incarnation, portion).expect("memory answers") {
                records.insert(key, Record::decode(&bytes).ok_or_else(|| told("no record".into()))?);
            }
        }
        self.check_records(records, header.floor, next).map_err(told)
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
        let floor = header.time.map(|time| self.plan.floor(self.plan.calendar.day(time)));
        if header.floor != floor {
            return Err(format!("keeps from {:?}, shard time says {floor:?}", header.floor));
        }
        Ok(())
    }

    fn check_counters(
        &self,
        counters: &BTreeMap<CounterKey, Counter>,
        origin: Option<Bucket>,
        next: usize,
    ) -> Result<(), String> {
        let mut days: BTreeMap<MetricIndex, BTreeMap<&EntityKey, BTreeSet<Bucket>>> = BTreeMap::new();
        for ((metric, key, bucket), _) in self.bits.iter().filter(|(_, at)| **at < next) {
            days.entry(*metric).or_default().entry(key).or_default().insert(*bucket);
        }
        let (first, last) =
            self.bits.keys().fold((Bucket(i32::MAX), Bucket(i32::MIN)), |(first, last), (_, _, bucket)| {
                (first.min(*bucket), last.max(*bucket))
            });
        if first > last {
            return Ok(());
        }
        let none = BTreeMap::new();
        for (at, metric) in (0..).zip(&self.plan.metrics) {
            let metric_index = MetricIndex(at);
            let entities = days.get(&metric_index).unwrap_or(&none);
            for window in &metric.windows {
                let counter = counters.get(&CounterKey { metric: metric_index, window: *window });
                let width = i32::from(window.0);
                let from = origin.map_or(first.plus(-1), |origin| origin.max(first.plus(-1)));
                for as_of in from.0..=last.0 + width + 1 {
                    let in_window = Bucket(as_of - width + 1)..=Bucket(as_of);
                    let active = |days: &&BTreeSet<Bucket>| days.range(in_window.clone()).next().is_some();
                    let expected = i64::try_from(entities.values().filter(active).count()).expect("few");
                    let told = counter.map_or(Some(0), |counter| counter.value(Bucket(as_of)));
                    if told != Some(expected) {
                        let name = &metric.name;
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
        floor: Option<Bucket>,
        next: usize,
    ) -> Result<(), String> {
        let mut expected: BTreeMap<&EntityKey, Record> = BTreeMap::new();
        for ((metric, key, bucket), _) in self.bits.iter().filter(|(_, at)| **at < next) {
            if floor.is_none_or(|floor| *bucket >= floor) {
                expected.entry(key).or_default().mask_mut(*metric).insert(*bucket);
            }
        }
        floor.into_iter().for_each(|floor| records.values_mut().for_each(|record| record.trim(floor)));
        records.retain(|_, record| !record.is_empty());
        match records.iter().eq(expected.iter().map(|(key, record)| (*key, record))) {
            true => Ok(()),
            false => Err(format!("holds {records:?}, its log says {expected:?}")),
        }
    }

    /// The source positions that this shard's log covers by the end, each range with its offset.
    pub(crate) fn spans(log: &LogPartition) -> Vec<(String, i32, Offset, Offset)> {
        let mut spans = Vec::new();
        for (_, entry) in log.committed(0, log.entries.len()) {
            let pack = Pack::decode(&entry.payload).expect("the simulated log holds packs");
            for coverage in pack.sources {
                let of = |span: &activity::pack::Span| (coverage.topic.clone(), span.partition.0, span.from, span.to);
                spans.extend(coverage.spans.iter().map(of));
            }
        }
        spans
    }

    /// Whether every position of a source partition is covered once and in order.
    pub(crate) fn covers(log: &LogPartition, topic: &str, partition: i32, source: &LogPartition) -> Result<(), String> {
        let mut next = Offset(0);
        for (_, _, from, to) in Self::spans(log).into_iter().filter(|(of, id, ..)| of == topic && *id == partition) {
            if from != next || to < from {
                return Err(format!("{topic}/{partition} is covered from {from} to {to}, after {next}"));
            }
            next = to;
        }
        let end = offset(source.stable_end());
        if next != end {
            return Err(format!("{topic}/{partition} is covered up to {next} of {end}"));
        }
        Ok(())
    }
}
