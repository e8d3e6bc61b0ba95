//! What a shard tells about every as-of bucket against brute force: late events, days of 23 and 25 hours, the slide of the
//! floor, and the horizon.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use activity::fence::{FORMAT, Fence};
use activity::header::Header;
use activity::pack::{Coverage, Delta, Jump, Keys, Pack, Span};
use activity::{
    Bucket, EntityKey, EntityKind, Incarnation, MetricIndex, Millis, Offset, PartitionId, Shard, TopicId, Window,
};
use catalog::Plan;
use exporter::Totals;
use prometheus::Registry;
use proptest::prelude::*;
use state::{Commit, MemoryStore, Store, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use window::{Metrics, Settings, ShardState, WindowError};

const HOUR: i64 = 3_600_000;
const HISTORY: i32 = 20;
const LATENESS: i32 = 3;
const WINDOWS: [i32; 4] = [1, 7, 28, 90];

fn plan() -> Arc<Plan> {
    let text = "
version: 1
product: test
time_zone: America/New_York
history: 20d
sources: { usage: { topic: usage, lateness: { day: 3d } } }
entities: { user: { key: user_id } }
metrics:
  users:
    type: simple
    measure: { agg: count_distinct, entity: user, events: any }
    windows: [1d, 7d, 28d, 90d]
";
    Arc::new(catalog::parse(text).unwrap_or_else(|mistakes| panic!("{}", mistakes.render("test", text))))
}

/// A shard of one source partition, and the store that it is kept in.
struct Harness {
    plan: Arc<Plan>,
    store: MemoryStore,
    state: ShardState,
    position: i64,
    offset: i64,
    active: BTreeMap<u8, BTreeSet<i32>>,
}

impl Harness {
    fn new() -> Harness {
        let plan = plan();
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
        let metrics = Metrics::register(&Registry::new()).unwrap();
        let state = ShardState::new(Shard(0), plan.clone(), metrics, (fence, header), Vec::new()).unwrap();
        Harness { plan, store, state, position: 0, offset: 0, active: BTreeMap::new() }
    }

    /// The pack of one record: users who were active at a time, and the clock after it.
    fn pack(&mut self, users: &[u8], day: Bucket, clock: Millis) -> Pack {
        let mut keys = Keys::default();
        users.iter().for_each(|user| keys.push(EntityKey::of(EntityKind(0), &[&user.to_string()]).as_bytes()));
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
            deltas: vec![Delta { metrics: vec![MetricIndex(0)], bucket: day, keys }],
        }
    }

    fn apply(&mut self, pack: &Pack) -> Result<(), WindowError> {
        let missing = self.state.missing(pack);
        let found = self.store.records(Shard(0), Incarnation(1), &missing).unwrap().anyway();
        for (key, record) in missing.into_iter().zip(found) {
            self.state.admit(key, record).unwrap();
        }
        self.offset += 2;
        self.state.apply(Offset(self.offset), pack)
    }

    fn active_at(&mut self, users: &[u8], time: Millis, clock: Millis) {
        let day = self.plan.calendar.day(time);
        let pack = self.pack(users, day, clock);
        self.apply(&pack).unwrap();
        users.iter().for_each(|user| {
            self.active.entry(*user).or_default().insert(day.0);
        });
    }

    fn commit(&mut self) {
        let commit = self.state.commit().unwrap();
        assert_eq!(self.store.commit(Shard(0), &commit).unwrap(), Verdict::Committed);
        self.state.committed(&Settings { cache_entities: 3, ..Settings::default() });
    }

    /// Compares every as-of bucket that is kept, and asserts that history is kept at all.
    fn compare(&mut self, clock: Millis) {
        let totals = Totals::read(&mut self.store, &self.plan, 1).unwrap();
        let today = self.plan.calendar.day(clock).0;
        let first = totals.first_as_of(&self.plan).unwrap().0;
        assert_eq!(first, today - HISTORY - LATENESS - 1);
        for window in WINDOWS {
            let width = Window(u16::try_from(window).unwrap());
            for as_of in first - 2..today + 100 {
                let active = |days: &&BTreeSet<i32>| days.range(as_of - window + 1..=as_of).next().is_some();
                let expected = i64::try_from(self.active.values().filter(active).count()).unwrap();
                let told = totals.value(MetricIndex(0), width, Bucket(as_of));
                assert_eq!(told, (as_of >= first).then_some(expected), "{window}d as of {as_of}, today {today}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_as_of_bucket_of_history_is_exact_however_late_events_come(
        start in 1_740_000_000_000_i64..1_763_000_000_000,
        steps in proptest::collection::vec((0i64..60, 0i64..72, proptest::collection::vec(0u8..12, 1..4)), 1..60),
    ) {
        let mut harness = Harness::new();
        let mut clock = start;
        for (forward, back, users) in &steps {
            clock += forward * HOUR;
            harness.active_at(users, Millis(clock - back * HOUR), Millis(clock));
            harness.commit();
            harness.compare(Millis(clock));
        }
    }
}

#[test]
fn days_of_23_and_25_hours_are_days_like_any_other() {
    for noon_before in [1_741_453_200_000, 1_762_016_400_000] {
        let mut harness = Harness::new();
        for hour in 0..72 {
            let time = Millis(noon_before + hour * HOUR);
            harness.active_at(&[u8::try_from(hour % 5).unwrap()], time, time);
        }
        harness.commit();
        harness.compare(Millis(noon_before + 71 * HOUR));
        assert_eq!(harness.active.values().flatten().collect::<BTreeSet<_>>().len(), 4);
    }
}

#[test]
fn an_entity_that_never_comes_back_counts_until_its_window_ends_and_then_no_more() {
    let mut harness = Harness::new();
    let start = 1_750_000_000_000;
    harness.active_at(&[1], Millis(start), Millis(start));
    for day in 1..300 {
        let clock = Millis(start + day * 24 * HOUR);
        harness.active_at(&[2], clock, clock);
        harness.commit();
        harness.compare(clock);
    }
}

#[test]
fn a_delta_below_the_floor_is_refused_with_its_place() {
    let mut harness = Harness::new();
    let clock = Millis(1_750_000_000_000);
    harness.active_at(&[1], clock, clock);
    let floor = harness.plan.floor(harness.plan.calendar.day(clock));
    let pack = harness.pack(&[1], floor.plus(-1), clock);
    let told = harness.apply(&pack).unwrap_err().to_string();
    assert!(told.contains(&format!("bucket {}", floor.0 - 1)) && told.contains("offset 4"), "{told}");
}

#[test]
fn a_repeated_pack_changes_nothing_and_a_hole_is_refused() {
    let mut harness = Harness::new();
    let clock = Millis(1_750_000_000_000);
    let day = harness.plan.calendar.day(clock);
    let first = harness.pack(&[1], day, clock);
    harness.apply(&first).unwrap();
    let before = harness.state.header().clone();
    harness.apply(&first).unwrap();
    assert_eq!(harness.state.header(), &before);
    harness.position += 1;
    let after_a_hole = harness.pack(&[2], day, clock);
    let told = harness.apply(&after_a_hole).unwrap_err().to_string();
    assert!(told.contains("usage/0 from 2") && told.contains("stands at 1"), "{told}");
}
