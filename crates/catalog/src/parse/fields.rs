//! Where a source has the native fields: `fields: { event: page, timestamp: { path: ts, unit: ms } }`.

use super::formats::{self, Shape};
use super::values::{path, split};
use crate::cursor::{Cursor, Entries};
use crate::plan::Literal;
use crate::source::{Fields, Format, Origin, Path, Skew, TimeField, TimeForm};
use apache_avro::Schema;

/// The fields that every event can have.
pub(crate) const NATIVE: &[&str] =
    &["event_id", "event", "timestamp", "sent_at", "received_at", "original_timestamp", "properties"];
/// The fields that many events have, so that it is no mistake to map one that no entity's key is made of.
pub(crate) const UNUSED: &[&str] = &["user_id", "account_id"];
pub(super) const TIMESTAMP_KNOWN: &[&str] = &["path", "unit"];
pub(crate) const UNITS: &[(&str, TimeForm)] =
    &[("rfc3339", TimeForm::Rfc3339), ("s", TimeForm::Seconds), ("ms", TimeForm::Millis), ("us", TimeForm::Micros)];

/// The fields of a source: those that are given, and those of the format. `keys` are the fields that entities' keys are made
/// of, `None` if these are not known because of mistakes.
pub(super) fn read(
    given: Option<&Cursor>,
    (shape, format): (Option<Shape>, Option<&Format>),
    keys: Option<&[&str]>,
) -> Option<Fields> {
    let given = match given {
        Some(cursor) => Some(cursor.entries()?),
        None => None,
    };
    if let Some(given) = &given {
        known_fields(given, keys);
    }
    let given = |name: &str| given.as_ref().and_then(|entries| entries.get(name));
    let usual = formats::defaults(shape.unwrap_or(Shape::Json));
    // A kind says which events have names where the format has them.
    let kind = usual.kind.filter(|_| given("event").is_none());
    let event = given("event").map_or(Some(Origin::Path(usual.event)), |cursor| origin(cursor, event_name));
    let timestamp =
        given("timestamp").map_or(Some(TimeField { path: usual.timestamp, form: TimeForm::Rfc3339 }), moment);
    let skew = skew(&given, usual.skew.filter(|skew| may_have(format, skew)));
    let properties = given("properties").map_or(Some(usual.properties), properties);
    let key = |name: &str| match (given(name), usual.keys.iter().find(|(key, _)| *key == name)) {
        (Some(cursor), _) => origin(cursor, key_part),
        (None, Some((_, usual))) => split(usual).map(Origin::Path),
        (None, None) => properties.as_ref().and_then(|properties| own_path(name, &usual.keys_below, properties)),
    };
    let keys = keys.unwrap_or_default().iter().map(|name| (*name, key(name))).collect::<Vec<_>>();
    let keys = keys.into_iter().map(|(name, origin)| Some((name.to_owned(), origin?))).collect::<Option<Vec<_>>>();
    let event_id = given("event_id").map_or(Some(usual.event_id), |cursor| cursor.one_or_more(path));
    let TimeField { path: timestamp, form: time_form } = timestamp?;
    Some(Fields {
        event: event?,
        kind,
        timestamp: Origin::Path(timestamp),
        time_form,
        skew: skew?,
        event_id: event_id?,
        keys: keys?,
        properties: properties?,
        second_places: usual.second_places,
    })
}

/// Whether records can have the times by which a clock is corrected: a schema of the source's own says so.
fn may_have(format: Option<&Format>, skew: &Skew) -> bool {
    let Some(Format::Avro { schema: Some(schema), .. }) = format else { return true };
    let Schema::Record(record) = &**schema else { return false };
    let has = |moment: &TimeField| record.fields.iter().any(|field| moment.path[0] == field.name);
    has(&skew.sent_at) && has(&skew.received_at)
}

/// How the time is corrected. Who maps `timestamp` maps the other times, too.
fn skew<'c>(given: &impl Fn(&str) -> Option<&'c Cursor<'c>>, usual: Option<Skew>) -> Option<Option<Skew>> {
    let usual = usual.filter(|_| given("timestamp").is_none());
    let read =
        |name, usual: Option<&TimeField>| given(name).map_or(Some(usual.cloned()), |cursor| moment(cursor).map(Some));
    let sent_at = read("sent_at", usual.as_ref().map(|skew| &skew.sent_at));
    let received_at = read("received_at", usual.as_ref().map(|skew| &skew.received_at));
    let original = match given("original_timestamp") {
        Some(cursor) => path(cursor).map(Some),
        None => Some(usual.and_then(|skew| skew.original)),
    };
    match (sent_at?, received_at?, original?) {
        (Some(sent_at), Some(received_at), original) => Some(Some(Skew { sent_at, received_at, original })),
        (None, None, None) => Some(None),
        _ => ["sent_at", "received_at", "original_timestamp"].into_iter().find_map(given)?.wrong(
            "a time is corrected by `sent_at` and `received_at` together",
            "write where both of them are found, or remove this",
        ),
    }
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

/// Where a key field is read from that has no other place: its own name is its path, and `properties.` in it means wherever
/// the source has its properties.
fn own_path(field: &str, below: &Path, properties: &Path) -> Option<Origin> {
    let names = split(field)?;
    Some(Origin::Path(match names.as_slice() {
        [first, rest @ ..] if first == "properties" && !rest.is_empty() => [properties, rest].concat(),
        names => [below, names].concat(),
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

fn moment(cursor: &Cursor) -> Option<TimeField> {
    if !cursor.is_map() {
        return Some(TimeField { path: path(cursor)?, form: TimeForm::Rfc3339 });
    }
    let entries = cursor.entries()?;
    entries.allow(TIMESTAMP_KNOWN, &[]);
    let path = entries.require("path", "write where the time is found, as in `{ path: ts, unit: ms }`").and_then(path);
    let form = entries.read_or("unit", TimeForm::Rfc3339, |cursor| cursor.choice("a unit of time", UNITS, &[]));
    Some(TimeField { path: path?, form: form? })
}

pub(super) fn properties(cursor: &Cursor) -> Option<Path> {
    match cursor.text()? {
        "." => Some(Path::new()),
        _ => path(cursor),
    }
}
