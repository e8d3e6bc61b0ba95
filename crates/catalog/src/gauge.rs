//! Gauges: whatever has values under a name of its own.

use crate::dimension::Taken;
use crate::formula::{Formula, FormulaIndex, Operand};
use crate::plan::{Metric, Plan};
use activity::{DimensionIndex, DimensionValue, MetricIndex, Window};

/// What has values under a name of its own: a metric that has state, or a formula.
#[derive(Clone, Copy, Debug)]
pub enum Gauge<'p> {
    /// A metric that has state.
    Metric(MetricIndex, &'p Metric),
    /// A metric that follows from others.
    Formula(&'p Formula),
}

/// Which slice of a gauge: what it is of one value of a dimension by which it is sliced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The dimension.
    pub dimension: DimensionIndex,
    /// The value.
    pub value: DimensionValue,
}

impl<'p> Gauge<'p> {
    /// Its name in the catalogue.
    #[must_use]
    pub fn name(self) -> &'p str {
        match self {
            Gauge::Metric(_, metric) => &metric.name,
            Gauge::Formula(formula) => &formula.name,
        }
    }

    /// For people; empty if not given.
    #[must_use]
    pub fn description(self) -> &'p str {
        match self {
            Gauge::Metric(_, metric) => &metric.description,
            Gauge::Formula(formula) => &formula.description,
        }
    }

    /// The label that tells it from others that are called the same.
    #[must_use]
    pub fn label(self) -> Option<(&'p str, &'p str)> {
        match self {
            Gauge::Metric(_, metric) => metric.label(),
            Gauge::Formula(formula) => formula.label.as_ref().map(|(name, value)| (*name, value.as_str())),
        }
    }

    /// Its windows.
    #[must_use]
    pub fn windows(self) -> &'p [Window] {
        match self {
            Gauge::Metric(_, metric) => &metric.windows,
            Gauge::Formula(formula) => &formula.windows,
        }
    }
}

impl Plan {
    /// All gauges: the metrics that have state, then the formulas, each in the catalogue's order.
    pub fn gauges(&self) -> impl Iterator<Item = Gauge<'_>> {
        let metrics = (0..).map(MetricIndex).zip(&self.metrics).map(|(index, metric)| Gauge::Metric(index, metric));
        metrics.chain(self.formulas.iter().map(Gauge::Formula))
    }

    /// The dimensions by which slices of a gauge are shown.
    #[must_use]
    pub fn shown_by(&self, gauge: Gauge<'_>) -> Vec<DimensionIndex> {
        let is_shown = |by: &DimensionIndex| !matches!(self.dimension(*by).taken, Taken::Bins(_));
        match gauge {
            Gauge::Metric(_, metric) => metric.by.iter().map(|by| by.dimension).filter(is_shown).collect(),
            Gauge::Formula(formula) => formula.by.clone(),
        }
    }

    /// The gauge of a metric that is named.
    #[must_use]
    pub fn gauge(&self, of: Operand) -> Gauge<'_> {
        match of {
            Operand::Metric(index) => Gauge::Metric(index, self.metric(index)),
            Operand::Formula(index) => Gauge::Formula(self.formula(index)),
        }
    }

    /// The metric of a name, unless a label tells several of that name apart.
    #[must_use]
    pub fn operand(&self, name: &str) -> Option<Operand> {
        let metrics = (0..).map(MetricIndex).zip(&self.metrics).map(|(index, _)| Operand::Metric(index));
        let formulas = (0..).map(FormulaIndex).zip(&self.formulas).map(|(index, _)| Operand::Formula(index));
        let is_it = |of: &Operand| self.gauge(*of).name() == name && self.gauge(*of).label().is_none();
        metrics.chain(formulas).find(is_it)
    }

    /// What a metric's state is kept under: its own index, or that of a slice; `None` if it is not sliced so.
    #[must_use]
    pub fn kept_as(&self, index: MetricIndex, cut: Option<Cut>) -> Option<MetricIndex> {
        let Some(Cut { dimension, value }) = cut else { return Some(index) };
        self.metric(index).by.iter().find(|by| by.dimension == dimension).map(|by| by.slice(value))
    }

    /// The values of a dimension for which a gauge that is sliced by it has slices.
    #[must_use]
    pub fn cuts(&self, gauge: Gauge<'_>, dimension: DimensionIndex) -> Vec<Cut> {
        let values: Vec<DimensionValue> = match gauge {
            Gauge::Metric(_, metric) => {
                let by = metric.by.iter().filter(|by| by.dimension == dimension);
                by.flat_map(|by| self.values_of(metric, *by)).collect()
            }
            Gauge::Formula(_) => self.dimension(dimension).all_values().collect(),
        };
        values.into_iter().map(|value| Cut { dimension, value }).collect()
    }
}
