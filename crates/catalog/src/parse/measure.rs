//! What a metric measures: `measure: { agg: count_distinct, entity: user, events: any }`.

use super::filters::{self, Attributes, Tests};
use super::values::split;
use super::{dimensions, entities, marks};
use crate::cursor::{Cursor, Entries, Later};
use crate::dimension::Taken;
use crate::kinds::{AtLeast, Kind, MOST_BINS, Percentiles};
use crate::plan::{Literal, Measure};
use crate::source::Path;
use activity::DimensionIndex;

pub(super) const DISTINCT_KNOWN: &[&str] = &["agg", "events", "where", "entity", "at_least"];
pub(super) const COUNT_KNOWN: &[&str] = &["agg", "events", "where"];
pub(super) const SUM_KNOWN: &[&str] = &["agg", "events", "where", "value", "decimals"];
pub(super) const MEDIAN_KNOWN: &[&str] = &["agg", "events", "where", "value", "decimals", "up_to", "error"];
pub(super) const PERCENTILE_KNOWN: &[&str] =
    &["agg", "events", "where", "value", "decimals", "up_to", "error", "percentiles"];
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
    /// What is told of the values that are added up, if that is not what they add up to.
    pub(super) of_values: Option<OfValues>,
}

/// What is told of values of events.
pub(super) enum OfValues {
    /// What they are on average.
    Average,
    /// Which value so many of a hundred are not above.
    Percentiles(Percentiles),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Agg {
    CountDistinct,
    Count,
    Sum,
    Average,
    Median,
    Percentile,
    State,
}

const AGGS: &[(&str, Agg)] = &[
    ("count_distinct", Agg::CountDistinct),
    ("count", Agg::Count),
    ("sum", Agg::Sum),
    ("average", Agg::Average),
    ("median", Agg::Median),
    ("percentile", Agg::Percentile),
    ("state", Agg::State),
];

pub(super) fn measure(cursor: &Cursor, attributes: Attributes<'_>) -> Option<Wanted> {
    let entries = cursor.entries()?;
    // Without it, distinct entities are what is meant most often.
    let agg = entries
        .require("agg", "write `agg: count_distinct`, `count`, `sum`, `average`, `median`, `percentile` or `state`")
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
        Agg::Median | Agg::Percentile => {
            entries.allow(if agg == Agg::Median { MEDIAN_KNOWN } else { PERCENTILE_KNOWN }, MEASURE_LATER);
            marks::amount(&entries, "value").map(|(value, decimals)| Measure::Sum { value, decimals })
        }
        Agg::State => return marks::state(&entries, attributes),
    };
    let of_values = match (agg, &measure) {
        (Agg::Average, _) => Some(Some(OfValues::Average)),
        (Agg::Median | Agg::Percentile, Some(Measure::Sum { decimals, .. })) => {
            percentiles(&entries, agg == Agg::Percentile, *decimals).map(|of| Some(OfValues::Percentiles(of)))
        }
        _ => Some(None),
    };
    let events = entries.require("events", "write `events: any`, or the names of events").and_then(events);
    let tests = entries
        .read_or("where", Tests::default(), |cursor| filters::tests(&cursor.entries()?, measure.as_ref(), attributes));
    let at_least = match agg {
        Agg::CountDistinct => {
            entries.read_or("at_least", None, |cursor| AtLeast::read(cursor, |of| said(of, attributes)).map(Some))
        }
        _ => Some(None),
    };
    let at_least = at_least?;
    let measure = match (measure?, &at_least) {
        (Measure::Distinct(entity), Some(of)) => of.measure(entity),
        (measure, _) => measure,
    };
    let kind = at_least.map(Kind::AtLeast);
    Some(Wanted { measure, events: events?, tests: tests?, kind, of_values: of_values? })
}

/// Which percentiles of a value with so many decimals are told, and how exactly.
fn percentiles(entries: &Entries, are_several: bool, decimals: u8) -> Option<Percentiles> {
    let up_to = entries.require("up_to", "write the largest value that is told apart, as in `up_to: 100000`");
    let up_to = up_to.and_then(|cursor| match cursor.literal()? {
        Literal::Int(most) if most > 0 => {
            let units = most.checked_mul(10_i64.pow(decimals.into())).filter(|units| *units < i64::MAX / 4);
            units.or_else(|| cursor.wrong(format!("`{most}` is too large"), "write less, or fewer `decimals`"))
        }
        _ => cursor.mismatch("a whole number above 0", "write the largest value that is told apart"),
    });
    let error = entries.read_or("error", 10, |cursor| {
        const HELP: &str =
            "write by which share of itself a value may be off, from `0.001` to `0.1`, as in `error: 0.01`";
        match cursor.literal()? {
            #[expect(clippy::cast_possible_truncation, reason = "it is in range")]
            Literal::Float(share) if (0.000_999..=0.1).contains(&share) => {
                let thousandths = (share * 1_000.0).round();
                let is_whole = (share * 1_000.0 - thousandths).abs() < 1e-6;
                if is_whole { Some(thousandths as i64) } else { cursor.mismatch("a number of three decimals", HELP) }
            }
            _ => cursor.mismatch("a share", HELP),
        }
    });
    let of = match are_several {
        false => Some(None),
        true => {
            let help = "write which, as in `percentiles: [50, 90, 99]`";
            let of = entries.require("percentiles", help).and_then(|cursor| {
                cursor.one_or_more(|cursor| match cursor.literal()? {
                    Literal::Int(of) if (1..=99).contains(&of) => u8::try_from(of).ok(),
                    _ => cursor.mismatch("a whole number from 1 to 99", help),
                })
            });
            of.map(|mut of| {
                of.sort_unstable();
                Some(of)
            })
        }
    };
    let of = Percentiles { of: of?, error: error?, up_to: up_to? };
    match of.ends() {
        Some(_) => Some(of),
        None => entries.get("up_to")?.wrong(
            format!("up to there more than {MOST_BINS} values would have to be told apart"),
            "write less, fewer `decimals`, or a larger `error`",
        ),
    }
}

/// A dimension whose values events say, and how many of them are told apart: those that are not are one, too.
fn said(cursor: &Cursor, attributes: Attributes<'_>) -> Option<(DimensionIndex, u16)> {
    let (index, dimension) = dimensions::named(cursor, attributes.dimensions?)?;
    match dimension.taken {
        Taken::Event(_) => Some((index, dimension.other().0)),
        Taken::Attribute { .. } | Taken::Bins(_) | Taken::Excluded => cursor.wrong(
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
