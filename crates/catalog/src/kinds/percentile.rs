//! The median and other percentiles of a value of events: `agg: median`, `agg: percentile`.
//!
//! Events are counted by bins of their values, which are so narrow that whatever stands for a bin is off by no more than a stated share
//! of any value in it, as in DDSketch (Masson, Rim and Lee, 2019); but the bins' ends are whole numbers, so that which bin a value is in
//! is the same on every machine, and small numbers are told apart exactly. A percentile is of the counts, which add up over shards and
//! days, exactly.

use super::{MadeFormula, MadeLaw};
use crate::dimension::{By, Dimension, Taken};
use crate::plan::{Literal, Measure, Metric};
use crate::source::Path;
use activity::{DimensionIndex, DimensionValue, MetricIndex};

/// Bins of a value, from 0 on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bins {
    /// The property, as a path below the record's properties.
    pub value: Path,
    /// To how many decimals each value is rounded.
    pub decimals: u8,
    /// The last value of each bin, in units of the last decimal, ascending; the first bin begins at 0, and each of the others behind the
    /// one before. Value 1 of the dimension is the first bin; below 0 there is none, and behind the last any other.
    pub ends: Vec<i64>,
}

/// Which percentiles are told of a value, and how exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Percentiles {
    /// From 1 to 99, ascending; `None` if the median alone is.
    pub(crate) of: Option<Vec<u8>>,
    /// By which share of a value what is told may be off, in thousandths.
    pub(crate) error: i64,
    /// The largest value that is told apart, in units of the last decimal.
    pub(crate) up_to: i64,
}

/// How many bins a value may have.
pub(crate) const MOST_BINS: usize = 2_000;

impl Bins {
    /// The number of the bin of a value, in units of the last decimal.
    #[must_use]
    pub fn place(&self, units: i64) -> DimensionValue {
        let at = self.ends.partition_point(|end| *end < units);
        let bin = if units < 0 { 0 } else { at + 1 };
        DimensionValue(u16::try_from(bin).expect("a checked plan has few bins"))
    }

    /// What stands for a bin: the harmonic mean of its ends, in units of the last decimal, as a fraction. It is off by no more than
    /// `(last - first) / (last + first)` of any value in it.
    #[must_use]
    pub(crate) fn middle(&self, bin: DimensionValue) -> Option<(i128, i128)> {
        let at = usize::from(bin.0).checked_sub(1)?;
        let last = i128::from(*self.ends.get(at)?);
        let first = at.checked_sub(1).map_or(0, |before| i128::from(self.ends[before]) + 1);
        Some(if last == 0 { (0, 1) } else { (2 * first * last, first + last) })
    }
}

impl Percentiles {
    /// The last value of each bin; `None` if they are too many.
    pub(crate) fn ends(&self) -> Option<Vec<i64>> {
        let (mut ends, mut last) = (vec![0], 0_i128);
        while last < self.up_to.into() {
            let first = last + 1;
            last = first * i128::from(1_000 + self.error) / i128::from(1_000 - self.error);
            ends.push(i64::try_from(last).ok()?);
            if ends.len() > MOST_BINS {
                return None;
            }
        }
        Some(ends)
    }

    /// What percentiles are made of, of a metric that adds a value up, and how they follow: the sum, how many events there are, by bin,
    /// which is a dimension of this index.
    pub(crate) fn make(
        self,
        sum: Metric,
        dimension: DimensionIndex,
    ) -> Option<([Metric; 2], Dimension, Vec<MadeFormula>)> {
        let Measure::Sum { value, decimals } = &sum.measure else { return None };
        let named = |suffix: &str| format!("{}{suffix}", sum.name);
        let ends = self.ends()?;
        let dimension_of = Dimension {
            name: format!("{}_bin", sum.name),
            values: ends.iter().map(|end| Literal::Int(*end)).collect(),
            limit: u16::try_from(ends.len()).ok()?,
            taken: Taken::Bins(Bins { value: value.clone(), decimals: *decimals, ends }),
        };
        let by = vec![By { dimension, first: MetricIndex(0) }];
        let count = Metric { name: named("_count"), measure: Measure::Count, by, ..sum.clone() };
        let formula = |percent: u8, label: Option<(&'static str, String)>| MadeFormula {
            name: sum.name.clone(),
            label,
            description: sum.description.clone(),
            law: MadeLaw::Percentile { of: named("_count"), percent },
            by: Vec::new(),
        };
        let formulas = match &self.of {
            None => vec![formula(50, None)],
            Some(of) => of.iter().map(|percent| formula(*percent, Some(("percentile", percent.to_string())))).collect(),
        };
        Some(([Metric { name: named("_sum"), ..sum.clone() }, count], dimension_of, formulas))
    }
}
