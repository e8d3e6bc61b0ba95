//! Filters by attributes: which of what counts for a metric is taken out by what its entity is.

use crate::dimension::{By, Taken};
use crate::plan::{Metric, Plan, Rule};
use activity::record::Record;
use activity::timeline::{Timeline, Values};
use activity::{Bucket, DimensionIndex, DimensionValue, Grain, MetricIndex, Window};

/// A test of one attribute of an entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The dimension that the attribute is.
    pub dimension: DimensionIndex,
    /// The values of which it must have one, ascending.
    pub one_of: Vec<DimensionValue>,
}

/// What becomes of that which counts for a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It counts.
    Counts,
    /// A rule takes it out; which of them, by the value of the dimension of rules.
    Excluded(DimensionValue),
    /// The metric does not want it.
    Unwanted,
}

/// Verdicts as of every bucket of a grain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate(Values);

/// Stands for [`Verdict::Unwanted`] among the values of a gate; [`DimensionValue::NONE`] for [`Verdict::Counts`].
const UNWANTED: DimensionValue = DimensionValue(u16::MAX);

impl Plan {
    /// The rules by attributes that hold for a metric, with their places among all rules by attributes, from 1.
    fn rules_for<'p>(&'p self, metric: &'p Metric) -> impl Iterator<Item = (DimensionValue, &'p Rule)> {
        let by_attribute = self.exclude.iter().enumerate().filter(|(_, rule)| !rule.required.is_empty());
        let numbered = (1..).map(DimensionValue).zip(by_attribute);
        numbered.filter(|(_, (at, _))| !metric.include.contains(at)).map(|(value, (_, rule))| (value, rule))
    }

    /// Everything that is asked of attributes before something counts for a metric.
    pub fn filtering<'p>(&'p self, metric: &'p Metric) -> impl Iterator<Item = &'p Requirement> {
        metric.required.iter().chain(self.rules_for(metric).flat_map(|(_, rule)| &rule.required))
    }

    /// What counts by the rules that take it out of a metric; `None` if none can.
    #[must_use]
    pub fn excluded(&self, metric: &Metric) -> Option<By> {
        metric.by.iter().find(|by| self.dimension(by.dimension).taken == Taken::Excluded).copied()
    }

    /// The values by which a metric is sliced: all of the dimension; of rules those that take something out of this metric.
    pub fn values_of<'p>(&'p self, metric: &'p Metric, by: By) -> impl Iterator<Item = DimensionValue> + use<'p> {
        let dimension = self.dimension(by.dimension);
        let is_rule = dimension.taken == Taken::Excluded;
        let excludes = |rule: DimensionValue| self.rules_for(metric).any(|(of, _)| of == rule);
        dimension.all_values().filter(move |value| !is_rule || excludes(*value))
    }

    /// What becomes of that which counts for a metric, as of every bucket of a grain, by what its entity's attributes were;
    /// `None` if that does not matter.
    pub fn gate<'t>(
        &self,
        metric: &Metric,
        grain: Grain,
        timeline: impl Fn(DimensionIndex) -> Option<&'t Timeline>,
    ) -> Option<Gate> {
        let asked: Vec<DimensionIndex> = self.filtering(metric).map(|required| required.dimension).collect();
        if asked.is_empty() {
            return None;
        }
        let values = |dimension: &DimensionIndex| match self.dimension(*dimension).taken {
            Taken::Attribute { as_of, .. } => self.values(timeline(*dimension), as_of, Window::trailing(grain, 1)),
            Taken::Event(_) | Taken::Bins(_) | Taken::Excluded => Values::default(),
        };
        let values: Vec<Values> = asked.iter().map(values).collect();
        Some(Gate(Values::derived(&values, |bucket| {
            let holds = |required: &Requirement| {
                let at = asked.iter().position(|of| *of == required.dimension).expect("all are asked");
                required.one_of.contains(&values[at].at(bucket))
            };
            match metric.required.iter().all(holds) {
                true => {
                    let mut rules = self.rules_for(metric);
                    rules.find(|(_, rule)| rule.required.iter().all(holds)).map_or(DimensionValue::NONE, |(of, _)| of)
                }
                false => UNWANTED,
            }
        })))
    }

    /// The steps of what an entity with this record contributes to a metric that counts entities, in a window, by what its
    /// attributes were.
    pub fn contribution<'t>(
        &self,
        metric: MetricIndex,
        window: Window,
        record: &Record,
        timeline: impl Fn(DimensionIndex) -> Option<&'t Timeline>,
    ) -> Vec<(Bucket, i128)> {
        let steps = self.steps(metric, window, record);
        let Some(gate) = self.gate(self.metric(metric), window.grain, timeline) else { return steps };
        let mut counting = Vec::new();
        for (at, n) in steps {
            gate.cut(at, n, |verdict, at, n| counting.extend((verdict == Verdict::Counts).then_some((at, n))));
        }
        counting
    }
}

impl Gate {
    /// Cuts what goes up by `n` at a bucket and stays there: `step` is told the verdict for which it goes up or down, where, and by
    /// how much.
    pub fn cut(&self, from: Bucket, n: i128, mut step: impl FnMut(Verdict, Bucket, i128)) {
        self.0.slice(from, n, |value, at, n| {
            let verdict = match value {
                DimensionValue::NONE => Verdict::Counts,
                UNWANTED => Verdict::Unwanted,
                rule => Verdict::Excluded(rule),
            };
            step(verdict, at, n);
        });
    }
}
