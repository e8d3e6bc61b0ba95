//! What a metric measures: `measure: { agg: count_distinct, entity: user, events: any }`.

use super::filters::{self, Attributes, Tests};
use super::values::split;
use super::{dimensions, entities, marks};
use crate::cursor::{Cursor, Later};
use crate::dimension::Taken;
use crate::kinds::{AtLeast, Kind};
use crate::plan::{Literal, Measure};
use crate::source::Path;
use activity::DimensionIndex;

pub(super) const DISTINCT_KNOWN: &[&str] = &["agg", "events", "where", "entity", "at_least"];
pub(super) const COUNT_KNOWN: &[&str] = &["agg", "events", "where"];
pub(super) const SUM_KNOWN: &[&str] = &["agg", "events", "where", "value", "decimals"];
const MEASURE_LATER: Later = &[
    ("scale", "remove it, and divide in a metric of `type: derived`, as in `expr: read_seconds / 3600`"),
    ("exclude", "remove it: name what counts with `events` and `where`"),
];
const AGGS_LATER: Later = &[
    ("min", "write `agg: count_distinct`, or remove the metric"),
    ("max", "write `agg: count_distinct`, or remove the metric"),
];
pub(crate) const MOST_DECIMALS: u8 = 9;

/// What is counted, and of which events.
pub(super) struct Wanted {
    pub(super) measure: Measure,
    pub(super) events: Option<Vec<String>>,
    pub(super) tests: Tests,
    /// How it follows, if not in the plainest way.
    pub(super) kind: Option<Kind>,
    /// Whether what is added up is divided by how many events it is of.
    pub(super) is_average: bool,
}

#[derive(Clone, Copy)]
enum Agg {
    CountDistinct,
    Count,
    Sum,
    Average,
    State,
}

const AGGS: &[(&str, Agg)] = &[
    ("count_distinct", Agg::CountDistinct),
    ("count", Agg::Count),
    ("sum", Agg::Sum),
    ("average", Agg::Average),
    ("state", Agg::State),
];

pub(super) fn measure(cursor: &Cursor, attributes: Attributes<'_>) -> Option<Wanted> {
    let entries = cursor.entries()?;
    // Without it, distinct entities are what is meant most often.
    let agg = entries
        .require("agg", "write `agg: count_distinct`, `agg: count`, `agg: sum`, `agg: average` or `agg: state`")
        .map_or(Some(Agg::CountDistinct), |cursor| cursor.choice("an aggregation", AGGS, AGGS_LATER))?;
    let measure = match agg {
        Agg::CountDistinct => {
            entries.allow(DISTINCT_KNOWN, MEASURE_LATER);
            let help = "write what is counted, one of the catalogue's `entities`";
            let entity =
                entries.require("entity", help).and_then(|cursor| entities::named(cursor, attributes.entities));
            entity.map(Measure::Distinct)
        }
        Agg::Count => {
            entries.allow(COUNT_KNOWN, MEASURE_LATER);
            Some(Measure::Count)
        }
        Agg::Sum | Agg::Average => {
            entries.allow(SUM_KNOWN, MEASURE_LATER);
            marks::amount(&entries, "value").map(|(value, decimals)| Measure::Sum { value, decimals })
        }
        Agg::State => return marks::state(&entries, attributes),
    };
    let events = entries.require("events", "write `events: any`, or the names of events").and_then(events);
    let tests = entries
        .read_or("where", Tests::default(), |cursor| filters::tests(&cursor.entries()?, measure.as_ref(), attributes));
    let at_least = match agg {
        Agg::CountDistinct => {
            entries.read_or("at_least", None, |cursor| AtLeast::read(cursor, |of| said(of, attributes)).map(Some))
        }
        Agg::Count | Agg::Sum | Agg::Average | Agg::State => Some(None),
    };
    let at_least = at_least?;
    let measure = match (measure?, &at_least) {
        (Measure::Distinct(entity), Some(of)) => of.measure(entity),
        (measure, _) => measure,
    };
    let kind = at_least.map(Kind::AtLeast);
    Some(Wanted { measure, events: events?, tests: tests?, kind, is_average: matches!(agg, Agg::Average) })
}

/// A dimension whose values events say.
fn said(cursor: &Cursor, attributes: Attributes<'_>) -> Option<DimensionIndex> {
    let (index, dimension) = dimensions::named(cursor, attributes.dimensions?)?;
    match dimension.taken {
        Taken::Event(_) => Some(index),
        Taken::Attribute { .. } | Taken::Excluded => cursor.wrong(
            format!("`{}` is no dimension that events say", dimension.name),
            "write one that is taken from the events, as in `feature: { from: properties.feature, limit: 50 }`",
        ),
    }
}

pub(super) fn events(cursor: &Cursor) -> Option<Option<Vec<String>>> {
    if cursor.written() == Some("any") {
        return Some(None);
    }
    if cursor.is_map() {
        return cursor.mismatch("a name or a list of names", "write `events: any`, or names, as in `[read, watched]`");
    }
    cursor.one_or_more(event).map(Some)
}

pub(super) fn event(cursor: &Cursor) -> Option<String> {
    match cursor.text()? {
        "*" => cursor.wrong("`*` is not the name of an event", "to count any event, write `events: any`"),
        "any" => cursor.wrong("`any` stands in a list of events", "to count any event, write `events: any`"),
        name => Some(name.to_owned()),
    }
}

/// The path of a property, which may be written with `properties.` before it.
pub(super) fn property(name: &str) -> Option<Path> {
    split(name.strip_prefix("properties.").unwrap_or(name))
}

pub(super) fn literal(cursor: &Cursor) -> Option<Literal> {
    if cursor.is_map() {
        return cursor.mismatch(
            "a value or a list of values",
            "for a property of an object, write its path, as in `plan.name: team`",
        );
    }
    cursor.literal()
}
