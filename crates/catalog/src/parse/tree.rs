//! The North Star tree: `north_star: { metric: rate, window: 90d, target: 0.7, inputs: [{ metric: trials, window: 7d }] }`, or a list.

use super::metrics;
use crate::cursor::{Cursor, Entries};
use crate::formula::Operand;
use crate::gauge::Gauge;
use crate::plan::{Literal, Plan};
use crate::suggest;
use crate::tree::{Better, Goal, NorthStar, Pair, Stage, Target, Way};
use activity::Window;
use jiff::civil::Date;

pub(super) const KNOWN: &[&str] = &["name", "metric", "window", "team", "owner", "stage", "target", "pairs", "inputs"];
pub(super) const INPUT_KNOWN: &[&str] = &["metric", "window", "team", "owner", "stage", "omtm", "target", "inputs"];
pub(super) const TARGET_KNOWN: &[&str] = &["value", "better", "from", "start", "by"];
pub(super) const PAIR_KNOWN: &[&str] = &["volume", "efficiency"];
pub(super) const SIDE_KNOWN: &[&str] = &["metric", "window"];
pub(crate) const BETTER: &[(&str, Better)] = &[("higher", Better::Higher), ("lower", Better::Lower)];
/// How deep inputs may be inputs of inputs; it bounds how deep this reader goes.
const DEEPEST: usize = 8;
/// How many goals there may be in all trees: each is shown by a number of series.
const MOST: usize = 500;

/// A goal, and where it stands.
#[derive(Clone)]
struct Placed<'a> {
    at: Cursor<'a>,
    goal: Goal,
}

/// The trees of a plan that has none yet; without the plan, nothing is said but what is wrong with the trees alone.
pub(super) fn read(cursor: &Cursor, plan: Option<&Plan>) -> Option<Vec<NorthStar>> {
    let items = cursor.items()?;
    let trees: Vec<_> = items.iter().map(|item| tree(item, plan)).collect();
    let trees: Vec<_> = trees.into_iter().collect::<Option<_>>()?;
    let (placed, north_stars): (Vec<Vec<Placed>>, Vec<NorthStar>) = trees.into_iter().unzip();
    let placed = placed.concat();
    if placed.len() > MOST {
        let what = format!("{} metrics in all trees are too many", placed.len());
        return cursor.wrong_at_home(what, format!("write at most {MOST}"));
    }
    let is_named_twice = |at: &usize| north_stars[..*at].iter().any(|other| other.name == north_stars[*at].name);
    if let Some(at) = (0..north_stars.len()).find(is_named_twice) {
        let what = format!("two trees are called `{}`", north_stars[at].name);
        return items[at].wrong(what, "give one of them another `name`: it tells their series apart");
    }
    one_metric_matters(&placed)?;
    Some(north_stars)
}

/// Whether no team has two metrics that matter at a time. One may stand in several trees.
fn one_metric_matters(placed: &[Placed]) -> Option<()> {
    let omtms: Vec<&Placed> = placed.iter().filter(|placed| placed.goal.is_omtm).collect();
    let mut complete = true;
    for (at, Placed { at: cursor, goal }) in omtms.iter().enumerate() {
        if omtms[..at].iter().any(|before| before.goal.team == goal.team && matter_at_once(&before.goal, goal)) {
            let what =
                format!("team `{}` has two metrics that matter at a time", goal.team.as_deref().unwrap_or_default());
            cursor.wrong::<()>(what, "let one start after the other ends, or remove `omtm` from one of them");
            complete = false;
        }
    }
    complete.then_some(())
}

fn matter_at_once(one: &Goal, other: &Goal) -> bool {
    let way = |goal: &Goal| goal.target.as_ref()?.way.clone();
    let overlap = |(a, b): (Way, Way)| a.start <= b.by && b.start <= a.by;
    !is_same(one, other) && way(one).zip(way(other)).is_some_and(overlap)
}

fn is_same(one: &Goal, other: &Goal) -> bool {
    (one.of, one.window) == (other.of, other.window)
}

fn tree<'a>(cursor: &Cursor<'a>, plan: Option<&Plan>) -> Option<(Vec<Placed<'a>>, NorthStar)> {
    let entries = cursor.entries()?;
    entries.allow(KNOWN, &[]);
    let name = entries.read_or("name", None, |cursor| cursor.text().map(Some));
    let placed = goals(cursor, &entries, 0, plan).filter(|placed| are_apart(placed));
    let pairs = entries.read_or("pairs", Vec::new(), |cursor| {
        super::all(cursor.named(|name, cursor| pair(name, cursor, placed.as_deref(), plan))?)
    });
    let (placed, plan) = (placed?, plan?);
    let goals: Vec<Goal> = placed.iter().map(|placed| placed.goal.clone()).collect();
    let name = name?.unwrap_or_else(|| plan.gauge(goals[0].of).name()).to_owned();
    Some((placed, NorthStar { name, goals, pairs: pairs? }))
}

/// A goal, and all below it.
fn goals<'a>(cursor: &Cursor<'a>, entries: &Entries<'a>, depth: usize, plan: Option<&Plan>) -> Option<Vec<Placed<'a>>> {
    let goal = goal(entries, depth, plan).map(|goal| Placed { at: cursor.clone(), goal });
    let input = |cursor: &Cursor<'a>| {
        let entries = cursor.entries()?;
        entries.allow(INPUT_KNOWN, &[]);
        goals(cursor, &entries, depth + 1, plan)
    };
    let inputs = entries.read_or("inputs", Vec::new(), |cursor| {
        if depth == DEEPEST {
            let what = format!("inputs of inputs are more than {DEEPEST} deep");
            return cursor.wrong_at_home(what, "write these as inputs of what is above");
        }
        let inputs: Vec<_> = cursor.items()?.iter().map(input).collect();
        Some(inputs.into_iter().collect::<Option<Vec<_>>>()?.concat())
    });
    Some([vec![goal?], inputs?].concat())
}

/// Whether no metric stands in a tree twice with one window.
fn are_apart(placed: &[Placed]) -> bool {
    let is_again = |(at, of): &(usize, &Placed)| placed[..*at].iter().any(|before| is_same(&before.goal, &of.goal));
    let again: Vec<&Placed> = placed.iter().enumerate().filter(is_again).map(|(_, of)| of).collect();
    for Placed { at, .. } in &again {
        at.wrong::<()>("this metric stands in the tree twice with this window", "remove one of them");
    }
    again.is_empty()
}

fn goal(entries: &Entries, depth: usize, plan: Option<&Plan>) -> Option<Goal> {
    let gauge = gauge(entries, plan);
    let text = |key| entries.read_or(key, None, |cursor| cursor.text().map(|text| Some(text.to_owned())));
    let (team, owner) = (text("team"), text("owner"));
    let stage = entries.read_or("stage", None, |cursor| cursor.choice("a stage", &Stage::ALL, &[]).map(Some));
    let is_omtm = entries.read_or("omtm", false, omtm);
    let target = entries.read_or("target", None, |cursor| target(cursor, plan).map(Some));
    if is_omtm == Some(true) {
        matters(entries, target.as_ref().and_then(Option::as_ref))?;
    }
    let (of, window) = gauge?;
    Some(Goal { of, window, depth, is_omtm: is_omtm?, team: team?, owner: owner?, stage: stage?, target: target? })
}

fn omtm(cursor: &Cursor) -> Option<bool> {
    match cursor.literal()? {
        Literal::Bool(is_omtm) => Some(is_omtm),
        _ => cursor.mismatch("`true` or `false`", "write `omtm: true` for the one metric that matters to a team"),
    }
}

/// Whether what is to be the one metric that matters says to whom, and until when.
fn matters(entries: &Entries, read: Option<&Target>) -> Option<()> {
    let help = "write where it is to get, and by when, as in \
                `target: { value: 0.18, from: 0.12, start: 2026-10-01, by: 2027-01-31 }`";
    let team = entries.require("team", "write to which team it matters, as in `team: growth`");
    let owner = entries.require("owner", "write who answers for it, as in `owner: Ada`");
    let target = entries.require("target", help).and_then(|cursor| match read {
        Some(Target { way: None, .. }) => cursor.wrong("what matters to a team has to expire", help),
        _ => Some(()),
    });
    team.and(owner).and(target)
}

/// The metric and the window that entries name.
fn gauge(entries: &Entries, plan: Option<&Plan>) -> Option<(Operand, Window)> {
    let metric = entries.require("metric", "write the metric's name, as in `metric: active_users`");
    let window = entries.read_or("window", None, |cursor| Some(Some((cursor.clone(), metrics::window(cursor)?))));
    let (cursor, plan) = (metric?, plan?);
    let name = cursor.text()?;
    let Some(of) = plan.operand(name) else {
        if plan.gauges().any(|gauge| gauge.name() == name) {
            let what = format!("`{name}` is several metrics, which a label tells apart");
            return cursor.wrong(what, "name another one: of several there is no one value");
        }
        let alone = plan.gauges().filter(|gauge| gauge.label().is_none());
        let help = match suggest::nearest(name, alone.map(Gauge::name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write the name of one of the `metrics`".to_owned(),
        };
        return cursor.wrong(format!("there is no metric `{name}`"), help);
    };
    match (window?, plan.gauge(of).windows()) {
        (None, [window]) => Some((of, *window)),
        (None, windows) => {
            let what = format!("`{name}` has several windows");
            cursor.wrong(what, format!("write `window` beside it, and {}", suggest::or(windows)))
        }
        (Some((_, window)), windows) if windows.contains(&window) => Some((of, window)),
        (Some((cursor, window)), windows) => {
            let help = match windows {
                [Window::AS_OF] => "remove it: what holds as of a day has none".to_owned(),
                windows => format!("write {}", suggest::or(windows)),
            };
            cursor.wrong(format!("`{name}` has no window `{window}`"), help)
        }
    }
}

/// A number, or a mapping with it.
fn target(cursor: &Cursor, plan: Option<&Plan>) -> Option<Target> {
    if !cursor.is_map() {
        return Some(Target { value: number(cursor)?, better: Better::Higher, way: None });
    }
    let entries = cursor.entries()?;
    entries.allow(TARGET_KNOWN, &[]);
    let value = entries.require("value", "write where it is to get, as in `value: 0.18`").and_then(number);
    let better =
        entries.read_or("better", None, |cursor| Some(Some((cursor.clone(), cursor.choice("a side", BETTER, &[])?))));
    if ["from", "start", "by"].iter().all(|key| entries.get(key).is_none()) {
        return Some(Target { value: value?, better: better?.map_or(Better::Higher, |(_, better)| better), way: None });
    }
    let part = |key, help| entries.require(key, help);
    let from = part("from", "write where it stands when the first day begins, as in `from: 0.12`");
    let start = part("start", "write the first day of the path, as in `start: 2026-10-01`");
    let by = part("by", "write the last day of the path, as in `by: 2027-01-31`");
    let (from, start, last) = (from.and_then(|at| Some((at, number(at)?))), start.and_then(day), by.and_then(day));
    if let Some((cursor, _)) = better? {
        return cursor.wrong_at_home("which side is better, `from` and `value` say", "remove it");
    }
    let (value, (at, from), start, last) = (value?, from?, start?, last?);
    if from == value {
        return at.wrong("the path begins at the target", "write where it stands when the first day begins");
    }
    if last < start {
        return by?.wrong(format!("`by` is before `start`, {start}"), "write the last day of the path");
    }
    let calendar = &plan?.calendar;
    let way = Way { from, start: calendar.bucket(start), by: calendar.bucket(last) };
    let better = if value > from { Better::Higher } else { Better::Lower };
    Some(Target { value, better, way: Some(way) })
}

fn number(cursor: &Cursor) -> Option<f64> {
    match cursor.literal()? {
        #[expect(clippy::cast_precision_loss, reason = "values are doubles, too")]
        Literal::Int(value) => Some(value as f64),
        Literal::Float(value) => Some(value),
        Literal::Bool(_) | Literal::Text(_) => cursor.mismatch("a number", "write a number, as in `0.18` or `12000`"),
    }
}

/// A date, with nothing behind it that would make it a time.
fn day(cursor: &Cursor) -> Option<Date> {
    let written = cursor.written().unwrap_or_default();
    written
        .parse()
        .ok()
        .filter(|_| written.len() == "2027-01-31".len())
        .or_else(|| cursor.mismatch("a day", "write a day of the catalogue's time zone, as in `2027-01-31`"))
}

fn pair(name: &str, cursor: &Cursor, placed: Option<&[Placed]>, plan: Option<&Plan>) -> Option<Pair> {
    let entries = cursor.entries()?;
    entries.allow(PAIR_KNOWN, &[]);
    let side = |key, help| entries.require(key, help).and_then(|cursor| side(cursor, placed, plan));
    let volume = side("volume", "write the metric that says how much, as in `volume: trials`");
    let efficiency = side("efficiency", "write the metric that says how well, as in `efficiency: trial_to_paid`");
    let (volume, efficiency) = (volume?, efficiency?);
    if volume == efficiency {
        return cursor.wrong("a pair of one metric with itself says nothing", "name another one as one of the two");
    }
    Some(Pair { name: name.to_owned(), volume, efficiency })
}

/// The place of a goal that is named by its metric, or by a mapping with metric and window.
fn side(cursor: &Cursor, placed: Option<&[Placed]>, plan: Option<&Plan>) -> Option<usize> {
    let (at, window) = match cursor.is_map() {
        false => (Some(cursor.clone()), Some(None)),
        true => {
            let entries = cursor.entries()?;
            entries.allow(SIDE_KNOWN, &[]);
            let metric = entries.require("metric", "write the metric's name, as in `metric: active_users`").cloned();
            (metric, entries.read_or("window", None, |cursor| metrics::window(cursor).map(Some)))
        }
    };
    let (cursor, window) = (at?, window?);
    let name = cursor.text()?;
    let (placed, plan) = (placed?, plan?);
    let called = |goal: &Goal| plan.gauge(goal.of).name();
    let is_meant = |goal: &Goal| called(goal) == name && window.is_none_or(|window| window == goal.window);
    let meant: Vec<usize> = (0..placed.len()).filter(|at| is_meant(&placed[*at].goal)).collect();
    match meant.as_slice() {
        [] => {
            let window = window.map(|window| format!(" with the window {window}")).unwrap_or_default();
            let help = match suggest::nearest(name, placed.iter().map(|placed| called(&placed.goal))) {
                Some(near) if near != name => format!("did you mean `{near}`?"),
                _ => "write it among the `inputs`, with a target".to_owned(),
            };
            cursor.wrong(format!("`{name}` is not in this tree{window}"), help)
        }
        [at] if placed[*at].goal.target.is_some() => Some(*at),
        [_] => cursor.wrong(format!("`{name}` has no target in this tree"), "write one where it stands in the tree"),
        [..] => {
            let help =
                format!("write one of them, as in `{{ metric: {name}, window: {} }}`", placed[meant[0]].goal.window);
            cursor.wrong(format!("`{name}` stands in this tree with several windows"), help)
        }
    }
}
