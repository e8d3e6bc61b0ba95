//! Metrics that follow from others: `rate: { type: ratio, numerator: payers, denominator: customers }`, or
//! `growth: { type: derived, expr: (now - before) / before, metrics: { now: users, before: { metric: users, offset: 7d } } }`.
//!
//! A formula is read twice: as it is written, and, once all that it names is known, as what it means.

mod meaning;

pub(super) use self::meaning::{Names, resolve};
use super::dimensions::{self, Dimensions};
use super::expression::{self, Expression};
use super::history_units;
use super::metrics;
use super::values::{Units, span};
use crate::cursor::{Cursor, Entries};
use crate::formula::{Shift, Step};
use crate::kinds::{MadeFormula, MadeLaw};
use activity::{DimensionIndex, Grain, Window};
use std::ops::RangeInclusive;

pub(super) const RATIO_KNOWN: &[&str] = &["type", "description", "numerator", "denominator", "windows", "by"];
pub(super) const DERIVED_KNOWN: &[&str] = &["type", "description", "expr", "metrics", "windows", "by"];
pub(super) const TERM_KNOWN: &[&str] = &["metric", "window", "offset"];

/// How long an offset may be, by the unit in which it is written: no longer than the longest history.
pub(crate) fn offsets() -> [(Grain, RangeInclusive<u16>); 3] {
    let longest = |grain| history_units(grain).iter().find(|(unit, _)| *unit == grain).map(|(_, range)| *range.end());
    Grain::ALL.map(|grain| (grain, 1..=longest(grain).expect("a history can be written in its own unit")))
}

/// A formula as it is written.
pub(super) struct Draft<'a> {
    name: &'a str,
    label: Option<(&'static str, String)>,
    description: &'a str,
    home: Cursor<'a>,
    law: Written,
    terms: Vec<WrittenTerm<'a>>,
    windows: Option<(Cursor<'a>, Vec<Window>)>,
    by: Option<(Cursor<'a>, Vec<DimensionIndex>)>,
}

/// What a formula does with its terms.
enum Written {
    Ratio,
    /// The terms are of so many days, and then of as many.
    Median,
    /// Of the bins of a term, that of so many of a hundred.
    Percentile(u8),
    Derived {
        written: String,
        steps: Vec<Step>,
        names: Vec<String>,
    },
}

/// A term as it is written.
#[derive(Clone)]
struct WrittenTerm<'a> {
    metric: &'a str,
    /// Where the metric's name stands: all of a value, or from a character of it on.
    stands: (Cursor<'a>, Option<usize>),
    window: Option<(Cursor<'a>, Window)>,
    offset: Option<(Cursor<'a>, Shift)>,
}

/// What a name of an expression stands for; no term if that has a mistake.
struct Named<'a> {
    at: Cursor<'a>,
    term: Option<WrittenTerm<'a>>,
}

/// A ratio as it is written.
pub(super) fn ratio<'a>(
    name: &'a str,
    home: &Cursor<'a>,
    entries: &Entries<'a>,
    dimensions: Option<&Dimensions>,
) -> Option<Draft<'a>> {
    entries.allow(RATIO_KNOWN, &[]);
    let part = |key, help| entries.require(key, help).and_then(term);
    let numerator = part("numerator", "write the metric that is divided, as in `numerator: accounts_paying`");
    let denominator =
        part("denominator", "write the metric by which it is divided, as in `denominator: accounts_active`");
    let terms = numerator.zip(denominator).map(|(above, below)| (Written::Ratio, vec![above, below]));
    draft(name, home, entries, dimensions, terms)
}

/// A derived metric as it is written.
pub(super) fn derived<'a>(
    name: &'a str,
    home: &Cursor<'a>,
    entries: &Entries<'a>,
    dimensions: Option<&Dimensions>,
) -> Option<Draft<'a>> {
    entries.allow(DERIVED_KNOWN, &[]);
    let named = entries.read_or("metrics", Vec::new(), |cursor| {
        cursor.named(|_, cursor| Some(Named { at: cursor.clone(), term: term(cursor) }))
    });
    let help = "write how it follows, as in `expr: 100 * (now - before) / before`";
    let law = entries.require("expr", help).and_then(|cursor| expression(cursor, named.as_deref()));
    draft(name, home, entries, dimensions, law)
}

/// A formula that a type of metric makes, as if it were written at the home of that metric.
pub(super) fn made<'a>(made: &'a MadeFormula, home: &Cursor<'a>) -> Draft<'a> {
    let MadeFormula { name, label, description, law, by } = made;
    let term = |metric| WrittenTerm { metric, stands: (home.clone(), None), window: None, offset: None };
    let (law, terms) = match law {
        MadeLaw::Ratio(parts) => (Written::Ratio, parts.iter().map(|name| term(name.as_str())).collect()),
        MadeLaw::Percentile { of, percent } => (Written::Percentile(*percent), vec![term(of.as_str())]),
        MadeLaw::Median { waiting, reached } => {
            (Written::Median, waiting.iter().chain(reached).map(|name| term(name.as_str())).collect())
        }
        MadeLaw::Derived(expr) => {
            let Expression { steps, names } = expression::parse(expr).expect("what types make is tested");
            let terms = names.iter().map(|(name, _)| term(*name)).collect();
            let names = names.iter().map(|(name, _)| (*name).to_owned()).collect();
            (Written::Derived { written: expr.clone(), steps, names }, terms)
        }
    };
    let (label, by) = (label.clone(), Some((home.clone(), by.clone())));
    Draft { name, label, description, home: home.clone(), law, terms, windows: None, by }
}

/// What both have.
fn draft<'a>(
    name: &'a str,
    home: &Cursor<'a>,
    entries: &Entries<'a>,
    dimensions: Option<&Dimensions>,
    law: Option<(Written, Vec<WrittenTerm<'a>>)>,
) -> Option<Draft<'a>> {
    let description = entries.read_or("description", "", Cursor::text);
    let windows = entries
        .read_or("windows", None, |cursor| metrics::windows(cursor).map(|windows| Some((cursor.clone(), windows))));
    let by = entries.read_or("by", None, |cursor| {
        let by = cursor.one_or_more(|cursor| Some(dimensions::named(cursor, dimensions?)?.0))?;
        Some(Some((cursor.clone(), by)))
    });
    let (law, terms) = law?;
    let (description, windows, by) = (description?, windows?, by?);
    Some(Draft { name, label: None, description, home: home.clone(), law, terms, windows, by })
}

/// A metric's name, or a mapping with it.
fn term<'a>(cursor: &Cursor<'a>) -> Option<WrittenTerm<'a>> {
    if !cursor.is_map() {
        return Some(WrittenTerm {
            metric: cursor.text()?,
            stands: (cursor.clone(), None),
            window: None,
            offset: None,
        });
    }
    let entries = cursor.entries()?;
    entries.allow(TERM_KNOWN, &[]);
    let metric = entries
        .require("metric", "write the metric's name, as in `metric: active_users`")
        .and_then(|cursor| Some((cursor.text()?, (cursor.clone(), None))));
    let window = entries.read_or("window", None, |cursor| Some(Some((cursor.clone(), metrics::window(cursor)?))));
    let offset = entries.read_or("offset", None, |cursor| Some(Some((cursor.clone(), offset(cursor)?))));
    let (metric, stands) = metric?;
    Some(WrittenTerm { metric, stands, window: window?, offset: offset? })
}

fn offset(cursor: &Cursor) -> Option<Shift> {
    let units: &Units = &offsets();
    let before = span(cursor, "an offset", units)?;
    Some(Shift { grain: before.grain, buckets: before.longest() })
}

/// The expression, with what its names stand for: what `metrics` says, or a metric of the catalogue.
fn expression<'a>(
    cursor: &Cursor<'a>,
    named: Option<&[(&'a str, Option<Named<'a>>)]>,
) -> Option<(Written, Vec<WrittenTerm<'a>>)> {
    let text = cursor.text()?;
    let parsed = expression::parse(text);
    let Expression { steps, names } =
        parsed.map_err(|wrong| cursor.wrong_within::<()>(wrong.at, wrong.width, wrong.what, wrong.help)).ok()?;
    let (named, mut all_used) = (named?, true);
    for (name, of) in named.iter().filter(|(name, _)| !names.iter().any(|(used, _)| used == name)) {
        let help = "remove it, or name it in `expr`";
        of.as_ref()?.at.wrong_at_home::<()>(format!("`{name}` is not in the expression"), help);
        all_used = false;
    }
    if !all_used {
        return None;
    }
    if names.is_empty() {
        return cursor
            .wrong("the expression names no metric", "a number alone is no metric: name what it follows from");
    }
    let stands_for = |(name, at): &(&'a str, usize)| match named.iter().find(|(of, _)| of == name) {
        Some((_, of)) => of.as_ref()?.term.clone(),
        None => Some(WrittenTerm { metric: name, stands: (cursor.clone(), Some(*at)), window: None, offset: None }),
    };
    let terms = names.iter().map(stands_for).collect::<Option<_>>()?;
    let names = names.iter().map(|(name, _)| (*name).to_owned()).collect();
    Some((Written::Derived { written: text.to_owned(), steps, names }, terms))
}
