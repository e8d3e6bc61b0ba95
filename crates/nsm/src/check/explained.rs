//! What a catalogue means and costs, as data: `nsm check --format json` prints it as it is here.

use crate::catalogue::Catalogue;
use activity::{EntityKind, Grain, MetricIndex, Window};
use catalog::{
    ClockKind, Footprint, Formula, Gauge, Goal, Measure, Metric, NorthStar, Pair, Plan, Source, Words, span,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// A catalogue without mistakes.
#[derive(Debug, Serialize)]
pub(crate) struct Explained {
    pub(super) catalogue: String,
    pub(super) product: String,
    pub(super) version: String,
    pub(super) time_zone: String,
    pub(super) shards: u16,
    pub(super) sources: Vec<SourceExplained>,
    pub(super) metrics: Vec<MetricExplained>,
    pub(super) formulas: Vec<FormulaExplained>,
    pub(super) north_stars: Vec<TreeExplained>,
    /// How many buckets of each grain back one can ask.
    pub(super) history: BTreeMap<&'static str, u16>,
}

/// A topic that is read.
#[derive(Debug, Serialize)]
pub(super) struct SourceExplained {
    pub(super) name: String,
    pub(super) topic: String,
    /// Which time moves its clock: `log` or `event`.
    pub(super) clock: &'static str,
    /// By grain, in units such as `31d`.
    pub(super) lateness: BTreeMap<&'static str, String>,
}

/// A metric: what it means, costs and shows.
#[derive(Debug, Serialize)]
pub(super) struct MetricExplained {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) counts: String,
    pub(super) windows: String,
    /// The grains of the windows.
    pub(super) grains: Vec<&'static str>,
    pub(super) late: String,
    #[serde(skip)]
    pub(super) keeps: Keeps,
    /// The entity that it counts.
    pub(super) entity: Option<String>,
    /// The entity whose attributes its slices follow, if it counts events.
    pub(super) owner: Option<String>,
    /// Bytes in the record of an entity that was active once, and always, or that had events.
    pub(super) bytes_once: Option<usize>,
    pub(super) bytes_always: Option<usize>,
    /// In every shard.
    pub(super) counters: usize,
    /// Of a counter, at most.
    pub(super) counter_steps: usize,
    #[serde(flatten)]
    pub(super) shown: ShownExplained,
}

/// What a record holds for a metric.
#[derive(Clone, Copy, Debug)]
pub(super) enum Keeps {
    /// Of each bucket, whether there was an event.
    Bits,
    /// Of each bucket, what its events add up to.
    Numbers,
    /// Of each event, when it was.
    Times,
}

/// A metric that follows from others: what it means and shows. It costs no state.
#[derive(Debug, Serialize)]
pub(super) struct FormulaExplained {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) follows: String,
    pub(super) windows: String,
    #[serde(flatten)]
    pub(super) shown: ShownExplained,
}

/// Where metrics are to get.
#[derive(Debug, Serialize)]
pub(super) struct TreeExplained {
    pub(super) name: String,
    pub(super) goals: Vec<GoalExplained>,
    pub(super) pairs: Vec<PairExplained>,
    pub(super) series: Vec<String>,
}

/// A metric of a tree.
#[derive(Debug, Serialize)]
pub(super) struct GoalExplained {
    pub(super) metric: String,
    pub(super) window: String,
    /// `north_star`, `omtm` or `input`.
    pub(super) role: &'static str,
    pub(super) depth: usize,
    pub(super) aims: String,
}

/// Two of them.
#[derive(Debug, Serialize)]
pub(super) struct PairExplained {
    pub(super) name: String,
    pub(super) holds: String,
}

/// What is shown of a metric.
#[derive(Debug, Serialize)]
pub(super) struct ShownExplained {
    /// The windows as they are written, such as `7d`; none of what holds as of a day.
    pub(super) lengths: Vec<String>,
    /// The label that tells several of one name apart.
    #[serde(skip)]
    pub(super) label: Option<String>,
    /// The dimensions by which it is sliced.
    pub(super) by: Vec<String>,
    /// What their slices are called, each with the label that tells these apart.
    #[serde(skip)]
    pub(super) slices: Vec<(String, String)>,
    /// All that it can have. Values that may be admitted are numbered, as in `#3`; before they are, they have none.
    pub(super) series: Vec<String>,
    /// Whether some of them are of values that may be admitted.
    pub(super) admits: bool,
}

impl Explained {
    pub(crate) fn of(catalogue: &Catalogue, shards: u16) -> Explained {
        let plan = &catalogue.plan;
        let grains = plan.grains();
        Explained {
            catalogue: catalogue.file.clone(),
            product: plan.product.clone(),
            version: plan.version.to_string(),
            time_zone: plan.calendar.zone_name().to_owned(),
            shards,
            sources: plan.sources.iter().map(|of| source(of, &grains)).collect(),
            metrics: metrics(plan),
            formulas: formulas(plan),
            north_stars: plan.north_stars.iter().map(|of| tree(plan, of)).collect(),
            history: grains.iter().map(|grain| (grain.name(), plan.history[*grain])).collect(),
        }
    }
}

fn source(source: &Source, grains: &[Grain]) -> SourceExplained {
    let clock = match source.clock {
        ClockKind::Log => "log",
        ClockKind::Event => "event",
    };
    let lateness = grains.iter().map(|grain| (grain.name(), span(source.lateness_ms[*grain]))).collect();
    SourceExplained { name: source.name.clone(), topic: source.topic.clone(), clock, lateness }
}

/// All of them; those that only a label tells apart are one, to which the others are added.
fn told_once<T>(all: impl Iterator<Item = T>, name: fn(&T) -> &str, add: fn(&mut T, T)) -> Vec<T> {
    let mut told = Vec::<T>::new();
    for one in all {
        match told.last_mut() {
            Some(last) if name(last) == name(&one) => add(last, one),
            _ => told.push(one),
        }
    }
    told
}

fn metrics(plan: &Plan) -> Vec<MetricExplained> {
    let all = plan.metrics.iter().zip(0..).map(|(of, index)| metric(plan, of, MetricIndex(index)));
    told_once(
        all,
        |of| &of.name,
        |last, one| {
            last.counters += one.counters;
            last.shown.series.extend(one.shown.series);
        },
    )
}

fn formulas(plan: &Plan) -> Vec<FormulaExplained> {
    let all = plan.formulas.iter().map(|of| formula(plan, of));
    told_once(all, |of| &of.name, |last, one| last.shown.series.extend(one.shown.series))
}

fn metric(plan: &Plan, metric: &Metric, index: MetricIndex) -> MetricExplained {
    let Words { counts, windows, late } = plan.words(metric);
    let Footprint { once, always, counters, steps } = plan.footprint(index);
    let name = |kind: EntityKind| plan.entities[usize::from(kind.0)].name.clone();
    MetricExplained {
        name: metric.name.clone(),
        description: metric.description.clone(),
        counts,
        windows,
        grains: Grain::ALL
            .iter()
            .filter(|grain| metric.windows_of(**grain).next().is_some())
            .map(|of| of.name())
            .collect(),
        late,
        keeps: match metric.measure {
            Measure::Distinct(_) => Keeps::Bits,
            Measure::Events(_) | Measure::Count | Measure::Sum { .. } => Keeps::Numbers,
            Measure::Marks(_) => Keeps::Times,
        },
        entity: metric.entity().map(name),
        owner: plan.owner(metric).map(name),
        bytes_once: once,
        bytes_always: always,
        counters,
        counter_steps: steps,
        shown: shown(plan, Gauge::Metric(index, metric)),
    }
}

fn formula(plan: &Plan, formula: &Formula) -> FormulaExplained {
    FormulaExplained {
        name: formula.name.clone(),
        description: formula.description.clone(),
        follows: plan.follows(formula),
        windows: plan.windows_of_formula(formula),
        shown: shown(plan, Gauge::Formula(formula)),
    }
}

fn tree(plan: &Plan, tree: &NorthStar) -> TreeExplained {
    let goal = |(at, goal): (usize, &Goal)| GoalExplained {
        metric: plan.gauge(goal.of).name().to_owned(),
        window: goal.window.to_string(),
        role: goal.role(),
        depth: goal.depth,
        aims: plan.aims(tree, at),
    };
    let pair = |pair: &Pair| PairExplained { name: pair.name.clone(), holds: plan.holds(tree, pair) };
    TreeExplained {
        name: tree.name.clone(),
        goals: tree.goals.iter().enumerate().map(goal).collect(),
        pairs: tree.pairs.iter().map(pair).collect(),
        series: exporter::series_of_tree(plan, tree),
    }
}

fn shown(plan: &Plan, gauge: Gauge<'_>) -> ShownExplained {
    let by = plan.shown_by(gauge);
    let dimensions = || by.iter().map(|by| plan.dimension(*by));
    ShownExplained {
        lengths: gauge.windows().iter().filter(|window| **window != Window::AS_OF).map(ToString::to_string).collect(),
        label: gauge.label().map(|(name, _)| name.to_owned()),
        by: dimensions().map(|of| of.name.clone()).collect(),
        slices: dimensions().map(|of| (of.slices_of(gauge.name()), of.name.clone())).collect(),
        series: exporter::series(plan, gauge),
        admits: dimensions().any(|of| of.admissible().next().is_some()),
    }
}

/// As text that ends in a line feed.
pub(super) fn json(data: &impl Serialize) -> String {
    serde_json::to_string_pretty(data).expect("all keys are text") + "\n"
}
