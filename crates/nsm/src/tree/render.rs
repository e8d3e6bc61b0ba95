//! Trees as text.

use super::answer::{Answer, GoalTold, PairTold, SideTold, TreeTold};
use crate::check;
use exporter::Told;

const HEADING: [&str; 12] = [
    "metric", "window", "as of", "value", "expected", "of path", "target", "progress", "stands", "by", "stage", "whose",
];

pub(super) fn table(answer: &Answer) -> String {
    let tables: Vec<String> = answer.north_stars.iter().map(tree).collect();
    tables.join("\n")
}

pub(super) fn json(answer: &Answer) -> String {
    serde_json::to_string_pretty(answer).expect("all keys are text") + "\n"
}

fn tree(TreeTold { name, goals, pairs }: &TreeTold) -> String {
    let goals = format!("North Star {name}\n{}\n", check::table(&HEADING, goals.iter().map(goal).collect()));
    if pairs.is_empty() {
        return goals;
    }
    let pairs = check::table(&["pair", "volume", "efficiency", "stands"], pairs.iter().map(pair).collect());
    format!("{goals}\n{pairs}\n")
}

fn goal(goal: &GoalTold) -> Vec<String> {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let matters = if goal.role == "omtm" { " (OMTM)" } else { "" };
    let over = if goal.expired == Some(true) { ", over" } else { "" };
    let whose: Vec<&str> = [&goal.team, &goal.owner].into_iter().flatten().map(String::as_str).collect();
    vec![
        format!("{}{}{matters}", "  ".repeat(goal.depth), goal.metric),
        goal.window.clone(),
        goal.as_of.clone(),
        goal.value.map_or_else(|| "none".to_owned(), value),
        or_none(goal.expected.map(short)),
        or_none(goal.of_path.map(percent)),
        or_none(goal.target.map(short)),
        or_none(goal.progress.map(percent)),
        stands(goal).to_owned(),
        or_none(goal.by.as_ref().map(|by| format!("{by}{over}"))),
        or_none(goal.stage.map(str::to_owned)),
        if whose.is_empty() { "-".to_owned() } else { whose.join(", ") },
    ]
}

fn stands(GoalTold { met, on_path, target, .. }: &GoalTold) -> &'static str {
    match (met, on_path, target) {
        (Some(true), ..) => "on target",
        (_, Some(true), _) => "on path",
        (_, Some(false), _) => "behind",
        (Some(false), None, _) => "not on target",
        (None, _, Some(_)) => "unknown",
        (None, _, None) => "-",
    }
}

fn pair(PairTold { name, volume, efficiency, met }: &PairTold) -> Vec<String> {
    let side = |SideTold { metric, window, met }: &SideTold| format!("{metric} {window}: {}", on_target(*met));
    vec![name.clone(), side(volume), side(efficiency), on_target(*met).to_owned()]
}

fn on_target(met: Option<bool>) -> &'static str {
    match met {
        Some(true) => "on target",
        Some(false) => "not on target",
        None => "unknown",
    }
}

fn value(value: Told) -> String {
    match value {
        Told::Exact(value) => value.to_string(),
        Told::Double(value) => short(value),
    }
}

fn percent(share: f64) -> String {
    format!("{:.1}%", 100.0 * share)
}

/// With at most four decimals.
fn short(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
