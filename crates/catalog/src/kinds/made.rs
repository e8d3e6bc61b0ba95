//! What kinds make of a metric as it is declared: metrics that are counted, and formulas over them.

use super::{Family, Kind, Role};
use crate::plan::{Measure, Metric};
use activity::{DimensionIndex, MetricIndex, Window};

/// One of the metrics that a kind makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    /// What follows the declared name; nothing for the first.
    pub(super) suffix: String,
    pub(super) label: Option<(&'static str, String)>,
    pub(super) is_amount: bool,
    /// Of the declared windows those that it has.
    pub(super) windows: Vec<Window>,
}

/// A metric that counts.
pub(super) fn made(suffix: &str, windows: &[Window]) -> Made {
    Made { suffix: suffix.to_owned(), label: None, is_amount: false, windows: windows.to_vec() }
}

/// A metric that adds up what events say.
pub(super) fn amount(suffix: &str, windows: &[Window]) -> Made {
    Made { is_amount: true, ..made(suffix, windows) }
}

/// A formula that a kind makes, as it would be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MadeFormula {
    pub(crate) name: String,
    /// The label that tells it from others that are called the same.
    pub(crate) label: Option<(&'static str, String)>,
    pub(crate) description: String,
    pub(crate) law: MadeLaw,
    pub(crate) by: Vec<DimensionIndex>,
}

/// How a formula that a kind makes follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MadeLaw {
    /// By an expression.
    Derived(String),
    /// One over the other, by their names; behind a `#` the value of the label that tells one from others.
    Ratio([String; 2]),
    /// Of events that are counted by bins of a value, by the name of that count, which value so many of a hundred are not above.
    Percentile { of: String, percent: u8 },
    /// The median time: how many wait at the start of each day, and how many of them need to no more at its end, from day 0.
    Median { waiting: Vec<String>, reached: Vec<String> },
}

impl MadeFormula {
    /// An expression in which `~` stands for the declared name, which the suffix follows.
    pub(super) fn derived(name: &str, suffix: &str, expr: &str, words: &str) -> MadeFormula {
        let law = MadeLaw::Derived(expr.replace('~', name));
        MadeFormula { name: format!("{name}{suffix}"), label: None, description: words.to_owned(), law, by: Vec::new() }
    }

    /// The median of how many days something takes.
    pub(super) fn median(name: &str, waiting: Vec<String>, reached: Vec<String>, words: &str) -> MadeFormula {
        MadeFormula { law: MadeLaw::Median { waiting, reached }, ..MadeFormula::derived(name, "", "", words) }
    }

    /// One metric over another.
    pub(super) fn share(name: &str, suffix: &str, parts: [String; 2], words: &str) -> MadeFormula {
        MadeFormula { law: MadeLaw::Ratio(parts), ..MadeFormula::derived(name, suffix, "", words) }
    }
}

/// Takes metrics as declared, with their kinds, and makes all that these make of them.
pub(crate) fn families(declared: Vec<(Metric, Option<Kind>)>) -> Option<(Vec<Metric>, Vec<Family>)> {
    let (mut metrics, mut families) = (Vec::new(), Vec::<Family>::new());
    for (metric, kind) in declared {
        match kind {
            None => metrics.push(metric),
            Some(kind) => extend(&mut metrics, &mut families, &metric, kind)?,
        }
    }
    Some((metrics, families))
}

/// Makes all that a kind makes of a metric as declared, behind others; `None` if there are too many.
pub(crate) fn extend(metrics: &mut Vec<Metric>, families: &mut Vec<Family>, metric: &Metric, kind: Kind) -> Option<()> {
    let reads = MetricIndex(u16::try_from(metrics.len()).ok()?);
    let mut moves = Vec::new();
    for Made { suffix, label, is_amount, windows } in kind.function().makes(&metric.windows) {
        moves.push(MetricIndex(u16::try_from(metrics.len()).ok()?));
        let (name, role) =
            (format!("{}{suffix}", metric.name), Some(Role { family: families.len(), label, is_amount }));
        metrics.push(Metric { name, windows, role, ..metric.clone() });
    }
    families.push(Family { kind, reads, moves });
    Some(())
}

/// What an average is made of, and how it follows: the sum of all values, and how many events have one, which are the same events.
pub(crate) fn average(declared: Metric) -> ([Metric; 2], Vec<MadeFormula>) {
    let named = |suffix: &str| format!("{}{suffix}", declared.name);
    let parts = [named("_sum"), named("_count")];
    let by = declared.by.iter().map(|by| by.dimension).collect();
    let formula = MadeFormula { by, ..MadeFormula::share(&declared.name, "", parts, &declared.description) };
    let count = Metric { name: named("_count"), measure: Measure::Count, ..declared.clone() };
    ([Metric { name: named("_sum"), ..declared }, count], vec![formula])
}
