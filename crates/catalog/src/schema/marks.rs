//! Metrics of what happened to entities when, as they are described to editors.

use super::shapes::{OneOrMore, decimals, words};
use super::{Conditions, FieldPath, Text, span};
use crate::kinds::SCALES;
use crate::parse::marks;
use schemars::{JsonSchema, Schema, SchemaGenerator};

/// What holds of entities as of each day: how many, or what they are worth.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Held {
    #[schemars(extend("const" = "simple"))]
    r#type: String,
    /// For people.
    description: Option<Text>,
    measure: State,
    /// The dimensions by which it is sliced: attributes.
    by: Option<OneOrMore<Text>>,
    /// The excluded traffic that it counts all the same.
    include: Option<OneOrMore<Text>>,
}

/// What holds: from events on until others, what the latest event says, or attributes alone.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct State {
    #[schemars(extend("const" = "state"))]
    agg: String,
    /// One of `entities`.
    entity: Text,
    /// The events that begin it.
    from: Option<OneOrMore<Text>>,
    /// The events that end it.
    until: Option<OneOrMore<Text>>,
    /// The events that say what it is worth.
    events: Option<OneOrMore<Text>>,
    /// The property that says so, such as `properties.mrr`.
    value: Option<FieldPath>,
    /// To how many decimals each value is rounded. Default: 0.
    #[schemars(default, schema_with = "decimals")]
    decimals: Option<u8>,
    r#where: Option<Conditions>,
}

/// How what entities are worth moves: `x` is what they are worth, `x_opening` what they were a window before, `x_new`, `x_expansion`,
/// `x_contraction` and `x_churned` lead from the one to the other; `x_logos`, `x_opening_logos`, `x_new_logos` and `x_churned_logos`
/// count them; `x_nrr` and `x_grr` are net and gross retention.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Movements {
    #[schemars(extend("const" = "movements"))]
    r#type: String,
    /// For people.
    description: Option<Text>,
    /// What they are worth: with `events` and `value`.
    measure: State,
    /// How many days before the worth is compared with, such as `[30d, 365d]`.
    windows: OneOrMore<Compared>,
    /// The dimensions by which it is sliced: attributes.
    by: Option<OneOrMore<Text>>,
    /// The excluded traffic that it counts all the same.
    include: Option<OneOrMore<Text>>,
}

/// What people answer, the latest of each: `x` is the score, and `x_responses`, `x_score`, `x_declined` and, of the net promoter score,
/// `x_promoters`, `x_passives` and `x_detractors` go with it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Survey {
    #[schemars(extend("const" = "survey"))]
    r#type: String,
    /// For people.
    description: Option<Text>,
    /// Who answers: one of `entities`.
    entity: Text,
    /// The property that is the score, such as `properties.score`.
    score: FieldPath,
    /// To how many decimals it is rounded. Default: 0.
    #[schemars(default, schema_with = "decimals")]
    decimals: Option<u8>,
    /// `nps`, from 0 to 10 (default), or `mean`.
    #[schemars(default, schema_with = "scale")]
    scale: Option<String>,
    /// The events that are answers.
    events: OneOrMore<Text>,
    r#where: Option<Conditions>,
    /// The trailing windows, of days.
    windows: OneOrMore<Compared>,
    /// The dimensions by which it is sliced: attributes.
    by: Option<OneOrMore<Text>>,
    /// The excluded traffic that it counts all the same.
    include: Option<OneOrMore<Text>>,
}

/// Who went on to do something else in time: `x` is the share of entries that did, of those whose time is over; `x_started`,
/// `x_converted`, `x_matured`, `x_matured_converted`, `x_open`, and for a funnel `x_step_2` and so on, count.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Conversion {
    #[schemars(extend("const" = "conversion"))]
    r#type: String,
    /// For people.
    description: Option<Text>,
    /// One of `entities`.
    entity: Text,
    /// What begins it.
    base: Option<Base>,
    /// What ends it, and how soon.
    conversion: Option<Further>,
    /// In place of these, the events of a funnel in their order.
    steps: Option<OneOrMore<Text>>,
    /// How long after the first step of a funnel the last may come.
    #[schemars(default, schema_with = "within")]
    within: Option<String>,
    /// The trailing windows in which the entries lie, of days.
    windows: OneOrMore<Compared>,
    /// The dimensions by which it is sliced: attributes.
    by: Option<OneOrMore<Text>>,
    /// The excluded traffic that it counts all the same.
    include: Option<OneOrMore<Text>>,
}

/// How long it takes from one event to another: `x` is the median in days, by the product-limit estimate from `x_waiting` and
/// `x_reached`, which a label tells apart by the day.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct TimeToValue {
    #[schemars(extend("const" = "time_to_value"))]
    r#type: String,
    /// For people.
    description: Option<Text>,
    /// One of `entities`.
    entity: Text,
    /// What begins it.
    base: Base,
    /// What ends it, and how many days are told apart.
    value: Value,
    /// The trailing windows in which it began, of days.
    windows: OneOrMore<Compared>,
    /// The dimensions by which it is sliced: attributes.
    by: Option<OneOrMore<Text>>,
    /// The excluded traffic that it counts all the same.
    include: Option<OneOrMore<Text>>,
}

/// The events that end it, and how many days are told apart.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Value {
    events: OneOrMore<Text>,
    /// How many days after the first event are told apart.
    #[schemars(schema_with = "days")]
    within: String,
}

/// Uses of the product, one after the other: `x` counts those that begin, `x_seconds` adds up their time, `x_mean_seconds` is one over the
/// other.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Sessions {
    #[schemars(extend("const" = "sessions"))]
    r#type: String,
    /// For people.
    description: Option<Text>,
    /// One of `entities`.
    entity: Text,
    /// `any`, or the names of events.
    events: OneOrMore<Text>,
    r#where: Option<Conditions>,
    /// After how long without an event a session has ended, such as `30m`.
    #[schemars(schema_with = "gap")]
    gap: String,
    /// The trailing windows, of days.
    windows: OneOrMore<Compared>,
    /// The dimensions by which it is sliced: attributes.
    by: Option<OneOrMore<Text>>,
    /// The excluded traffic that it counts all the same.
    include: Option<OneOrMore<Text>>,
}

/// The events that begin it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Base {
    events: OneOrMore<Text>,
}

/// The events that end it, and how soon.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Further {
    events: OneOrMore<Text>,
    /// How long after the first event: days are calendar days, hours and minutes so many of them.
    #[schemars(schema_with = "within")]
    within: String,
}

struct Compared;

impl JsonSchema for Compared {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Days".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        span(marks::COMPARED)
    }
}

fn scale(_: &mut SchemaGenerator) -> Schema {
    words(SCALES)
}

fn days(_: &mut SchemaGenerator) -> Schema {
    span(marks::DAYS)
}

fn gap(_: &mut SchemaGenerator) -> Schema {
    span(marks::GAP)
}

fn within(_: &mut SchemaGenerator) -> Schema {
    span(marks::WITHIN)
}
