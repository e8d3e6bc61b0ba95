//! How goals are shown.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod support;

use std::collections::BTreeSet;
use support::{CATALOGUE, Harness, NOW};

/// Two users of day 20,000, which is the 4th of October 2024, two of the day before, and four of both.
#[test]
fn goals_are_shown_with_the_same_labels_and_as_absent_as_their_values() {
    let tree = "  growth: { type: derived, expr: now / before, metrics: { now: users, before: { metric: users, offset: 1d } }, windows: 7d }
north_star:
  metric: users
  window: 7d
  owner: 'Ada \"A\" \\'
  target: { value: 5, from: 1, start: 2024-10-01, by: 2024-10-08 }
  pairs: { sound: { volume: users, efficiency: growth } }
  inputs: { metric: growth, team: core, stage: retention, target: 4 }
";
    let mut harness = Harness::of(&format!("{CATALOGUE}{tree}"));
    let text = harness.text(NOW).unwrap();
    let star =
        r#"{north_star="users",metric="users",window="7d",complete="true",role="north_star",owner="Ada \"A\" \\"}"#;
    let input = r#"{north_star="users",metric="growth",window="7d",complete="false",role="input",team="core",stage="retention"}"#;
    for (labels, families) in [(star, 8), (input, 4)] {
        assert_eq!(text.matches(&format!("{labels} ")).count(), families, "{labels}: {text}");
    }
    // The metric or the pair, whether the day is complete, and the value.
    let told = |name: &str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix("{north_star=\"users\","));
        let parts = lines.map(|line| {
            let (labels, value) = line.rsplit_once(' ').unwrap();
            let complete = if labels.contains("complete=\"true\"") { "complete" } else { "unfinished" };
            format!("{} {complete} {value}", labels.split('"').nth(1).unwrap())
        });
        parts.collect::<Vec<_>>()
    };
    // Of the last complete day there is no growth: nobody was there before.
    assert_eq!(told("northstar_goal_value"), ["users unfinished 4", "growth unfinished 2", "users complete 2"]);
    let targets = ["users unfinished 5", "growth unfinished 4", "users complete 5", "growth complete 4"];
    assert_eq!(told("northstar_goal_target"), targets);
    assert_eq!(told("northstar_goal_met"), ["users unfinished 0", "growth unfinished 0", "users complete 0"]);
    let progress = ["users unfinished 0.75", "growth unfinished 0.5", "users complete 0.25"];
    assert_eq!(told("northstar_goal_progress_ratio"), progress);
    let expected = ["users unfinished 3", "users complete 2.5"];
    assert_eq!(told("northstar_goal_expected"), expected, "at the end of the 4th day of 8, and of the 3rd");
    assert_eq!(told("northstar_goal_on_path"), ["users unfinished 1", "users complete 0"]);
    let of_path = told("northstar_goal_path_ratio");
    assert_eq!(of_path, ["users unfinished 1.5", "users complete 0.6666666666666666"], "3 of 2, and 1 of 1.5");
    // 2024-10-09T00:00:00Z
    let expiry = ["users unfinished 1728432000", "users complete 1728432000"];
    assert_eq!(told("northstar_goal_expiry_timestamp_seconds"), expiry);
    assert_eq!(told("northstar_pair_met"), ["sound unfinished 0"]);
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    assert_eq!(names.len(), names.iter().collect::<BTreeSet<_>>().len(), "each family once: {names:?}");
    let shown = text.lines().filter(|line| line.starts_with("northstar_goal") || line.starts_with("northstar_pair"));
    let shown: Vec<&str> = shown.map(|line| line.rsplit_once(' ').unwrap().0).collect();
    let series = exporter::series_of_tree(&harness.plan, &harness.plan.north_stars[0]);
    assert!(shown.iter().all(|series_shown| series.iter().any(|series| series == series_shown)), "{series:?}");
    assert_eq!(series.len(), 16 + 8 + 2, "eight families of one goal, four of the other, and the pair");
}
