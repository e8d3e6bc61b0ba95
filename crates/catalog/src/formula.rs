//! Formulas: metrics that follow from other metrics as of the same time.
//!
//! Invariant: a formula has no state. It is worked out from values of one and the same reading, and has none where a part of it
//! has none, where something is divided by 0, or where what comes out is no finite number. Its parts were declared without
//! cycles, and few enough, so that evaluation ends soon.

use crate::dimension::{By, Taken};
use crate::gauge::Cut;
use crate::plan::Plan;
use activity::{Bucket, DimensionIndex, DimensionValue, Grain, MetricIndex, Window};

/// A formula's place in [`Plan::formulas`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormulaIndex(pub u16);

/// A metric that follows from other metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct Formula {
    /// Its name, fit for a Prometheus metric name, and no other metric's.
    pub name: String,
    /// The label that tells it from others that are called the same.
    pub label: Option<(&'static str, String)>,
    /// For people; empty if not given.
    pub description: String,
    /// How it follows.
    pub law: Law,
    /// The windows, in the order of a metric's; at least one. Each fits every term.
    pub windows: Vec<Window>,
    /// What it is sliced by; all terms are, too.
    pub by: Vec<DimensionIndex>,
}

/// How a formula's value follows from those of its terms.
#[derive(Clone, Debug, PartialEq)]
pub enum Law {
    /// One term over another.
    Ratio {
        /// What is divided.
        numerator: Term,
        /// What it is divided by.
        denominator: Term,
    },
    /// An expression.
    Derived {
        /// How it is written.
        written: String,
        /// How it is worked out: a postfix notation, in which every step finds its operands.
        steps: Vec<Step>,
        /// What the names in it stand for, each once.
        terms: Vec<(String, Term)>,
    },
    /// Which value of their bins so many of a hundred events are not above, by the nearest rank: that of the bin in which the
    /// `n percent / 100`-th of `n` lies, rounded up, when they stand in the order of their values. Nothing if there are none, or if it lies
    /// below 0 or above the last bin.
    Percentile {
        /// How many events there are, by bin.
        of: Term,
        /// From 1 to 99.
        percent: u8,
    },
    /// The median of how many days something takes, of those for whom it has not come yet as far as they could be seen: the first
    /// day at whose end no more than half are left by the product-limit estimate, `S(d) = S(d-1) (1 - reached(d) / waiting(d))`
    /// (Kaplan and Meier, 1958). Nothing if more than half are left at the end of the last.
    Median {
        /// By day, from 0: how many could be seen until then, and were still waiting when it began.
        waiting: Vec<Term>,
        /// How many of them were not any more when it ended.
        reached: Vec<Term>,
    },
}

/// A step of an expression: it puts a number on the stack, or takes its operands from there and puts its result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// A number that is written; finite.
    Number(f64),
    /// The value of a term, by its place.
    Term(usize),
    /// The number with the other sign.
    Negate,
    /// The sum of two.
    Add,
    /// The first less the second.
    Subtract,
    /// The product of two.
    Multiply,
    /// The first over the second; nothing if that is 0.
    Divide,
}

/// A metric in a formula.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Term {
    /// The metric.
    pub of: Operand,
    /// The window that it always has; `None` if it has the formula's.
    pub window: Option<Window>,
    /// How much earlier it is taken; `None` if it is not.
    pub offset: Option<Shift>,
}

/// A metric that a formula can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// One that has state: a whole metric.
    Metric(MetricIndex),
    /// Another formula.
    Formula(FormulaIndex),
}

/// So many buckets of a grain before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shift {
    /// The grain of the windows that can be shifted so.
    pub grain: Grain,
    /// How many, at least 1.
    pub buckets: u16,
}

/// The value of a metric or of a slice, in units of the metric's last decimal; `None` if it is not kept.
pub type Units<'u> = &'u dyn Fn(MetricIndex, Window, Bucket) -> Option<i128>;

/// What a term comes to.
#[derive(Clone, Copy)]
enum Amount {
    /// So many units of the last of so many decimals.
    Exact(i128, u8),
    /// What another formula gives.
    Rounded(f64),
}

impl Term {
    /// The window that the term has when the formula has `window`, if it goes with it, out of those that its metric has. All windows
    /// of a formula and of its terms are of one grain, so that they are as of the same bucket.
    #[must_use]
    pub fn window_for(&self, window: Window, has: &[Window]) -> Option<Window> {
        let own = self.window.unwrap_or(window);
        let is_of_the_grain = own.grain == window.grain && self.offset.is_none_or(|by| by.grain == window.grain);
        // What holds as of a day goes with every window of days.
        let holds = Some(Window::AS_OF).filter(|_| self.window.is_none() && has.contains(&Window::AS_OF));
        Some(own).filter(|own| has.contains(own)).or(holds).filter(|_| is_of_the_grain)
    }
}

impl Formula {
    /// Its terms, in order.
    pub fn terms(&self) -> impl Iterator<Item = Term> {
        let terms = match &self.law {
            Law::Ratio { numerator, denominator } => vec![*numerator, *denominator],
            Law::Percentile { of, .. } => vec![*of],
            Law::Derived { terms, .. } => terms.iter().map(|(_, term)| *term).collect(),
            Law::Median { waiting, reached } => [waiting.as_slice(), reached].concat(),
        };
        terms.into_iter()
    }
}

impl Plan {
    /// A formula by its place.
    #[must_use]
    pub fn formula(&self, index: FormulaIndex) -> &Formula {
        &self.formulas[usize::from(index.0)]
    }

    /// The value of a formula, or of a slice of it, over one of its windows as of a bucket, from values of metrics that are all of
    /// one reading.
    #[must_use]
    pub fn evaluate(
        &self,
        formula: &Formula,
        cut: Option<Cut>,
        window: Window,
        as_of: Bucket,
        units: Units<'_>,
    ) -> Option<f64> {
        let amount = |term: &Term| {
            let as_of = as_of.plus(-term.offset.map_or(0, |by| i32::from(by.buckets)));
            match term.of {
                Operand::Metric(index) => {
                    let metric = self.metric(index);
                    let window = term.window_for(window, &metric.windows)?;
                    Some(Amount::Exact(units(self.kept_as(index, cut)?, window, as_of)?, metric.decimals()))
                }
                Operand::Formula(index) => {
                    let formula = self.formula(index);
                    let window = term.window_for(window, &formula.windows)?;
                    self.evaluate(formula, cut, window, as_of, units).map(Amount::Rounded)
                }
            }
        };
        let value = match &formula.law {
            Law::Ratio { numerator, denominator } => ratio(amount(numerator)?, amount(denominator)?),
            Law::Percentile { of, percent } => self.percentile(of, *percent, window, as_of, units),
            Law::Derived { steps, terms, .. } => {
                let doubles: Option<Vec<f64>> = terms.iter().map(|(_, term)| Some(amount(term)?.double())).collect();
                worked_out(steps, &doubles?)
            }
            Law::Median { waiting, reached } => {
                let days = waiting
                    .iter()
                    .zip(reached)
                    .map(|(waiting, reached)| Some((amount(waiting)?.double(), amount(reached)?.double())));
                median(days)
            }
        };
        // Adding 0 turns -0, which equals it, into 0.
        value.map(|value| value + 0.0)
    }

    /// The value of the bin of a term in which so many of a hundred are reached.
    fn percentile(&self, of: &Term, percent: u8, window: Window, as_of: Bucket, units: Units<'_>) -> Option<f64> {
        let Operand::Metric(index) = of.of else { return None };
        let metric = self.metric(index);
        let binned = |by: &By| match &self.dimension(by.dimension).taken {
            Taken::Bins(bins) => Some((*by, bins)),
            Taken::Event(_) | Taken::Attribute { .. } | Taken::Excluded => None,
        };
        let (by, bins) = metric.by.iter().find_map(binned)?;
        let window = of.window_for(window, &metric.windows)?;
        let counts: Option<Vec<(DimensionValue, i128)>> = self
            .dimension(by.dimension)
            .all_values()
            .map(|bin| Some((bin, units(by.slice(bin), window, as_of)?)))
            .collect();
        let counts = counts?;
        let all: i128 = counts.iter().map(|(_, n)| n).sum();
        let rank = (all * i128::from(percent) + 99) / 100;
        let mut until = 0;
        let (bin, _) = counts.into_iter().find(|(_, n)| {
            until += n;
            *n > 0 && until >= rank
        })?;
        let (above, below) = bins.middle(bin)?;
        Some(quotient(above, below * 10_i128.pow(bins.decimals.into())))
    }
}

impl Amount {
    fn double(self) -> f64 {
        match self {
            Amount::Exact(units, decimals) => quotient(units, 10_i128.pow(decimals.into())),
            Amount::Rounded(value) => value,
        }
    }
}

/// One over the other, rounded once if both are exact; nothing if the other is 0.
fn ratio(numerator: Amount, denominator: Amount) -> Option<f64> {
    if let (Amount::Exact(above, decimals), Amount::Exact(below, of_below)) = (numerator, denominator) {
        let scaled = |units: i128, by: u8| units.checked_mul(10_i128.pow(by.into()));
        let most = decimals.max(of_below);
        if let (Some(above), Some(below)) = (scaled(above, most - decimals), scaled(below, most - of_below)) {
            return (below != 0).then(|| quotient(above, below));
        }
    }
    divided(numerator.double(), denominator.double())
}

/// The double next to the quotient of two whole numbers, of two that are as near the even one; the second is not 0.
fn quotient(above: i128, below: i128) -> f64 {
    let is_negative = (above < 0) != (below < 0);
    let (above, below) = (above.unsigned_abs(), below.unsigned_abs());
    let (mut whole, mut rest, mut halvings) = (above / below, above % below, 0);
    // More bits than a double has, and at its end whether anything follows: so it is rounded as all of it would be. Below 2^127,
    // twice the rest is no more than the type holds.
    while rest != 0 && whole < 1 << 64 {
        rest *= 2;
        whole = whole * 2 + rest / below;
        rest %= below;
        halvings += 1;
    }
    whole |= u128::from(rest != 0);
    #[expect(clippy::cast_precision_loss, reason = "this is where it is rounded, to the nearest")]
    let value = whole as f64 / 2_f64.powi(halvings);
    if is_negative { -value } else { value }
}

/// The first day at whose end no more than half are left.
fn median(days: impl Iterator<Item = Option<(f64, f64)>>) -> Option<f64> {
    let mut left = 1.0;
    for (day, of_day) in (0..).zip(days) {
        let (waiting, reached) = of_day?;
        left *= 1.0 - divided(reached, waiting)?;
        // Half of them may come out a little above a half.
        if left <= 0.5 + 1e-12 {
            return Some(f64::from(day));
        }
    }
    None
}

fn divided(above: f64, below: f64) -> Option<f64> {
    Some(above / below).filter(|value| below != 0.0 && value.is_finite())
}

/// What an expression comes to, if all that comes between is finite, too.
fn worked_out(steps: &[Step], terms: &[f64]) -> Option<f64> {
    let mut stack: Vec<f64> = Vec::new();
    for step in steps {
        let mut operand = || stack.pop().expect("every step finds its operands");
        let value = match step {
            Step::Number(value) => Some(*value),
            Step::Term(at) => Some(terms[*at]),
            Step::Negate => Some(-operand()),
            Step::Add | Step::Subtract | Step::Multiply | Step::Divide => {
                let (second, first) = (operand(), operand());
                match step {
                    Step::Add => Some(first + second),
                    Step::Subtract => Some(first - second),
                    Step::Multiply => Some(first * second),
                    _ => divided(first, second),
                }
            }
        };
        stack.push(value.filter(|value| value.is_finite())?);
    }
    stack.pop()
}

#[cfg(test)]
mod tests;
