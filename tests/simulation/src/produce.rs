//! The product that is simulated: events of users and accounts, in and out of order, some of them rubbish.

use activity::{Millis, TopicId};
use rand::Rng;
use rand::rngs::SmallRng;
use std::collections::BTreeMap;

pub(crate) const CATALOGUE: &str = "
version: 1
product: simulation
time_zone: America/New_York
history: { hour: 12h, day: 3d }
sources:
  live:
    topic: live
    lateness: { hour: 6h, day: 2d }
    attributes_of: { entity: account, events: [group], path: properties }
  load:
    topic: load
    clock: event
    lateness: { hour: 6h, day: 2d }
    attributes_of: { entity: account, events: [group], path: properties }
entities:
  user: { key: user_id }
  account: { key: account_id }
  pair: { key: [account_id, user_id], shard_by: account_id }
dimensions:
  plan: { of: account, values: [trial, team] }
  tier: { of: account, from: plan, values: [trial, team], as_of: current }
  paid: { from: properties.paid, values: [true] }
  firm: { of: account, from: plan, values: [trial], limit: 2 }
  device: { from: properties.device, limit: 3 }
  before: { of: account, from: plan, values: [trial, team], as_of: opening }
exclude:
  trial: { account.plan: trial }
metrics:
  users:
    type: simple
    measure: { agg: count_distinct, entity: user, events: any }
    windows: [5h, 1d, 3d]
    by: [paid, device]
    include: trial
  buyers:
    type: simple
    measure: { agg: count_distinct, entity: account, events: [buy], where: { properties.paid: true } }
    windows: [1h, 24h, 2d, 7d]
    by: [plan, tier, firm]
    include: trial
  pairs:
    type: simple
    measure: { agg: count_distinct, entity: pair, events: any }
    windows: [5h, 3d]
    by: [tier, plan]
  purchases:
    type: simple
    measure: { agg: count, events: [buy] }
    windows: [1h, 1d, 7d]
    by: device
    include: trial
  revenue:
    type: simple
    measure:
      agg: sum
      value: properties.amount
      decimals: 2
      events: [buy]
      where: { properties.paid: true, account.tier: [team, __none__] }
    windows: [24h, 2d]
    by: [plan, tier]
  comings:
    type: growth
    measure: { agg: count_distinct, entity: pair, events: any }
    windows: [3h, 2d]
    by: tier
  regulars:
    type: simple
    measure: { agg: count_distinct, entity: user, events: any, at_least: { days: 2 } }
    windows: [3d]
    by: paid
    include: trial
  days:
    type: frequency
    measure: { agg: count_distinct, entity: account, events: [buy] }
    windows: [3d]
    by: plan
    include: trial
  held:
    type: simple
    measure: { agg: state, entity: account, from: [buy], until: [group] }
    by: plan
    include: trial
  worth:
    type: movements
    measure: { agg: state, entity: pair, events: [buy], value: properties.amount, decimals: 2 }
    windows: [2d]
    by: [tier, before]
  funnel:
    type: conversion
    entity: user
    base: { events: [look] }
    conversion: { events: [buy], within: 2d }
    windows: [6d]
    include: trial
  heavy:
    type: simple
    measure: { agg: count_distinct, entity: pair, events: [buy], at_least: 2 }
    windows: [3h, 2d]
    by: [tier, device]
  fading:
    type: baseline
    measure: { agg: count_distinct, entity: account, events: [buy] }
    windows: [1d]
    against: 2d
    below: 0.8
    by: plan
    include: trial
  cohorts:
    type: retention
    measure: { agg: count_distinct, entity: user, events: any }
    periods: 2
    by: paid
    include: trial
  seen:
    type: recency
    measure: { agg: count_distinct, entity: user, events: any }
    windows: [3d]
    since: 1d
    by: paid
    include: trial
  visits:
    type: sessions
    entity: user
    events: any
    gap: 90m
    windows: [2d]
    include: trial
  tastes:
    type: simple
    measure: { agg: count_distinct, entity: account, events: [buy], at_least: { values: 2, of: device } }
    windows: [2d]
    by: plan
    include: trial
  keen:
    type: simple
    measure: { agg: count_distinct, entity: pair, events: any, at_least: { days: 2 } }
    windows: [3d]
    include: trial
  teams:
    type: simple
    measure: { agg: count_distinct, entity: pair, events: any }
    windows: [3d]
    include: trial
  sharing:
    type: share
    of: account
    numerator: keen
    denominator: teams
    at_least: 0.5
    by: tier
  waves:
    type: growth
    measure: { agg: count_distinct, entity: pair, events: any }
    windows: [3d]
    include: trial
  loyal:
    type: share
    of: account
    numerator: waves_retained
    denominator: teams
    include: trial
  spent:
    type: simple
    measure: { agg: median, value: properties.amount, up_to: 10, error: 0.1, events: [buy] }
    windows: [1d]
    include: trial
  customers:
    type: simple
    measure: { agg: state, entity: account, where: { account.plan: team } }
    by: tier
    include: trial
";

const DAY: i64 = 86_400_000;
pub(crate) const LATENESS_MS: i64 = 2 * DAY;
/// Past this an event counts in its day, but not in its hour.
pub(crate) const HOUR_LATENESS_MS: i64 = DAY / 4;

/// An event as it was meant, beside the record that carries it.
#[derive(Clone, Debug)]
pub(crate) struct Meant {
    pub(crate) time: Millis,
    pub(crate) stamp: Millis,
    pub(crate) kind: Kind,
    pub(crate) user: Option<String>,
    pub(crate) account: Option<String>,
    pub(crate) buys: bool,
    /// Which plan the account has, if the event tells: none, one of the two, or another.
    pub(crate) plan: Option<u16>,
    pub(crate) paid: bool,
    /// On which of [`DEVICES`] it happened, if it says so.
    pub(crate) device: Option<usize>,
    /// What tells it from every other; copies of it share it.
    pub(crate) id: u64,
    /// What it costs, in cents.
    pub(crate) cents: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Event,
    Broken,
    FarFuture,
    Nobody,
}

/// What was produced and not aborted, by topic and partition, each with its offset.
pub(crate) type Produced = BTreeMap<(TopicId, usize), BTreeMap<usize, Meant>>;

/// Most events are of now, some are late within the bound, few are about at the bound, past it or nonsense.
pub(crate) fn meant(rng: &mut SmallRng, now: Millis) -> Meant {
    let stamp = Millis(now.0 - rng.random_range(0..2_000));
    let back = match rng.random_range(0..20) {
        0..12 => rng.random_range(0..60_000),
        12..18 => rng.random_range(0..LATENESS_MS),
        18 => LATENESS_MS - rng.random_range(0..20 * 60_000),
        _ => LATENESS_MS + rng.random_range(0..10 * DAY),
    };
    let kind = match rng.random_range(0..40) {
        0 => Kind::Broken,
        1 => Kind::FarFuture,
        2 => Kind::Nobody,
        _ => Kind::Event,
    };
    let time = if kind == Kind::FarFuture { now.0 + 4_000 * DAY } else { stamp.0 - back };
    let user = rng.random_range(0..12);
    let known = kind != Kind::Nobody;
    let has_account = rng.random_ratio(3, 4);
    let buys = rng.random_ratio(1, 3);
    Meant {
        time: Millis(time),
        stamp,
        kind,
        user: known.then(|| format!("user-{user}")),
        account: (known && has_account).then(|| format!("account-{}", user % 5)),
        buys,
        plan: (!buys && rng.random_ratio(1, 6)).then(|| rng.random_range(0..4)),
        paid: buys || rng.random_ratio(1, 2),
        device: Some(rng.random_range(0..=DEVICES.len())).filter(|device| *device < DEVICES.len()),
        id: rng.random(),
        cents: rng.random_range(0..1_000),
    }
}

/// The names of plans, as values of the dimensions; the first is none.
pub(crate) const PLANS: [&str; 4] = ["null", "trial", "team", "family"];
/// The names of devices.
pub(crate) const DEVICES: [&str; 5] = ["web", "ios", "tv", "7", "car"];

pub(crate) fn payload(meant: &Meant) -> Vec<u8> {
    if meant.kind == Kind::Broken {
        return b"{\"event\": \"buy\", ".to_vec();
    }
    let field = |name: &str, value: &Option<String>| match value {
        Some(value) => format!("\"{name}\":\"{value}\","),
        None => String::new(),
    };
    let time = rfc3339(meant.time);
    let (event, paid) = (
        if meant.buys {
            "buy"
        } else if meant.plan.is_some() {
            "group"
        } else {
            "look"
        },
        meant.paid,
    );
    let plan = match meant.plan.map(usize::from) {
        None => String::new(),
        Some(0) => ",\"plan\":null".to_owned(),
        Some(plan) => format!(",\"plan\":\"{}\"", PLANS[plan]),
    };
    let device = meant.device.map_or_else(String::new, |at| format!(",\"device\":\"{}\"", DEVICES[at]));
    let (id, amount) = (meant.id, format!("{}.{:02}", meant.cents / 100, meant.cents % 100));
    format!(
        "{{\"event\":\"{event}\",{}{}\"timestamp\":\"{time}\",\"event_id\":{id},\
         \"properties\":{{\"paid\":{paid},\"amount\":{amount}{plan}{device}}}}}",
        field("user_id", &meant.user),
        field("account_id", &meant.account),
    )
    .into_bytes()
}

/// The time as text, by arithmetic of its own.
fn rfc3339(time: Millis) -> String {
    let (days, ms) = (time.0.div_euclid(DAY), time.0.rem_euclid(DAY));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second, milli) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}
