//! The North Star tree, as it is described to editors.

use super::shapes::{Named, OneOrMore, words};
use super::{Span, Text};
use crate::parse::tree::BETTER;
use crate::tree::Stage as Stages;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// A North Star Metric, where it is to get, and what it depends on.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct NorthStar {
    /// What the tree is called. Default: as its metric.
    name: Option<Text>,
    /// One of `metrics`.
    metric: Text,
    /// One of its windows, if it has several.
    window: Option<Span>,
    /// Which team works on it.
    team: Option<Text>,
    /// Who answers for it.
    owner: Option<Text>,
    /// Where in the funnel it is.
    #[schemars(default, schema_with = "stage")]
    stage: Option<String>,
    /// Where it is to get.
    target: Option<Aim>,
    /// What is on target only together, by name.
    pairs: Option<Named<Pair>>,
    /// The metrics that it depends on.
    inputs: Option<OneOrMore<Input>>,
}

/// A metric that another one depends on.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Input {
    /// One of `metrics`.
    metric: Text,
    /// One of its windows, if it has several.
    window: Option<Span>,
    /// Which team works on it.
    team: Option<Text>,
    /// Who answers for it.
    owner: Option<Text>,
    /// Where in the funnel it is.
    #[schemars(default, schema_with = "stage")]
    stage: Option<String>,
    /// Whether it is the one metric that matters to its team until the target's last day. It has a team, an owner and such a target.
    omtm: Option<bool>,
    /// Where it is to get.
    target: Option<Aim>,
    /// The metrics that it depends on itself.
    inputs: Option<OneOrMore<Input>>,
}

/// A number that is to be reached or exceeded, or more about it.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Aim {
    Value(f64),
    Target(Target),
}

/// Where a metric is to get: always, or from one value to another by a day.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = on_a_path_or_always)]
struct Target {
    /// Where it is to get.
    value: f64,
    /// Of a target without a path: which values are better, `higher` (default) or `lower`.
    #[schemars(default, schema_with = "better")]
    better: Option<String>,
    /// Where it stands when the first day begins.
    from: Option<f64>,
    /// The first day.
    #[schemars(default, schema_with = "day")]
    start: Option<String>,
    /// The last day, at whose end it is to be there.
    #[schemars(default, schema_with = "day")]
    by: Option<String>,
}

/// A volume, and the efficiency by which it comes: on target only if both are.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Pair {
    /// A metric of the tree that has a target: how much.
    volume: Of,
    /// Another one: how well.
    efficiency: Of,
}

/// A metric of the tree.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Of {
    Name(Text),
    Side(Side),
}

/// A metric that stands in the tree with several windows, with one of them.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Side {
    /// The metric.
    metric: Text,
    /// The window with which it stands there.
    window: Option<Span>,
}

/// A path has all of its parts, and says by them which values are better.
fn on_a_path_or_always(schema: &mut Schema) {
    let rest = serde_json::json!(["start", "by"]);
    schema.insert(
        "dependentRequired".to_owned(),
        serde_json::json!({ "from": rest, "start": ["from", "by"], "by": ["from", "start"] }),
    );
    schema.insert("not".to_owned(), serde_json::json!({ "required": ["better", "from"] }));
}

fn stage(_: &mut SchemaGenerator) -> Schema {
    words(&Stages::ALL)
}

fn better(_: &mut SchemaGenerator) -> Schema {
    words(BETTER)
}

fn day(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" })
}
