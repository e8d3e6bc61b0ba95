//! What the stream promises, seen from outside: everything is read from the JSON of the records, and counted by brute force.

#![allow(clippy::unwrap_used)]

use activity::Millis;
use jiff::Timestamp;
use product::{Company, DAY, Decimal, Launch, Of, Product, Record, Settings, Span, Stream};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// 2026-01-01.
const START: Millis = Millis(1_767_225_600_000);
const DAYS: i64 = 40;
const RECORDS: u64 = 40_000;

fn end() -> Millis {
    Millis(START.0 + DAYS * DAY)
}

fn product(seed: u64) -> Product {
    product_of(&Company::DOCUMENTS, seed)
}

fn product_of(company: &'static Company, seed: u64) -> Product {
    let launches = Launch::within(company, START, end());
    let mut product = Product::new(Settings { seed, company, accounts: 100, start: START, launches });
    product.go_on(Span { from: START, until: end(), records: RECORDS });
    product
}

/// An event as it was read from a record.
#[derive(Debug)]
struct Event {
    id: String,
    name: String,
    user: String,
    account: String,
    plan: String,
    is_bot: bool,
    /// In hundredths.
    quantities: BTreeMap<String, i64>,
    time: i64,
    sent: i64,
}

fn read(record: &Record) -> Event {
    let json: Value = serde_json::from_str(&record.payload).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let properties = &json["properties"];
    Event {
        id: text(&json["event_id"]),
        name: text(&json["event"]),
        user: text(&json["user_id"]),
        account: text(&json["account_id"]),
        plan: text(&properties["plan"]),
        is_bot: properties["bot"] == true,
        quantities: properties.as_object().unwrap().iter().filter_map(quantity).collect(),
        time: text(&json["timestamp"]).parse::<Timestamp>().unwrap().as_millisecond(),
        sent: record.at.0,
    }
}

/// A property that is a number, in hundredths: few enough for doubles.
#[expect(clippy::cast_possible_truncation, reason = "they are small")]
fn quantity((name, value): (&String, &Value)) -> Option<(String, i64)> {
    Some((name.clone(), (value.as_f64()? * 100.0).round() as i64))
}

/// The events, each once.
fn events(records: &[Record]) -> Vec<Event> {
    let mut ids = BTreeSet::new();
    let usage = records.iter().filter(|record| record.stream == Stream::Usage).map(read);
    usage.filter(|event| ids.insert(event.id.clone())).collect()
}

fn account_changes(records: &[Record]) -> Vec<(String, i64, Value)> {
    let accounts = records.iter().filter(|record| record.stream == Stream::Accounts);
    let change = |record: &Record| {
        let json: Value = serde_json::from_str(&record.payload).unwrap();
        let at: Timestamp = json["timestamp"].as_str().unwrap().parse().unwrap();
        assert_eq!((record.key.as_str(), at.as_millisecond()), (json["account_id"].as_str().unwrap(), record.time.0));
        (record.key.clone(), at.as_millisecond(), json["attributes"].clone())
    };
    accounts.map(change).collect()
}

#[test]
fn stream_is_what_its_seed_says() {
    let lines = |seed| product(seed).map(|record| record.payload).collect::<Vec<_>>();
    let first = lines(1);
    assert_eq!(first, lines(1));
    assert_ne!(first, lines(2));
    assert_eq!(product(1).filter(|record| record.stream == Stream::Usage).count() as u64, RECORDS);
}

/// The FNV-1a hash of all payloads.
fn fingerprint(records: impl Iterator<Item = Record>) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    records.fold(0xcbf2_9ce4_8422_2325, |hash, record| record.payload.bytes().chain(*b"\n").fold(hash, step))
}

#[test]
fn stream_of_a_seed_stays_what_it_is() {
    assert_eq!(fingerprint(product(1)), 14_493_400_289_782_523_169);
}

#[test]
fn records_are_in_order_and_no_event_lies_ahead_of_its_sending() {
    let records: Vec<Record> = product(3).collect();
    assert!(records.is_sorted_by_key(|record| record.at));
    assert!(records.iter().all(|record| record.at >= START && record.at < end() && record.time <= record.at));
    let mut signed_up = BTreeMap::new();
    let events = events(&records);
    for event in events.iter().filter(|event| event.name == "signed_up") {
        signed_up.insert(&event.user, event.time);
    }
    assert!(signed_up.len() > 100, "{}", signed_up.len());
    assert!(events.iter().all(|event| event.time >= START.0));
    assert!(events.iter().all(|event| signed_up.get(&event.user).is_none_or(|since| event.time >= *since)));
}

#[test]
fn copies_are_the_same_bytes_again_and_two_in_a_hundred() {
    let records: Vec<Record> = product(4).collect();
    let mut seen = BTreeSet::new();
    for record in records.iter().filter(|record| record.stream == Stream::Usage) {
        assert_eq!(seen.insert(&record.payload), !record.is_copy, "{record:?}");
    }
    let copies = records.iter().filter(|record| record.is_copy).count();
    assert!((600..1_000).contains(&copies), "{copies}");
    assert_eq!(product(4).filter(|record| record.is_copy).count(), copies);
}

#[test]
fn late_events_and_bots_are_as_many_as_stated() {
    let records: Vec<Record> = product(5).collect();
    let events = events(&records);
    let share = |is: &dyn Fn(&Event) -> bool| events.iter().filter(|event| is(event)).count() * 1_000 / events.len();
    let late = |least: i64| share(&|event| event.sent - event.time >= least);
    assert!((42..58).contains(&late(60_000)), "{}", late(60_000));
    assert!((14..24).contains(&late(3_600_000)), "{}", late(3_600_000));
    assert!((2..8).contains(&late(DAY)), "{}", late(DAY));
    assert!(events.iter().all(|event| event.sent - event.time <= 2 * DAY));
    let bots = share(&|event| event.is_bot);
    assert!((24..36).contains(&bots), "{bots}");
}

#[test]
fn events_name_the_plan_that_their_account_had_at_their_time() {
    let records: Vec<Record> = product(6).collect();
    let mut plans: BTreeMap<String, Vec<(i64, String)>> = BTreeMap::new();
    for (account, at, attributes) in account_changes(&records) {
        plans.entry(account).or_default().push((at, attributes["plan"].as_str().unwrap().to_owned()));
    }
    assert!(plans.values().any(|changes| changes.len() > 2));
    for event in events(&records) {
        let at = plans[&event.account].iter().rev().find(|(from, _)| *from <= event.time).unwrap();
        assert_eq!(event.plan, at.1, "{event:?}");
    }
}

#[test]
fn trials_end_after_fourteen_days_and_who_has_left_does_nothing() {
    let records: Vec<Record> = product(7).collect();
    let mut status: BTreeMap<String, Vec<(i64, String)>> = BTreeMap::new();
    for (account, at, attributes) in account_changes(&records) {
        status.entry(account).or_default().push((at, attributes["status"].as_str().unwrap().to_owned()));
    }
    let mut ends: BTreeMap<&str, u32> = BTreeMap::new();
    for changes in status.values().filter(|changes| changes.len() > 1 && changes[0].1 == "trial") {
        assert_eq!(changes[1].0 - changes[0].0, 14 * DAY);
        *ends.entry(&changes[1].1).or_default() += 1;
    }
    assert!(ends["customer"] > 2 && ends["former"] > ends["customer"], "{ends:?}");
    let left = |event: &Event| status[&event.account].last().filter(|(at, last)| last == "former" && *at < event.time);
    let after: Vec<Event> = events(&records).into_iter().filter(|event| left(event).is_some()).collect();
    assert!(after.is_empty(), "{after:?}");
}

#[test]
fn a_launch_grows_from_nothing() {
    let events = events(&product(8).collect::<Vec<_>>());
    for launch in Launch::within(&Company::DOCUMENTS, START, end()) {
        let used = |from: i64, until: i64| {
            let mut users = BTreeSet::new();
            let within = events.iter().filter(|event| event.sent >= from && event.sent < until);
            users.extend(within.filter(|event| event.name == launch.event).map(|event| &event.account));
            users.len()
        };
        let (third, rollout) = (launch.rollout_ms / 3, launch.rollout_ms);
        assert_eq!(used(START.0, launch.from.0), 0);
        let (early, late) = (used(launch.from.0, launch.from.0 + third), used(launch.from.0 + rollout, end().0));
        assert!(early > 0 && late > 2 * early, "{early} {late}");
    }
}

#[test]
fn activity_follows_the_week() {
    let events = events(&product(9).collect::<Vec<_>>());
    let of_week =
        |days: [i64; 2]| events.iter().filter(|event| days.contains(&(event.sent / DAY).rem_euclid(7))).count();
    // 1970-01-01 was a Thursday: the third and fourth of its week are the weekend.
    assert!(of_week([2, 3]) * 3 < of_week([4, 5]), "{} {}", of_week([2, 3]), of_week([4, 5]));
    let at_night = events.iter().filter(|event| event.sent.rem_euclid(DAY) < DAY / 4).count();
    assert!(at_night * 20 < events.len(), "{at_night}");
}

/// How many of them were active in the days up to this one.
fn active<'a>(days: impl Iterator<Item = (&'a str, i64)> + Clone, day: i64) -> Of {
    let count = |window: i64| {
        let within = days.clone().filter(|(_, at)| (day - window + 1..=day).contains(at));
        within.map(|(who, _)| who).collect::<BTreeSet<_>>().len() as u64
    };
    Of { d1: count(1), d7: count(7), d28: count(28) }
}

/// Plan and status of every account just before a time.
fn plans_before(records: &[Record], end: i64) -> BTreeMap<String, (String, String)> {
    let before = account_changes(records).into_iter().filter(|(_, at, _)| *at < end);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    before.map(|(account, _, is)| (account, (text(&is["plan"]), text(&is["status"])))).collect()
}

#[test]
fn truth_is_what_brute_force_counts() {
    // Also of a part.
    for (company, taken) in Company::ALL.into_iter().zip([15_000].into_iter().chain(std::iter::repeat(usize::MAX))) {
        let records: Vec<Record> = product_of(company, 10).take(taken).collect();
        let mut product = product_of(company, 10);
        product.by_ref().take(taken).for_each(drop);
        compare(&product, &records);
    }
}

#[test]
fn companies_differ_in_what_is_done_and_agree_in_who_lives() {
    let changes = |company| account_changes(&product_of(company, 12).collect::<Vec<_>>());
    let of_all: Vec<_> = Company::ALL.into_iter().map(changes).collect();
    let when = |changes: &[(String, i64, Value)]| {
        changes.iter().map(|(account, at, is)| (account.clone(), *at, is["status"].clone())).collect::<Vec<_>>()
    };
    assert!(of_all.iter().all(|changes| when(changes) == when(&of_all[0])));
    let plans = |changes: &[(String, i64, Value)]| {
        changes.iter().map(|(.., is)| is["plan"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    assert_eq!(plans(&of_all[2]), ["family", "free", "premium"].map(str::to_owned).into());
    assert!(of_all.iter().all(|changes| plans(changes).len() == 3));
    let names: BTreeSet<&str> = Company::ALL.iter().map(|company| company.name).collect();
    assert_eq!(names.len(), Company::ALL.len());
}

#[test]
fn staff_have_their_email_where_the_company_is() {
    let records: Vec<Record> = product_of(&Company::COMMISSIONS, 13).collect();
    let events = records.iter().filter(|record| record.stream == Stream::Usage);
    let (staff, others): (Vec<_>, Vec<_>) =
        events.partition(|record| record.payload.contains("@commissions.example\"}"));
    assert!(staff.len() * 200 > records.len() && staff.len() * 10 < records.len(), "{}", staff.len());
    let is_of_account = |record: &&Record| {
        let json: Value = serde_json::from_str(&record.payload).unwrap();
        let domain = format!("{}.example", json["account_id"].as_str().unwrap());
        json["properties"]["email"].as_str().unwrap().ends_with(&domain)
    };
    assert!(others.iter().all(is_of_account));
    assert!(product(13).all(|record| !record.payload.contains('@')));
}

fn compare(product: &Product, records: &[Record]) {
    let events = events(records);
    let truth = product.truth();
    let lines = truth.days();
    let first = START.0 / DAY;
    let last = events.iter().map(|event| event.time / DAY).max().unwrap();
    assert_eq!(lines.len(), usize::try_from(last - first + 1).unwrap());
    for (line, day) in lines.iter().zip(first..) {
        let date = Timestamp::from_millisecond(day * DAY).unwrap().to_string();
        assert!(date.starts_with(&line.day), "{date} {}", line.day);
        let of_day: Vec<&Event> = events.iter().filter(|event| event.time / DAY == day).collect();
        assert_eq!(line.events, of_day.len() as u64);
        let mut by_event: BTreeMap<&str, u64> = BTreeMap::new();
        of_day.iter().for_each(|event| *by_event.entry(&event.name).or_default() += 1);
        assert_eq!(line.by_event, by_event);
        let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
        let quantities = of_day.iter().flat_map(|event| &event.quantities);
        quantities.for_each(|(name, units)| *sums.entry(name).or_default() += units);
        let hundredths = |of: &Decimal| of.units * 10_i64.pow(2 - of.decimals);
        assert_eq!(line.sums.iter().map(|(name, of)| (*name, hundredths(of))).collect::<BTreeMap<_, _>>(), sums);
        let late = |least, most| {
            let late = of_day.iter().filter(|event| (least..most).contains(&(event.sent - event.time)));
            late.count() as u64
        };
        let told = (line.late.minutes, line.late.hours, line.late.days);
        assert_eq!(told, (late(60_000, 3_600_000), late(3_600_000, DAY), late(DAY, i64::MAX)));
        let copies = records.iter().filter(|record| record.is_copy && record.time.0 / DAY == day).count();
        assert_eq!(line.copies, copies as u64);
        // Brute force takes its time.
        if day % 7 == 3 || day == last {
            let people = || events.iter().filter(|event| !event.is_bot);
            assert_eq!(line.users, active(events.iter().map(|event| (event.user.as_str(), event.time / DAY)), day));
            assert_eq!(
                line.accounts,
                active(events.iter().map(|event| (event.account.as_str(), event.time / DAY)), day)
            );
            assert_eq!(line.people, active(people().map(|event| (event.user.as_str(), event.time / DAY)), day));
            assert_eq!(
                line.people_accounts,
                active(people().map(|event| (event.account.as_str(), event.time / DAY)), day)
            );
            let plans = plans_before(records, (day + 1) * DAY);
            for plan in plans.values().map(|(plan, _)| plan.as_str()).collect::<BTreeSet<_>>() {
                let on_it = events.iter().filter(|event| plans.get(&event.account).is_some_and(|is| is.0 == plan));
                let expected = active(on_it.map(|event| (event.account.as_str(), event.time / DAY)), day);
                let told = line.accounts_active_by_plan.get(plan).copied().unwrap_or_default();
                assert_eq!(told, expected, "{plan} {}", line.day);
            }
            for (name, of) in &line.launched {
                let used = events.iter().filter(|event| event.name == *name);
                assert_eq!(*of, active(used.map(|event| (event.user.as_str(), event.time / DAY)), day), "{name}");
            }
        }
        let plans = plans_before(records, (day + 1) * DAY);
        let mut by_plan: BTreeMap<&str, u64> = BTreeMap::new();
        for (plan, status) in plans.values() {
            *by_plan.entry(if status == "former" { status } else { plan }).or_default() += 1;
        }
        assert_eq!(line.accounts_by_plan, by_plan, "{}", line.day);
    }
    let summary = truth.summary();
    assert_eq!(summary.usage_records, events.len() as u64 + summary.copies);
    assert_eq!(summary.account_records, account_changes(records).len() as u64);
    assert_eq!(summary.users, events.iter().map(|event| &event.user).collect::<BTreeSet<_>>().len() as u64);
    assert_eq!(truth.accounts().map(|line| line.changes.len()).sum::<usize>() as u64, summary.account_records);
}

#[test]
fn a_product_goes_on_after_its_span() {
    let mut product = product(11);
    let before = product.by_ref().count();
    let until = Millis(end().0 + 5_000);
    product.go_on(Span { from: end(), until, records: 500 });
    let records: Vec<Record> = product.by_ref().collect();
    assert_eq!(records.iter().filter(|record| record.stream == Stream::Usage).count(), 500);
    assert!(records.iter().all(|record| record.at >= end() && record.at < until));
    assert_eq!(product.truth().summary().usage_records, RECORDS + 500);
    assert!(before as u64 > RECORDS);
}
