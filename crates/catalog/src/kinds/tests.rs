mod marks;
mod moments;
mod percentile;

use crate::{Plan, parse};
use activity::record::{Floors, Record};
use activity::{Bucket, Grain, Millis, PerGrain, Window};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn plan(metric: &str) -> Plan {
    plan_with("", metric)
}

fn plan_with(section: &str, metric: &str) -> Plan {
    let text = format!(
        "version: 1\nproduct: test\nsources: {{ usage: {{ topic: usage }} }}\nentities: {{ user: {{ key: user_id }} }}\n{section}\n\
         metrics:\n  users: {{ {metric} }}\n"
    );
    parse(&text).unwrap_or_else(|mistakes| panic!("{}", mistakes.render("test", &text)))
}

fn entities(rest: &str) -> Plan {
    plan(&format!("measure: {{ agg: count_distinct, entity: user, events: any }}, {rest}"))
}

/// What an entity that was active on these days contributes, by metric's name and label, as of each of some days.
fn contributes(plan: &Plan, days: &BTreeSet<i32>, window: Window, floor: i32) -> BTreeMap<(String, String), Vec<i128>> {
    let mut record = Record::default();
    for day in days {
        for index in plan.series().filter(|index| plan.is_recorded(*index)) {
            let track = plan.track(index, Grain::Day);
            record.mask_mut(track).insert(Bucket(*day));
            record.seen(track, Bucket(*day));
        }
    }
    record.trim(&Floors { buckets: PerGrain::of(|_| Bucket(floor)), time: Millis(0) });
    let of_metric = |index| {
        let metric = plan.metric(index);
        metric.windows.contains(&window).then(|| {
            let steps = plan.steps(index, window, &record);
            let value = |as_of: i32| steps.iter().filter(|(at, _)| at.0 <= as_of).map(|(_, n)| n).sum();
            let label = metric.label().map_or_else(String::new, |(_, value)| value.to_owned());
            ((metric.name.clone(), label), (0..AS_OF).map(value).collect())
        })
    };
    plan.series().filter_map(of_metric).collect()
}

const AS_OF: i32 = 200;

fn days() -> impl Strategy<Value = BTreeSet<i32>> {
    proptest::collection::btree_set(0i32..120, 0..40)
}

fn is_active(days: &BTreeSet<i32>, length: i32, as_of: i32) -> bool {
    days.range(as_of - length + 1..=as_of).next().is_some()
}

proptest! {
    #[test]
    fn at_least_agrees_with_brute_force(days in days(), count in 1i32..8, length in 8i32..40) {
        let plan = plan(&format!(
            "type: simple, windows: [{length}d], \
             measure: {{ agg: count_distinct, entity: user, events: any, at_least: {{ days: {count} }} }}"
        ));
        let window = Window::days(u16::try_from(length).unwrap());
        let told = &contributes(&plan, &days, window, 0)[&("users".to_owned(), String::new())];
        for (as_of, value) in (0..).zip(told) {
            let expected = days.range(as_of - length + 1..=as_of).count() >= usize::try_from(count).unwrap();
            prop_assert_eq!(*value, i128::from(expected), "as of {}", as_of);
        }
    }

    #[test]
    fn frequency_agrees_with_brute_force_and_adds_up(days in days(), length in 1i32..40) {
        let plan = entities(&format!("type: frequency, windows: [1d, {}d]", length + 1));
        let window = Window::days(u16::try_from(length + 1).unwrap());
        let told = contributes(&plan, &days, window, 0);
        prop_assert_eq!(told.len(), usize::try_from(length).unwrap() + 2);
        for as_of in 0..AS_OF {
            let count = days.range(as_of - length..=as_of).count().to_string();
            for ((name, label), values) in &told {
                let expected = if name == "users" { count != "0" } else { *label == count };
                prop_assert_eq!(values[usize::try_from(as_of).unwrap()], i128::from(expected), "{} as of {}", label, as_of);
            }
        }
    }

    #[test]
    fn recency_agrees_with_brute_force_and_adds_up(days in days(), first in 1i32..9, second in 1i32..9, length in 20i32..40) {
        let plan = entities(&format!("type: recency, windows: [{length}d], since: [{first}d, {}d]", first + second));
        let told = contributes(&plan, &days, Window::days(u16::try_from(length).unwrap()), 0);
        prop_assert_eq!(told.len(), 4);
        for as_of in 0..AS_OF {
            let ago = days.range(as_of - length + 1..=as_of).next_back().map(|last| as_of - last);
            let value = |place: usize| told.values().nth(place).unwrap()[usize::try_from(as_of).unwrap()];
            prop_assert_eq!(value(0), i128::from(ago.is_some()));
            for ((_, label), values) in told.iter().skip(1) {
                let from: i32 = label.trim_end_matches('+').split('-').next().unwrap().parse().unwrap();
                let until = if from == 0 { first } else if from == first { first + second } else { length };
                let expected = ago.is_some_and(|ago| (from..until).contains(&ago));
                prop_assert_eq!(values[usize::try_from(as_of).unwrap()], i128::from(expected), "{} as of {}", label, as_of);
            }
        }
    }

    #[test]
    fn growth_agrees_with_brute_force_whatever_is_let_go_of(
        days in days(), length in 1i32..30, against_day in any::<bool>(), floor in 0i32..100,
    ) {
        let against = if against_day { "day" } else { "period" };
        let plan = entities(&format!("type: growth, windows: [{length}d], against: {against}"));
        let told = contributes(&plan, &days, Window::days(u16::try_from(length).unwrap()), floor);
        let (shift, reach) = if against_day { (1, length + 1) } else { (length, 2 * length) };
        prop_assert_eq!(i32::from(plan.reach(Grain::Day)), reach);
        for as_of in floor + reach - 1..AS_OF {
            let (now, before) = (is_active(&days, length, as_of), is_active(&days, length, as_of - shift));
            let earlier = days.range(..=as_of - shift).next().is_some();
            let expected = [
                ("users", now),
                ("users_new", now && !earlier),
                ("users_retained", now && before),
                ("users_resurrected", now && !before && earlier),
                ("users_lapsed", !now && before),
            ];
            let value = |name: &str| told[&(name.to_owned(), String::new())][usize::try_from(as_of).unwrap()];
            for (name, expected) in expected {
                prop_assert_eq!(value(name), i128::from(expected), "{} as of {}", name, as_of);
            }
            prop_assert_eq!(value("users"), value("users_new") + value("users_retained") + value("users_resurrected"));
        }
    }
}

proptest! {
    #[test]
    fn retention_agrees_with_brute_force_whatever_is_let_go_of(days in days(), periods in 1i32..8, floor in 0i32..60) {
        let plan = entities(&format!("type: retention, periods: {periods}"));
        let told = contributes(&plan, &days, Window::AS_OF, floor);
        prop_assert_eq!(plan.formulas.len(), usize::try_from(periods).unwrap() + 1);
        // 1970-01-01 was a Thursday, and weeks begin on Monday.
        let week = |day: i32| (day + 3).div_euclid(7);
        for as_of in floor + 6..AS_OF {
            for n in 0..=periods {
                let first = days.first().filter(|first| **first <= as_of && week(as_of) - week(**first) == n);
                let is_active = days.range(week(as_of) * 7 - 3..=as_of).next().is_some();
                let value = |part: &str| told[&(format!("users_{part}"), n.to_string())][usize::try_from(as_of).unwrap()];
                prop_assert_eq!(value("cohort"), i128::from(first.is_some()), "{} weeks after, as of {}", n, as_of);
                prop_assert_eq!(value("active"), i128::from(first.is_some() && is_active), "{} weeks after, as of {}", n, as_of);
            }
        }
    }
}

/// What an entity with so many events a day contributes to the only metric, as of each day.
fn counts(plan: &Plan, events: &BTreeMap<i32, i128>, window: Window, floor: i32) -> Vec<i128> {
    let (index, mut record) = (activity::MetricIndex(0), Record::default());
    let track = plan.track(index, Grain::Day);
    events.iter().for_each(|(day, n)| record.add_events(track, Bucket(*day), *n));
    record.trim(&Floors { buckets: PerGrain::of(|_| Bucket(floor)), time: Millis(0) });
    let steps = plan.steps(index, window, &record);
    (0..AS_OF).map(|as_of| steps.iter().filter(|(at, _)| at.0 <= as_of).map(|(_, n)| n).sum()).collect()
}

fn events() -> impl Strategy<Value = BTreeMap<i32, i128>> {
    proptest::collection::btree_map(0i32..120, 1i128..9, 0..40)
}

proptest! {
    #[test]
    fn enough_events_agree_with_brute_force(events in events(), least in 1i128..20, length in 1i32..40, to_date in any::<bool>()) {
        let window = if to_date { "wtd".to_owned() } else { format!("{length}d") };
        let plan = plan(&format!(
            "type: simple, windows: [{window}], \
             measure: {{ agg: count_distinct, entity: user, events: any, at_least: {least} }}"
        ));
        // 1970-01-01 was a Thursday, and weeks begin on Monday.
        let first = |as_of: i32| if to_date { as_of - (as_of + 3).rem_euclid(7) } else { as_of - length + 1 };
        let told = counts(&plan, &events, plan.metrics[0].windows[0], 0);
        for (as_of, told) in (0..).zip(told) {
            let sum: i128 = events.range(first(as_of)..=as_of).map(|(_, n)| n).sum();
            prop_assert_eq!(told, i128::from(sum >= least), "as of {}", as_of);
        }
    }

    #[test]
    fn baselines_agree_with_brute_force(
        events in events(), length in 1i32..20, before in 1i32..40, thousandths in 1i128..3_000, above in any::<bool>(), floor in 0i32..80,
    ) {
        let (way, limit) = (if above { "above" } else { "below" }, format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000));
        let plan = plan(&format!(
            "type: baseline, windows: [{length}d], against: {before}d, {way}: {limit}, \
             measure: {{ agg: count_distinct, entity: user, events: any }}"
        ));
        let told = counts(&plan, &events, plan.metrics[0].windows[0], floor);
        for as_of in floor + length + before - 1..AS_OF {
            let sum = |from: i32, to: i32| events.range(from..=to).map(|(_, n)| n).sum::<i128>();
            let (now, base) = (sum(as_of - length + 1, as_of), sum(as_of - length - before + 1, as_of - length));
            let (share, limit) = (now * i128::from(before) * 1_000, base * i128::from(length) * thousandths);
            let expected = base > 0 && if above { share > limit } else { share < limit };
            prop_assert_eq!(told[usize::try_from(as_of).unwrap()], i128::from(expected), "as of {}", as_of);
        }
    }
}

#[test]
fn a_family_is_recorded_once() {
    let plan = entities("type: growth, windows: [7d]");
    let recorded: Vec<bool> = plan.series().map(|index| plan.is_recorded(index)).collect();
    assert_eq!(recorded, [true, false, false, false, false]);
    let costs: Vec<bool> = plan.series().map(|index| plan.footprint(index).once.is_some()).collect();
    assert_eq!(costs, recorded);
}

#[test]
fn an_average_is_a_sum_over_a_count_of_the_same_events() {
    let average = "type: simple, measure: { agg: average, value: properties.seconds, decimals: 1, events: [read] }, windows: [7d]";
    let plan = plan(average);
    let [sum, count] = plan.metrics.as_slice() else { panic!("two metrics") };
    assert_eq!(
        [(sum.name.as_str(), sum.decimals()), (count.name.as_str(), count.decimals())],
        [("users_sum", 1), ("users_count", 0)]
    );
    assert_eq!((&sum.events, &sum.windows), (&count.events, &count.windows));
    let value = |index: activity::MetricIndex, _, _| Some(if index.0 == 0 { 250 } else { 4 });
    let formula = &plan.formulas[0];
    assert_eq!(formula.name, "users");
    assert_eq!(plan.evaluate(formula, None, Window::days(7), Bucket(0), &value), Some(6.25));
}
