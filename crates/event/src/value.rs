//! A value as a record holds it, and what a catalogue compares it with.

use activity::Millis;
use catalog::Literal;
use std::borrow::Cow;

/// A value that the plan needs, borrowed from the record unless it was written with escapes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Value<'a> {
    /// Absent.
    #[default]
    Missing,
    Null,
    Bool(bool),
    /// Between `i64::MIN` and `u64::MAX`.
    Integer(i128),
    /// Of JSON: written with a fraction or an exponent, or an integer of more than 64 bits; finite. Of Avro: any double.
    Float(f64),
    /// A number of so many units, ten to the power of `scale` of which are one; `scale` is at most 38.
    Decimal {
        units: i128,
        scale: u32,
    },
    /// A time that says itself what it is.
    Time(Millis),
    Text(Cow<'a, str>),
    /// Bytes that are not text.
    Bytes,
    Array,
    Object,
}

impl Value<'_> {
    /// The same value, borrowed from this one.
    pub(crate) fn borrowed(&self) -> Value<'_> {
        match self {
            Value::Text(text) => Value::Text(Cow::Borrowed(text)),
            Value::Missing => Value::Missing,
            Value::Null => Value::Null,
            Value::Bool(value) => Value::Bool(*value),
            Value::Integer(value) => Value::Integer(*value),
            Value::Float(value) => Value::Float(*value),
            Value::Decimal { units, scale } => Value::Decimal { units: *units, scale: *scale },
            Value::Time(time) => Value::Time(*time),
            Value::Bytes => Value::Bytes,
            Value::Array => Value::Array,
            Value::Object => Value::Object,
        }
    }

    /// The value that a catalogue gives in place of a path.
    pub(crate) fn constant(literal: &Literal) -> Value<'static> {
        match literal {
            Literal::Bool(value) => Value::Bool(*value),
            Literal::Int(value) => Value::Integer(i128::from(*value)),
            Literal::Float(value) => Value::Float(*value),
            Literal::Text(value) => Value::Text(Cow::Owned(value.clone())),
        }
    }

    /// Whether it is the literal's value. Numbers are compared as numbers, exactly: 5 is 5.0.
    pub(crate) fn is(&self, literal: &Literal) -> bool {
        match (self, literal) {
            (Value::Bool(value), Literal::Bool(literal)) => value == literal,
            (Value::Text(value), Literal::Text(literal)) => value == literal,
            (Value::Integer(value), Literal::Int(literal)) => *value == i128::from(*literal),
            (Value::Integer(value), Literal::Float(literal)) => same_number(*value, *literal),
            (Value::Float(value), Literal::Int(literal)) => same_number(i128::from(*literal), *value),
            (Value::Float(value), Literal::Float(literal)) => value == literal,
            (Value::Decimal { units, scale }, Literal::Int(literal)) => {
                i128::from(*literal).checked_mul(10i128.pow(*scale)) == Some(*units)
            }
            // The double that is nearest to the decimal, as when the decimal is read as text.
            (Value::Decimal { units, scale }, Literal::Float(literal)) => {
                *units as f64 / 10f64.powi(scale.cast_signed()) == *literal
            }
            _ => false,
        }
    }

    /// What it is, for people; nothing of what it says.
    pub(crate) fn kind(&self) -> String {
        match self {
            Value::Missing | Value::Null => "absent or null".into(),
            Value::Bool(_) => "true or false".into(),
            Value::Integer(_) => "a whole number".into(),
            Value::Float(_) => "a number with a fraction, an exponent or more than 64 bits".into(),
            Value::Decimal { .. } => "a decimal".into(),
            Value::Time(_) => "a time".into(),
            Value::Bytes => "bytes".into(),
            Value::Text(text) => format!("text of {} bytes", text.len()),
            Value::Array => "an array".into(),
            Value::Object => "an object".into(),
        }
    }
}

/// Compares without rounding: the nearest double of an integer past 2^53 may not be that integer.
fn same_number(integer: i128, float: f64) -> bool {
    const PAST_EVERY_INTEGER: f64 = 1e20;
    #[expect(clippy::cast_possible_truncation, reason = "a whole number below 1e20 fits in an i128")]
    let whole = || float as i128;
    float.fract() == 0.0 && float.abs() < PAST_EVERY_INTEGER && whole() == integer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_exactly() {
        let past_2_53 = 9_007_199_254_740_993;
        assert!(Value::Integer(5).is(&Literal::Int(5)));
        assert!(Value::Float(5.0).is(&Literal::Int(5)));
        assert!(Value::Integer(5).is(&Literal::Float(5.0)));
        assert!(Value::Float(0.5).is(&Literal::Float(0.5)));
        assert!(Value::Float(-0.0).is(&Literal::Int(0)));
        assert!(!Value::Float(5.5).is(&Literal::Int(5)));
        assert!(!Value::Float(9_007_199_254_740_992.0).is(&Literal::Int(past_2_53)));
        assert!(!Value::Integer(i128::from(u64::MAX)).is(&Literal::Int(-1)));
        assert!(!Value::Integer(i128::from(u64::MAX)).is(&Literal::Float(1e300)));
    }

    #[test]
    fn a_decimal_is_the_number_that_it_reads_as() {
        let decimal = |units, scale| Value::Decimal { units, scale };
        assert!(decimal(500, 2).is(&Literal::Int(5)));
        assert!(!decimal(501, 2).is(&Literal::Int(5)));
        assert!(decimal(10, 2).is(&Literal::Float(0.1)));
        assert!(decimal(-25, 1).is(&Literal::Float(-2.5)));
        assert!(!decimal(11, 2).is(&Literal::Float(0.1)));
        assert!(!decimal(i128::MAX, 38).is(&Literal::Int(i64::MAX)));
    }

    #[test]
    fn only_a_value_of_the_literals_type_equals_it() {
        let literals = [Literal::Bool(true), Literal::Int(1), Literal::Text("true".into()), Literal::Text("1".into())];
        let values = literals.each_ref().map(Value::constant);
        for (at, literal) in literals.iter().enumerate() {
            let equal: Vec<usize> = (0..values.len()).filter(|value| values[*value].is(literal)).collect();
            assert_eq!(equal, [at], "{literal:?}");
        }
        for value in [Value::Missing, Value::Null, Value::Array, Value::Object, Value::Bytes, Value::Time(Millis(1))] {
            assert!(!literals.iter().any(|literal| value.is(literal)));
        }
    }
}
