//! Where events come from: `usage: { topic: product.usage, fields: { event: page } }`.

use super::Files;
use super::entities::Entities;
use super::fields;
use super::formats::{self, Shape};
use super::values::{Units, millis, span};
use crate::cursor::Cursor;
use crate::source::{Attributes, ClockKind, Source, Start};
use activity::{Grain, PerGrain};
use std::collections::HashMap;

pub(super) const KNOWN: &[&str] =
    &["topic", "format", "wire", "schema", "from", "clock", "lateness", "fields", "attributes_of"];
pub(crate) const LATENESS: &Units = &[(Grain::Minute, 0..=1440), (Grain::Hour, 0..=720), (Grain::Day, 0..=400)];

/// How late an event may be if the source does not say.
fn default_lateness(grain: Grain) -> i64 {
    let minutes = match grain {
        Grain::Minute => 10,
        Grain::Hour => 2 * 60,
        Grain::Day => 3 * 24 * 60,
    };
    minutes * Grain::Minute.nominal_ms()
}

pub(super) const ATTRIBUTES_KNOWN: &[&str] = &["entity", "events", "path"];
pub(crate) const CLOCKS: &[(&str, ClockKind)] = &[("log", ClockKind::Log), ("event", ClockKind::Event)];
pub(crate) const STARTS: &[(&str, Start)] = &[("earliest", Start::Earliest), ("latest", Start::Latest)];

pub(super) fn read(cursor: &Cursor, entities: Option<&Entities>, files: Files<'_>) -> Option<Vec<Source>> {
    let keys = entities.and_then(Entities::key_fields);
    let mut topics = HashMap::new();
    super::all(cursor.named(|name, cursor| source(name, cursor, (entities, keys.as_deref()), files, &mut topics))?)
}

/// The source that reads a topic.
type Readers<'a> = HashMap<String, &'a str>;

fn source<'a>(
    name: &'a str,
    cursor: &Cursor<'a>,
    (entities, keys): (Option<&Entities>, Option<&[&str]>),
    files: Files<'_>,
    readers: &mut Readers<'a>,
) -> Option<Source> {
    let entries = cursor.entries()?;
    entries.allow(KNOWN, &[]);
    let topic = entries
        .require("topic", "write the Kafka topic, as in `topic: product.usage`")
        .and_then(|cursor| topic(cursor, name, readers));
    let (shape, format) = formats::read(&entries, files);
    let from = entries.read_or("from", None, |cursor| cursor.choice("a place to begin", STARTS, &[]).map(Some));
    let clock = entries.read_or("clock", ClockKind::Log, |cursor| cursor.choice("a clock", CLOCKS, &[]));
    let lateness_ms = entries.read_or("lateness", PerGrain::of(default_lateness), lateness);
    let fields = fields::read(entries.get("fields"), (shape, format.as_ref()), keys);
    let attributes = entries.read_or("attributes_of", None, |cursor| attributes(cursor, entities, shape).map(Some));
    Some(Source {
        name: name.to_owned(),
        topic: topic?,
        format: format?,
        from: from?,
        clock: clock?,
        lateness_ms: lateness_ms?,
        fields: fields?,
        attributes: attributes?,
    })
}

/// The name of an entity, if every record tells its attributes; or which events do so, and where.
fn attributes(cursor: &Cursor, entities: Option<&Entities>, shape: Option<Shape>) -> Option<Attributes> {
    let usual = || formats::defaults(shape.unwrap_or(Shape::Json)).attributes;
    if !cursor.is_map() {
        return Some(Attributes { entity: super::entities::named(cursor, entities)?, events: None, object: usual() });
    }
    let entries = cursor.entries()?;
    entries.allow(ATTRIBUTES_KNOWN, &[]);
    let help = "write whose attributes the records tell, one of the catalogue's `entities`";
    let entity = entries.require("entity", help).and_then(|cursor| super::entities::named(cursor, entities));
    let events = entries.read_or("events", None, |cursor| cursor.one_or_more(event_text).map(Some));
    let object = entries.read_or("path", usual(), fields::properties);
    Some(Attributes { entity: entity?, events: events?, object: object? })
}

fn event_text(cursor: &Cursor) -> Option<String> {
    cursor.text().map(str::to_owned)
}

fn topic<'a>(cursor: &Cursor<'a>, source: &'a str, readers: &mut Readers<'a>) -> Option<String> {
    let text = cursor.text()?;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if !text.chars().all(legal) || text.len() > 249 || matches!(text, "." | "..") {
        let help = "Kafka's topics have at most 249 letters, digits, `.`, `_` and `-`";
        return cursor.wrong(format!("`{text}` is not a topic"), help);
    }
    if let Some(reader) = readers.get(text) {
        let what = format!("source `{reader}` reads the topic `{text}` already");
        return cursor.wrong(what, "remove one of the sources: every event would come from both");
    }
    readers.insert(text.to_owned(), source);
    Some(text.to_owned())
}

/// What is not given is as usual, but never less than a finer grain's, nor more than a coarser one's that is given.
fn lateness(cursor: &Cursor) -> Option<PerGrain<i64>> {
    if !cursor.is_map() {
        return cursor.mismatch("a mapping", "write `lateness: { day: 3d }`");
    }
    let entries = cursor.entries()?;
    entries.allow(&Grain::ALL.map(Grain::name), &[]);
    let read = |grain: Grain| {
        let bound = |cursor| span(cursor, "a lateness", LATENESS).map(|span| Some(millis(span)));
        entries.get(grain.name()).map_or(Some(None), bound)
    };
    let given: Vec<Option<i64>> = Grain::ALL.map(read).into_iter().collect::<Option<_>>()?;
    let mut found = PerGrain::<i64>::default();
    let (mut least, mut complete) = (0, true);
    for (at, grain) in Grain::ALL.into_iter().enumerate() {
        found[grain] = given[at].unwrap_or_else(|| {
            let most = given[at..].iter().flatten().min().copied();
            default_lateness(grain).min(most.unwrap_or(i64::MAX)).max(least)
        });
        if found[grain] < least {
            let (finer, name) = (Grain::ALL[at - 1].name(), grain.name());
            let what = format!("the lateness by the {name} is less than the one by the {finer}");
            let help = "an event that counts in its minute counts in its hour and day, too: write at least as much";
            complete &= entries.require(grain.name(), help)?.wrong::<()>(what, help).is_some();
        }
        least = found[grain];
    }
    complete.then_some(found)
}
