//! One shard of one source partition, and the store that it is kept in.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
#![allow(dead_code, reason = "every test uses a part of it")]

use activity::fence::{FORMAT, Fence};
use activity::header::Header;
use activity::pack::{Coverage, Jump, Pack, Span};
use activity::{Extent, Incarnation, Millis, Offset, PartitionId, Period, Shard, TopicId, Window};
use catalog::{Metric, Plan};
use prometheus::Registry;
use state::{Commit, MemoryStore, Store, Verdict};
use std::collections::BTreeSet;
use std::sync::Arc;
use window::{Metrics, Settings, ShardState, WindowError};

/// The plan of a catalogue's text.
pub(crate) fn plan(text: &str) -> Arc<Plan> {
    Arc::new(catalog::parse(text).unwrap_or_else(|mistakes| panic!("{}", mistakes.render("test", text))))
}

/// The first bucket that a window covers as of one; weeks start on Sunday.
pub(crate) fn first_of(window: Window, as_of: i32) -> i32 {
    match window.extent {
        Extent::Trailing(length) => as_of - i32::from(length) + 1,
        Extent::AsOf => as_of,
        // 1970-01-01 was a Thursday.
        Extent::ToDate(Period::Week) => as_of - (as_of + 4).rem_euclid(7),
        Extent::ToDate(Period::Month) => as_of - civil(as_of).1 + 1,
        Extent::ToDate(Period::Quarter) => {
            let first = as_of - civil(as_of).1 + 1;
            let is_first = civil(first).0 % 3 == 1;
            if is_first { first } else { first_of(Window::to_date(Period::Quarter), first - 1) }
        }
    }
}

/// Month and day of the month of a day, by counting through the years and months from 2000 on.
fn civil(day: i32) -> (i32, i32) {
    let is_leap = |year: i32| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let (mut left, mut year) = (day - 10_957, 2000);
    while left >= 365 + i32::from(is_leap(year)) {
        left -= 365 + i32::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + i32::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    (month, left + 1)
}

/// Whether an entity with these buckets of activity counts for a metric, which may be one of those that a kind makes.
pub(crate) fn counts(metric: &Metric, buckets: &BTreeSet<i32>, window: Window, as_of: i32) -> bool {
    let of = |as_of| buckets.range(first_of(window, as_of)..=as_of).count();
    let length = i32::from(window.longest());
    let (kind, part) = metric.name.split_once('_').unwrap_or((&metric.name, ""));
    let shift = if kind == "flow" { 1 } else { length };
    let [now, before] = [as_of, as_of - shift].map(|as_of| of(as_of) > 0);
    let earlier = buckets.range(..=as_of - shift).next().is_some();
    match (kind, part) {
        ("growth" | "flow", "new") => now && !earlier,
        ("growth" | "flow", "retained") => now && before,
        ("growth" | "flow", "resurrected") => now && !before && earlier,
        ("growth" | "flow", "lapsed") => !now && before,
        ("regulars", _) => of(as_of) >= 2,
        _ => metric.label().map_or(now, |(_, count)| of(as_of).to_string() == count),
    }
}

/// A shard and its store.
pub(crate) struct Single {
    pub(crate) plan: Arc<Plan>,
    pub(crate) store: MemoryStore,
    pub(crate) state: ShardState,
    pub(crate) position: i64,
    offset: i64,
    pub(crate) log: Vec<(Offset, Pack)>,
}

/// Opens the shard as it is stored.
fn open(plan: &Arc<Plan>, store: &mut MemoryStore) -> ShardState {
    let snapshot = store.snapshot(Shard(0)).unwrap().unwrap();
    let stored = (snapshot.stored.state.fence, Header::decode(&snapshot.stored.header).unwrap());
    let metrics = Metrics::register(&Registry::new()).unwrap();
    ShardState::new(Shard(0), plan.clone(), metrics, stored, snapshot.counters).unwrap()
}

impl Single {
    pub(crate) fn new(plan: Arc<Plan>) -> Single {
        let fence = Fence {
            format: FORMAT,
            topic: TopicId([1; 16]),
            catalogue: plan.version,
            incarnation: Incarnation(1),
            next: Offset(0),
        };
        let mut store = MemoryStore::default();
        let header = Header::default();
        let claim =
            Commit { expected: None, next: fence, header: header.encode(), counters: Vec::new(), records: Vec::new() };
        assert_eq!(store.commit(Shard(0), &claim).unwrap(), Verdict::Committed);
        let state = open(&plan, &mut store);
        Single { plan, store, state, position: 0, offset: 0, log: Vec::new() }
    }

    /// Opens the shard anew from what is stored, and reads the log again as far as that is asked for.
    pub(crate) fn reopen(&mut self) {
        self.state = open(&self.plan, &mut self.store);
        let from = self.state.reads_from();
        let again: Vec<(Offset, Pack)> = self.log.iter().filter(|(offset, _)| *offset >= from).cloned().collect();
        again.iter().for_each(|(offset, pack)| self.state.apply(*offset, pack).unwrap());
    }

    /// The pack of one source record that says nothing, and the clock after it.
    pub(crate) fn pack(&mut self, clock: Millis) -> Pack {
        let span = Span {
            partition: PartitionId(0),
            from: Offset(self.position),
            to: Offset(self.position + 1),
            clock: Some(clock),
            jump: (self.position == 0).then_some(Jump::FirstStart),
        };
        self.position += 1;
        let (topic, topic_id, spans) = ("usage".to_owned(), TopicId([2; 16]), vec![span]);
        Pack {
            catalogue: self.plan.version,
            sealed_at: clock,
            sources: vec![Coverage { topic, topic_id, partitions: 1, spans }],
            ..Pack::default()
        }
    }

    pub(crate) fn apply(&mut self, pack: &Pack) -> Result<(), WindowError> {
        self.offset += 2;
        self.log.push((Offset(self.offset), pack.clone()));
        let missing = self.state.missing(&self.log[self.log.len() - 1..]);
        let found = self.store.records(Shard(0), Incarnation(1), &missing).unwrap().anyway();
        for (key, record) in missing.into_iter().zip(found) {
            self.state.admit(key, record).unwrap();
        }
        self.state.apply(Offset(self.offset), pack)
    }

    pub(crate) fn commit(&mut self) {
        let commit = self.state.commit().unwrap();
        assert_eq!(self.store.commit(Shard(0), &commit).unwrap(), Verdict::Committed);
        self.state.committed(&Settings { cache_entities: 3, ..Settings::default() });
    }
}
