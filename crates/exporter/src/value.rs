//! The values of metrics.

use std::fmt;

/// A metric's value: so many units of its last decimal, exactly. Shown with all its decimals, as in `12.50`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// How many.
    pub units: i128,
    /// How many decimals the metric has.
    pub decimals: u8,
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.decimals == 0 {
            return self.units.fmt(f);
        }
        let unit = 10u128.pow(self.decimals.into());
        let (sign, units) = (if self.units < 0 { "-" } else { "" }, self.units.unsigned_abs());
        write!(f, "{sign}{}.{:0width$}", units / unit, units % unit, width = usize::from(self.decimals))
    }
}

/// What is shown: the value of a metric, or what follows from such values. A decimal number without an exponent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Told {
    /// The value of a metric that has state, exactly.
    Exact(Value),
    /// That of a formula: the double is finite, and shown with as few digits as tell it apart from all others.
    Double(f64),
}

impl Told {
    /// The double next to it.
    #[must_use]
    pub fn double(self) -> f64 {
        match self {
            // Whoever reads a decimal number takes the double next to it.
            Told::Exact(value) => value.to_string().parse().expect("it is shown as a decimal number"),
            Told::Double(value) => value,
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Told::Exact(value) => value.fmt(f),
            Told::Double(value) => value.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_is_shown_with_all_its_decimals() {
        let shown = |units, decimals| Value { units, decimals }.to_string();
        assert_eq!([shown(7, 0), shown(-7, 0), shown(1250, 2), shown(-5, 2)], ["7", "-7", "12.50", "-0.05"]);
        assert_eq!(shown(i128::MIN, 9), "-170141183460469231731687303715.884105728");
    }

    #[test]
    fn double_of_a_value_is_the_one_that_the_same_decimals_mean_in_a_catalogue() {
        let double = |units, decimals| Told::Exact(Value { units, decimals }).double();
        assert_eq!([double(70, 2), double(-5, 2), double(12_000, 0)], [0.7, -0.05, 12_000.0]);
    }
}
