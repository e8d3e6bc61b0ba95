//! What is counted: `active: { type: simple, measure: { agg: count_distinct, entity: user, events: any }, windows: [7d] }`.

use super::entities::Entities;
use super::values::{self, Units, span, split};
use crate::cursor::{Cursor, Entries, Entry, Later};
use crate::plan::{Condition, Literal, Metric, Path};
use crate::suggest;
use activity::{EntityKind, Grain, Window};

const KNOWN: &[&str] = &["type", "description", "measure", "windows"];
const LATER: Later = &[
    ("by", "remove it: for one value of a property, write a metric with `where`"),
    ("members", "remove it: metrics are numbers only"),
    ("exclude", "remove it: name what counts with `events` and `where`"),
];
const TYPES_LATER: Later = &[
    ("ratio", "write two metrics of `type: simple` and divide them where they are shown"),
    ("cumulative", "write `type: simple` with `agg: count_distinct`, or remove the metric"),
    ("derived", "write metrics of `type: simple` and combine them where they are shown"),
    ("conversion", "write two metrics of `type: simple`, one for each step, or remove the metric"),
    ("survey", "remove the metric"),
];
const MEASURE_KNOWN: &[&str] = &["agg", "entity", "events", "where"];
const MEASURE_LATER: Later = &[
    ("value", "remove it: `count_distinct` counts entities"),
    ("scale", "remove it: `count_distinct` counts entities"),
    ("decimals", "remove it: `count_distinct` counts entities"),
    ("at_least", "remove it: one event makes an entity count"),
    ("exclude", "remove it: name what counts with `events` and `where`"),
];
const AGGS_LATER: Later = &[
    ("sum", "write `agg: count_distinct`, or remove the metric"),
    ("count", "write `agg: count_distinct`, or remove the metric"),
    ("average", "write `agg: count_distinct`, or remove the metric"),
    ("min", "write `agg: count_distinct`, or remove the metric"),
    ("max", "write `agg: count_distinct`, or remove the metric"),
    ("state", "write `agg: count_distinct`, or remove the metric"),
];
const MOST: usize = 1000;
const WINDOWS: &Units = &[(Grain::Minute, 1..=1440), (Grain::Hour, 1..=720), (Grain::Day, 1..=90)];

pub(super) fn read(cursor: &Cursor, entities: Option<&Entities>) -> Option<Vec<Metric>> {
    let metrics = cursor.named(|name, cursor| metric(name, cursor, entities))?;
    match metrics.len() {
        ..=MOST => super::all(metrics),
        count => cursor.wrong_at_home(format!("{count} metrics are too many"), format!("write at most {MOST}")),
    }
}

fn metric(name: &str, cursor: &Cursor, entities: Option<&Entities>) -> Option<Metric> {
    let entries = cursor.entries()?;
    // A metric of another type has other keys, which are no further mistakes.
    entries
        .require("type", "write `type: simple`")
        .map_or(Some(()), |cursor| cursor.choice("a type of metric", &[("simple", ())], TYPES_LATER))?;
    entries.allow(KNOWN, LATER);
    let description = entries.read_or("description", "", Cursor::text);
    let measure = entries
        .require("measure", "write `measure: { agg: count_distinct, entity: user, events: any }`")
        .and_then(|cursor| measure(cursor, entities));
    let windows =
        entries.require("windows", "write the trailing windows, as in `windows: [1d, 7d, 28d]`").and_then(windows);
    let Measure { entity, events, conditions } = measure?;
    let (name, description) = (name.to_owned(), description?.to_owned());
    Some(Metric { name, description, entity, events, conditions, windows: windows? })
}

fn windows(cursor: &Cursor) -> Option<Vec<Window>> {
    let mut windows = cursor.one_or_more(|cursor| span(cursor, "a window", WINDOWS))?;
    windows.sort_unstable();
    Some(windows)
}

struct Measure {
    entity: EntityKind,
    events: Option<Vec<String>>,
    conditions: Vec<Condition>,
}

fn measure(cursor: &Cursor, entities: Option<&Entities>) -> Option<Measure> {
    let entries = cursor.entries()?;
    entries
        .require("agg", "write `agg: count_distinct`")
        .map_or(Some(()), |cursor| cursor.choice("an aggregation", &[("count_distinct", ())], AGGS_LATER))?;
    entries.allow(MEASURE_KNOWN, MEASURE_LATER);
    let entity = entries
        .require("entity", "write what is counted, one of the catalogue's `entities`")
        .and_then(|cursor| entity(cursor, entities));
    let events = entries.require("events", "write `events: any`, or the names of events").and_then(events);
    let conditions = entries.read_or("where", Vec::new(), |cursor| conditions(&cursor.entries()?));
    Some(Measure { entity: entity?, events: events?, conditions: conditions? })
}

fn entity(cursor: &Cursor, entities: Option<&Entities>) -> Option<EntityKind> {
    let name = cursor.text()?;
    let entities = entities?;
    entities.kind(name).or_else(|| {
        let names = entities.names();
        let help = match suggest::nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare it under `entities`, or write {}", suggest::or(&names)),
        };
        cursor.wrong(format!("there is no entity `{name}`"), help)
    })
}

fn events(cursor: &Cursor) -> Option<Option<Vec<String>>> {
    if cursor.written() == Some("any") {
        return Some(None);
    }
    cursor.one_or_more(event).map(Some)
}

fn event(cursor: &Cursor) -> Option<String> {
    match cursor.text()? {
        "any" => cursor.wrong("`any` stands in a list of events", "to count any event, write `events: any`"),
        name => Some(name.to_owned()),
    }
}

fn conditions(entries: &Entries) -> Option<Vec<Condition>> {
    let mut complete = true;
    let mut conditions: Vec<Condition> = Vec::new();
    for entry in entries.iter() {
        match condition(entry) {
            Some(condition) if conditions.iter().any(|other| other.property == condition.property) => {
                let what = format!("`{}` is a property that stands here already", entry.name);
                complete =
                    entry.value.wrong_at_home::<()>(what, "write its values as one list, as in `[a, b]`").is_some();
            }
            Some(condition) => conditions.push(condition),
            None => complete = false,
        }
    }
    complete.then_some(conditions)
}

fn condition(Entry { name, value }: &Entry) -> Option<Condition> {
    let property =
        property(name).or_else(|| value.wrong_at_home(format!("`{name}` is not a property"), values::PATH_HELP));
    let one_of = value.one_or_more(literal);
    Some(Condition { property: property?, one_of: one_of? })
}

fn property(name: &str) -> Option<Path> {
    split(name.strip_prefix("properties.").unwrap_or(name))
}

fn literal(cursor: &Cursor) -> Option<Literal> {
    if cursor.is_map() {
        return cursor.mismatch(
            "a value or a list of values",
            "for a property of an object, write its path, as in `plan.name: team`",
        );
    }
    cursor.literal()
}
