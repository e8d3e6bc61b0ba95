//! Metrics, as they are described to editors.

use super::marks::{Conversion, Held, Movements, Sessions, Survey, TimeToValue};
use super::shapes::{Named, OneOrMore, decimals, words};
use super::{Ago, Conditions, FieldPath, Span, Text, span};
use crate::kinds::AGAINST;
use crate::parse::metrics::{TYPES, Type};
use crate::parse::{formulas, kinds, marks};
use schemars::{JsonSchema, Schema, SchemaGenerator};

/// One metric: what is counted of which events, over which windows; or what follows from other metrics.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Metric {
    Counted(Counted),
    Held(Held),
    Growth(Growth),
    Baseline(Baseline),
    Retention(Retention),
    Recency(Recency),
    Movements(Movements),
    Survey(Survey),
    Conversion(Conversion),
    TimeToValue(TimeToValue),
    Sessions(Sessions),
    Share(Share),
    Ratio(Ratio),
    Derived(Derived),
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

/// Which share of those first seen in one period is active in the periods after: `x` with a label that says how many after, of
/// `x_active` over `x_cohort`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Retention {
    #[schemars(extend("const" = "retention"))]
    r#type: String,
    /// For people.
    description: Option<Text>,
    /// Which entities of which events.
    measure: CountDistinct,
    /// How long a period is: a `week` (default), a `month` or a `quarter` of the calendar.
    #[schemars(default, schema_with = "every")]
    every: Option<String>,
    /// For how many periods after the first. Default: 12.
    #[schemars(range(min = 1, max = kinds::MOST_PERIODS))]
    periods: Option<u16>,
    /// The dimensions by which it is sliced.
    by: Option<OneOrMore<Text>>,
    /// The excluded traffic that it counts all the same.
    include: Option<OneOrMore<Text>>,
}

/// Those who were active in the window by how many days ago that was the last time: `x_by_days_ago`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Recency {
    #[schemars(extend("const" = "recency"))]
    r#type: String,
    /// For people.
    description: Option<Text>,
    /// Which entities of which events.
    measure: CountDistinct,
    /// The trailing windows, of days.
    windows: OneOrMore<Span>,
    /// From how many days on each further part begins, such as `[7d, 14d, 28d]`; the first one begins today.
    since: OneOrMore<Ago>,
    /// The dimensions by which it is sliced.
    by: Option<OneOrMore<Text>>,
    /// The excluded traffic that it counts all the same.
    include: Option<OneOrMore<Text>>,
}

/// Entities that have fewer, or more, events in the window than they had themselves before: those at risk.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Baseline {
    #[schemars(extend("const" = "baseline"))]
    r#type: String,
    /// For people.
    description: Option<Text>,
    /// Which entities by which events.
    measure: CountDistinct,
    /// The trailing windows, of days.
    windows: OneOrMore<Span>,
    /// How many days before the window are the baseline, such as `28d`.
    #[schemars(schema_with = "before")]
    against: String,
    /// An entity counts if it has less than that share of its baseline, window for window: `0.5`.
    #[schemars(range(min = 0))]
    below: Option<f64>,
    /// In place of that: if it has more than that share.
    #[schemars(range(min = 0))]
    above: Option<f64>,
    /// The dimensions by which it is sliced.
    by: Option<OneOrMore<Text>>,
    /// The excluded traffic that it counts all the same.
    include: Option<OneOrMore<Text>>,
}

/// Which share of what an entity has does something, on average over these entities: `x`; with `at_least` also how many of them have
/// at least that share, `x_reached`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Share {
    #[schemars(extend("const" = "share"))]
    r#type: String,
    /// For people.
    description: Option<Text>,
    /// Whose shares they are: one of `entities`.
    of: Text,
    /// A metric that counts entities whose keys name one of these, or these themselves.
    numerator: Text,
    /// Another one, of which that is a share. Where it is 0 there is none.
    denominator: Text,
    /// From which share on an entity has reached it, such as `0.7`.
    #[schemars(range(min = 0))]
    at_least: Option<f64>,
    /// Which attributes these entities must have.
    r#where: Option<Conditions>,
    /// The windows. Default: all that both metrics have.
    windows: Option<OneOrMore<Span>>,
    /// The dimensions by which it is sliced: attributes.
    by: Option<OneOrMore<Text>>,
    /// The excluded traffic that it counts all the same.
    include: Option<OneOrMore<Text>>,
}

/// One metric over another, as of the same time.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Ratio {
    #[schemars(extend("const" = "ratio"))]
    r#type: String,
    /// For people.
    description: Option<Text>,
    /// What is divided: a metric.
    numerator: Operand,
    /// What it is divided by: a metric. Where it is 0 there is no value.
    denominator: Operand,
    /// The windows. Default: all that both metrics have.
    windows: Option<OneOrMore<Span>>,
    /// The dimensions by which it is sliced; both metrics are.
    by: Option<OneOrMore<Text>>,
}

/// What follows from other metrics by an expression, as of the same time.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Derived {
    #[schemars(extend("const" = "derived"))]
    r#type: String,
    /// For people.
    description: Option<Text>,
    /// The expression, of numbers, `+`, `-`, `*`, `/`, brackets, and names of metrics or of what `metrics` says.
    expr: Text,
    /// What names in the expression stand for, as in `before: { metric: active_users, offset: 7d }`.
    metrics: Option<Named<Operand>>,
    /// The windows. Default: all that the metrics without a window of their own have.
    windows: Option<OneOrMore<Span>>,
    /// The dimensions by which it is sliced; all metrics in it are.
    by: Option<OneOrMore<Text>>,
}

/// A metric's name, or a metric with a window of its own, or as of an earlier time.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Operand {
    Name(Text),
    Part(Part),
}

/// A metric with a window of its own, or as of an earlier time.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Part {
    /// The metric's name.
    metric: Text,
    /// One of its windows. Default: the window that is shown.
    window: Option<Span>,
    /// How much earlier it is taken, as in `7d`; of windows of hours in hours. Default: as of the same time.
    #[schemars(default, schema_with = "offset")]
    offset: Option<String>,
}

fn every(_: &mut SchemaGenerator) -> Schema {
    words(kinds::EVERY)
}

fn before(_: &mut SchemaGenerator) -> Schema {
    span(marks::COMPARED)
}

fn offset(_: &mut SchemaGenerator) -> Schema {
    span(&formulas::offsets())
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum Measure {
    CountDistinct(CountDistinct),
    Count(Count),
    Sum(Sum),
    Median(Median),
    Percentile(Percentile),
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
    /// In how many days of the window an entity must be active to count, or how many events it must have in it, or how many values these
    /// must say of a dimension.
    at_least: Option<Enough>,
}

/// A number of events, or of something else.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Enough {
    Events(#[schemars(range(min = 1))] u32),
    Of(AtLeast),
}

/// A number of buckets of the windows' grain, or of events, or of the values of a dimension; one of them.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1, "maxProperties" = 2))]
struct AtLeast {
    #[schemars(range(min = 1))]
    minutes: Option<u16>,
    #[schemars(range(min = 1))]
    hours: Option<u16>,
    #[schemars(range(min = 1))]
    days: Option<u16>,
    #[schemars(range(min = 1))]
    events: Option<u32>,
    /// Days on which several are said count alike.
    #[schemars(range(min = 1))]
    values: Option<u16>,
    /// The dimension that has the values: one that events say.
    of: Option<Text>,
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

/// What a property of the events adds up to, or is on average, each event_id once. Of an average `x_sum` and `x_count` are shown, too.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Sum {
    #[schemars(extend("enum" = ["sum", "average"]))]
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

/// The value that half of the events are not above.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Median {
    #[schemars(extend("const" = "median"))]
    agg: String,
    /// The property, such as `properties.amount`.
    value: FieldPath,
    /// To how many decimals each value is rounded. Default: 0.
    #[schemars(default, schema_with = "decimals")]
    decimals: Option<u8>,
    /// The largest value that is told apart.
    #[schemars(range(min = 1))]
    up_to: i64,
    /// By which share of itself a value may be off. Default: 0.01.
    #[schemars(range(min = 0.001, max = 0.1))]
    error: Option<f64>,
    /// `any`, or the names of events.
    events: OneOrMore<Text>,
    r#where: Option<Conditions>,
}

/// The values that so many of a hundred events are not above: `x` with a label that says which.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Percentile {
    #[schemars(extend("const" = "percentile"))]
    agg: String,
    /// The property, such as `properties.amount`.
    value: FieldPath,
    /// To how many decimals each value is rounded. Default: 0.
    #[schemars(default, schema_with = "decimals")]
    decimals: Option<u8>,
    /// The largest value that is told apart.
    #[schemars(range(min = 1))]
    up_to: i64,
    /// By which share of itself a value may be off. Default: 0.01.
    #[schemars(range(min = 0.001, max = 0.1))]
    error: Option<f64>,
    /// Which, from 1 to 99, such as `[50, 90, 99]`.
    percentiles: OneOrMore<u8>,
    /// `any`, or the names of events.
    events: OneOrMore<Text>,
    r#where: Option<Conditions>,
}

fn counted_type(_: &mut SchemaGenerator) -> Schema {
    words(&TYPES.iter().copied().filter(|(_, of)| matches!(of, Type::Simple | Type::Frequency)).collect::<Vec<_>>())
}

fn against(_: &mut SchemaGenerator) -> Schema {
    words(AGAINST)
}
