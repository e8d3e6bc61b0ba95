//! The formats that a source can have, and where each has the native fields unless the catalogue says otherwise.

use super::Files;
use crate::cursor::{Cursor, Entries, Later};
use crate::source::{Format, Kind, Path, Skew, TimeField, TimeForm, Wire};
use apache_avro::Schema;

/// The words for `format`.
pub(crate) const FORMATS: &[(&str, Shape)] =
    &[("json", Shape::Json), ("segment", Shape::Segment), ("cloudevents", Shape::CloudEvents), ("avro", Shape::Avro)];
const FORMATS_LATER: Later = &[("protobuf", "write the topic's events as JSON or Avro")];
pub(crate) const WIRES: &[(&str, Wire)] = &[("confluent", Wire::Confluent), ("plain", Wire::Plain)];

/// A format without what else is said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Json,
    Segment,
    CloudEvents,
    Avro,
}

/// The format of a source.
pub(super) fn read(source: &Entries, files: Files<'_>) -> (Option<Shape>, Option<Format>) {
    let shape = source.read_or("format", Shape::Json, |cursor| cursor.choice("a format", FORMATS, FORMATS_LATER));
    let of_avro = ["wire", "schema"].into_iter().find_map(|name| source.get(name));
    let format = match (shape, of_avro) {
        (Some(Shape::Avro), _) => avro(source, files),
        (Some(_), Some(cursor)) => {
            cursor.wrong_at_home("only Avro has a schema", "write `format: avro`, or remove this")
        }
        (Some(Shape::Json), None) => Some(Format::Json),
        (Some(Shape::Segment), None) => Some(Format::Segment),
        (Some(Shape::CloudEvents), None) => Some(Format::CloudEvents),
        (None, _) => None,
    };
    (shape, format)
}

fn avro(source: &Entries, files: Files<'_>) -> Option<Format> {
    let wire = source.read_or("wire", Wire::Confluent, |cursor| cursor.choice("a wire format", WIRES, &[]));
    let file = match wire {
        Some(Wire::Plain) => {
            let help = "write the file of the schema that all records are written with, as in `schema: usage.avsc`";
            Some(source.require("schema", help)?)
        }
        _ => source.get("schema"),
    };
    let schema = file.map_or(Some(None), |cursor| schema(cursor, files).map(Some));
    Some(Format::Avro { wire: wire?, schema: schema?.map(Box::new) })
}

fn schema(cursor: &Cursor, files: Files<'_>) -> Option<Schema> {
    let file = cursor.text()?;
    match files(file) {
        Err(why) => {
            cursor.wrong(format!("the file `{file}` cannot be read: {why}"), "write a path beside the catalogue")
        }
        Ok(text) => match Schema::parse_str(&text) {
            Ok(schema) => Some(schema),
            Err(error) => cursor.wrong(format!("`{file}` is no Avro schema: {error}"), "correct the file"),
        },
    }
}

/// Where records of a format have the native fields.
pub(super) struct Defaults {
    pub(super) event: Path,
    pub(super) kind: Option<Kind>,
    pub(super) timestamp: Path,
    pub(super) skew: Option<Skew>,
    pub(super) event_id: Vec<Path>,
    pub(super) properties: Path,
    /// The object that holds an entity's attributes.
    pub(super) attributes: Path,
    /// Key fields that have another place than their own name below `keys_below`.
    pub(super) keys: &'static [(&'static str, &'static str)],
    pub(super) keys_below: Path,
    pub(super) second_places: Vec<(Path, Path)>,
}

/// The defaults of a format.
pub(super) fn defaults(shape: Shape) -> Defaults {
    match shape {
        Shape::Json | Shape::Avro => Defaults {
            event: at("event"),
            kind: None,
            timestamp: at("timestamp"),
            skew: skew("sent_at", "received_at", None),
            event_id: vec![at("event_id")],
            properties: at("properties"),
            attributes: at("attributes"),
            keys: &[],
            keys_below: Path::new(),
            second_places: Vec::new(),
        },
        // A call other than track has no name of its own. Whoever receives a call corrects its `timestamp`, and then
        // keeps what it was as `originalTimestamp`.
        Shape::Segment => Defaults {
            event: at("event"),
            kind: Some(Kind { path: at("type"), named: "track".to_owned() }),
            timestamp: at("timestamp"),
            skew: skew("sentAt", "receivedAt", Some("originalTimestamp")),
            event_id: vec![at("messageId")],
            properties: at("properties"),
            attributes: at("traits"),
            keys: &[("user_id", "userId"), ("anonymous_id", "anonymousId"), ("account_id", "context.groupId")],
            keys_below: Path::new(),
            second_places: vec![(at("properties"), at("traits")), (at("context.groupId"), at("groupId"))],
        },
        // Its id is one among those of its source alone.
        Shape::CloudEvents => Defaults {
            event: at("type"),
            kind: None,
            timestamp: at("time"),
            skew: None,
            event_id: vec![at("source"), at("id")],
            properties: at("data"),
            attributes: at("data"),
            keys: &[],
            keys_below: at("data"),
            second_places: Vec::new(),
        },
    }
}

fn skew(sent_at: &str, received_at: &str, original: Option<&str>) -> Option<Skew> {
    let moment = |dotted| TimeField { path: at(dotted), form: TimeForm::Rfc3339 };
    Some(Skew { sent_at: moment(sent_at), received_at: moment(received_at), original: original.map(at) })
}

fn at(dotted: &str) -> Path {
    dotted.split('.').map(str::to_owned).collect()
}
