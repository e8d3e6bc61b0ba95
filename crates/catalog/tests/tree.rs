//! Trees: what they mean, and how goals stand.

use activity::{Bucket, Grain, Millis, Window};
use catalog::{Better, Plan, Stage, Standing, Target, Way};
use proptest::prelude::*;

const CATALOGUE: &str = include_str!("catalogues/tree.yaml");

fn plan() -> Plan {
    catalog::parse(CATALOGUE).unwrap_or_else(|mistakes| panic!("{}", mistakes.render("tree.yaml", CATALOGUE)))
}

#[test]
fn a_tree_is_read_from_the_top_and_deep_first() {
    let plan = plan();
    let names: Vec<&str> = plan.north_stars.iter().map(|tree| tree.name.as_str()).collect();
    assert_eq!(names, ["commission_rate", "people"], "of a tree without a name it is the metric's");
    let tree = &plan.north_stars[0];
    let goals: Vec<_> = tree
        .goals
        .iter()
        .map(|goal| (goal.depth, plan.gauge(goal.of).name(), goal.window.to_string(), goal.role()))
        .collect();
    let expected = [
        (0, "commission_rate", "90d", "north_star"),
        (1, "trial_to_paid", "28d", "omtm"),
        (2, "active_users", "28d", "input"),
        (1, "accounts_paying", "90d", "input"),
        (1, "disputes", "7d", "input"),
        (1, "active_users", "7d", "input"),
    ];
    assert_eq!(goals, expected.map(|(depth, name, window, role)| (depth, name, window.to_owned(), role)));
    let parents: Vec<_> = (0..6)
        .map(|at| tree.parent(at).map(|goal| plan.gauge(goal.of).name()))
        .map(Option::unwrap_or_default)
        .collect();
    assert_eq!(
        parents,
        ["", "commission_rate", "trial_to_paid", "commission_rate", "commission_rate", "commission_rate"]
    );
    assert_eq!(tree.pairs.iter().map(|pair| (pair.volume, pair.efficiency)).collect::<Vec<_>>(), [(3, 0), (5, 4)]);
    let omtm = &tree.goals[1];
    assert_eq!(
        (omtm.team.as_deref(), omtm.owner.as_deref(), omtm.stage),
        (Some("growth"), Some("Ada"), Some(Stage::Revenue))
    );
}

#[test]
fn a_target_is_a_number_or_a_way_by_which_its_better_side_is_told() {
    let plan = plan();
    let target = |tree: usize, at: usize| plan.north_stars[tree].goals[at].target.clone();
    let day = |text: &str| plan.calendar.bucket(text.parse().unwrap());
    let way = |from, start, by| Some(Way { from, start: day(start), by: day(by) });
    let up = Target { value: 0.18, better: Better::Higher, way: way(0.12, "2026-10-01", "2027-01-31") };
    assert_eq!(target(0, 1), Some(up));
    assert_eq!(target(0, 2), None);
    assert_eq!(target(0, 3), Some(Target { value: 400.0, better: Better::Higher, way: None }));
    assert_eq!(target(0, 4), Some(Target { value: 20.0, better: Better::Lower, way: None }));
    let down = Target { value: 10.0, better: Better::Lower, way: way(40.5, "2026-07-01", "2026-07-01") };
    assert_eq!(target(1, 0), Some(down));
}

#[test]
fn trees_are_of_bounded_depth() {
    let (counted, _) = CATALOGUE.split_once("north_star:").unwrap();
    let nested = |depth: usize| {
        let (open, close) = (", inputs: { metric: disputes".repeat(depth), " }".repeat(depth + 1));
        catalog::parse(&format!("{counted}north_star: {{ metric: commission_rate{open}{close}"))
    };
    let said = |depth| nested(depth).unwrap_err().0.iter().map(|mistake| mistake.what.clone()).collect::<Vec<_>>();
    assert!(said(8).iter().all(|what| what.contains("twice")), "{:?}", said(8));
    assert_eq!(said(9), ["inputs of inputs are more than 8 deep"]);
    assert_eq!(said(12), said(9));
}

/// Goals come, go and change without new state.
#[test]
fn trees_are_no_part_of_the_version() {
    let (counted, _) = CATALOGUE.split_once("north_star:").unwrap();
    let without = catalog::parse(counted).unwrap();
    assert!(without.north_stars.is_empty());
    assert_eq!(without.version, plan().version);
}

/// In New York it is still the 30th of June when it is the 1st of July in UTC.
#[test]
fn an_hour_is_judged_by_its_day_in_the_reporting_time_zone() {
    let plan = plan();
    let (tree, hour) = (&plan.north_stars[1], |text: &str| {
        let time: jiff::Timestamp = text.parse().unwrap();
        plan.bucket(Grain::Hour, Millis(time.as_millisecond()))
    });
    let goal = &tree.goals[0];
    assert_eq!(goal.window, Window::trailing(Grain::Hour, 24));
    let expected = |text| plan.judge(goal, 40.5, hour(text)).unwrap().expected;
    assert_eq!(expected("2026-07-01T03:00:00Z"), Some(40.5));
    assert_eq!(expected("2026-07-01T04:00:00Z"), Some(10.0));
}

/// A hundred days up to the target, or down to it.
fn hundred_days(from: f64, value: f64) -> Target {
    let better = if value > from { Better::Higher } else { Better::Lower };
    Target { value, better, way: Some(Way { from, start: Bucket(1_001), by: Bucket(1_100) }) }
}

#[test]
fn a_way_begins_with_its_first_day_and_ends_with_its_last() {
    for (from, value) in [(0.0, 100.0), (250.0, 50.0)] {
        let target = hundred_days(from, value);
        let expected = |day| target.judge(0.0, Bucket(day)).expected.unwrap();
        let step = (value - from) / 100.0;
        assert_eq!([expected(0), expected(1_000)], [from, from], "before");
        for days in 1..=100 {
            assert_eq!(expected(1_000 + days), from + f64::from(days) * step, "at the end of the day, and exactly");
        }
        assert_eq!([expected(1_100), expected(1_101), expected(9_999)], [value; 3]);
        let is_over = |day| target.way.as_ref().unwrap().is_over(Bucket(day));
        assert!(!is_over(1_100) && is_over(1_101));
    }
}

#[test]
fn a_target_without_a_way_is_measured_from_0_if_it_lies_above() {
    let standing = |value, better, now| Target { value, better, way: None }.judge(now, Bucket(0));
    let told = |is_met, progress| Standing { is_met, progress, expected: None, is_on_path: None, of_path: None };
    assert_eq!(standing(400.0, Better::Higher, 100.0), told(false, Some(0.25)));
    assert_eq!(standing(400.0, Better::Higher, 500.0), told(true, Some(1.25)));
    assert_eq!(standing(20.0, Better::Lower, 20.0), told(true, None));
    assert_eq!(standing(20.0, Better::Lower, 20.5), told(false, None));
    assert_eq!(standing(0.0, Better::Higher, -1.0), told(false, None));
}

#[test]
fn a_pair_is_on_target_only_if_both_are_and_unknown_if_one_is() {
    let pair = &plan().north_stars[0].pairs[0];
    let of = |volume, efficiency| pair.is_met(|at| if at == 3 { volume } else { efficiency });
    assert_eq!(
        [of(Some(true), Some(true)), of(Some(true), Some(false)), of(Some(false), Some(true))],
        [true, false, false].map(Some)
    );
    assert_eq!([of(None, Some(true)), of(Some(false), None)], [None, None]);
}

/// A whole number, as values and targets may be; few enough for two to be equal.
fn whole() -> impl Strategy<Value = i32> {
    -20..20
}

proptest! {
    /// What is expected never goes back, and does not leave the way.
    #[test]
    fn expected_path_is_monotone(from in -1e308..1e308_f64, value in -1e308..1e308_f64, days in 1..4_000_i32) {
        prop_assume!(from != value);
        let target = Target { way: Some(Way { from, start: Bucket(0), by: Bucket(days - 1) }), ..hundred_days(from, value) };
        let expected: Vec<f64> = (-2..days + 2).map(|day| target.judge(0.0, Bucket(day)).expected.unwrap()).collect();
        let never_goes_back = match value > from {
            true => expected.is_sorted(),
            false => expected.iter().rev().is_sorted(),
        };
        prop_assert!(never_goes_back);
        prop_assert_eq!((expected[0], expected[expected.len() - 1]), (from, value));
    }

    /// By whole numbers: on the path are those who have come at least as far as days have gone by.
    #[test]
    fn on_the_path_and_met_are_what_fractions_say(from in whole(), value in whole(), now in whole(), days in 1..30_i64, gone in -2..32_i64) {
        prop_assume!(from != value);
        let day = |day: i64| Bucket(i32::try_from(day).unwrap());
        let way = Way { from: from.into(), start: day(1), by: day(days) };
        let target = Target { way: Some(way), ..hundred_days(from.into(), value.into()) };
        let standing = target.judge(now.into(), day(gone));
        // Both turned upwards, and measured from where the way begins.
        let up = if value > from { 1 } else { -1 };
        let (way, come) = (i64::from(value - from) * up, i64::from(now - from) * up);
        let due = way * gone.clamp(0, days);
        prop_assert_eq!(standing.is_met, come >= way);
        // Where thirds are due, what comes out is rounded: values are whole, so it never rounds to one that is not due.
        prop_assert_eq!(standing.is_on_path, Some(come * days >= due));
        let progress = standing.progress.unwrap();
        #[expect(clippy::cast_precision_loss, reason = "they are small")]
        let exact = come as f64 / way as f64;
        prop_assert_eq!(progress, exact);
        prop_assert_eq!(standing.is_met, progress >= 1.0);
        // Before the first day ends nothing is due, so there is no share of it.
        prop_assert_eq!(standing.of_path.is_some(), gone > 0);
        if let Some(of_path) = standing.of_path {
            #[expect(clippy::cast_precision_loss, reason = "they are small")]
            let exact = (come * days) as f64 / due as f64;
            prop_assert!((of_path - exact).abs() < 1e-9 * exact.abs().max(1.0));
            prop_assert_eq!(standing.is_on_path, Some(of_path >= 1.0));
        }
        prop_assert!(!standing.is_met || standing.is_on_path == Some(true), "who is there is on the path");
    }
}
