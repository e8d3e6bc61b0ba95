//! The value of an event that a metric adds up, as a whole number of units of its last decimal.

use crate::keys::Field;
use crate::reject::{Reject, excerpt};
use crate::slots::{Slots, Trie};
use crate::value::Value;
use catalog::Origin;
use std::cmp::Ordering;
use std::fmt::Write;
use std::ops::RangeInclusive;

/// Where a metric's values are found, and how they are rounded.
#[derive(Debug)]
pub(crate) struct Amount {
    field: Field,
    decimals: u8,
}

/// Why text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bad {
    NoNumber,
    TooLarge,
}

impl Amount {
    /// The amount at a path; errors call it by the property's name.
    pub(crate) fn new(property: &[String], path: Vec<String>, decimals: u8, trie: &Trie) -> Amount {
        Amount { field: Field::new(&property.join("."), &Origin::Path(path), trie), decimals }
    }

    /// An event's value: of a whole number or a decimal as it is, of text what it says, and of any other number, a double, the
    /// shortest decimal that reads back to it.
    pub(crate) fn read(&self, slots: &[Value<'_>], digits: &mut String) -> Result<i64, Reject> {
        digits.clear();
        let text = match self.field.value(slots) {
            Value::Missing => return Err(self.field.missing()),
            Value::Text(text) => text.as_ref(),
            Value::Integer(number) => {
                write!(digits, "{number}").expect("a string takes any text");
                digits
            }
            Value::Float(number) => {
                write!(digits, "{number}").expect("a string takes any text");
                digits
            }
            Value::Decimal { units, scale } => {
                let one = 10i128.pow(*scale).unsigned_abs();
                let (sign, units) = (if *units < 0 { "-" } else { "" }, units.unsigned_abs());
                // A whole number has a fraction of 0, too.
                let width = usize::try_from(*scale).expect("it is at most 38").max(1);
                write!(digits, "{sign}{}.{:0width$}", units / one, units % one).expect("a string takes any text");
                digits
            }
            other => return Err(self.field.wrong_type("a number, or text that is one", other)),
        };
        scaled(text, self.decimals).map_err(|bad| self.bad(text, bad))
    }

    /// The same, if it is within a range; `range` is in units of the last decimal.
    pub(crate) fn within(
        &self,
        range: &RangeInclusive<i64>,
        slots: &Slots<'_>,
        digits: &mut String,
    ) -> Result<i64, Reject> {
        let value = self.read(slots, digits)?;
        if range.contains(&value) {
            return Ok(value);
        }
        let what = format!("it is not from {} to {}", range.start(), range.end());
        Err(Reject::BadValue { field: self.field.name().to_owned(), found: value.to_string(), what })
    }

    #[cold]
    fn bad(&self, text: &str, bad: Bad) -> Reject {
        let what = match bad {
            Bad::NoNumber => {
                "it is not digits, with a `-` before and a fraction behind a `.` where there is one".to_owned()
            }
            Bad::TooLarge => format!("with {} decimals it does not fit into 64 bits", self.decimals),
        };
        Reject::BadValue { field: self.field.name().to_owned(), found: excerpt(text), what }
    }
}

/// A decimal number in units of its last decimal; what is finer is rounded to the nearest, from the middle to the even
/// one, so that many roundings do not add up.
fn scaled(text: &str, decimals: u8) -> Result<i64, Bad> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return Err(Bad::NoNumber);
    }
    let (kept, rest) = fraction.split_at(fraction.len().min(decimals.into()));
    let zeros = std::iter::repeat_n(b'0', usize::from(decimals) - kept.len());
    let units = whole
        .bytes()
        .chain(kept.bytes())
        .chain(zeros)
        .try_fold(0i128, |units, digit| units.checked_mul(10)?.checked_add(i128::from(digit - b'0')))
        .ok_or(Bad::TooLarge)?;
    let half = match rest.as_bytes() {
        [] => Ordering::Less,
        [first, finer @ ..] if *first == b'5' && finer.iter().all(|digit| *digit == b'0') => Ordering::Equal,
        [first, ..] => {
            if *first >= b'5' {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
    };
    let is_up = half == Ordering::Greater || (half == Ordering::Equal && units % 2 == 1);
    let units = units.checked_add(is_up.into()).ok_or(Bad::TooLarge)?;
    let units = if digits.len() < text.len() { -units } else { units };
    i64::try_from(units).map_err(|_| Bad::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_is_rounded_to_the_nearest_and_from_the_middle_to_the_even_one() {
        for (text, decimals, units) in [
            ("12", 0, 12),
            ("-12", 2, -1200),
            ("0.125", 2, 12),
            ("0.135", 2, 14),
            ("-0.125", 2, -12),
            ("0.1250000000000000000000000000001", 2, 13),
            ("0.4999999", 0, 0),
            ("2.5", 0, 2),
            ("3.5", 0, 4),
            ("00012.30", 1, 123),
            ("-0", 3, 0),
            ("9223372036854775807", 0, i64::MAX),
            ("-9223372036854775808", 0, i64::MIN),
        ] {
            assert_eq!(scaled(text, decimals), Ok(units), "{text} to {decimals} decimals");
        }
    }

    #[test]
    fn what_is_no_number_or_too_large_is_none() {
        for text in ["", "-", ".5", "5.", "1e3", "+1", "1_000", " 1", "--1", "1.2.3", "NaN", "inf", "١"] {
            assert_eq!(scaled(text, 2), Err(Bad::NoNumber), "{text}");
        }
        let largest = format!("{}.9", i128::MAX / 100);
        for text in ["9223372036854775808", "92233720368547758.08", "92233720368547758.075", &largest, &"9".repeat(400)]
        {
            assert_eq!(scaled(text, 2), Err(Bad::TooLarge), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_number_of_no_more_decimals_is_exact(units: i32, decimals in 0u8..=9) {
            let (units, unit) = (i64::from(units), 10i64.pow(decimals.into()));
            let sign = if units < 0 { "-" } else { "" };
            let (whole, rest) = (units.abs() / unit, units.abs() % unit);
            let text = format!("{sign}{whole}.{rest:0width$}", width = usize::from(decimals).max(1));
            prop_assert_eq!(scaled(&text, decimals), Ok(units));
        }
    }
}
