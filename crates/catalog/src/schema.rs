//! The language as a JSON Schema, for editors.
//!
//! The types here only describe what [`mod@crate::parse`] reads: which keys there are, and what their values look like. Words
//! and units are the parser's own tables; that the keys are the parser's, too, is tested. What only the whole catalogue shows
//! (an entity that is not declared), and ranges, `nsm check` tells.

// They are made to be described, not to be built.
#![expect(dead_code, reason = "schemars reads the fields")]

mod marks;
mod metrics;
mod shapes;
mod tree;

use crate::parse::kinds::SINCE;
use crate::parse::metrics::WINDOWS;
use crate::parse::values::Units;
use crate::parse::{WEEKDAYS, dimensions, fields, formats, history_units, sources};
use activity::{Grain, Period};
use metrics::Metric;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use shapes::{Named, OneOrMore, limit, words};
use std::borrow::Cow;
use tree::NorthStar;

/// The schema of a catalogue.
#[must_use]
pub fn schema() -> Schema {
    yaml::schema_of::<Catalogue>()
}

/// Northstar's metric catalogue: where events come from, and what is counted of them.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Catalogue {
    /// The version of this language: 1.
    #[schemars(schema_with = "language")]
    version: u8,
    /// The product's name, for people.
    product: Text,
    /// The zone of calendar days, a name of the IANA time-zone database such as `Europe/Berlin`. Default: UTC.
    time_zone: Option<Text>,
    /// On which day weeks to date begin. Default: monday.
    #[schemars(default, schema_with = "week_starts")]
    week_starts: Option<String>,
    /// How far back values can be asked for: days, as in `400d`, or by grain.
    history: Option<History>,
    /// Where events come from, by name.
    sources: Named<Source>,
    /// What can be counted, by name.
    entities: Named<Entity>,
    /// What metrics are sliced by, by name.
    dimensions: Option<Named<Dimension>>,
    /// Traffic that no metric counts but those that `include` it, by name.
    exclude: Option<Named<Conditions>>,
    /// What is counted, by name: `active` is shown as `nsm_active`.
    metrics: Named<Metric>,
    /// Where metrics are to get, and what they depend on: a tree, or several.
    north_star: Option<OneOrMore<NorthStar>>,
}

/// Days, or a length for each grain.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum History {
    Days(#[schemars(schema_with = "history_of_days")] String),
    ByGrain(HistoryByGrain),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1))]
struct HistoryByGrain {
    /// Of windows of minutes. Default: 3h.
    #[schemars(default, schema_with = "history_of_minutes")]
    minute: Option<String>,
    /// Of windows of hours. Default: 7d.
    #[schemars(default, schema_with = "history_of_hours")]
    hour: Option<String>,
    /// Of windows of days. Default: 400d.
    #[schemars(default, schema_with = "history_of_days")]
    day: Option<String>,
}

/// A topic of usage events, and how to read it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Source {
    /// The Kafka topic.
    #[schemars(regex(pattern = "^[A-Za-z0-9._-]{1,249}$"))]
    topic: String,
    /// How its records are written. Default: json.
    #[schemars(default, schema_with = "format")]
    format: Option<String>,
    /// Of Avro: whether each record names its schema in a registry, `confluent` (default), or none does, `plain`.
    #[schemars(default, schema_with = "wire")]
    wire: Option<String>,
    /// Of Avro: the file of the schema that records are read as, beside the catalogue.
    schema: Option<Text>,
    /// Where to begin in a partition that was never read. Default: what the configuration says.
    #[schemars(default, schema_with = "start")]
    from: Option<String>,
    /// Which time moves its clock: `log`, the records' timestamps (default), or `event`, the events' own time.
    #[schemars(default, schema_with = "clock")]
    clock: Option<String>,
    /// How late an event may come and still count.
    lateness: Option<Lateness>,
    /// Where the native fields are found; only those that lie elsewhere.
    #[schemars(default, schema_with = "fields")]
    fields: Option<()>,
    /// Whose attributes its records tell: an entity, if all of them do, or which events do so and where.
    attributes_of: Option<AttributesOf>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum AttributesOf {
    All(Text),
    Some(Attributes),
}

/// Which events tell attributes, of whom, and where.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Attributes {
    /// One of `entities`.
    entity: Text,
    /// The events that tell them. Default: all.
    events: Option<OneOrMore<Text>>,
    /// The object that holds them. Default: attributes.
    path: Option<FieldPath>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1))]
struct Lateness {
    /// In its minute. Default: 10m.
    #[schemars(default, schema_with = "lateness")]
    minute: Option<String>,
    /// In its hour. Default: 2h.
    #[schemars(default, schema_with = "lateness")]
    hour: Option<String>,
    /// In its day. Default: 3d.
    #[schemars(default, schema_with = "lateness")]
    day: Option<String>,
}

/// Where a field is found, as in `a.b.c`.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Origin {
    Short(FieldPath),
    Path(OriginPath),
    Constant(OriginConstant),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct OriginPath {
    path: FieldPath,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct OriginConstant {
    /// The value that every record of the source has.
    constant: KeyPart,
}

/// Where the time is found, and how it is written.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum TimestampField {
    Short(FieldPath),
    Long(Timestamp),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Timestamp {
    path: FieldPath,
    /// How the time is written: `rfc3339` (default), or a number of seconds, milliseconds or microseconds since 1970.
    #[schemars(default, schema_with = "unit")]
    unit: Option<String>,
}

/// A kind of thing that can be counted.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Entity {
    /// The field or fields whose values name one, such as `user_id`.
    key: OneOrMore<FieldPath>,
    /// Which of them decides the shard. Default: the first.
    shard_by: Option<FieldPath>,
}

/// What metrics are sliced by: an attribute of an entity, or what events say.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Dimension {
    /// The entity whose attribute it is, one of `entities`.
    of: Option<Text>,
    /// Where the value is found. Default: the dimension's own name.
    from: Option<FieldPath>,
    /// The values that are told apart; any other is `__other__`. Without `limit` there must be some.
    values: Option<OneOrMore<Literal>>,
    /// How many values are told apart at most: those of `values`, and the first that turn up beside them; any other is `__other__`.
    #[schemars(default, schema_with = "limit")]
    limit: Option<u16>,
    /// When an attribute is taken: of the `event`, at the end of its `bucket` (default), or as it is now, `current`.
    #[schemars(default, schema_with = "as_of")]
    as_of: Option<String>,
}

/// Defines types that are described by a function.
macro_rules! described {
    ($($name:ident: $schema:expr;)*) => {$(
        struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                $schema(generator)
            }
        }
    )*};
}

described! {
    Text: |_: &mut _| json_schema!({ "type": "string", "pattern": "\\S" });
    FieldPath: |_: &mut _| json_schema!({ "type": "string", "pattern": "^[^.]*[^.\\s][^.]*(\\.[^.]*[^.\\s][^.]*)*$|^\\.$" });
    KeyPart: |_: &mut _| json_schema!({ "type": ["string", "integer"] });
    Span: window;
    Ago: |_: &mut _| span(SINCE);
    Literal: |_: &mut _| json_schema!({ "type": ["string", "number", "boolean"] });
    Conditions: conditions;
}

/// A span, or a period to date.
fn window(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [span(WINDOWS), { "enum": Period::ALL.map(Period::to_date) }] })
}

fn week_starts(_: &mut SchemaGenerator) -> Schema {
    words(WEEKDAYS)
}

fn language(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "const": 1 })
}

/// A comparison of a property with the id in a field of an entity's key; one of them.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1, "maxProperties" = 1))]
struct Compared {
    /// Another id than that, as in `owner_id: { differs_from: user_id }`. Both are there.
    differs_from: Option<Text>,
    /// The same id as that.
    same_as: Option<Text>,
}

/// A number of one of these units.
fn span(units: &Units) -> Schema {
    let letters: String = units.iter().map(|(grain, _)| grain.letter()).collect();
    json_schema!({ "type": "string", "pattern": format!("^[0-9]+[{letters}]$") })
}

fn history_of_minutes(_: &mut SchemaGenerator) -> Schema {
    span(history_units(Grain::Minute))
}

fn history_of_hours(_: &mut SchemaGenerator) -> Schema {
    span(history_units(Grain::Hour))
}

fn history_of_days(_: &mut SchemaGenerator) -> Schema {
    span(history_units(Grain::Day))
}

fn lateness(_: &mut SchemaGenerator) -> Schema {
    span(sources::LATENESS)
}

fn format(_: &mut SchemaGenerator) -> Schema {
    words(formats::FORMATS)
}

fn wire(_: &mut SchemaGenerator) -> Schema {
    words(formats::WIRES)
}

fn start(_: &mut SchemaGenerator) -> Schema {
    words(sources::STARTS)
}

fn clock(_: &mut SchemaGenerator) -> Schema {
    words(sources::CLOCKS)
}

fn as_of(_: &mut SchemaGenerator) -> Schema {
    words(dimensions::WHEN)
}

fn unit(_: &mut SchemaGenerator) -> Schema {
    words(fields::UNITS)
}

/// Native fields, and any other that a key is made of.
fn fields(generator: &mut SchemaGenerator) -> Schema {
    let origin = generator.subschema_for::<Origin>();
    let mut properties = serde_json::Map::new();
    for name in [fields::NATIVE, fields::UNUSED].concat() {
        let of = match name {
            "timestamp" | "sent_at" | "received_at" => generator.subschema_for::<TimestampField>(),
            "event_id" => generator.subschema_for::<OneOrMore<FieldPath>>(),
            "properties" | "original_timestamp" => generator.subschema_for::<FieldPath>(),
            _ => origin.clone(),
        };
        properties.insert(name.to_owned(), of.to_value());
    }
    json_schema!({
        "type": "object",
        "minProperties": 1,
        "properties": properties,
        "additionalProperties": origin,
    })
}

/// Which values properties must have, by the property's path.
fn conditions(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "description": "What must hold of the event's properties: `{ plan: [team, business] }`; or of attributes that are dimensions: `{ account.plan: [team] }`.",
        "type": "object",
        "minProperties": 1,
        "propertyNames": generator.subschema_for::<FieldPath>(),
        "additionalProperties": { "anyOf": [
            generator.subschema_for::<OneOrMore<Literal>>(),
            generator.subschema_for::<Compared>(),
        ] },
    })
}

#[cfg(test)]
mod tests;
