//! What is counted: `active: { type: simple, measure: { agg: count_distinct, entity: user, events: any }, windows: [7d] }`.

use super::filters::{self, Attributes, Tests};
use super::values::{self, Units, span, split};
use super::{dimensions, entities, exclude, formulas};
use crate::cursor::{Cursor, Entries, Later};
use crate::dimension::{self, Dimension, Slice};
use crate::formula::Formula;
use crate::kinds::{self, AGAINST, Against, AtLeast, Family, Frequency, Growth, Kind};
use crate::plan::{Literal, Measure, Metric, Rule};
use crate::source::Path;
use activity::{DimensionIndex, Grain, PerGrain, Period, Window};
use std::collections::BTreeSet;

pub(super) const KNOWN: &[&str] = &["type", "description", "measure", "windows", "by", "include"];
const LATER: Later = &[
    ("members", "remove it: metrics are numbers only"),
    ("exclude", "write it beside `metrics`: it holds for all of them but those that `include` it"),
];
/// Beside [`KNOWN`].
pub(super) const GROWTH_KNOWN: &[&str] = &["type", "description", "measure", "windows", "by", "include", "against"];
pub(crate) const TYPES: &[(&str, Type)] = &[
    ("simple", Type::Simple),
    ("frequency", Type::Frequency),
    ("growth", Type::Growth),
    ("ratio", Type::Ratio),
    ("derived", Type::Derived),
];
const TYPES_LATER: Later = &[
    ("cumulative", "write `type: simple`: every metric is of trailing windows"),
    ("conversion", "write two metrics of `type: simple`, one for each step, and a `type: ratio` of them"),
    ("survey", "remove the metric"),
];
pub(super) const DISTINCT_KNOWN: &[&str] = &["agg", "events", "where", "entity", "at_least"];
pub(super) const COUNT_KNOWN: &[&str] = &["agg", "events", "where"];
pub(super) const SUM_KNOWN: &[&str] = &["agg", "events", "where", "value", "decimals"];
const MEASURE_LATER: Later = &[
    ("scale", "remove it, and divide in a metric of `type: derived`, as in `expr: read_seconds / 3600`"),
    ("exclude", "remove it: name what counts with `events` and `where`"),
];
const AGGS_LATER: Later = &[
    ("average", "write a metric with `agg: sum`, one with `agg: count`, and one of `type: ratio` that divides them"),
    ("min", "write `agg: count_distinct`, or remove the metric"),
    ("max", "write `agg: count_distinct`, or remove the metric"),
    ("state", "write `agg: count_distinct`, or remove the metric"),
];
pub(crate) const MOST_DECIMALS: u8 = 9;
const MOST: usize = 1000;
pub(crate) const WINDOWS: &Units = &[(Grain::Minute, 1..=1440), (Grain::Hour, 1..=720), (Grain::Day, 1..=90)];

/// What the catalogue declares for metrics to name; each `None` if it could not be read.
#[derive(Clone, Copy)]
pub(super) struct Declared<'d> {
    pub(super) attributes: Attributes<'d>,
    pub(super) rules: Option<&'d [Rule]>,
    pub(super) history: Option<PerGrain<u16>>,
}

/// The types of metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Simple,
    Frequency,
    Growth,
    Ratio,
    Derived,
}

/// What is counted, what follows from that, and by what it is sliced.
pub(super) struct Counted {
    pub(super) metrics: Vec<Metric>,
    pub(super) families: Vec<Family>,
    pub(super) formulas: Vec<Formula>,
    pub(super) dimensions: Vec<Dimension>,
    pub(super) slices: Vec<Slice>,
}

/// A metric that has state, or one that follows from others, as it is written.
enum Entry<'a> {
    Metric(Metric, Option<Kind>),
    Formula(formulas::Draft<'a>),
}

/// All that is counted, and what follows from it.
pub(super) fn read(cursor: &Cursor, declared: Declared<'_>) -> Option<Counted> {
    let entries = cursor.named(|name, cursor| entry(name, cursor, declared))?;
    if entries.len() > MOST {
        let what = format!("{} metrics are too many", entries.len());
        return cursor.wrong_at_home(what, format!("write at most {MOST}"));
    }
    let (mut metrics, mut drafts, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (name, entry) in entries {
        match entry {
            Some(Entry::Metric(metric, kind)) => metrics.push((metric, kind)),
            Some(Entry::Formula(draft)) => drafts.push(draft),
            None => failed.push(name),
        }
    }
    let (mut metrics, families) = kinds::families(metrics).or_else(|| too_many(cursor))?;
    let mut dimensions = declared.attributes.dimensions?.declared()?;
    let names = formulas::Names::of(&metrics, &failed);
    let formulas = formulas::resolve(drafts, names, &dimensions, declared.history?).filter(|_| failed.is_empty())?;
    filters::slice_by_rules(&mut metrics, &mut dimensions, declared.rules?);
    are_apart(cursor, &metrics, &formulas, &dimensions)?;
    let slices = dimension::slices(&mut metrics, &dimensions);
    let slices = slices.or_else(|| too_many(cursor))?;
    Some(Counted { metrics, families, formulas, dimensions, slices })
}

fn too_many<T>(cursor: &Cursor) -> Option<T> {
    let help = "write fewer `values` or name fewer dimensions in `by`: at most 65,000 in all";
    cursor.wrong_at_home("the metrics have too many slices", help)
}

/// Whether no two metrics, or slices of metrics, are called the same: a sum over one name must not count twice.
fn are_apart(cursor: &Cursor, metrics: &[Metric], formulas: &[Formula], dimensions: &[Dimension]) -> Option<()> {
    let mut names = BTreeSet::<String>::new();
    // What only labels tell apart stands together, and is called the same on purpose.
    let counting = metrics.chunk_by(|a, b| a.name == b.name && b.label().is_some()).map(|alike| &alike[0].name);
    for name in counting.chain(formulas.iter().map(|formula| &formula.name)) {
        if !names.insert(name.clone()) {
            let what = format!("two metrics are called `{name}`, one of them by its type");
            return cursor.wrong_at_home(what, "give one of them another name");
        }
    }
    let by = |metric: &Metric| metric.by.iter().map(|by| by.dimension).collect::<Vec<DimensionIndex>>();
    let counting = metrics.chunk_by(|a, b| a.name == b.name).map(|alike| (&alike[0].name, by(&alike[0])));
    for (of, by) in counting.chain(formulas.iter().map(|formula| (&formula.name, formula.by.clone()))) {
        for by in by {
            let dimension = &dimensions[usize::from(by.0)];
            let name = dimension.slices_of(of);
            if !names.insert(name.clone()) {
                let what = format!("`{name}` is what the slices of `{of}` by `{}` are called", dimension.name);
                return cursor.wrong_at_home(what, "give what else is called so another name");
            }
        }
    }
    Some(())
}

fn entry<'a>(name: &'a str, cursor: &Cursor<'a>, declared: Declared<'_>) -> Option<Entry<'a>> {
    let entries = cursor.entries()?;
    // A metric of another type has other keys, which are no further mistakes.
    let of_type = entries
        .require("type", "write `type: simple`")
        .map_or(Some(Type::Simple), |cursor| cursor.choice("a type of metric", TYPES, TYPES_LATER))?;
    let dimensions = declared.attributes.dimensions;
    match of_type {
        Type::Ratio => formulas::ratio(name, cursor, &entries, dimensions).map(Entry::Formula),
        Type::Derived => formulas::derived(name, cursor, &entries, dimensions).map(Entry::Formula),
        Type::Simple | Type::Frequency | Type::Growth => {
            let counted = metric(name, cursor, &entries, of_type, declared);
            counted.map(|(metric, kind)| Entry::Metric(metric, kind))
        }
    }
}

fn metric(
    name: &str,
    cursor: &Cursor,
    entries: &Entries,
    of_type: Type,
    declared: Declared<'_>,
) -> Option<(Metric, Option<Kind>)> {
    entries.allow(if of_type == Type::Growth { GROWTH_KNOWN } else { KNOWN }, LATER);
    let description = entries.read_or("description", "", Cursor::text);
    let measure = entries
        .require("measure", "write `measure: { agg: count_distinct, entity: user, events: any }`")
        .and_then(|cursor| measure(cursor, declared.attributes));
    let spans = entries.require("windows", "write the trailing windows, as in `windows: [1d, 7d, 28d]`");
    let windows = spans.and_then(windows);
    let counted = measure.as_ref().map(|wanted| &wanted.measure);
    let Attributes { entities, dimensions } = declared.attributes;
    let by = entries.read_or("by", Vec::new(), |cursor| dimensions::by(cursor, counted, entities, dimensions));
    let include = entries.read_or("include", Vec::new(), |cursor| exclude::include(cursor, declared.rules));
    let kind = kind(of_type, entries, measure.as_ref(), windows.as_deref());
    let Wanted { measure, events, tests: Tests { conditions, required }, .. } = measure?;
    let (name, description) = (name.to_owned(), description?.to_owned());
    let (windows, by, include) = (windows?, by?, include?);
    let metric = Metric { name, description, measure, events, conditions, required, windows, by, include, role: None };
    filters::are_of_one(cursor, &metric, declared)?;
    Some((metric, kind?))
}

/// How the metric follows from when entities were active, if not in the plainest way.
fn kind(of: Type, entries: &Entries, wanted: Option<&Wanted>, windows: Option<&[Window]>) -> Option<Option<Kind>> {
    let [measure, spans] = ["measure", "windows"].map(|name| entries.get(name));
    if let (true, Some(cursor), Some(wanted)) = (of != Type::Simple, measure, wanted) {
        let help = "write `agg: count_distinct` and no `at_least`";
        match wanted {
            Wanted { at_least: Some(_), .. } => return cursor.wrong_at_home("`at_least` is for `type: simple`", help),
            Wanted { measure: Measure::Count | Measure::Sum { .. }, .. } => {
                return cursor.wrong_at_home("this type of metric is about entities", help);
            }
            Wanted { measure: Measure::Distinct(_), .. } => {}
        }
    }
    let against = entries.read_or("against", Against::Period, |cursor| cursor.choice("a comparison", AGAINST, &[]));
    let (wanted, windows, spans) = (wanted?, windows?, spans?);
    match of {
        Type::Simple => {
            let at_least = wanted.at_least.clone();
            at_least
                .map(|of| of.check(spans, windows).map(|()| Kind::AtLeast(of)))
                .map_or(Some(None), |of| of.map(Some))
        }
        Type::Frequency => {
            kinds::trail(spans, "a frequency", windows)?;
            Frequency::of(spans, windows).map(|of| Some(Kind::Frequency(of)))
        }
        Type::Growth => {
            kinds::trail(spans, "growth", windows)?;
            Some(Some(Kind::Growth(Growth { against: against? })))
        }
        Type::Ratio | Type::Derived => unreachable!("formulas count nothing"),
    }
}

pub(super) fn windows(cursor: &Cursor) -> Option<Vec<Window>> {
    let mut windows = cursor.one_or_more(window)?;
    windows.sort_unstable();
    Some(windows)
}

/// One of the words `wtd`, `mtd` and `qtd`, or a span.
pub(super) fn window(cursor: &Cursor) -> Option<Window> {
    let to_date = Period::ALL.into_iter().find(|period| cursor.written() == Some(period.to_date()));
    to_date.map(Window::to_date).or_else(|| span(cursor, "a window", WINDOWS))
}

/// What is counted, and of which events.
struct Wanted {
    measure: Measure,
    events: Option<Vec<String>>,
    tests: Tests,
    at_least: Option<AtLeast>,
}

#[derive(Clone, Copy)]
enum Agg {
    CountDistinct,
    Count,
    Sum,
}

const AGGS: &[(&str, Agg)] = &[("count_distinct", Agg::CountDistinct), ("count", Agg::Count), ("sum", Agg::Sum)];

fn measure(cursor: &Cursor, attributes: Attributes<'_>) -> Option<Wanted> {
    let entries = cursor.entries()?;
    // Without it, distinct entities are what is meant most often.
    let agg = entries
        .require("agg", "write `agg: count_distinct`, `agg: count` or `agg: sum`")
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
        Agg::Sum => {
            entries.allow(SUM_KNOWN, MEASURE_LATER);
            sum(&entries)
        }
    };
    let events = entries.require("events", "write `events: any`, or the names of events").and_then(events);
    let tests = entries
        .read_or("where", Tests::default(), |cursor| filters::tests(&cursor.entries()?, measure.as_ref(), attributes));
    let at_least = match agg {
        Agg::CountDistinct => entries.read_or("at_least", None, |cursor| AtLeast::read(cursor).map(Some)),
        Agg::Count | Agg::Sum => Some(None),
    };
    Some(Wanted { measure: measure?, events: events?, tests: tests?, at_least: at_least? })
}

fn sum(entries: &Entries) -> Option<Measure> {
    let help = "write the property that is added up, as in `value: properties.amount`";
    let value = entries.require("value", help).and_then(|cursor| {
        if cursor.written().is_none() {
            return cursor.mismatch("a property", values::PATH_HELP);
        }
        let name = cursor.text()?;
        property(name).or_else(|| cursor.wrong(format!("`{name}` is not a property"), values::PATH_HELP))
    });
    let decimals = entries.read_or("decimals", 0, |cursor| match cursor.literal()? {
        Literal::Int(decimals) if (0..=MOST_DECIMALS.into()).contains(&decimals) => u8::try_from(decimals).ok(),
        _ => cursor.mismatch(
            &format!("a whole number from 0 to {MOST_DECIMALS}"),
            "write how many are kept, as in `decimals: 2`",
        ),
    });
    Some(Measure::Sum { value: value?, decimals: decimals? })
}

fn events(cursor: &Cursor) -> Option<Option<Vec<String>>> {
    if cursor.written() == Some("any") {
        return Some(None);
    }
    if cursor.is_map() {
        return cursor.mismatch("a name or a list of names", "write `events: any`, or names, as in `[read, watched]`");
    }
    cursor.one_or_more(event).map(Some)
}

fn event(cursor: &Cursor) -> Option<String> {
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
