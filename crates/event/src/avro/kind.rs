//! Avro's types as far as they differ in how a value is read, and which can be read as which.

use super::program::{Leaf, Skip, millis, units};
use crate::value::Value;
use apache_avro::Schema;
use apache_avro::schema::{InnerDecimalSchema, UuidSchema};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::fmt;

/// A type. Logical types that make no difference here are what they are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Boolean,
    Int,
    Long,
    /// A long, so many of which are a second since 1970.
    Time(i64),
    Float,
    Double,
    Text,
    Bytes,
    Fixed(usize),
    Decimal {
        scale: u32,
        size: Option<usize>,
    },
    Enum,
    Array,
    Map,
    Record,
    Union,
    Ref,
}

pub(super) fn kind(schema: &Schema) -> Kind {
    match schema {
        Schema::Null => Kind::Null,
        Schema::Boolean => Kind::Boolean,
        Schema::Int | Schema::Date | Schema::TimeMillis => Kind::Int,
        // A local time is in no time zone, and so no time.
        Schema::Long
        | Schema::TimeMicros
        | Schema::LocalTimestampMillis
        | Schema::LocalTimestampMicros
        | Schema::LocalTimestampNanos => Kind::Long,
        Schema::TimestampMillis => Kind::Time(1_000),
        Schema::TimestampMicros => Kind::Time(1_000_000),
        Schema::TimestampNanos => Kind::Time(1_000_000_000),
        Schema::Float => Kind::Float,
        Schema::Double => Kind::Double,
        Schema::String | Schema::Uuid(UuidSchema::String) => Kind::Text,
        Schema::Bytes | Schema::BigDecimal | Schema::Uuid(UuidSchema::Bytes) => Kind::Bytes,
        Schema::Fixed(fixed) | Schema::Duration(fixed) | Schema::Uuid(UuidSchema::Fixed(fixed)) => {
            Kind::Fixed(fixed.size)
        }
        Schema::Decimal(decimal) => Kind::Decimal {
            scale: u32::try_from(decimal.scale).unwrap_or(u32::MAX),
            size: match &decimal.inner {
                InnerDecimalSchema::Bytes => None,
                InnerDecimalSchema::Fixed(fixed) => Some(fixed.size),
            },
        },
        Schema::Enum(_) => Kind::Enum,
        Schema::Array(_) => Kind::Array,
        Schema::Map(_) => Kind::Map,
        Schema::Record(_) => Kind::Record,
        Schema::Union(_) => Kind::Union,
        Schema::Ref { .. } => Kind::Ref,
    }
}

/// How a value that was written as one type is kept as another, if that can be; as it is, if there is no other.
pub(super) fn leaf(writer: &Schema, reader: Option<&Schema>) -> Option<Leaf> {
    let (written, read) = (kind(writer), reader.map_or(kind(writer), kind));
    Some(match (written, read) {
        (Kind::Null, Kind::Null) => Leaf::Null,
        (Kind::Boolean, Kind::Boolean) => Leaf::Boolean,
        // Whoever wrote a time knows its unit best.
        (Kind::Time(per_second), Kind::Time(_)) => Leaf::Time(per_second),
        (Kind::Int | Kind::Long, Kind::Time(per_second)) => Leaf::Time(per_second),
        (Kind::Int, Kind::Int) | (Kind::Int | Kind::Long | Kind::Time(_), Kind::Long) => Leaf::Integer,
        (Kind::Int | Kind::Long | Kind::Time(_), Kind::Float | Kind::Double) => Leaf::IntegerAsFloat,
        (Kind::Float, Kind::Float | Kind::Double) => Leaf::Float,
        (Kind::Double, Kind::Double) => Leaf::Double,
        (Kind::Text | Kind::Bytes, Kind::Text) => Leaf::Text,
        (Kind::Text | Kind::Bytes | Kind::Decimal { size: None, .. }, Kind::Bytes) => Leaf::Bytes(Skip::Prefixed),
        (Kind::Fixed(size) | Kind::Decimal { size: Some(size), .. }, Kind::Fixed(other)) if size == other => {
            Leaf::Bytes(Skip::Fixed(size))
        }
        (Kind::Decimal { scale, size }, Kind::Decimal { scale: other, size: other_size }) => {
            (scale == other && size == other_size && scale <= MOST_DECIMALS).then_some(Leaf::Decimal { scale, size })?
        }
        (Kind::Enum, Kind::Enum) => match writer {
            Schema::Enum(of) => Leaf::Enum(of.symbols.iter().map(|symbol| Some(symbol.as_str().into())).collect()),
            _ => return None,
        },
        _ => return None,
    })
}

/// Ten to the power of it fits into 128 bits.
const MOST_DECIMALS: u32 = 38;

/// The value of a default, if it is one of the type.
pub(super) fn constant(schema: &Schema, default: &Json) -> Option<Value<'static>> {
    Some(match (kind(schema), default) {
        (Kind::Null, Json::Null) => Value::Null,
        (Kind::Boolean, Json::Bool(value)) => Value::Bool(*value),
        (Kind::Int | Kind::Long, Json::Number(number)) => Value::Integer(number.as_i64()?.into()),
        (Kind::Time(per_second), Json::Number(number)) => Value::Time(millis(number.as_i64()?, per_second)),
        (Kind::Float | Kind::Double, Json::Number(number)) => Value::Float(number.as_f64()?),
        (Kind::Text | Kind::Enum, Json::String(text)) => Value::Text(Cow::Owned(text.clone())),
        (Kind::Bytes | Kind::Fixed(_), Json::String(_)) => Value::Bytes,
        (Kind::Decimal { scale, .. }, Json::String(text)) if scale <= MOST_DECIMALS => {
            // Each character of the default is a byte.
            let bytes = text.chars().map(|char| u8::try_from(u32::from(char))).collect::<Result<Vec<_>, _>>().ok()?;
            Value::Decimal { units: units(&bytes)?, scale }
        }
        (Kind::Array, Json::Array(_)) => Value::Array,
        _ => return None,
    })
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Kind::Null => "null",
            Kind::Boolean => "a boolean",
            Kind::Int => "an int",
            Kind::Long => "a long",
            Kind::Time(_) => "a timestamp",
            Kind::Float => "a float",
            Kind::Double => "a double",
            Kind::Text => "a string",
            Kind::Bytes => "bytes",
            Kind::Fixed(size) => return write!(f, "a fixed of {size} bytes"),
            Kind::Decimal { scale, .. } => return write!(f, "a decimal of scale {scale}"),
            Kind::Enum => "an enum",
            Kind::Array => "an array",
            Kind::Map => "a map",
            Kind::Record => "a record",
            Kind::Union => "a union",
            Kind::Ref => "a named type",
        };
        f.write_str(name)
    }
}
