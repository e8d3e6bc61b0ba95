//! The truth, by brute force: what has to come out, from what was produced and which of it was read.

use crate::admissions::labels;
use crate::kinds::{self, Once};
use crate::log::offset;
use crate::produce::{DEVICES, HOUR_LATENESS_MS, Kind, LATENESS_MS, Meant, PLANS};
use crate::transcript::Told;
use crate::world::World;
use activity::{Bucket, Grain, MetricIndex, Millis, Window};
use catalog::{ClockKind, Metric, Plan};
use kafka::Partition;
use std::collections::{BTreeMap, BTreeSet};

/// How far behind the wall an idle partition's clock is put.
pub(crate) const IDLE_MARGIN_MS: i64 = 5_000;

/// What has to come out: who was active when, and what was rejected.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    /// By metric and grain: the buckets of each entity.
    pub(crate) active: BTreeMap<(&'static str, Grain), BTreeMap<String, BTreeSet<Bucket>>>,
    /// By metric: what happened to each entity.
    happened: BTreeMap<&'static str, BTreeMap<String, BTreeSet<Once>>>,
    /// By account: what its plan became, and when.
    plans: BTreeMap<String, BTreeSet<(Millis, u16)>>,
    /// The purchases that were in time, by topic and id: what each copy costs and counts in.
    bought: BTreeMap<(String, u64), Vec<Bought>>,
    /// How many events counted in their day, but were late for their hour.
    pub(crate) late_for_hour: u64,
    /// How many events were late for everything but the attributes that they tell.
    pub(crate) late_for_day: u64,
    /// Topic, partition, offset and reason: as often as the record was read.
    pub(crate) rejected: Vec<(String, String, String, String)>,
    /// How many records are late only since the clock was ahead of what lies before them in their topic: it had gone on while
    /// their transaction was open, or with what was read before them.
    pub(crate) late_by_clock: u64,
    /// What the values of a device and of a firm are called that were admitted, in order.
    pub(crate) devices: Vec<String>,
    pub(crate) firms: Vec<String>,
    /// Where each partition's clock stands.
    pub(crate) clocks: BTreeMap<Partition, Option<Millis>>,
}

/// The truth about what was read and committed, in the order in which it was. What counts is what was read into the activity
/// topic that there is now; what was rejected was also rejected into earlier ones.
pub(crate) fn truth(world: &World) -> Truth {
    let admitted = |dimension: &str, room| labels(&world.proposals, &world.plan, dimension, room);
    let (devices, firms) = (admitted("device", 3), admitted("firm", 1));
    let mut truth = Truth { devices, firms, ..Truth::default() };
    for activity in world.activities() {
        truth.begin_anew();
        for (partition, told) in world.transcript.under(activity.topic.id) {
            truth.read(world, partition, told);
        }
    }
    truth
}

/// A copy of a purchase.
#[derive(Debug)]
struct Bought {
    cents: u32,
    account: Option<String>,
    device: Option<usize>,
    day: Bucket,
    /// `None` if it was late for that.
    hour: Option<Bucket>,
}

/// Whoever used a device.
fn on(device: Option<usize>) -> &'static str {
    const ON: [&str; DEVICES.len()] = ["on web", "on ios", "on tv", "on 7", "in a car"];
    device.map_or("on nothing", |device| ON[device])
}

impl Truth {
    fn begin_anew(&mut self) {
        self.active.clear();
        self.happened.clear();
        self.bought.clear();
        self.plans.clear();
        self.clocks.clear();
    }

    /// The clock of a partition goes on through everything that was read under its name.
    fn read(&mut self, world: &World, partition: Partition, told: &[Told]) {
        let source = &world.plan.sources[usize::from(partition.topic.0)];
        let id = usize::try_from(partition.id.0).expect("from 0");
        let mut clock = None;
        for told in told {
            let (topic, at) = match *told {
                Told::Idle(asked_at) if source.clock == ClockKind::Log => {
                    clock = clock.max(Some(Millis(asked_at.0 - IDLE_MARGIN_MS)));
                    continue;
                }
                Told::Idle(_) => continue,
                Told::Record { topic, at } => (topic, at),
            };
            let Some(meant) = world.produced.get(&(topic, id)).and_then(|produced| produced.get(&at)) else {
                continue;
            };
            match judge(source.clock, meant, &mut clock) {
                None => {
                    if let (Some(plan), Some(account)) = (meant.plan, &meant.account) {
                        self.plans.entry(account.clone()).or_default().insert((meant.time, plan));
                    }
                    // An event that tells attributes is never late for that.
                    if is_late(meant, clock) {
                        self.late_for_day += 1;
                        continue;
                    }
                    let day = world.plan.calendar.day(meant.time);
                    let hour = Bucket(i32::try_from(meant.time.0.div_euclid(3_600_000)).expect("of this age"));
                    let in_hour = clock.is_none_or(|clock| meant.time.0 >= clock.0 - HOUR_LATENESS_MS);
                    self.count(Grain::Day, day, meant);
                    self.mark(day, meant);
                    match in_hour {
                        true => self.count(Grain::Hour, hour, meant),
                        false => self.late_for_hour += 1,
                    }
                    if meant.buys {
                        let copies = self.bought.entry((source.topic.clone(), meant.id)).or_default();
                        let Meant { cents, device, .. } = *meant;
                        let (account, hour) = (meant.account.clone(), in_hour.then_some(hour));
                        copies.push(Bought { cents, account, device, day, hour });
                    }
                }
                Some(reason) => {
                    let own = judge(source.clock, meant, &mut None);
                    self.late_by_clock += u64::from(source.clock == ClockKind::Log && own != Some(reason));
                    let place = (source.topic.clone(), id.to_string(), offset(at).to_string());
                    self.rejected.push((place.0, place.1, place.2, reason.to_owned()));
                }
            }
        }
        self.clocks.insert(partition, clock);
    }
}

fn judge(kind: ClockKind, meant: &Meant, clock: &mut Option<Millis>) -> Option<&'static str> {
    if kind == ClockKind::Log {
        *clock = (*clock).max(Some(meant.stamp));
    }
    match meant.kind {
        Kind::Broken => return Some("broken_json"),
        // A purchase counts by itself, whoever buys.
        Kind::Nobody if !meant.buys => return Some("no_entity"),
        _ if meant.plan.is_some() && meant.account.is_none() => return Some("no_entity"),
        Kind::FarFuture => return Some("far_future"),
        Kind::Event | Kind::Nobody => {}
    }
    if kind == ClockKind::Event {
        *clock = (*clock).max(Some(meant.time));
    }
    (is_late(meant, *clock) && meant.plan.is_none()).then_some("late")
}

fn is_late(meant: &Meant, clock: Option<Millis>) -> bool {
    clock.is_some_and(|clock| meant.time.0 < clock.0 - LATENESS_MS)
}

/// What becomes of something of an account by its plan then and now: 0 if it counts, 1 if it is a trial's; `None` if the metric
/// does not want it.
fn verdict(metric: &str, then: u16, now: u16) -> Option<u16> {
    match metric {
        "revenue" if ![0, 2].contains(&now) => None,
        "revenue" | "pairs" | "worth" | "sharing" => Some(u16::from(then == 1)),
        _ => Some(0),
    }
}

/// Which metric's activity a metric is worked out of.
fn data_of(metric: &str) -> &str {
    match metric.split('_').next() {
        Some("comings" | "keen" | "teams" | "waves") => "pairs",
        Some("regulars" | "cohorts" | "seen") => "users",
        Some("visits") => "visits",
        Some("sharing") => "sharing",
        Some("loyal") => "loyal",
        Some("spent") => "spent",
        Some("days") => "buyers",
        Some("worth") => "worth",
        Some("funnel") => "funnel",
        _ => metric,
    }
}

impl Truth {
    fn count(&mut self, grain: Grain, bucket: Bucket, meant: &Meant) {
        let mut add = |metric, entity: &Option<String>| {
            if let Some(entity) = entity {
                self.active.entry((metric, grain)).or_default().entry(entity.clone()).or_default().insert(bucket);
            }
        };
        add("users", &meant.user);
        add(if meant.paid { "paid users" } else { "other users" }, &meant.user);
        add(on(meant.device), &meant.user);
        let pair = meant.account.as_ref().zip(meant.user.as_ref());
        add("pairs", &pair.map(|(account, user)| format!("{account}/{user}")));
        if meant.buys {
            add("buyers", &meant.account);
        }
    }

    /// What happens to whom by an event of a day.
    fn mark(&mut self, day: Bucket, meant: &Meant) {
        let mut add = |metric, entity: Option<String>, value| {
            let (of, Some(entity)) = (self.happened.entry(metric).or_default(), entity) else { return };
            of.entry(entity).or_default().insert((day, meant.time, value));
        };
        let pair = meant.account.as_ref().zip(meant.user.as_ref());
        add("visits", meant.user.clone(), 0);
        if let (true, Some(device)) = (meant.buys, meant.device) {
            add("tastes", meant.account.clone(), i64::try_from(device).expect("few"));
        }
        match (meant.buys, meant.plan) {
            (true, _) => {
                add("held", meant.account.clone(), 0);
                add("funnel", meant.user.clone(), 1);
                add("worth", pair.map(|(account, user)| format!("{account}/{user}")), meant.cents.into());
            }
            (false, Some(_)) => add("held", meant.account.clone(), 1),
            (false, None) => add("funnel", meant.user.clone(), 0),
        }
    }

    /// The least and the most that a metric may count in the window up to `as_of`: of the copies of an event the first that a
    /// shard gets to see counts, and another one only when that one is long past.
    pub(crate) fn value(&self, plan: &Plan, index: MetricIndex, window: Window, as_of: Bucket) -> (i128, i128) {
        let of = plan.metric(index);
        let metric = data_of(&of.name);
        let slice = plan.slice(index).map(|slice| (plan.dimension(slice.dimension).name.as_str(), slice.value.0));
        let range = as_of.plus(1 - i32::from(window.longest()))..=as_of;
        // Whether who is of an account, or of none, is counted in a slice, or at all.
        let is_in = |account: Option<&str>| {
            let as_told = |of| of;
            let by = |is_known: &dyn Fn(Millis) -> bool, number: &dyn Fn(u16) -> u16| {
                account.map_or(0, |account| self.plan_of(account, is_known, number))
            };
            let is_past = |at: Millis| plan.bucket(window.grain, at) <= as_of;
            let (then, now) = (by(&is_past, &as_told), by(&|_| true, &as_told));
            // The parts of shares count trials, too.
            let is_part = ["keen", "teams", "waves"].iter().any(|part| of.name.starts_with(part));
            let verdict = if is_part { Some(0) } else { verdict(metric, then, now) };
            match slice {
                Some(("rule", rule)) => verdict == Some(rule),
                Some(("plan", value)) => verdict == Some(0) && then == value,
                Some(("before", value)) => {
                    let opening = as_of.plus(-i32::from(window.longest()));
                    verdict == Some(0) && by(&|at| plan.bucket(window.grain, at) <= opening, &as_told) == value
                }
                Some(("tier", value)) => verdict == Some(0) && now == value,
                Some(("firm", value)) => verdict == Some(0) && by(&is_past, &|of| self.firm(of)) == value,
                _ => verdict == Some(0),
            }
        };
        if metric == "customers" {
            let counting = self.plans.keys().filter(|account| {
                let is_past = |at: Millis| plan.bucket(window.grain, at) <= as_of;
                self.plan_of(account, is_past, |of| of) == 2 && is_in(Some(account))
            });
            let counting = i128::try_from(counting.count()).expect("few");
            return (counting, counting);
        }
        if ["sharing", "loyal"].contains(&metric) {
            let mut shares = BTreeMap::<&str, [i128; 2]>::new();
            let parts = plan.family(index).expect("shares are a family").kind.parts();
            for (at, part) in parts.into_iter().enumerate() {
                for pair in self.active("pairs", plan.metric(part), window, as_of) {
                    let account = pair.split('/').next().expect("a pair has an account");
                    shares.entry(account).or_default()[at] += 1;
                }
            }
            let counting = shares.iter().filter(|(account, _)| is_in(Some(account)));
            let sum = counting.map(|(_, parts)| kinds::share(of, *parts)).sum();
            return (sum, sum);
        }
        if kinds::is_of_events(of) || metric == "spent" {
            // Which copy of an event counts is not for this to say: the logs' own oracle does.
            return (0, i128::MAX);
        }
        if kinds::is_of_marks(of) {
            let all = self.happened.get(metric).into_iter().flatten();
            let counting = all.filter(|(entity, _)| is_in(entity.split('/').next()));
            // Devices that are not told apart are one.
            let told_apart = |(day, at, value): Once| match metric {
                "tastes" => {
                    (day, at, i64::try_from(self.number_of(usize::try_from(value).expect("a device"))).expect("few"))
                }
                _ => (day, at, value),
            };
            let amount = |(_, happened): (_, &BTreeSet<Once>)| {
                kinds::amount(plan, of, &happened.iter().copied().map(told_apart).collect::<Vec<_>>(), window, as_of)
            };
            let sum = counting.map(amount).sum();
            return (sum, sum);
        }
        let add: fn(&Bought) -> i128 = match metric {
            "purchases" => |_| 1,
            "revenue" => |bought| bought.cents.into(),
            _ => {
                let metrics = match slice {
                    // Every event says whether it was paid.
                    Some(("paid", 0)) => return (0, 0),
                    Some(("paid", 1)) => vec!["paid users"],
                    Some(("paid", _)) => vec!["other users"],
                    Some(("device", value)) => self.devices_of(value).into_iter().map(on).collect(),
                    _ => vec![metric],
                };
                let active = metrics.into_iter().flat_map(|metric| self.active(metric, of, window, as_of));
                let active = active.filter(|entity| is_in(entity.split('/').next()));
                let active = i128::try_from(active.collect::<BTreeSet<_>>().len()).expect("few");
                return (active, active);
            }
        };
        let devices = match slice {
            Some(("device", value)) => Some(self.devices_of(value)),
            _ => None,
        };
        let is_on = |device| devices.as_ref().is_none_or(|devices| devices.contains(&device));
        let is_covered = |bought: &Bought| match window.grain {
            Grain::Day => range.contains(&bought.day),
            _ => bought.hour.is_some_and(|hour| range.contains(&hour)),
        };
        let counts = |bought: &Bought| is_covered(bought) && is_on(bought.device) && is_in(bought.account.as_deref());
        let least = self.bought.values().filter(|copies| copies.iter().all(counts)).map(|copies| add(&copies[0]));
        let most = self.bought.values().flatten().filter(|copy| counts(copy)).map(add);
        (least.sum(), most.sum())
    }

    /// The latest plan of an account of those that are known, as the number of a value.
    fn plan_of(&self, account: &str, is_known: impl Fn(Millis) -> bool, number: impl Fn(u16) -> u16) -> u16 {
        let plans = self.plans.get(account).into_iter().flatten();
        let known = plans.filter(|(at, _)| is_known(*at)).map(|(at, plan)| (*at, number(*plan)));
        known.max().map_or(0, |(_, plan)| plan)
    }

    /// The number of a plan as a firm: none, on trial, the one that was admitted, and any other.
    fn firm(&self, plan: u16) -> u16 {
        match plan {
            0 | 1 => plan,
            _ if self.firms.first().is_some_and(|firm| firm == PLANS[usize::from(plan)]) => 2,
            _ => 3,
        }
    }

    /// What the devices and firms are called that came with something that counts.
    pub(crate) fn came(&self) -> [BTreeSet<&'static str>; 2] {
        let devices = self.bought.values().flatten().filter_map(|bought| bought.device);
        // None, and on trial, are not admitted.
        let firms = self.plans.values().flatten().map(|(_, plan)| *plan).filter(|plan| *plan > 1);
        [devices.map(|at| DEVICES[at]).collect(), firms.map(|at| PLANS[usize::from(at)]).collect()]
    }

    /// The devices that share a number: none, each that was admitted, and all others.
    fn devices_of(&self, number: u16) -> Vec<Option<usize>> {
        let all = std::iter::once(None).chain((0..DEVICES.len()).map(Some));
        let number_of = |device: usize| self.number_of(device);
        all.filter(|device| device.map_or(0, number_of) == usize::from(number)).collect()
    }

    /// The number of a device: that with which it was admitted, or that of all others.
    fn number_of(&self, device: usize) -> usize {
        let place = self.devices.iter().position(|label| label == DEVICES[device]);
        place.map_or(4, |place| place + 1)
    }

    /// The entities that count for what they did by `as_of`, by what is known of them for a metric.
    fn active(&self, metric: &str, of: &Metric, window: Window, as_of: Bucket) -> Vec<&str> {
        let known = self.active.iter().filter(|((name, grain), _)| *name == metric && *grain == window.grain);
        let entities = known.flat_map(|(_, entities)| entities);
        let active = entities
            .filter(|(_, buckets)| kinds::counts(of, &buckets.iter().copied().collect::<Vec<_>>(), window, as_of));
        active.map(|(entity, _)| entity.as_str()).collect()
    }

    /// The first and last active bucket of a grain.
    pub(crate) fn span(&self, grain: Grain) -> Option<(Bucket, Bucket)> {
        let of = || self.active.iter().filter(|((_, of), _)| *of == grain);
        let buckets = || of().flat_map(|(_, entities)| entities.values()).flatten().copied();
        Some((buckets().min()?, buckets().max()?))
    }
}
