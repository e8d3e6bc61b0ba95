//! How the goals of the North Star trees stand, as Prometheus text. All samples of a goal have the same labels, so that one can be set
//! against another.

use crate::gauges::{escape_label, of_window};
use crate::totals::Totals;
use crate::value::Told;
use activity::{Bucket, Grain};
use catalog::{Goal, NorthStar, Plan, Standing, Target};
use std::fmt::Write;

/// A family of samples, one for each goal that has it.
struct Family {
    name: &'static str,
    help: &'static str,
    /// `None` if the goal has none, or none now.
    of: fn(&Plan, &Goal, Option<Stand>) -> Option<f64>,
}

/// The value of a goal's metric, and how the goal stands with it.
#[derive(Clone, Copy, Debug)]
pub struct Stand {
    /// The value.
    pub value: Told,
    /// How it stands; `None` if there is no target.
    pub standing: Option<Standing>,
}

const FAMILIES: [Family; 8] = [
    Family {
        name: "northstar_goal_value",
        help: "A metric of the North Star tree: the same value that it has under its own name.",
        of: |_, _, stand| Some(stand?.value.double()),
    },
    Family {
        name: "northstar_goal_target",
        help: "Where it is to get.",
        of: |_, goal, _| Some(goal.target.as_ref()?.value),
    },
    Family {
        name: "northstar_goal_met",
        help: "Whether it is there, or better: 1 if so.",
        of: |_, _, stand| Some(f64::from(stand?.standing?.is_met)),
    },
    Family {
        name: "northstar_goal_progress_ratio",
        help: "Which share of the way is behind it: 0 at the start, 1 at the target, less or more beyond.",
        of: |_, _, stand| stand?.standing?.progress,
    },
    Family {
        name: "northstar_goal_expected",
        help: "Where it is to be at the end of this day, on a straight way to the target.",
        of: |_, _, stand| stand?.standing?.expected,
    },
    Family {
        name: "northstar_goal_on_path",
        help: "Whether it is as far as is expected at the end of this day, or further: 1 if so.",
        of: |_, _, stand| Some(f64::from(stand?.standing?.is_on_path?)),
    },
    Family {
        name: "northstar_goal_path_ratio",
        help: "Which share of the way that is to be behind it at the end of this day is so: 1 on the path.",
        of: |_, _, stand| stand?.standing?.of_path,
    },
    Family {
        name: "northstar_goal_expiry_timestamp_seconds",
        help: "When the last day ends by which it is to be there.",
        of: |plan, goal, _| {
            let by = goal.target.as_ref()?.way.as_ref()?.by;
            #[expect(clippy::cast_precision_loss, reason = "seconds of the years until 9999 fit")]
            let seconds = |ms: i64| ms.div_euclid(1_000) as f64;
            plan.calendar.start_of(by.plus(1)).map(|end| seconds(end.0))
        },
    },
];
/// What is shown of pairs, behind the families of goals.
const PAIR: (&str, &str) = ("northstar_pair_met", "Whether both metrics of a pair are on target: 1 if so.");

/// A value of a family.
struct Sample {
    /// Its place among the families, that of pairs being the last.
    family: usize,
    labels: String,
    value: f64,
}

impl Sample {
    fn family(&self) -> (&'static str, &'static str) {
        FAMILIES.get(self.family).map_or(PAIR, |family| (family.name, family.help))
    }
}

/// The samples of all goals and pairs as of the unfinished bucket and the last complete one. `as_of` are the unfinished ones, of the
/// grains that can be told.
pub(crate) fn render(plan: &Plan, totals: &Totals, as_of: &[(Grain, Bucket)]) -> String {
    let stand = |goal: &Goal, complete: bool| {
        let (_, unfinished) = as_of.iter().find(|(grain, _)| *grain == goal.window.grain)?;
        totals.stand(plan, goal, unfinished.plus(-i32::from(complete)))
    };
    let mut samples: Vec<Sample> = plan.north_stars.iter().flat_map(|tree| samples(plan, tree, stand)).collect();
    samples.sort_by_key(|sample| sample.family);
    let mut text = String::new();
    for alike in samples.chunk_by(|a, b| a.family == b.family) {
        let (name, help) = alike[0].family();
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for Sample { labels, value, .. } in alike {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    }
    text
}

/// The names, with labels, of all series that a tree can have.
#[must_use]
pub fn series_of_tree(plan: &Plan, tree: &NorthStar) -> Vec<String> {
    // With any value, on the last day of its path, there is everything that there can be.
    let value = Told::Double(0.0);
    let last = |target: &Target| target.way.as_ref().map_or(Bucket(0), |way| way.by);
    let judge = |target: &Target| target.judge(value.double(), last(target));
    let stand = |goal: &Goal, _| Some(Stand { value, standing: goal.target.as_ref().map(judge) });
    samples(plan, tree, stand).iter().map(|sample| sample.family().0.to_owned() + &sample.labels).collect()
}

/// What there is to show of a tree, goal by goal and then pair by pair.
fn samples(plan: &Plan, tree: &NorthStar, stand: impl Fn(&Goal, bool) -> Option<Stand>) -> Vec<Sample> {
    let mut samples = Vec::new();
    let name = escape_label(&tree.name);
    for complete in [false, true] {
        let stands: Vec<Option<Stand>> = tree.goals.iter().map(|goal| stand(goal, complete)).collect();
        for (goal, stand) in tree.goals.iter().zip(&stands) {
            let labels = labels(plan, &name, goal, complete);
            let values = FAMILIES.iter().map(|family| (family.of)(plan, goal, *stand)).enumerate();
            let of_family =
                |(family, value): (usize, Option<f64>)| Some(Sample { family, labels: labels.clone(), value: value? });
            samples.extend(values.filter_map(of_family));
        }
        samples.extend(tree.pairs.iter().filter_map(|pair| {
            let is_met = pair.is_met(|at| Some(stands[at]?.standing?.is_met))?;
            let labels = format!("{{north_star=\"{name}\",pair=\"{}\",complete=\"{complete}\"}}", pair.name);
            Some(Sample { family: FAMILIES.len(), labels, value: f64::from(is_met) })
        }));
    }
    samples
}

fn labels(plan: &Plan, tree: &str, goal: &Goal, complete: bool) -> String {
    let (metric, window, role) = (plan.gauge(goal.of).name(), of_window(goal.window), goal.role());
    let notes = goal.notes().map(|(name, note)| format!(",{name}=\"{}\"", escape_label(note)));
    let notes: String = notes.collect();
    format!("{{north_star=\"{tree}\",metric=\"{metric}\",{window}complete=\"{complete}\",role=\"{role}\"{notes}}}")
}

impl Totals {
    /// The value of a goal's metric as of a bucket, and how the goal stands with it; `None` if there is no value.
    #[must_use]
    pub fn stand(&self, plan: &Plan, goal: &Goal, as_of: Bucket) -> Option<Stand> {
        let value = self.told(plan, plan.gauge(goal.of), None, goal.window, as_of)?;
        Some(Stand { value, standing: plan.judge(goal, value.double(), as_of) })
    }
}
