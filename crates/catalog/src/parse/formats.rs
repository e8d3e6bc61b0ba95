//! The formats that a source can have, and where each has the native fields unless the catalogue says otherwise.

use crate::plan::{Format, Kind, Path, Skew, TimeField, TimeForm};

/// The words for `format`.
pub(super) const FORMATS: &[(&str, Format)] =
    &[("json", Format::Json), ("segment", Format::Segment), ("cloudevents", Format::CloudEvents)];

/// Where records of a format have the native fields.
pub(super) struct Defaults {
    pub(super) event: Path,
    pub(super) kind: Option<Kind>,
    pub(super) timestamp: Path,
    pub(super) skew: Option<Skew>,
    pub(super) event_id: Vec<Path>,
    pub(super) properties: Path,
    /// Key fields that have another place than their own name below `keys_below`.
    pub(super) keys: &'static [(&'static str, &'static str)],
    pub(super) keys_below: Path,
    pub(super) second_places: Vec<(Path, Path)>,
}

/// The defaults of a format.
pub(super) fn defaults(format: Format) -> Defaults {
    match format {
        Format::Json => Defaults {
            event: at("event"),
            kind: None,
            timestamp: at("timestamp"),
            skew: skew("sent_at", "received_at", None),
            event_id: vec![at("event_id")],
            properties: at("properties"),
            keys: &[],
            keys_below: Path::new(),
            second_places: Vec::new(),
        },
        // A call other than track has no name of its own. Whoever receives a call corrects its `timestamp`, and then
        // keeps what it was as `originalTimestamp`.
        Format::Segment => Defaults {
            event: at("event"),
            kind: Some(Kind { path: at("type"), named: "track".to_owned() }),
            timestamp: at("timestamp"),
            skew: skew("sentAt", "receivedAt", Some("originalTimestamp")),
            event_id: vec![at("messageId")],
            properties: at("properties"),
            keys: &[("user_id", "userId"), ("anonymous_id", "anonymousId"), ("account_id", "context.groupId")],
            keys_below: Path::new(),
            second_places: vec![(at("properties"), at("traits")), (at("context.groupId"), at("groupId"))],
        },
        // Its id is one among those of its source alone.
        Format::CloudEvents => Defaults {
            event: at("type"),
            kind: None,
            timestamp: at("time"),
            skew: None,
            event_id: vec![at("source"), at("id")],
            properties: at("data"),
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
