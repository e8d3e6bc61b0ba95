//! What a shard tells about slices and filters by attributes against brute force: changes that come late, out of order, twice, after a
//! restart, and from before everything that is kept; of entities themselves, of pairs that follow their account, and of events
//! that do.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod support;

use activity::additive::{Addend, Additive, IdSpace, Place};
use activity::pack::{Attribute, Change, Delta, Keys};
use activity::{
    Bucket, DimensionIndex, DimensionValue, EntityKey, EntityKind, Grain, Incarnation, MetricIndex, Millis, PerGrain,
    Shard, Window,
};
use catalog::{AsOf, Taken};
use exporter::Totals;
use proptest::prelude::*;
use state::Store;
use std::collections::{BTreeMap, BTreeSet};
use support::Single;

const MINUTE: i64 = 60_000;
const CATALOGUE: &str = "
version: 1
product: test
time_zone: America/New_York
week_starts: sunday
history: { hour: 10h, day: 20d }
sources:
  usage: { topic: usage, lateness: { hour: 2h, day: 3d }, attributes_of: { entity: account, events: [group] } }
entities:
  account: { key: account_id }
  pair: { key: [account_id, user_id], shard_by: account_id }
dimensions:
  plan: { of: account, values: [trial, team] }
  tier: { of: account, from: plan, values: [trial, team], as_of: current }
  surface: { from: properties.surface, values: [web] }
exclude:
  trial: { account.plan: trial }
  odd: { account.tier: [team, __other__], account.plan: [__none__, team] }
metrics:
  accounts:
    type: simple
    measure: { agg: count_distinct, entity: account, events: any }
    windows: [1h, 24h, 1d, 7d]
    by: [plan, tier]
    include: [trial, odd]
  pairs:
    type: simple
    measure: { agg: count_distinct, entity: pair, events: any }
    windows: [5h, 7d, mtd]
    by: [tier, plan]
    include: [trial, odd]
  orders:
    type: simple
    measure: { agg: count, events: [order] }
    windows: [1h, 24h, 7d, wtd]
    by: [plan, tier]
    include: [trial, odd]
  revenue:
    type: simple
    measure: { agg: sum, value: properties.amount, events: [order] }
    windows: [5h, 1d]
    by: [tier, plan]
    include: [trial, odd]
  kept_accounts:
    type: simple
    measure: { agg: count_distinct, entity: account, events: any, where: { account.tier: [team, __none__] } }
    windows: [24h, 7d]
    by: [tier, plan]
  kept_pairs:
    type: simple
    measure: { agg: count_distinct, entity: pair, events: any }
    windows: [5h, mtd]
    by: [surface, plan]
    include: odd
  kept_orders:
    type: simple
    measure: { agg: count, events: [order] }
    windows: [1h, 1d]
    by: [surface]
  kept_revenue:
    type: simple
    measure: { agg: sum, value: properties.amount, events: [order], where: { account.plan: [trial, team] } }
    windows: [5h, 7d]
    by: [tier]
    include: [trial, odd]
  growth:
    type: growth
    measure: { agg: count_distinct, entity: pair, events: any }
    windows: [5h, 3d]
    by: [surface, plan]
    include: odd
  flow:
    type: growth
    against: day
    measure: { agg: count_distinct, entity: account, events: any, where: { account.tier: [team, __none__] } }
    windows: [4d]
    by: [tier, plan]
  often:
    type: frequency
    measure: { agg: count_distinct, entity: account, events: any }
    windows: [2d, 4d]
    by: plan
    include: [trial, odd]
  regulars:
    type: simple
    measure: { agg: count_distinct, entity: pair, events: any, at_least: { days: 2 } }
    windows: [5d, wtd]
    by: tier
    include: [trial, odd]
";

const ACCOUNT: EntityKind = EntityKind(0);
const PAIR: EntityKind = EntityKind(1);

/// A shard, and what it has to tell.
struct Harness {
    shard: Single,
    /// Of every account and user: the buckets in which it was active.
    active: PerGrain<BTreeMap<(u8, u8), BTreeSet<i32>>>,
    /// Of every account and dimension: the values by time.
    attributes: BTreeMap<(u8, u16), BTreeSet<(Millis, u16)>>,
    orders: BTreeMap<u8, Order>,
}

/// An order, which may be sent again.
struct Order {
    time: Millis,
    amount: i64,
    /// In which it was in time when it was first sent.
    buckets: PerGrain<Option<Bucket>>,
}

/// Who orders something: one of four accounts, or nobody that is named.
fn owner(order: u8) -> Option<u8> {
    Some(order % 5).filter(|account| *account < 4)
}

/// The surface on which a user, or whoever orders, is: none, the web, or another.
fn surface(number: u8) -> DimensionValue {
    DimensionValue(u16::from(number % 3))
}

/// What becomes of something of an account with this plan and tier: 0 if it counts, else which rule takes it out; `None` if the
/// metric does not want it.
fn verdict(metric: &str, plan: DimensionValue, tier: DimensionValue) -> Option<u16> {
    let (is_trial, is_odd) = (plan.0 == 1, [2, 3].contains(&tier.0) && [0, 2].contains(&plan.0));
    match metric {
        "kept_accounts" | "flow" if ![2, 0].contains(&tier.0) => None,
        "kept_accounts" | "kept_orders" | "flow" => Some(if is_trial { 1 } else { 2 * u16::from(is_odd) }),
        "kept_pairs" | "growth" => Some(u16::from(is_trial)),
        "kept_revenue" => [1, 2].contains(&plan.0).then_some(0),
        _ => Some(0),
    }
}

/// What a record says: when, and the values of the two dimensions, if it mentions them.
type Told = (i64, [Option<u16>; 2]);

impl Harness {
    fn new() -> Harness {
        let (active, attributes, orders) = (PerGrain::default(), BTreeMap::new(), BTreeMap::new());
        Harness { shard: Single::new(support::plan(CATALOGUE)), active, attributes, orders }
    }

    /// A pack: users of an account that were active at a time, and what was told of the account; and orders, of that time
    /// unless they were sent before.
    fn step(&mut self, account: u8, users: &[u8], orders: &[u8], time: Millis, told: &[Told], clock: Millis) {
        let mut pack = self.shard.pack(clock);
        let name = format!("account-{account}");
        let in_time = |grain: &Grain| clock.0 - time.0 <= self.shard.plan.lateness_ms(*grain);
        for grain in [Grain::Hour, Grain::Day].into_iter().filter(in_time) {
            let bucket = self.shard.plan.bucket(grain, time);
            pack.deltas.extend(self.deltas(&name, users, grain, bucket));
            for user in users {
                self.active[grain].entry((account, *user)).or_default().insert(bucket.0);
            }
        }
        for (back, values) in told {
            let at = Millis(clock.0 - back * MINUTE);
            let told = (0..).zip(values).filter_map(|(dimension, value)| Some((dimension, (*value)?)));
            let attribute =
                |(dimension, value)| Attribute { dimension: DimensionIndex(dimension), value: DimensionValue(value) };
            let key = EntityKey::of(ACCOUNT, &[&name]).as_bytes().to_vec();
            pack.changes.push(Change { key, at, values: told.clone().map(attribute).collect() });
            for (dimension, value) in told {
                self.attributes.entry((account, dimension)).or_default().insert((at, value));
            }
        }
        pack.additive = orders.iter().filter_map(|order| self.order(*order, time, clock)).collect();
        self.shard.apply(&pack).unwrap();
    }

    /// The account and its users were active in a bucket.
    fn deltas(&self, account: &str, users: &[u8], grain: Grain, bucket: Bucket) -> Vec<Delta> {
        let delta = |metrics: &[MetricIndex], key: EntityKey| {
            let has_windows = |of: &MetricIndex| self.shard.plan.metric(*of).windows_of(grain).next().is_some();
            let (metrics, mut keys) = (metrics.iter().copied().filter(has_windows).collect(), Keys::default());
            keys.push(key.as_bytes());
            Delta { metrics, grain, bucket, keys }
        };
        let of_user =
            |user: &u8| delta(&self.recorded(PAIR, surface(*user)), EntityKey::of(PAIR, &[account, &user.to_string()]));
        let own = delta(&self.recorded(ACCOUNT, DimensionValue::NONE), EntityKey::of(ACCOUNT, &[account]));
        users.iter().map(of_user).chain((!users.is_empty()).then_some(own)).collect()
    }

    /// The metrics that count an entity of some kind, and their slices by what its events say.
    fn recorded(&self, entity: EntityKind, surface: DimensionValue) -> Vec<MetricIndex> {
        let plan = &self.shard.plan;
        let is_said =
            |slice: catalog::Slice| slice.value == surface && plan.dimension(slice.dimension).name == "surface";
        let all = plan.series().filter(|of| plan.metric(*of).entity() == Some(entity) && plan.is_recorded(*of));
        all.filter(|of| plan.slice(*of).is_none_or(is_said)).collect()
    }

    /// An order as ingest forwards it; `None` if it is late.
    fn order(&mut self, order: u8, time: Millis, clock: Millis) -> Option<Additive> {
        let plan = &self.shard.plan;
        let amount = i64::from(order) * 7 - 100;
        let buckets = |time: Millis| {
            PerGrain::of(|grain| {
                let is_in_time = grain != Grain::Minute && clock.0 - time.0 <= plan.lateness_ms(grain);
                is_in_time.then(|| plan.bucket(grain, time))
            })
        };
        let time = self.orders.entry(order).or_insert_with(|| Order { time, amount, buckets: buckets(time) }).time;
        let place = |grain| Some(Place { grain, bucket: buckets(time)[grain]? });
        let places: Vec<Place> = Grain::ALL.into_iter().filter_map(place).collect();
        let key = owner(order).map(|account| EntityKey::of(ACCOUNT, &[&format!("account-{account}")]));
        let key = key.as_ref().map(EntityKey::as_bytes);
        let id = IdSpace::of("usage").id(&order.to_string()).under(key.unwrap_or(&[ACCOUNT.0]));
        let sliced = plan.metrics[6].by[0].slice(surface(order));
        let (counts, sums) = (vec![MetricIndex(2), MetricIndex(6), sliced], vec![MetricIndex(3), MetricIndex(7)]);
        let mut events = Additive::new(key.unwrap_or_default(), counts, sums, places);
        events.push(Addend { id, values: &[amount, amount] });
        (!events.buckets.is_empty()).then_some(events)
    }

    /// The value of a dimension that an account has as of a bucket, by looking at all changes.
    fn value(&self, account: u8, dimension: u16, as_of: AsOf, grain: Grain, bucket: Bucket) -> DimensionValue {
        let changes = self.attributes.get(&(account, dimension)).into_iter().flatten();
        let until = changes.filter(|(at, _)| as_of == AsOf::Current || self.shard.plan.bucket(grain, *at) <= bucket);
        DimensionValue(until.max().map_or(0, |(_, value)| *value))
    }

    /// How many of those that count are in a slice, or all, or what they add up to.
    fn expected(&self, metric: MetricIndex, window: Window, as_of: i32) -> i128 {
        let plan = &self.shard.plan;
        let slice = plan.slice(metric);
        let of_pairs = plan.metric(metric).entity() == Some(PAIR);
        let of = |account: Option<u8>, dimension: u16, when: AsOf| {
            let value = |account| self.value(account, dimension, when, window.grain, Bucket(as_of));
            account.map_or(DimensionValue::NONE, value)
        };
        let is_in = |account: Option<u8>, surface: DimensionValue| {
            let (plan_of, tier) = (of(account, 0, AsOf::Bucket), of(account, 1, AsOf::Current));
            let name = plan.metric(metric).name.split_once('_').filter(|(of, _)| ["growth", "flow"].contains(of));
            let verdict = verdict(name.map_or(&plan.metric(metric).name, |(of, _)| of), plan_of, tier);
            let value = |slice: catalog::Slice| match plan.dimension(slice.dimension).name.as_str() {
                "plan" => plan_of,
                "tier" => tier,
                _ => surface,
            };
            match slice {
                None => verdict == Some(0),
                Some(slice) if plan.dimension(slice.dimension).taken == Taken::Excluded => {
                    verdict == Some(slice.value.0)
                }
                Some(slice) => verdict == Some(0) && value(slice) == slice.value,
            }
        };
        let range = support::first_of(window, as_of)..=as_of;
        if plan.metric(metric).entity().is_none() {
            let is_sum = plan.metric(metric).value().is_some();
            let counts = |order: &Order| order.buckets[window.grain].is_some_and(|at| range.contains(&at.0));
            let counted =
                self.orders.iter().filter(|(order, of)| counts(of) && is_in(owner(**order), surface(**order)));
            return counted.map(|(_, order)| if is_sum { order.amount.into() } else { 1 }).sum();
        }
        let mut active = BTreeMap::<(u8, u8), BTreeSet<i32>>::new();
        for ((account, user), buckets) in &self.active[window.grain] {
            active.entry((*account, if of_pairs { *user } else { 0 })).or_default().extend(buckets);
        }
        let counts = |buckets: &BTreeSet<i32>| support::counts(plan.metric(metric), buckets, window, as_of);
        let counted = active.iter().filter(|(_, buckets)| counts(buckets));
        counted.map(|((account, user), _)| i128::from(is_in(Some(*account), surface(*user)))).sum()
    }

    /// Compares all slices at every as-of bucket that is kept.
    fn compare(&mut self, clock: Millis) {
        let totals = Totals::read(&mut self.shard.store, &self.shard.plan, 1).unwrap();
        for metric in self.shard.plan.series() {
            for window in self.shard.plan.metric(metric).windows.clone() {
                let first = totals.first_as_of(window.grain).unwrap().0;
                let now = self.shard.plan.bucket(window.grain, clock).0;
                for as_of in first..now + i32::from(window.longest()) + 3 {
                    let told = totals.value(&self.shard.plan, metric, window, Bucket(as_of)).unwrap().units;
                    let expected = self.expected(metric, window, as_of);
                    let slice = self.shard.plan.slice(metric);
                    assert_eq!(told, expected, "{slice:?} of metric {metric}, {window} as of {as_of}, now {now}");
                }
            }
        }
    }
}

/// Some minutes, or hours, or days.
fn minutes() -> impl Strategy<Value = i64> {
    prop_oneof![0i64..15, 0i64..150, 0i64..4320]
}

/// From long before what is kept to a little ahead.
fn told() -> impl Strategy<Value = Told> {
    let value = || proptest::option::weighted(0.7, 0u16..4);
    (prop_oneof![-60i64..2_000, 0i64..60_000], [value(), value()])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_slice_is_exact_however_late_attributes_are_told(
        start in 1_740_000_000_000_i64..1_763_000_000_000,
        steps in proptest::collection::vec(
            (minutes(), minutes(), 0u8..4, proptest::collection::vec(0u8..5, 0..3), proptest::collection::vec(0u8..40, 0..4),
             proptest::collection::vec(told(), 0..3), 0..4u8),
            1..50,
        ),
    ) {
        let mut harness = Harness::new();
        let mut clock = start;
        for (forward, back, account, users, orders, told, then) in &steps {
            clock += forward * MINUTE;
            harness.step(*account, users, orders, Millis(clock - back * MINUTE), told, Millis(clock));
            if *then > 0 {
                harness.shard.commit();
                (1..*then).for_each(|_| harness.shard.reopen());
                harness.compare(Millis(clock));
            }
        }
    }
}

#[test]
fn slices_of_a_metric_add_up_to_it() {
    let mut harness = Harness::new();
    let clock = Millis(1_750_000_000_000);
    for account in 0..4u8 {
        let orders = [account, account + 5, 4, 3 * account];
        harness.step(account, &[1, 2], &orders, clock, &[(600, [Some(account.into()), None])], clock);
    }
    harness.shard.commit();
    let totals = Totals::read(&mut harness.shard.store, &harness.shard.plan, 1).unwrap();
    let plan = harness.shard.plan.clone();
    let value = |metric| {
        let window = *plan.metric(metric).windows.last().unwrap();
        totals.value(&plan, metric, window, plan.calendar.day(clock)).unwrap().units
    };
    for metric in (0..8).map(MetricIndex) {
        let by = plan.metric(metric).by.iter();
        for by in by.filter(|by| plan.dimension(by.dimension).taken != Taken::Excluded) {
            let slices = plan.dimension(by.dimension).all_values().map(|of| value(by.slice(of)));
            assert_eq!(slices.sum::<i128>(), value(metric));
        }
    }
    assert_eq!([1, 2, 3].map(MetricIndex).map(value), [8, 10, 7 * 45 - 1_000]);
    // What is kept and what is excluded add up to all.
    for (all, metric) in [(1, 5), (2, 6)] {
        let by = plan.excluded(&plan.metrics[metric]).unwrap();
        let excluded = plan.dimension(by.dimension).all_values().map(|rule| value(by.slice(rule))).sum::<i128>();
        let kept = value(MetricIndex(u16::try_from(metric).unwrap()));
        assert!(kept > 0 && excluded > 0 && kept + excluded == value(MetricIndex(all)), "{kept}, {excluded}");
    }
}

/// Who signs in says what the account is every time.
#[test]
fn attributes_that_are_told_again_and_again_take_no_more_room() {
    let mut harness = Harness::new();
    let hour = 1_750_003_200_000;
    for ms in 0..1_000 {
        let clock = Millis(hour + ms);
        harness.step(0, &[], &[], clock, &[(0, [Some(u16::try_from(ms % 3).unwrap()), Some(1)])], clock);
    }
    harness.shard.commit();
    harness.compare(Millis(hour + 1_000));
    let account = EntityKey::of(ACCOUNT, &["account-0"]);
    let records = harness.shard.store.records(Shard(0), Incarnation(1), &[account]).unwrap().anyway();
    assert!(records[0].as_ref().is_some_and(|record| record.len() < 50), "{records:?}");
}
