//! Where events come from: `usage: { topic: product.usage, fields: { event: page } }`.

use super::entities::Entities;
use super::values::{Units, millis, path, span, split};
use crate::cursor::{Cursor, Entries, Later};
use crate::plan::{Attributes, ClockKind, Fields, Literal, Origin, Path, Source, TimeForm};
use activity::{Grain, PerGrain};
use std::collections::HashMap;

pub(super) const KNOWN: &[&str] = &["topic", "format", "clock", "lateness", "fields", "attributes_of"];
pub(crate) const CLOCKS: &[(&str, ClockKind)] = &[("log", ClockKind::Log), ("event", ClockKind::Event)];
pub(crate) const FORMATS: &[(&str, ())] = &[("json", ())];
const FORMATS_LATER: Later = &[
    ("avro", "write the topic's events as JSON"),
    ("protobuf", "write the topic's events as JSON"),
    ("segment", "write `format: json` and map the names with `fields`"),
    ("cloudevents", "write `format: json` and map the names with `fields`"),
];
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
pub(super) const TIMESTAMP_KNOWN: &[&str] = &["path", "unit"];

/// The fields that every event has.
pub(crate) const NATIVE: &[&str] = &["event_id", "event", "timestamp", "properties"];
/// The fields that many events have, so that it is no mistake to map one that no entity's key is made of.
pub(crate) const UNUSED: &[&str] = &["user_id", "account_id"];
pub(crate) const UNITS: &[(&str, TimeForm)] =
    &[("rfc3339", TimeForm::Rfc3339), ("s", TimeForm::Seconds), ("ms", TimeForm::Millis), ("us", TimeForm::Micros)];

pub(super) fn read(cursor: &Cursor, entities: Option<&Entities>) -> Option<Vec<Source>> {
    let keys = entities.and_then(Entities::key_fields);
    let mut topics = HashMap::new();
    super::all(cursor.named(|name, cursor| source(name, cursor, (entities, keys.as_deref()), &mut topics))?)
}

/// The source that reads a topic.
type Readers<'a> = HashMap<String, &'a str>;

fn source<'a>(
    name: &'a str,
    cursor: &Cursor<'a>,
    (entities, keys): (Option<&Entities>, Option<&[&str]>),
    readers: &mut Readers<'a>,
) -> Option<Source> {
    let entries = cursor.entries()?;
    entries.allow(KNOWN, &[]);
    let topic = entries
        .require("topic", "write the Kafka topic, as in `topic: product.usage`")
        .and_then(|cursor| topic(cursor, name, readers));
    let format = entries.read_or("format", (), |cursor| cursor.choice("a format", FORMATS, FORMATS_LATER));
    let clock = entries.read_or("clock", ClockKind::Log, |cursor| cursor.choice("a clock", CLOCKS, &[]));
    let lateness_ms = entries.read_or("lateness", PerGrain::of(default_lateness), lateness);
    let fields = match entries.get("fields") {
        Some(cursor) => cursor.entries().and_then(|entries| fields(Some(&entries), keys)),
        None => fields(None, keys),
    };
    let attributes = entries.read_or("attributes_of", None, |cursor| attributes(cursor, entities).map(Some));
    format?;
    Some(Source {
        name: name.to_owned(),
        topic: topic?,
        clock: clock?,
        lateness_ms: lateness_ms?,
        fields: fields?,
        attributes: attributes?,
    })
}

/// The name of an entity, if every record tells its attributes; or which events do so, and where.
fn attributes(cursor: &Cursor, entities: Option<&Entities>) -> Option<Attributes> {
    let native = || vec!["attributes".to_owned()];
    if !cursor.is_map() {
        return Some(Attributes { entity: super::entities::named(cursor, entities)?, events: None, object: native() });
    }
    let entries = cursor.entries()?;
    entries.allow(ATTRIBUTES_KNOWN, &[]);
    let help = "write whose attributes the records tell, one of the catalogue's `entities`";
    let entity = entries.require("entity", help).and_then(|cursor| super::entities::named(cursor, entities));
    let events = entries.read_or("events", None, |cursor| cursor.one_or_more(event_text).map(Some));
    let object = entries.read_or("path", native(), properties);
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

/// `keys` are the fields that entities' keys are made of, `None` if these are not known because of mistakes.
fn fields(given: Option<&Entries>, keys: Option<&[&str]>) -> Option<Fields> {
    if let Some(given) = given {
        known_fields(given, keys);
    }
    let given = |name: &str| given.and_then(|entries| entries.get(name));
    let event = given("event").map_or_else(|| Some(native("event")), |cursor| origin(cursor, event_name));
    let timestamp = given("timestamp").map_or_else(|| Some((native("timestamp"), TimeForm::Rfc3339)), timestamp);
    let properties = given("properties").map_or_else(|| Some(vec!["properties".to_owned()]), properties);
    let key = |name: &str| match given(name) {
        Some(cursor) => origin(cursor, key_part),
        None => properties.as_ref().and_then(|properties| own_path(name, properties)),
    };
    let keys = keys.unwrap_or_default().iter().map(|name| (*name, key(name))).collect::<Vec<_>>();
    let keys = keys.into_iter().map(|(name, origin)| Some((name.to_owned(), origin?))).collect::<Option<Vec<_>>>();
    let event_id = given("event_id").map_or_else(|| Some(vec!["event_id".to_owned()]), path);
    let (timestamp, time_form) = timestamp?;
    Some(Fields { event: event?, timestamp, time_form, event_id: event_id?, keys: keys?, properties: properties? })
}

/// Checks which fields are given, and how those are that no key needs.
fn known_fields(given: &Entries, keys: Option<&[&str]>) {
    if let Some(keys) = keys {
        let further = keys.iter().filter(|key| !UNUSED.contains(key)).copied();
        given.allow(&[NATIVE, UNUSED].concat().into_iter().chain(further).collect::<Vec<_>>(), &[]);
    }
    let needed = |name: &str| NATIVE.contains(&name) || keys.is_some_and(|keys| keys.contains(&name));
    let checked = |name: &str| keys.is_none() || UNUSED.contains(&name);
    for field in given.iter().filter(|field| !needed(field.name) && checked(field.name)) {
        origin(&field.value, key_part);
    }
}

fn native(name: &str) -> Origin {
    Origin::Path(vec![name.to_owned()])
}

/// Where a field is read from that the source does not map: its own name is its path, and `properties.` in it means
/// wherever the source has its properties.
fn own_path(field: &str, properties: &Path) -> Option<Origin> {
    let names = split(field)?;
    Some(Origin::Path(match names.as_slice() {
        [first, rest @ ..] if first == "properties" && !rest.is_empty() => [properties, rest].concat(),
        _ => names,
    }))
}

fn origin(cursor: &Cursor, constant: impl Fn(&Cursor) -> Option<Literal>) -> Option<Origin> {
    if !cursor.is_map() {
        return path(cursor).map(Origin::Path);
    }
    let entries = cursor.entries()?;
    entries.allow(&["path", "constant"], &[]);
    match (entries.get("path"), entries.get("constant")) {
        (Some(given), None) => path(given).map(Origin::Path),
        (None, Some(given)) => constant(given).map(Origin::Constant),
        _ => cursor.wrong("a field has one origin", "write either `{ path: a.b }` or `{ constant: … }`"),
    }
}

fn event_name(cursor: &Cursor) -> Option<Literal> {
    cursor.text().map(|text| Literal::Text(text.to_owned()))
}

fn key_part(cursor: &Cursor) -> Option<Literal> {
    match cursor.literal()? {
        Literal::Text(text) if text.is_empty() => cursor.wrong("a key cannot be empty", "write some text"),
        literal @ (Literal::Text(_) | Literal::Int(_)) => Some(literal),
        Literal::Bool(_) | Literal::Float(_) => {
            cursor.mismatch("text or a whole number", "write what the key is, as in `\"a\"`")
        }
    }
}

fn timestamp(cursor: &Cursor) -> Option<(Origin, TimeForm)> {
    if !cursor.is_map() {
        return Some((Origin::Path(path(cursor)?), TimeForm::Rfc3339));
    }
    let entries = cursor.entries()?;
    entries.allow(TIMESTAMP_KNOWN, &[]);
    let path = entries.require("path", "write where the time is found, as in `{ path: ts, unit: ms }`").and_then(path);
    let form = entries.read_or("unit", TimeForm::Rfc3339, |cursor| cursor.choice("a unit of time", UNITS, &[]));
    Some((Origin::Path(path?), form?))
}

fn properties(cursor: &Cursor) -> Option<Path> {
    match cursor.text()? {
        "." => Some(Path::new()),
        _ => path(cursor),
    }
}
