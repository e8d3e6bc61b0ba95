//! What to do with the bytes of a datum, worked out once for the schema that wrote it.

use super::input::Input;
use crate::reject::Reject;
use crate::slots::Slots;
use crate::value::Value;
use activity::Millis;
use std::borrow::Cow;
use std::ops::Range;

/// How a datum of one writer's schema fills the slots.
#[derive(Debug)]
pub(crate) struct Program {
    pub(super) root: Step,
    /// How to pass over the types that have names, since they may contain themselves.
    pub(super) named: Vec<Skip>,
    /// How many slots there are.
    pub(super) slots: usize,
    /// The paths that the writer's schema does not have, if there is no reader's.
    pub(super) lacking: Vec<String>,
}

/// What to do with a value.
#[derive(Debug)]
pub(super) enum Step {
    Skip(Skip),
    Keep(usize, Leaf),
    Record {
        slot: usize,
        fields: Vec<Step>,
        /// What the reader's schema says of fields that the writer's has not.
        absent: Vec<(usize, Value<'static>)>,
    },
    Map {
        /// Its own slot and those of everything below it.
        slots: Range<usize>,
        wanted: Vec<(Box<str>, Range<usize>, Step)>,
        other: Skip,
    },
    Union(Vec<Step>),
    /// A branch of a union that the reader's schema has no place for, and why.
    Unfit(Box<str>),
}

/// A value that is kept.
#[derive(Debug)]
pub(super) enum Leaf {
    Null,
    Boolean,
    Integer,
    /// The reader's schema has a double where the writer's has an int or a long.
    IntegerAsFloat,
    Float,
    Double,
    Text,
    /// By symbol; `None` for one that the reader's schema does not have.
    Enum(Vec<Option<Box<str>>>),
    /// So many of it are a second.
    Time(i64),
    Decimal {
        scale: u32,
        size: Option<usize>,
    },
    Array(Skip),
    /// Bytes, which no field can be.
    Bytes(Skip),
}

/// A value that is passed over.
#[derive(Clone, Debug)]
pub(super) enum Skip {
    Fixed(usize),
    Number,
    Prefixed,
    Array(Box<Skip>),
    Map(Box<Skip>),
    Union(Vec<Skip>),
    Record(Vec<Skip>),
    /// By its place among those with names.
    Named(usize),
}

impl Program {
    /// The values of a datum.
    pub(super) fn run<'a>(&'a self, datum: &'a [u8]) -> Result<Slots<'a>, Reject> {
        let mut slots = Slots::new();
        slots.resize(self.slots, Value::Missing);
        let mut input = Input::new(datum);
        self.step(&self.root, &mut input, &mut slots)?;
        input.end()?;
        Ok(slots)
    }

    fn step<'a>(&'a self, step: &'a Step, input: &mut Input<'a>, slots: &mut [Value<'a>]) -> Result<(), Reject> {
        match step {
            Step::Skip(skip) => self.skip(skip, input),
            Step::Keep(slot, leaf) => {
                slots[*slot] = self.leaf(leaf, input)?;
                Ok(())
            }
            Step::Record { slot, fields, absent } => {
                slots[*slot] = Value::Object;
                for (slot, value) in absent {
                    slots[*slot] = value.borrowed();
                }
                fields.iter().try_for_each(|field| self.step(field, input, slots))
            }
            Step::Map { slots: own, wanted, other } => {
                slots[own.start] = Value::Object;
                input.items(|input| {
                    let name = input.text()?;
                    match wanted.iter().find(|(wanted, ..)| **wanted == *name) {
                        Some((_, below, step)) => {
                            // Of two of one name the last counts.
                            slots[below.clone()].fill(Value::Missing);
                            self.step(step, input, slots)
                        }
                        None => self.skip(other, input),
                    }
                })
            }
            Step::Union(branches) => {
                let branch = input.index()?;
                let branch = branches.get(branch).ok_or_else(|| input.broken("a branch that the union has not"))?;
                self.step(branch, input, slots)
            }
            Step::Unfit(why) => Err(Reject::UnfitSchema { what: why.to_string() }),
        }
    }

    fn leaf<'a>(&'a self, leaf: &'a Leaf, input: &mut Input<'a>) -> Result<Value<'a>, Reject> {
        Ok(match leaf {
            Leaf::Null => Value::Null,
            Leaf::Boolean => match input.array()? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                _ => return Err(input.broken("a boolean that is neither 0 nor 1")),
            },
            Leaf::Integer => Value::Integer(input.number()?.into()),
            Leaf::IntegerAsFloat => Value::Float(input.number()? as f64),
            Leaf::Float => Value::Float(f32::from_le_bytes(input.array()?).into()),
            Leaf::Double => Value::Float(f64::from_le_bytes(input.array()?)),
            Leaf::Text => Value::Text(Cow::Borrowed(input.text()?)),
            Leaf::Enum(symbols) => {
                let symbol = input.index()?;
                let symbol = symbols.get(symbol).ok_or_else(|| input.broken("a symbol that the enum has not"))?;
                let unfit = || Reject::UnfitSchema { what: "the enum's symbol is not in the source's schema".into() };
                Value::Text(Cow::Borrowed(symbol.as_deref().ok_or_else(unfit)?))
            }
            Leaf::Time(per_second) => Value::Time(millis(input.number()?, *per_second)),
            Leaf::Decimal { scale, size } => {
                let bytes = match size {
                    Some(size) => input.take(*size)?,
                    None => input.bytes()?,
                };
                let units = units(bytes).ok_or_else(|| input.broken("a decimal of more than 128 bits"))?;
                Value::Decimal { units, scale: *scale }
            }
            Leaf::Array(items) => {
                self.skip(items, input)?;
                Value::Array
            }
            Leaf::Bytes(bytes) => {
                self.skip(bytes, input)?;
                Value::Bytes
            }
        })
    }

    fn skip(&self, skip: &Skip, input: &mut Input<'_>) -> Result<(), Reject> {
        match skip {
            Skip::Fixed(size) => input.take(*size).map(drop),
            Skip::Number => input.number().map(drop),
            Skip::Prefixed => input.bytes().map(drop),
            Skip::Array(item) => input.skip_items(|input| self.skip(item, input)),
            Skip::Map(value) => input.skip_items(|input| {
                input.bytes()?;
                self.skip(value, input)
            }),
            Skip::Union(branches) => {
                let branch = input.index()?;
                let branch = branches.get(branch).ok_or_else(|| input.broken("a branch that the union has not"))?;
                self.skip(branch, input)
            }
            Skip::Record(fields) => fields.iter().try_for_each(|field| self.skip(field, input)),
            Skip::Named(at) => input.deeper(|input| self.skip(&self.named[*at], input)),
        }
    }
}

/// Milliseconds, cut off downwards. One that is out of range stays so.
pub(super) fn millis(number: i64, per_second: i64) -> Millis {
    Millis(number.div_euclid(per_second / 1_000))
}

/// A number of any length in two's complement, most significant byte first.
pub(super) fn units(bytes: &[u8]) -> Option<i128> {
    let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let fill = if negative { 0xff } else { 0 };
    let (over, last) = bytes.split_at(bytes.len().saturating_sub(16));
    let mut whole = [fill; 16];
    whole[16 - last.len()..].copy_from_slice(last);
    let units = i128::from_be_bytes(whole);
    (over.iter().all(|byte| *byte == fill) && (units < 0) == negative).then_some(units)
}
