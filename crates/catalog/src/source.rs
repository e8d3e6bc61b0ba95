//! Sources: the topics that are read, and where their records have what they say.

use crate::plan::Literal;
use activity::{EntityKind, PerGrain};

/// A topic of usage events and how to read it.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Its name in the catalogue.
    pub name: String,
    /// The Kafka topic.
    pub topic: String,
    /// How its records are written.
    pub format: Format,
    /// Where to begin in a partition that nobody has read before; `None` leaves it to the configuration.
    pub from: Option<Start>,
    /// Which time moves its clock.
    pub clock: ClockKind,
    /// How far behind its partition's clock an event may lie and still count in a bucket of this grain, in milliseconds; no
    /// less for coarser grains.
    pub lateness_ms: PerGrain<i64>,
    /// Where the native fields are found in a record.
    pub fields: Fields,
    /// Which records tell attributes of an entity, if some do.
    pub attributes: Option<Attributes>,
}

/// Records of a source that tell attributes of the entity that they name: from the record's time on, they are what it says. An
/// attribute that a record does not mention stays what it was; `null` takes it away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// The entity.
    pub entity: EntityKind,
    /// The events that do so, which are events like any other; `None` if every record does so and none is an event.
    pub events: Option<Vec<String>>,
    /// The object that holds the attributes: the record itself if the path is empty.
    pub object: Path,
}

/// How records of a source are written. Where the fields lie in them is said by [`Fields`] alone.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// A JSON object with fields anywhere.
    Json,
    /// A call of Segment's spec, a JSON object.
    Segment,
    /// A `CloudEvent` in structured mode, a JSON object.
    CloudEvents,
    /// An Avro record with fields anywhere.
    Avro {
        /// What says by which schema a record was written.
        wire: Wire,
        /// By which schema all of them are read, whichever each was written with; always there if the wire is plain.
        schema: Option<Box<apache_avro::Schema>>,
    },
}

/// What says by which schema an Avro record was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Confluent's wire format: each record names the id of its schema in a registry.
    Confluent,
    /// Nothing: all are written with the source's own schema.
    Plain,
}

/// Where to begin in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At its first record.
    Earliest,
    /// At its end.
    Latest,
}

/// Which time moves a source partition's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockKind {
    /// The Kafka record's timestamp: for live streams.
    Log,
    /// The event's own time: for historical loads and tests. Such a source moves by its data alone.
    Event,
}

/// Where the native fields are found in a record of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct Fields {
    /// The event's name.
    pub event: Origin,
    /// Where records are of kinds, and not every kind names its event.
    pub kind: Option<Kind>,
    /// The event's time.
    pub timestamp: Origin,
    /// How the time is written.
    pub time_form: TimeForm,
    /// How to correct the time by a clock that is known to be right.
    pub skew: Option<Skew>,
    /// What tells the event from every other of the source: two with the same are one event, sent twice. The fields
    /// together, at least one.
    pub event_id: Vec<Path>,
    /// The fields that entity keys are made of, by native name (`user_id`, `account_id`, or any other that an entity
    /// names): every key field of every entity has an entry.
    pub keys: Vec<(String, Origin)>,
    /// The object that holds the properties: `properties` natively, the record itself if the path is empty.
    pub properties: Path,
    /// Pairs of places: what a record has at the second counts as if it stood at the first. If it has both, the one that
    /// stands later in it counts.
    pub second_places: Vec<(Path, Path)>,
}

/// The field that says of which kind a record is. An event of another kind than `named` is called by its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Where the kind is found; text.
    pub path: Path,
    /// The kind whose events have names.
    pub named: String,
}

/// How the clock of a sender is compared with that of a receiver: the event's time is corrected by what the time of
/// receiving is more than the time of sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skew {
    /// When the record was sent, by the clock that the event's time was taken from.
    pub sent_at: TimeField,
    /// When it was received, by the receiver's clock.
    pub received_at: TimeField,
    /// What only a record has whose time was corrected already.
    pub original: Option<Path>,
}

/// A time in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeField {
    /// Where it is found.
    pub path: Path,
    /// How it is written.
    pub form: TimeForm,
}

impl Fields {
    /// Whether records are native events: every field has its own name, and times are written as RFC 3339.
    #[must_use]
    pub fn are_native(&self) -> bool {
        let is = |path: &Path, name: &str| path.len() == 1 && path[0] == name;
        let own = |origin: &Origin, name: &str| matches!(origin, Origin::Path(path) if is(path, name));
        own(&self.event, "event")
            && own(&self.timestamp, "timestamp")
            && self.time_form == TimeForm::Rfc3339
            && matches!(self.event_id.as_slice(), [path] if is(path, "event_id"))
            && is(&self.properties, "properties")
            && self.keys.iter().all(|(name, origin)| own(origin, name))
    }
}

/// The names of the objects to go through, outermost first, and of the field itself last.
pub type Path = Vec<String>;

/// Where a native field's value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// It is read from the record.
    Path(Path),
    /// It is the same for every record of the source.
    Constant(Literal),
}

/// How a source writes times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeForm {
    /// Text such as `2026-11-22T09:30:00.250+01:00`.
    Rfc3339,
    /// Seconds since 1970-01-01T00:00:00Z, a number.
    Seconds,
    /// Milliseconds since then.
    Millis,
    /// Microseconds since then.
    Micros,
}
