//! Kinds of what happened to entities when, against brute force.

use super::plan;
use crate::{Marks, Measure, Plan, Said};
use activity::marks::Keep;
use activity::record::{Floors, Record};
use activity::{Bucket, Millis, PerGrain, Window};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const HOUR: i64 = 3_600_000;
pub(super) const DAYS: i32 = 160;

/// What happened: in which hour, and which step or what value.
type Happened = BTreeSet<(i64, i64)>;

fn happened(values: std::ops::Range<i64>) -> impl Strategy<Value = Happened> {
    proptest::collection::btree_set((0i64..80 * 24, values), 0..14)
}

/// What an entity to which this happened contributes to each metric, as of each day from `floor` on.
pub(super) fn contributes(plan: &Plan, happened: &Happened, keep: Keep, floor: i32) -> BTreeMap<String, Vec<i128>> {
    let mut record = Record::default();
    let reads = plan.track(activity::MetricIndex(0), activity::Grain::Day).metric;
    for (hour, value) in happened {
        let at = Millis(hour * HOUR);
        match &plan.metric(reads).measure {
            Measure::Marks(Marks { said: Said::Moment { gap_ms }, .. }) => drop(record.join(reads, at, *gap_ms)),
            _ => drop(record.mark(reads, keep, at, *value)),
        };
    }
    let time = Millis(i64::from(floor) * 24 * HOUR);
    record.trim(&Floors { buckets: PerGrain::of(|_| Bucket(floor)), time });
    let of_metric = |index| {
        let (metric, window): (_, Window) = (plan.metric(index), plan.metric(index).windows[0]);
        let steps = plan.steps(index, window, &record);
        let value = |as_of: i32| steps.iter().filter(|(at, _)| at.0 <= as_of).map(|(_, n)| n).sum();
        (metric.name.clone(), (0..DAYS).map(value).collect())
    };
    plan.series().map(of_metric).collect()
}

pub(super) fn day(hour: i64) -> i32 {
    i32::try_from(hour / 24).unwrap()
}

/// The last value until the end of a day; of two at once the greater.
fn latest(happened: &Happened, until: i32) -> Option<(i32, i64)> {
    happened.iter().rfind(|(hour, _)| day(*hour) <= until).map(|(hour, value)| (day(*hour), *value))
}

proptest! {
    #[test]
    fn states_hold_until_they_end(happened in happened(0..2), floor in 0i32..60) {
        let plan = plan("type: simple, measure: { agg: state, entity: user, from: [on], until: [off] }");
        let told = &contributes(&plan, &happened, Keep::Last, floor)["users"];
        for as_of in floor..DAYS {
            let expected = latest(&happened, as_of).is_some_and(|(_, step)| step == 0);
            prop_assert_eq!(told[usize::try_from(as_of).unwrap()], i128::from(expected), "as of {}", as_of);
        }
    }

    #[test]
    fn movements_lead_from_what_was_to_what_is(happened in happened(-1..4), length in 1i32..50, floor in 0i32..60) {
        let plan = plan(&format!(
            "type: movements, windows: [{length}d], \
             measure: {{ agg: state, entity: user, events: [changed], value: properties.mrr }}"
        ));
        let told = contributes(&plan, &happened, Keep::Last, floor);
        let worth = |as_of| latest(&happened, as_of).map_or(0, |(_, worth)| i128::from(worth.max(0)));
        for as_of in floor + length..DAYS {
            let (now, opening) = (worth(as_of), worth(as_of - length));
            let value = |suffix: &str| told[&format!("users{suffix}")][usize::try_from(as_of).unwrap()];
            prop_assert_eq!((value(""), value("_opening")), (now, opening));
            let (new, lost) = (opening == 0 && now > 0, opening > 0 && now == 0);
            prop_assert_eq!(value("_new"), if new { now } else { 0 });
            prop_assert_eq!(value("_churned"), if lost { opening } else { 0 });
            prop_assert_eq!(value("_expansion"), if opening > 0 && now > opening { now - opening } else { 0 });
            prop_assert_eq!(value("_contraction"), if now > 0 && now < opening { opening - now } else { 0 });
            let moved = value("_new") + value("_expansion") - value("_contraction") - value("_churned");
            prop_assert_eq!(now, opening + moved);
            let logos = [("_logos", now > 0), ("_opening_logos", opening > 0), ("_new_logos", new), ("_churned_logos", lost)];
            for (suffix, counts) in logos {
                prop_assert_eq!(value(suffix), i128::from(counts), "{}", suffix);
            }
        }
    }

    #[test]
    fn surveys_take_the_latest_answer(happened in happened(0..11), length in 1i32..40, floor in 0i32..60) {
        let plan = plan(&format!(
            "type: survey, entity: user, score: properties.score, events: [answered], windows: [{length}d]"
        ));
        let told = contributes(&plan, &happened, Keep::None, floor);
        for as_of in floor + 2 * length - 1..DAYS {
            let answer = latest(&happened, as_of).filter(|(at, _)| *at > as_of - length);
            let before = answer.and_then(|(at, _)| latest(&happened, at - 1).filter(|(before, _)| *before > at - length));
            let is = |holds: &dyn Fn(i64) -> bool| i128::from(answer.is_some_and(|(_, score)| holds(score)));
            let expected = [
                ("responses", is(&|_| true)),
                ("score", answer.map_or(0, |(_, score)| score.into())),
                ("declined", is(&|score| before.is_some_and(|(_, before)| score < before))),
                ("promoters", is(&|score| score >= 9)),
                ("passives", is(&|score| (7..9).contains(&score))),
                ("detractors", is(&|score| score < 7)),
            ];
            for (name, expected) in expected {
                let value = told[&format!("users_{name}")][usize::try_from(as_of).unwrap()];
                prop_assert_eq!(value, expected, "{} as of {}", name, as_of);
            }
        }
    }

    #[test]
    fn conversions_are_of_entries_that_came_through_in_time(
        happened in happened(0..3), length in 32i32..60, within in 1i32..30, in_hours in any::<bool>(), floor in 0i32..60,
    ) {
        let limit = if in_hours { format!("{within}h") } else { format!("{within}d") };
        let plan = plan(&format!(
            "type: conversion, entity: user, steps: [cart, address, paid], within: {limit}, windows: [{length}d]"
        ));
        let told = contributes(&plan, &happened, Keep::None, floor);
        let in_time = |from: i64, hour: i64| match in_hours {
            true => hour - from <= within.into(),
            false => day(hour) <= day(from) + within,
        };
        let firsts: BTreeMap<i32, i64> = happened.iter().rev().filter(|(_, step)| *step == 0).map(|(hour, _)| (day(*hour), *hour)).collect();
        for as_of in floor + length - 1..DAYS {
            let mut expected = BTreeMap::from(["started", "converted", "matured", "matured_converted", "open", "step_2"].map(|of| (of, 0)));
            for (_, from) in firsts.range(as_of - length + 1..=as_of) {
                let after = |step: i64, hour: i64| {
                    happened.iter().find(|(at, of)| *of == step && *at >= hour && in_time(*from, *at)).map(|(at, _)| *at)
                };
                let second = after(1, *from);
                let third = second.and_then(|second| after(2, second));
                let by_now = |hour: Option<i64>| hour.is_some_and(|hour| day(hour) <= as_of);
                let is_over = (0..24).all(|hour| !in_time(*from, i64::from(as_of) * 24 + hour));
                let mut add = |name, counts: bool| *expected.get_mut(name).unwrap() += i128::from(counts);
                add("started", true);
                add("converted", by_now(third));
                add("step_2", by_now(second));
                add("matured", is_over);
                add("matured_converted", is_over && third.is_some());
                add("open", !is_over && !by_now(third));
            }
            for (name, expected) in expected {
                let value = told[&format!("users_{name}")][usize::try_from(as_of).unwrap()];
                prop_assert_eq!(value, expected, "{} as of {}", name, as_of);
            }
        }
    }
}

/// What an entity to which this happened contributes as of each day, by the metric's name and label.
fn labelled(plan: &Plan, happened: &Happened, floor: i32) -> BTreeMap<(String, String), Vec<i128>> {
    let index = activity::MetricIndex(0);
    let mut record = Record::default();
    for (hour, step) in happened {
        record.mark(index, Keep::None, Millis(hour * HOUR), *step);
    }
    let time = Millis(i64::from(floor) * 24 * HOUR);
    record.trim(&Floors { buckets: PerGrain::of(|_| Bucket(floor)), time });
    let of_metric = |index| {
        let metric = plan.metric(index);
        let steps = plan.steps(index, metric.windows[0], &record);
        let value = |as_of: i32| steps.iter().filter(|(at, _)| at.0 <= as_of).map(|(_, n)| n).sum();
        let label = metric.label().unwrap().1.to_owned();
        ((metric.name.clone(), label), (0..DAYS).map(value).collect())
    };
    plan.series().map(of_metric).collect()
}

proptest! {
    #[test]
    fn times_to_value_are_of_those_who_could_be_seen(
        happened in happened(0..2), length in 1i32..60, within in 1i32..30, floor in 0i32..60,
    ) {
        let plan = plan(&format!(
            "type: time_to_value, entity: user, base: {{ events: [came] }}, \
             value: {{ events: [paid], within: {within}d }}, windows: [{length}d]"
        ));
        let told = labelled(&plan, &happened, floor);
        let firsts: BTreeMap<i32, i64> =
            happened.iter().rev().filter(|(_, step)| *step == 0).map(|(hour, _)| (day(*hour), *hour)).collect();
        for as_of in floor + length - 1..DAYS {
            for days in 0..=within {
                let (mut waiting, mut reached) = (0, 0);
                let seen_for = |began: i32| began <= as_of - days && began > as_of - length;
                for (began, hour) in firsts.iter().filter(|(began, _)| seen_for(**began)) {
                    let paid = happened.iter().find(|(at, step)| *step == 1 && at >= hour).map(|(at, _)| day(*at) - began);
                    let took = paid.filter(|took| *took <= within);
                    waiting += i128::from(took.is_none_or(|took| took >= days));
                    reached += i128::from(took == Some(days));
                }
                for (part, expected) in [("waiting", waiting), ("reached", reached)] {
                    let value = told[&(format!("users_{part}"), days.to_string())][usize::try_from(as_of).unwrap()];
                    prop_assert_eq!(value, expected, "{} on day {} as of {}", part, days, as_of);
                }
            }
        }
    }

    #[test]
    fn the_median_is_where_no_more_than_half_are_left(days in proptest::collection::vec((1i128..9, 0i128..9), 4)) {
        let plan = plan("type: time_to_value, entity: user, base: { events: [came] }, \
                         value: { events: [paid], within: 3d }, windows: [7d]");
        let units = |index: activity::MetricIndex, _, _| {
            let (waiting, reached) = days[usize::from(index.0) % 4];
            Some(if index.0 < 4 { waiting } else { reached.min(waiting) })
        };
        // As whole numbers: left / all.
        let (mut left, mut all, mut expected) = (1, 1, None);
        for (day, (waiting, reached)) in (0..).zip(&days) {
            (left, all) = (left * (waiting - reached.min(waiting)), all * waiting);
            expected = expected.or((2 * left <= all).then_some(f64::from(day)));
        }
        let formula = &plan.formulas[0];
        prop_assert_eq!(plan.evaluate(formula, None, formula.windows[0], Bucket(0), &units), expected);
    }
}

#[test]
fn types_make_formulas() {
    let names = |metric: &str| plan(metric).formulas.iter().map(|of| of.name.clone()).collect::<Vec<_>>();
    let survey = "type: survey, entity: user, score: properties.score, events: [answered], windows: [90d]";
    assert_eq!(names(survey), ["users"]);
    assert_eq!(names(&format!("{survey}, scale: mean, decimals: 2")), ["users"]);
    let base = "base: { events: [trial] }, conversion: { events: [paid], within: 14d }";
    assert_eq!(names(&format!("type: conversion, entity: user, {base}, windows: [28d]")), ["users"]);
    let measure = "measure: { agg: state, entity: user, events: [changed], value: properties.mrr, decimals: 2 }";
    let movements = plan(&format!("type: movements, {measure}, windows: [30d, 365d]"));
    let names: Vec<&str> = movements.formulas.iter().map(|of| of.name.as_str()).collect();
    assert_eq!(names, ["users_nrr", "users_grr"]);
    let decimals = |name: &str| movements.metrics.iter().find(|of| of.name == name).unwrap().decimals();
    assert_eq!([decimals("users"), decimals("users_churned"), decimals("users_logos")], [2, 2, 0]);
}
