//! The product that is simulated: events of users and accounts, in and out of order, some of them rubbish; and the truth
//! about them, by brute force.

use crate::log::{Fate, offset};
use crate::world::World;
use activity::{Bucket, Millis};
use catalog::{ClockKind, Plan};
use rand::Rng;
use rand::rngs::SmallRng;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const CATALOGUE: &str = "
version: 1
product: simulation
time_zone: America/New_York
history: 3d
sources:
  live: { topic: live, lateness: { day: 2d } }
  load: { topic: load, clock: event, lateness: { day: 2d } }
entities:
  user: { key: user_id }
  account: { key: account_id }
metrics:
  users:
    type: simple
    measure: { agg: count_distinct, entity: user, events: any }
    windows: [1d, 3d]
  buyers:
    type: simple
    measure: { agg: count_distinct, entity: account, events: [buy], where: { properties.paid: true } }
    windows: [2d, 7d]
";

const DAY: i64 = 86_400_000;
const LATENESS_MS: i64 = 2 * DAY;

/// An event as it was meant, beside the record that carries it.
#[derive(Clone, Debug)]
pub(crate) struct Meant {
    time: Millis,
    stamp: Millis,
    kind: Kind,
    user: Option<String>,
    account: Option<String>,
    buys: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Event,
    Broken,
    FarFuture,
    Nobody,
}

/// What was produced, by source and partition, each with its offset.
pub(crate) type Produced = BTreeMap<(usize, usize), Vec<(usize, Meant)>>;

/// Produces a few records to one partition.
pub(crate) fn produce(world: &mut World, produced: &mut Produced, source: usize, partition: usize) {
    let count = world.rng.random_range(1..5);
    for _ in 0..count {
        let now = world.now;
        let meant = meant(&mut world.rng, now);
        let payload = payload(&mut world.rng, &meant);
        let log = &mut world.sources[source].partitions[partition];
        let at = log.append(Fate::Committed, meant.stamp, payload.clone());
        produced.entry((source, partition)).or_default().push((at, meant));
        if world.rng.random_ratio(1, 8) {
            let log = &mut world.sources[source].partitions[partition];
            log.append(Fate::Aborted, now, payload);
            log.append(Fate::Marker, now, Vec::new());
            world.faults.count("producer aborted");
        }
    }
}

/// Most events are of now, some are late within the bound, few are past it or nonsense. Times keep a minute's distance from
/// the bound, so that what is late does not hang on a millisecond.
fn meant(rng: &mut SmallRng, now: Millis) -> Meant {
    let stamp = Millis(now.0 - rng.random_range(0..2_000));
    let back = match rng.random_range(0..20) {
        0..12 => rng.random_range(0..60_000),
        12..18 => rng.random_range(0..LATENESS_MS - 60_000),
        _ => LATENESS_MS + DAY + rng.random_range(0..10 * DAY),
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
    Meant {
        time: Millis(time),
        stamp,
        kind,
        user: known.then(|| format!("user-{user}")),
        account: (known && has_account).then(|| format!("account-{}", user % 5)),
        buys: rng.random_ratio(1, 3),
    }
}

fn payload(rng: &mut SmallRng, meant: &Meant) -> Vec<u8> {
    if meant.kind == Kind::Broken {
        return b"{\"event\": \"buy\", ".to_vec();
    }
    let field = |name: &str, value: &Option<String>| match value {
        Some(value) => format!("\"{name}\":\"{value}\","),
        None => String::new(),
    };
    let time = rfc3339(meant.time);
    let (event, paid) = if meant.buys { ("buy", true) } else { ("look", rng.random_ratio(1, 2)) };
    format!(
        "{{\"event\":\"{event}\",{}{}\"timestamp\":\"{time}\",\"properties\":{{\"paid\":{paid}}}}}",
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

/// What has to come out: who was active when, and what was rejected.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    /// By metric: the days of each entity.
    pub(crate) active: BTreeMap<&'static str, BTreeMap<String, BTreeSet<Bucket>>>,
    /// Topic, partition, offset and reason.
    pub(crate) rejected: BTreeSet<(String, String, String, String)>,
}

/// The truth about everything produced.
///
/// What retention deleted before it was read is not in it: `read` says whether a record was.
pub(crate) fn truth(plan: &Plan, produced: &Produced, read: impl Fn(usize, usize, usize) -> bool) -> Truth {
    let mut truth = Truth::default();
    for ((source_at, partition), records) in produced {
        let source = &plan.sources[*source_at];
        let mut clock = Millis(i64::MIN);
        for (at, meant) in records.iter().filter(|(at, _)| read(*source_at, *partition, *at)) {
            let reason = judge(source.clock, meant, &mut clock);
            match reason {
                None => truth.count(plan.calendar.day(meant.time), meant),
                Some(reason) => {
                    let place = (source.topic.clone(), partition.to_string(), offset(*at).to_string());
                    truth.rejected.insert((place.0, place.1, place.2, reason.to_owned()));
                }
            }
        }
    }
    truth
}

fn judge(kind: ClockKind, meant: &Meant, clock: &mut Millis) -> Option<&'static str> {
    if kind == ClockKind::Log {
        *clock = meant.stamp.max(*clock);
    }
    match meant.kind {
        Kind::Broken => return Some("broken_json"),
        Kind::Nobody => return Some("no_entity"),
        Kind::FarFuture => return Some("far_future"),
        Kind::Event => {}
    }
    if kind == ClockKind::Event {
        *clock = meant.time.max(*clock);
    }
    (meant.time.0 < clock.0 - LATENESS_MS).then_some("late")
}

impl Truth {
    fn count(&mut self, day: Bucket, meant: &Meant) {
        let mut add = |metric, entity: &Option<String>| {
            if let Some(entity) = entity {
                self.active.entry(metric).or_default().entry(entity.clone()).or_default().insert(day);
            }
        };
        add("users", &meant.user);
        if meant.buys {
            add("buyers", &meant.account);
        }
    }

    /// How many entities were active in the `width` days up to `as_of`.
    pub(crate) fn value(&self, metric: &str, width: i32, as_of: Bucket) -> i64 {
        let window = as_of.plus(1 - width)..=as_of;
        let entities = self.active.get(metric).into_iter().flat_map(BTreeMap::values);
        let active = entities.filter(|days| days.range(window.clone()).next().is_some());
        i64::try_from(active.count()).expect("few")
    }

    /// The first and last active day.
    pub(crate) fn span(&self) -> Option<(Bucket, Bucket)> {
        let days = || self.active.values().flat_map(BTreeMap::values).flatten().copied();
        Some((days().min()?, days().max()?))
    }
}
