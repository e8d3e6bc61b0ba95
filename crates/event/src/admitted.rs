//! Which values of dimensions are told apart: those that the catalogue declares, and those that were admitted since.
//!
//! Invariant: a value has one number for ever. As long as it may still be admitted nobody knows which, and so it has none: it is
//! only "any other" once its dimension is known to be full, or if nobody would want to see it as a label.

use crate::value::Value;
use activity::admission::Admitted;
use activity::{DimensionIndex, DimensionValue};
use catalog::dimension::{NONE, OTHER, label};
use catalog::{Dimension, Plan};
use hashbrown::HashMap;
use std::fmt::{self, Write};

/// The longest value that is admitted, in bytes.
pub(crate) const LONGEST: usize = 128;

/// A value that has no number yet, though it may get one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Undecided {
    /// The dimension.
    pub dimension: DimensionIndex,
    /// What the value is called in labels.
    pub value: String,
}

/// The values of all dimensions, as far as they are known.
#[derive(Debug)]
pub(crate) struct Values(Vec<Known>);

/// The values of one dimension.
#[derive(Debug)]
struct Known {
    dimension: Dimension,
    /// By what they are called. Only where values may be admitted: there, what is called the same is the same.
    named: HashMap<Box<str>, DimensionValue>,
    /// How many values more may be admitted.
    left: usize,
}

impl Values {
    pub(crate) fn new(plan: &Plan) -> Values {
        Values(plan.dimensions.iter().map(Known::new).collect())
    }

    /// The number of a value that a record says; `None` if it has none yet.
    pub(crate) fn find(&self, dimension: DimensionIndex, value: &Value<'_>) -> Option<DimensionValue> {
        self.0[usize::from(dimension.0)].find(value)
    }

    /// The value as one that has to be decided on.
    #[cold]
    pub(crate) fn undecided(dimension: DimensionIndex, value: &Value<'_>) -> Undecided {
        let mut text = Short::default();
        Undecided { dimension, value: value.label(&mut text).unwrap_or_default().to_owned() }
    }

    pub(crate) fn learn(&mut self, admitted: &Admitted) {
        let known = &mut self.0[usize::from(admitted.dimension.0)];
        if known.named.insert(admitted.value.as_str().into(), admitted.number).is_none() {
            known.left = known.left.saturating_sub(1);
        }
    }
}

impl Known {
    fn new(dimension: &Dimension) -> Known {
        let left = dimension.admissible().count();
        let mut named = HashMap::new();
        if left > 0 {
            let declared = (1..).map(DimensionValue).zip(&dimension.values);
            named.extend(declared.map(|(number, value)| (label(value).into(), number)));
            named.extend([NONE, OTHER].map(|reserved| (reserved.into(), dimension.other())));
        }
        Known { dimension: dimension.clone(), named, left }
    }

    fn find(&self, value: &Value<'_>) -> Option<DimensionValue> {
        if matches!(value, Value::Missing | Value::Null) {
            return Some(DimensionValue::NONE);
        }
        if let Some(declared) = self.dimension.declared(|literal| value.is(literal)) {
            return Some(declared);
        }
        let other = self.dimension.other();
        let mut text = Short::default();
        match value.label(&mut text).filter(|_| !self.named.is_empty()) {
            None => Some(other),
            Some(label) => self.named.get(label).copied().or_else(|| (self.left == 0).then_some(other)),
        }
    }
}

/// Text of at most [`LONGEST`] bytes, written without allocating anything.
#[derive(Debug)]
pub(crate) struct Short {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Default for Short {
    fn default() -> Short {
        Short { bytes: [0; LONGEST], length: 0 }
    }
}

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes[self.length..].get_mut(..text.len()).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length += text.len();
        Ok(())
    }
}

impl Short {
    fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes[..self.length]).ok()
    }
}

impl Value<'_> {
    /// What a value is called in labels, so that equal numbers are called the same; `None` if it is nothing that anybody would
    /// want to see there. `room` may be written to.
    pub(crate) fn label<'l>(&'l self, room: &'l mut Short) -> Option<&'l str> {
        let is_fit = |text: &&str| !text.is_empty() && text.len() <= LONGEST && !text.contains(char::is_control);
        match self {
            Value::Text(text) => return Some(text.as_ref()).filter(is_fit),
            Value::Bool(value) => write!(room, "{value}").ok()?,
            Value::Integer(value) => write!(room, "{value}").ok()?,
            // Adding 0 turns -0, which equals it, into 0.
            Value::Float(value) if value.is_finite() => write!(room, "{}", value + 0.0).ok()?,
            Value::Decimal { units, scale } => decimal(*units, *scale, room).ok()?,
            _ => return None,
        }
        room.text()
    }
}

/// Writes a decimal without zeros at its end.
fn decimal(mut units: i128, mut scale: u32, out: &mut Short) -> fmt::Result {
    while scale > 0 && units % 10 == 0 {
        (units, scale) = (units / 10, scale - 1);
    }
    let one = 10i128.pow(scale).unsigned_abs();
    let (sign, units, width) = (if units < 0 { "-" } else { "" }, units.unsigned_abs(), scale as usize);
    match scale {
        0 => write!(out, "{sign}{units}"),
        _ => write!(out, "{sign}{}.{:0width$}", units / one, units % one),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity::Millis;

    fn label(value: &Value<'_>) -> Option<String> {
        value.label(&mut Short::default()).map(str::to_owned)
    }

    fn text(text: &str) -> Value<'_> {
        Value::Text(text.into())
    }

    #[test]
    fn equal_numbers_are_called_the_same() {
        let decimal = |units, scale| Value::Decimal { units, scale };
        for (name, values) in [
            ("5", &[Value::Integer(5), Value::Float(5.0), decimal(500, 2), text("5")][..]),
            ("0", &[Value::Integer(0), Value::Float(-0.0), decimal(0, 9)]),
            ("-2.5", &[Value::Float(-2.5), decimal(-250, 2), text("-2.5")]),
            ("0.05", &[Value::Float(0.05), decimal(5, 2)]),
            ("true", &[Value::Bool(true), text("true")]),
            ("18446744073709551615", &[Value::Integer(u64::MAX.into())]),
        ] {
            values.iter().for_each(|value| assert_eq!(label(value).as_deref(), Some(name), "{value:?}"));
        }
    }

    #[test]
    fn what_nobody_would_want_to_see_is_called_nothing() {
        let long = "x".repeat(LONGEST);
        assert_eq!(label(&text(&long)), Some(long.clone()));
        let longer = format!("{long}x");
        for value in
            [text(&longer), text(""), text("a\nb"), text("\u{1b}[2J"), Value::Float(1e300), Value::Float(f64::NAN)]
        {
            assert_eq!(label(&value), None, "{value:?}");
        }
        for value in [Value::Bytes, Value::Array, Value::Object, Value::Time(Millis(1)), Value::Missing, Value::Null] {
            assert_eq!(label(&value), None, "{value:?}");
        }
    }
}
