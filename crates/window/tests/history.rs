//! What a shard tells about every as-of bucket against brute force: late events, duplicates before and after a restart, days
//! of 23 and 25 hours, the slide of the floor, and the horizon.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod support;

use activity::additive::{Addend, Additive, IdSpace, Place};
use activity::pack::{Delta, Keys, Pack};
use activity::{Bucket, EntityKey, EntityKind, Grain, MetricIndex, Millis, PerGrain};
use catalog::Plan;
use exporter::Totals;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use support::Single;

const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;

fn plan() -> Arc<Plan> {
    let text = "
version: 1
product: test
time_zone: America/New_York
week_starts: sunday
history: { minute: 30m, hour: 10h, day: 20d }
sources: { usage: { topic: usage, lateness: { minute: 10m, hour: 2h, day: 3d } } }
entities: { user: { key: user_id } }
metrics:
  users:
    type: simple
    measure: { agg: count_distinct, entity: user, events: any }
    windows: [1m, 60m, 1h, 24h, 1d, 7d, 28d, 90d, wtd, mtd, qtd]
  plays: { type: simple, measure: { agg: count, events: any }, windows: [1m, 60m, 1h, 24h, 1d, 7d, 28d, 90d, wtd, mtd, qtd] }
  seconds:
    type: simple
    measure: { agg: sum, value: seconds, decimals: 1, events: any }
    windows: [1m, 60m, 1h, 24h, 1d, 7d, 28d, 90d, wtd, mtd, qtd]
";
    support::plan(text)
}

/// What a user's events add up.
fn value_of(user: u8) -> i64 {
    i64::from(user) * 7 - 20
}

/// A shard, and what it has to tell.
struct Harness {
    shard: Single,
    active: PerGrain<BTreeMap<u8, BTreeSet<i32>>>,
    /// The events, by the bucket in which they count: their values.
    events: PerGrain<Vec<(i32, i64)>>,
}

impl Harness {
    fn new() -> Harness {
        Harness { shard: Single::new(plan()), active: PerGrain::default(), events: PerGrain::default() }
    }

    /// The pack of one record: users who were active in these buckets, and the clock after it.
    fn pack(&mut self, users: &[u8], buckets: &[(Grain, Bucket)], clock: Millis) -> Pack {
        let mut keys = Keys::default();
        users.iter().for_each(|user| keys.push(EntityKey::of(EntityKind(0), &[&user.to_string()]).as_bytes()));
        let delta = |(grain, bucket): &(Grain, Bucket)| Delta {
            metrics: vec![MetricIndex(0)],
            grain: *grain,
            bucket: *bucket,
            keys: keys.clone(),
        };
        Pack { deltas: buckets.iter().map(delta).collect(), ..self.shard.pack(clock) }
    }

    /// Users who were active at a time, in its bucket of every grain for which that is not late.
    fn active_at(&mut self, users: &[u8], time: Millis, clock: Millis) {
        let in_time = |grain: &Grain| clock.0 - time.0 <= self.shard.plan.lateness_ms(*grain);
        let buckets: Vec<(Grain, Bucket)> =
            Grain::ALL.into_iter().filter(in_time).map(|grain| (grain, self.shard.plan.bucket(grain, time))).collect();
        let mut pack = self.pack(users, &buckets, clock);
        pack.additive.extend(self.events_of(users, &buckets));
        self.shard.apply(&pack).unwrap();
        for (grain, bucket) in buckets {
            users.iter().for_each(|user| {
                self.active[grain].entry(*user).or_default().insert(bucket.0);
                self.events[grain].push((bucket.0, value_of(*user)));
            });
        }
    }

    /// An event for every user, each with an id of its own.
    fn events_of(&self, users: &[u8], buckets: &[(Grain, Bucket)]) -> Option<Additive> {
        let places: Vec<Place> =
            buckets.iter().map(|(grain, bucket)| Place { grain: *grain, bucket: *bucket }).collect();
        let mut events = Additive::new(&[], vec![MetricIndex(1)], vec![MetricIndex(2)], places);
        for (at, user) in users.iter().enumerate() {
            let id = IdSpace::of("usage").id(&format!("{} {at}", self.shard.position));
            events.push(Addend { id, values: &[value_of(*user)] });
        }
        (!buckets.is_empty()).then_some(events)
    }

    /// The last pack's events come again, by other source positions.
    fn again(&mut self, clock: Millis) {
        let events = self.shard.log.last().unwrap().1.additive.clone();
        let pack = Pack { additive: events, ..self.pack(&[], &[], clock) };
        self.shard.apply(&pack).unwrap();
    }

    /// Compares every as-of bucket that is kept, and asserts that history is kept at all.
    fn compare(&mut self, clock: Millis) {
        let totals = Totals::read(&mut self.shard.store, &self.shard.plan, 1).unwrap();
        let bound = |grain: Grain| match grain {
            Grain::Minute => (10, 30),
            Grain::Hour => (2, 10),
            Grain::Day => (3, 20),
        };
        for window in self.shard.plan.metrics[0].windows.clone() {
            let (grain, length) = (window.grain, i32::from(window.longest()));
            let now = self.shard.plan.bucket(grain, clock).0;
            let first = totals.first_as_of(grain).unwrap().0;
            let (lateness, history) = bound(grain);
            assert_eq!(first, now - history - lateness - 1);
            for as_of in first - 2..now + length + 5 {
                let from = support::first_of(window, as_of);
                let counts = |at: &&BTreeSet<i32>| at.range(from..=as_of).next().is_some();
                let expected = i64::try_from(self.active[grain].values().filter(counts).count()).unwrap();
                let events = self.events[grain].iter().filter(|(at, _)| (from..=as_of).contains(at));
                let values: Vec<i64> = events.map(|(_, value)| *value).collect();
                let expected = [expected, i64::try_from(values.len()).unwrap(), values.iter().sum()];
                for (metric, expected) in (0..).map(MetricIndex).zip(expected) {
                    let told = totals.value(&self.shard.plan, metric, window, Bucket(as_of)).map(|value| value.units);
                    let expected = (as_of >= first).then_some(i128::from(expected));
                    assert_eq!(told, expected, "metric {metric}, {window} as of {as_of}, now {now}");
                }
            }
        }
    }
}

/// Some minutes, or hours, or days.
fn minutes() -> impl Strategy<Value = i64> {
    prop_oneof![0i64..15, 0i64..150, 0i64..4320]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_as_of_bucket_of_history_is_exact_however_late_events_come(
        start in 1_740_000_000_000_i64..1_763_000_000_000,
        steps in proptest::collection::vec(
            (minutes(), minutes(), proptest::collection::vec(0u8..12, 1..4), 0..4u8), 1..60,
        ),
    ) {
        let mut harness = Harness::new();
        let mut clock = start;
        for (forward, back, users, then) in &steps {
            clock += forward * MINUTE;
            harness.active_at(users, Millis(clock - back * MINUTE), Millis(clock));
            harness.shard.commit();
            if *then > 0 {
                (1..*then).for_each(|_| harness.shard.reopen());
                harness.again(Millis(clock));
                harness.shard.commit();
            }
            harness.compare(Millis(clock));
        }
    }
}

#[test]
fn a_copy_that_is_late_for_its_hour_leaves_the_hour_to_another() {
    let mut harness = Harness::new();
    let time = Millis(1_750_000_000_000);
    let buckets = Grain::ALL.map(|grain| (grain, harness.shard.plan.bucket(grain, time)));
    let [full, late] = [&buckets[..], &buckets[2..]].map(|buckets| harness.events_of(&[1, 2], buckets));
    for copies in [&late, &late, &full, &late, &full] {
        let pack = Pack { additive: copies.iter().cloned().collect(), ..harness.pack(&[], &[], time) };
        harness.shard.apply(&pack).unwrap();
        harness.shard.commit();
        harness.shard.reopen();
    }
    for (grain, bucket) in buckets {
        harness.events[grain].extend([1, 2].map(|user| (bucket.0, value_of(user))));
    }
    harness.compare(time);
}

#[test]
fn days_of_23_and_25_hours_are_days_like_any_other() {
    for noon_before in [1_741_453_200_000, 1_762_016_400_000] {
        let mut harness = Harness::new();
        for hour in 0..72 {
            let time = Millis(noon_before + hour * HOUR);
            harness.active_at(&[u8::try_from(hour % 5).unwrap()], time, time);
        }
        harness.shard.commit();
        harness.compare(Millis(noon_before + 71 * HOUR));
        assert_eq!(harness.active[Grain::Day].values().flatten().collect::<BTreeSet<_>>().len(), 4);
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
        harness.shard.commit();
        harness.compare(clock);
    }
}

#[test]
fn a_delta_below_the_floor_is_refused_with_its_place() {
    let mut harness = Harness::new();
    let clock = Millis(1_750_000_000_000);
    harness.active_at(&[1], clock, clock);
    let floor = harness.shard.plan.floor(Grain::Hour, clock);
    let pack = harness.pack(&[1], &[(Grain::Hour, floor.plus(-1))], clock);
    let told = harness.shard.apply(&pack).unwrap_err().to_string();
    assert!(told.contains(&format!("hour {}", floor.0 - 1)) && told.contains("offset 4"), "{told}");
}

/// Events of a day, by their ids.
fn events_of_day(ids: &[&str], day: i32) -> Additive {
    let places = vec![Place { grain: Grain::Day, bucket: Bucket(day) }];
    let mut events = Additive::new(&[], vec![MetricIndex(1)], Vec::new(), places);
    ids.iter().for_each(|id| events.push(Addend { id: IdSpace::of("usage").id(id), values: &[] }));
    events
}

/// The day of its first copy is past when the last one comes, that of the second is not.
#[test]
fn an_event_that_was_sent_again_with_another_time_counts_once_with_and_without_a_restart() {
    for restarts in [false, true] {
        let mut harness = Harness::new();
        let at = |day: i64| Millis(1_750_000_000_000 + day * 24 * HOUR);
        let first = harness.shard.plan.calendar.day(at(0)).0;
        for (ids, day, clock) in [(&["x"][..], 0, 0), (&["x", "y"], 1, 1), (&[], 1, 4), (&["x"], 1, 4)] {
            let pack = Pack { additive: vec![events_of_day(ids, first + day)], ..harness.pack(&[], &[], at(clock)) };
            harness.shard.apply(&pack).unwrap();
            harness.shard.commit();
            if restarts {
                harness.shard.reopen();
            }
        }
        let totals = Totals::read(&mut harness.shard.store, &harness.shard.plan, 1).unwrap();
        let window = activity::Window::days(7);
        let plays = totals.value(&harness.shard.plan, MetricIndex(1), window, Bucket(first + 4)).unwrap();
        assert_eq!(plays.units, 2, "restarts: {restarts}");
    }
}

#[test]
fn a_repeated_pack_changes_nothing_and_a_hole_is_refused() {
    let mut harness = Harness::new();
    let clock = Millis(1_750_000_000_000);
    let day = [(Grain::Day, harness.shard.plan.calendar.day(clock))];
    let first = harness.pack(&[1], &day, clock);
    harness.shard.apply(&first).unwrap();
    let before = harness.shard.state.header().clone();
    harness.shard.apply(&first).unwrap();
    assert_eq!(harness.shard.state.header(), &before);
    harness.shard.position += 1;
    let after_a_hole = harness.pack(&[2], &day, clock);
    let told = harness.shard.apply(&after_a_hole).unwrap_err().to_string();
    assert!(told.contains("usage/0 from 2") && told.contains("stands at 1"), "{told}");
}
