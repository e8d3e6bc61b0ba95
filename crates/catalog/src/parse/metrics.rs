//! What is counted: `active: { type: simple, measure: { agg: count_distinct, entity: user, events: any }, windows: [7d] }`.

use super::filters::{self, Attributes, Tests};
use super::measure::{self, OfValues, Wanted};
use super::values::{Units, span};
use super::{dimensions, exclude, formulas, kinds, marks, share};
use crate::cursor::{Cursor, Entries, Later};
use crate::dimension::{self, Dimension, Slice};
use crate::formula::Formula;
use crate::kinds::{Family, Kind, average, extend, families};
use crate::plan::{Measure, Metric, Rule};
use activity::{DimensionIndex, Grain, PerGrain, Period, Window};
use std::collections::BTreeSet;

pub(super) const KNOWN: &[&str] = &["type", "description", "measure", "windows", "by", "include"];
const LATER: Later = &[
    ("members", "remove it: metrics are numbers only"),
    ("exclude", "write it beside `metrics`: it holds for all of them but those that `include` it"),
];
pub(super) const STATE_KNOWN: &[&str] = &["type", "description", "measure", "by", "include"];
pub(super) const BASELINE_KNOWN: &[&str] =
    &["type", "description", "measure", "windows", "against", "below", "above", "by", "include"];
pub(super) const RECENCY_KNOWN: &[&str] = &["type", "description", "measure", "windows", "since", "by", "include"];
pub(super) const RETENTION_KNOWN: &[&str] = &["type", "description", "measure", "every", "periods", "by", "include"];
pub(super) const GROWTH_KNOWN: &[&str] = &["type", "description", "measure", "windows", "by", "include", "against"];
pub(crate) const TYPES: &[(&str, Type)] = &[
    ("simple", Type::Simple),
    // Every metric is of windows, trailing or to date: the same by another name.
    ("cumulative", Type::Simple),
    ("frequency", Type::Frequency),
    ("growth", Type::Growth),
    ("movements", Type::Movements),
    ("survey", Type::Survey),
    ("conversion", Type::Conversion),
    ("baseline", Type::Baseline),
    ("retention", Type::Retention),
    ("recency", Type::Recency),
    ("sessions", Type::Sessions),
    ("time_to_value", Type::TimeToValue),
    ("share", Type::Share),
    ("ratio", Type::Ratio),
    ("derived", Type::Derived),
];
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
    Movements,
    Survey,
    Conversion,
    Baseline,
    Retention,
    Recency,
    Sessions,
    TimeToValue,
    Share,
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

/// A metric that has state, and how it follows from that; or one that follows from others, as it is written.
enum Entry<'a> {
    Metric { metric: Metric, kind: Option<Kind>, home: Cursor<'a> },
    OfValues { sum: Metric, of: OfValues, home: Cursor<'a> },
    Share(Box<share::Draft<'a>>),
    Formula(formulas::Draft<'a>),
}

/// All that is counted, and what follows from it.
pub(super) fn read(cursor: &Cursor, declared: Declared<'_>) -> Option<Counted> {
    let entries = cursor.named(|name, cursor| entry(name, cursor, declared))?;
    if entries.len() > MOST {
        let what = format!("{} metrics are too many", entries.len());
        return cursor.wrong_at_home(what, format!("write at most {MOST}"));
    }
    let mut dimensions = declared.attributes.dimensions?.declared()?;
    let (mut metrics, mut shares, mut drafts) = (Vec::new(), Vec::new(), Vec::new());
    let (mut failed, mut made) = (Vec::new(), Vec::new());
    for (name, entry) in entries {
        match entry {
            Some(Entry::Metric { metric, kind, home }) => {
                made.extend(kind.iter().flat_map(|kind| kind.formulas(&metric)).map(|made| (made, home.clone())));
                metrics.push((metric, kind));
            }
            Some(Entry::OfValues { sum, of, home }) => {
                let (parts, formulas) = match of {
                    OfValues::Average => average(sum),
                    OfValues::Percentiles(of) => {
                        let index = DimensionIndex(u16::try_from(dimensions.len()).ok()?);
                        let (parts, dimension, formulas) = of.make(sum, index)?;
                        dimensions.push(dimension);
                        (parts, formulas)
                    }
                };
                metrics.extend(parts.map(|part| (part, None)));
                made.extend(formulas.into_iter().map(|formula| (formula, home.clone())));
            }
            Some(Entry::Share(draft)) => shares.push(draft),
            Some(Entry::Formula(draft)) => drafts.push(draft),
            None => failed.push(name),
        }
    }
    let (mut metrics, mut families) = families(metrics).or_else(|| too_many(cursor))?;
    for share in shares {
        let name = share.name();
        let Some((metric, kind, home)) = share.resolve((&metrics, &families), &failed, declared) else {
            failed.push(name);
            continue;
        };
        made.extend(kind.formulas(&metric).into_iter().map(|made| (made, home.clone())));
        extend(&mut metrics, &mut families, &metric, kind).or_else(|| too_many(cursor))?;
    }
    // What types make is written in the language itself, and means what it would if it stood in the catalogue.
    drafts.extend(made.iter().map(|(made, home)| formulas::made(made, home)));
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
    let following = formulas.chunk_by(|a, b| a.name == b.name && b.label.is_some()).map(|alike| &alike[0]);
    for name in counting.chain(following.clone().map(|formula| &formula.name)) {
        if !names.insert(name.clone()) {
            let what = format!("two metrics are called `{name}`, one of them by its type");
            return cursor.wrong_at_home(what, "give one of them another name");
        }
    }
    let by = |metric: &Metric| metric.by.iter().map(|by| by.dimension).collect::<Vec<DimensionIndex>>();
    let counting = metrics.chunk_by(|a, b| a.name == b.name).map(|alike| (&alike[0].name, by(&alike[0])));
    for (of, by) in counting.chain(following.map(|formula| (&formula.name, formula.by.clone()))) {
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
        .map_or(Some(Type::Simple), |cursor| cursor.choice("a type of metric", TYPES, &[]))?;
    let dimensions = declared.attributes.dimensions;
    match of_type {
        Type::Ratio => formulas::ratio(name, cursor, &entries, dimensions).map(Entry::Formula),
        Type::Derived => formulas::derived(name, cursor, &entries, dimensions).map(Entry::Formula),
        Type::Share => share::read(name, cursor, &entries, declared).map(|draft| Entry::Share(Box::new(draft))),
        of_type => metric(name, cursor, &entries, of_type, declared),
    }
}

fn metric<'a>(
    name: &'a str,
    cursor: &Cursor<'a>,
    entries: &Entries<'a>,
    of_type: Type,
    declared: Declared<'_>,
) -> Option<Entry<'a>> {
    let wanted = wanted(entries, of_type, declared.attributes);
    // As it is written, right or wrong: what is missing depends on it.
    let is_state = of_type == Type::Simple
        && entries.get("measure").is_some_and(|cursor| cursor.written_under("agg") == Some("state"));
    let needless = entries.get("windows").filter(|_| is_state);
    if let Some(windows) = needless {
        windows
            .wrong_at_home::<()>("a state has no windows", "remove it: what holds is told as of the end of each day");
    }
    entries.allow(keys(of_type, is_state && needless.is_none()), LATER);
    let description = entries.read_or("description", "", Cursor::text);
    let windows =
        if is_state || of_type == Type::Retention { Some(vec![Window::AS_OF]) } else { windows_of(entries, of_type) };
    let counted = wanted.as_ref().map(|wanted| &wanted.measure);
    let Attributes { entities, dimensions } = declared.attributes;
    let by = entries.read_or("by", Vec::new(), |cursor| {
        let by = dimensions::by(cursor, counted, entities, dimensions)?;
        marks::are_followed(cursor, counted, &by, dimensions?)?;
        if of_type != Type::Movements {
            dimensions::are_not_of_openings(cursor, &by, dimensions?)?;
        }
        Some(by)
    });
    let include = entries.read_or("include", Vec::new(), |cursor| exclude::include(cursor, declared.rules));
    let kind = kinds::read(of_type, entries, wanted.as_ref(), windows.as_deref());
    let Wanted { measure, events, tests: Tests { conditions, required }, of_values, .. } = wanted?;
    if let (Some(OfValues::Percentiles(_)), Some(by)) = (&of_values, entries.get("by")) {
        return by
            .wrong_at_home("a percentile is not sliced", "remove it, and write a metric with `where` for each value");
    }
    let (name, description) = (name.to_owned(), description?.to_owned());
    let (windows, by, include) = (windows?, by?, include?);
    let metric = Metric { name, description, measure, events, conditions, required, windows, by, include, role: None };
    filters::are_of_one(cursor, &metric, declared)?;
    let (kind, home) = (kind?, cursor.clone());
    Some(match of_values {
        Some(of) => Entry::OfValues { sum: metric, of, home },
        None => Entry::Metric { metric, kind, home },
    })
}

/// What a metric measures: under `measure`, or where types have words of their own.
fn wanted(entries: &Entries, of_type: Type, attributes: Attributes<'_>) -> Option<Wanted> {
    let measure = |help| {
        entries.require("measure", help).and_then(|cursor| Some((measure::measure(cursor, attributes)?, cursor)))
    };
    match of_type {
        Type::Survey => marks::survey(entries, attributes),
        Type::Conversion => marks::conversion(entries, attributes),
        Type::TimeToValue => marks::time_to_value(entries, attributes),
        Type::Sessions => marks::sessions(entries, attributes),
        Type::Movements => {
            let (wanted, cursor) =
                measure("write `measure: { agg: state, entity: account, events: […], value: […] }`")?;
            marks::movements(cursor, wanted)
        }
        Type::Baseline => measure("write `measure: { agg: count_distinct, entity: account, events: [signed_in] }`")
            .map(|(wanted, _)| match wanted.measure {
                Measure::Distinct(entity) => Wanted { measure: Measure::Events(entity), ..wanted },
                _ => wanted,
            }),
        _ => measure("write `measure: { agg: count_distinct, entity: user, events: any }`").map(|(wanted, _)| wanted),
    }
}

fn keys(of_type: Type, is_state: bool) -> &'static [&'static str] {
    match of_type {
        Type::Growth => GROWTH_KNOWN,
        Type::Baseline => BASELINE_KNOWN,
        Type::Retention => RETENTION_KNOWN,
        Type::Recency => RECENCY_KNOWN,
        Type::Survey => marks::SURVEY_KNOWN,
        Type::Conversion => marks::CONVERSION_KNOWN,
        Type::TimeToValue => marks::TIME_TO_VALUE_KNOWN,
        Type::Sessions => marks::SESSIONS_KNOWN,
        _ if is_state => STATE_KNOWN,
        _ => KNOWN,
    }
}

/// The windows, which for some types are of whole days.
fn windows_of(entries: &Entries, of_type: Type) -> Option<Vec<Window>> {
    let cursor = entries.require("windows", "write the trailing windows, as in `windows: [1d, 7d, 28d]`")?;
    let is_compared = of_type == Type::Movements;
    let windows = if is_compared { compared(cursor) } else { windows(cursor) }?;
    match of_type {
        Type::Movements
        | Type::Survey
        | Type::Conversion
        | Type::TimeToValue
        | Type::Sessions
        | Type::Baseline
        | Type::Recency => marks::are_of_days(cursor, &windows)?,
        Type::Simple | Type::Frequency | Type::Growth | Type::Retention | Type::Share | Type::Ratio | Type::Derived => {
        }
    }
    Some(windows)
}

/// Windows that reach over a year.
fn compared(cursor: &Cursor) -> Option<Vec<Window>> {
    let mut windows = cursor.one_or_more(|cursor| span(cursor, "a window", marks::COMPARED))?;
    windows.sort_unstable();
    Some(windows)
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
