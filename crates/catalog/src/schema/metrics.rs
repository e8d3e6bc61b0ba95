//! Metrics, as they are described to editors.

use super::shapes::{OneOrMore, decimals, words};
use super::{Conditions, FieldPath, Span, Text};
use crate::kinds::AGAINST;
use crate::parse::metrics::{TYPES, Type};
use schemars::{JsonSchema, Schema, SchemaGenerator};

/// One metric: what is counted of which events, over which windows.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Metric {
    Counted(Counted),
    Growth(Growth),
}

/// A number of events or entities; or, of `frequency`, of entities by in how many days of the window they were active.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Counted {
    #[schemars(schema_with = "counted_type")]
    r#type: String,
    /// For people.
    description: Option<Text>,
    /// What is counted of the events.
    measure: Measure,
    /// The trailing windows, such as `[60m, 24h, 1d, 28d]`. Minutes and hours slide, days are calendar days. Or `wtd`, `mtd`, `qtd`: the week, month or quarter to date.
    windows: OneOrMore<Span>,
    /// The dimensions by which it is sliced.
    by: Option<OneOrMore<Text>>,
    /// The excluded traffic that it counts all the same.
    include: Option<OneOrMore<Text>>,
}

/// Who came, stayed, came back and went: `x` is who was active, `x_new`, `x_retained` and `x_resurrected` are its parts, `x_lapsed`
/// those who were active before.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Growth {
    #[schemars(extend("const" = "growth"))]
    r#type: String,
    /// For people.
    description: Option<Text>,
    /// Which entities of which events.
    measure: CountDistinct,
    /// What a window is compared with: the `period` of the same length before (default), or the same window a `day` earlier.
    #[schemars(default, schema_with = "against")]
    against: Option<String>,
    /// The trailing windows.
    windows: OneOrMore<Span>,
    /// The dimensions by which it is sliced.
    by: Option<OneOrMore<Text>>,
    /// The excluded traffic that it counts all the same.
    include: Option<OneOrMore<Text>>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum Measure {
    CountDistinct(CountDistinct),
    Count(Count),
    Sum(Sum),
}

/// How many different entities the events name.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct CountDistinct {
    #[schemars(extend("const" = "count_distinct"))]
    agg: String,
    /// One of `entities`.
    entity: Text,
    /// `any`, or the names of events.
    events: OneOrMore<Text>,
    r#where: Option<Conditions>,
    /// In how many days of the window an entity must be active to count.
    at_least: Option<AtLeast>,
}

/// A number of buckets of the windows' grain; one of them.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1, "maxProperties" = 1))]
struct AtLeast {
    #[schemars(range(min = 1))]
    minutes: Option<u16>,
    #[schemars(range(min = 1))]
    hours: Option<u16>,
    #[schemars(range(min = 1))]
    days: Option<u16>,
}

/// How many the events are, each event_id once.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Count {
    #[schemars(extend("const" = "count"))]
    agg: String,
    /// `any`, or the names of events.
    events: OneOrMore<Text>,
    r#where: Option<Conditions>,
}

/// What a property of the events adds up to, each event_id once.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Sum {
    #[schemars(extend("const" = "sum"))]
    agg: String,
    /// The property, such as `properties.amount`.
    value: FieldPath,
    /// To how many decimals each value is rounded. Default: 0.
    #[schemars(default, schema_with = "decimals")]
    decimals: Option<u8>,
    /// `any`, or the names of events.
    events: OneOrMore<Text>,
    r#where: Option<Conditions>,
}

fn counted_type(_: &mut SchemaGenerator) -> Schema {
    words(&TYPES.iter().copied().filter(|(_, of)| *of != Type::Growth).collect::<Vec<_>>())
}

fn against(_: &mut SchemaGenerator) -> Schema {
    words(AGAINST)
}
