//! What an entity counts for in metrics of every kind, by looking at all buckets in which it was active.

use activity::{Bucket, Millis, Window};
use catalog::{Measure, Metric, Plan};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// Whether it counts, by the buckets in which it was active, ascending, in the window up to `as_of`: for the metric itself, or for one that its type makes.
pub(crate) fn counts(metric: &Metric, buckets: &[Bucket], window: Window, as_of: Bucket) -> bool {
    let length = i32::from(window.longest());
    let until = |bucket: Bucket| buckets.partition_point(|of| *of <= bucket);
    let of = |as_of: Bucket| until(as_of) - until(as_of.plus(-length));
    let (now, before) = (of(as_of) > 0, of(as_of.plus(-length)) > 0);
    let of_last = |days: i32| until(as_of) - until(as_of.plus(-days));
    let earlier = until(as_of.plus(-length)) > 0;
    match metric.name.as_str() {
        "comings_new" | "waves_new" => now && !earlier,
        "comings_retained" | "waves_retained" => now && before,
        "comings_resurrected" | "waves_resurrected" => now && !before && earlier,
        "comings_lapsed" | "waves_lapsed" => !now && before,
        "regulars" | "keen" => of(as_of) >= 2,
        "seen_by_days_ago" => now && (of_last(1) > 0) == (metric.label() == Some(("days_ago", "0"))),
        "cohorts_cohort" => is_of_cohort(metric, buckets, as_of),
        "cohorts_active" => is_of_cohort(metric, buckets, as_of) && until(as_of) > until(Bucket(week(as_of) * 7 - 4)),
        _ => metric.label().map_or(now, |(_, days)| Ok(of(as_of)) == days.parse()),
    }
}

/// The number of a day's week, from Monday on: 1970-01-01 was a Thursday.
fn week(day: Bucket) -> i32 {
    (day.0 + 3).div_euclid(7)
}

/// Whether who was active in these buckets was first so many weeks ago as the metric says.
fn is_of_cohort(metric: &Metric, buckets: &[Bucket], as_of: Bucket) -> bool {
    let weeks = buckets.first().filter(|first| **first <= as_of).map(|first| week(as_of) - week(*first));
    metric.label().is_some_and(|(_, label)| weeks.map(|weeks| weeks.to_string()).as_deref() == Some(label))
}

/// Whether a metric is of how many events entities had.
pub(crate) fn is_of_events(metric: &Metric) -> bool {
    matches!(metric.measure, Measure::Events(_))
}

/// What happened: on which day, when, and which step or what value.
pub(crate) type Once = (Bucket, Millis, i64);

/// Whether a metric is of what happened to entities, or of what attributes say of them.
pub(crate) fn is_of_marks(metric: &Metric) -> bool {
    matches!(metric.measure, Measure::Marks(_))
}

/// What an entity to which this happened, by day and time, counts for as of a day.
pub(crate) fn amount(plan: &Plan, metric: &Metric, happened: &[Once], window: Window, as_of: Bucket) -> i128 {
    let length = i32::from(window.longest());
    let latest = |until: Bucket| happened.iter().rfind(|(day, ..)| *day <= until);
    let worth = |until| latest(until).map_or(0, |(.., worth)| i128::from(*worth));
    let (now, opening) = (worth(as_of), worth(as_of.plus(-length)));
    let (is_new, is_lost) = (now > 0 && opening == 0, now == 0 && opening > 0);
    match metric.name.as_str() {
        "visits" | "visits_seconds" => {
            let (begun, ms) = visits(plan, happened, as_of.plus(1 - length)..=as_of);
            if metric.name == "visits" { begun } else { ms }
        }
        "tastes" => {
            let in_window = happened.iter().filter(|(day, ..)| (as_of.plus(1 - length)..=as_of).contains(day));
            i128::from(in_window.map(|(.., device)| device).collect::<BTreeSet<_>>().len() >= 2)
        }
        "held" => i128::from(latest(as_of).is_some_and(|(.., step)| *step == 0)),
        "worth" => now,
        "worth_opening" => opening,
        "worth_new" if is_new => now,
        "worth_churned" if is_lost => opening,
        "worth_expansion" if opening > 0 => (now - opening).max(0),
        "worth_contraction" if now > 0 => (opening - now).max(0),
        "worth_logos" => i128::from(now > 0),
        "worth_opening_logos" => i128::from(opening > 0),
        "worth_new_logos" => i128::from(is_new),
        "worth_churned_logos" => i128::from(is_lost),
        of => of.strip_prefix("funnel_").map_or(0, |part| entries(part, happened, length, as_of)),
    }
}

/// How many visits begin on these days, of which each event comes no more than 90 minutes after the one before, and how long they last on
/// them, in milliseconds.
fn visits(plan: &Plan, happened: &[Once], days: RangeInclusive<Bucket>) -> (i128, i128) {
    let times: BTreeMap<Millis, Bucket> = happened.iter().map(|(day, time, _)| (*time, *day)).collect();
    let is_near = |from: Millis, to: Millis| to.0 - from.0 <= 90 * 60_000;
    let begins = |at: &Millis| times.range(..*at).next_back().is_none_or(|(before, _)| !is_near(*before, *at));
    let begun = times.iter().filter(|(at, day)| days.contains(day) && begins(at)).count();
    let pairs = times.keys().zip(times.keys().skip(1)).filter(|(from, to)| is_near(**from, **to));
    let start = |day| plan.calendar.start_of(day).expect("a day of our age").0;
    let (from, until) = (start(*days.start()), start(days.end().plus(1)));
    let within = pairs.map(|(a, b)| i128::from((b.0.min(until) - a.0.max(from)).max(0))).sum();
    (i128::try_from(begun).expect("few"), within)
}

/// How many of each owner's members count, numerator and denominator: what that comes to for a metric of its shares.
pub(crate) fn share(metric: &Metric, [numerator, denominator]: [i128; 2]) -> i128 {
    match metric.name.as_str() {
        _ if denominator == 0 => 0,
        "sharing_sum" | "loyal_sum" => numerator * 1_000_000_000 / denominator,
        "sharing_of" | "loyal_of" => 1,
        _ => i128::from(2 * numerator >= denominator),
    }
}

/// How many days of entry by looking around lie in the window, of which this holds: that it was followed by a purchase within two days,
/// that these are over, or not yet.
fn entries(part: &str, happened: &[Once], length: i32, as_of: Bucket) -> i128 {
    let mut began = BTreeMap::<Bucket, Millis>::new();
    for (day, time, _) in happened.iter().filter(|(.., step)| *step == 0) {
        began.entry(*day).or_insert(*time);
    }
    let counts = |(day, began): (&Bucket, &Millis)| {
        let bought = happened.iter().find(|(on, time, step)| *step == 1 && time >= began && *on <= day.plus(2));
        let (is_converted, is_over) = (bought.is_some_and(|(on, ..)| *on <= as_of), as_of > day.plus(2));
        match part {
            "started" => true,
            "converted" => is_converted,
            "matured" => is_over,
            "matured_converted" => is_over && bought.is_some(),
            "open" => !is_over && !is_converted,
            _ => false,
        }
    };
    let in_window = began.range(as_of.plus(1 - length)..=as_of);
    i128::try_from(in_window.filter(|of| counts(*of)).count()).expect("few")
}

/// How many buckets after the last one that it covers a window may still tell something.
pub(crate) fn echoes(window: Window) -> i32 {
    if window == Window::AS_OF { 21 } else { 2 * i32::from(window.longest()) }
}
