//! Plans and outcomes for the tests.

#![allow(dead_code, unreachable_pub, reason = "every test file uses some of it")]

use activity::{EntityKind, EventId, MetricIndex, Millis, PerGrain, Window};
use catalog::{
    Asks, Calendar, ClockKind, Condition, Entity, Fields, Format, Literal, Measure, Metric, Origin, Plan, Source,
    TimeForm,
};
use event::{Reader, Reject, Touches};

pub const USER: EntityKind = EntityKind(0);
pub const ACCOUNT: EntityKind = EntityKind(1);
pub const ACCOUNT_USER: EntityKind = EntityKind(2);

/// `2026-11-22T09:30:00Z`.
pub const TIME: Millis = Millis(1_795_339_800_000);

/// An entity's key, its shard key and its metrics.
pub type Touched = (Vec<u8>, Vec<u8>, Vec<u16>);

pub fn path(dotted: &str) -> Vec<String> {
    dotted.split('.').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

pub fn at(dotted: &str) -> Origin {
    Origin::Path(path(dotted))
}

pub fn text(text: &str) -> Literal {
    Literal::Text(text.into())
}

pub fn native() -> Fields {
    Fields {
        event: at("event"),
        kind: None,
        timestamp: at("timestamp"),
        time_form: TimeForm::Rfc3339,
        skew: None,
        keys: vec![("user_id".into(), at("user_id")), ("account_id".into(), at("account_id"))],
        event_id: vec![path("event_id")],
        properties: path("properties"),
        second_places: Vec::new(),
    }
}

/// A metric of distinct entities.
pub fn metric(entity: EntityKind, events: Option<&[&str]>, conditions: &[(&str, &[Literal])]) -> Metric {
    measured(Measure::Distinct(entity), events, conditions)
}

/// A metric that adds up a property.
pub fn sum(value: &str, decimals: u8, events: Option<&[&str]>) -> Metric {
    measured(Measure::Sum { value: path(value), decimals }, events, &[])
}

pub fn measured(measure: Measure, events: Option<&[&str]>, conditions: &[(&str, &[Literal])]) -> Metric {
    let condition = |(property, one_of): &(&str, &[Literal])| Condition {
        property: path(property),
        asks: Asks::OneOf(one_of.to_vec()),
    };
    Metric {
        name: "active".into(),
        description: String::new(),
        measure,
        events: events.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
        conditions: conditions.iter().map(condition).collect(),
        required: Vec::new(),
        windows: vec![Window::days(7)],
        by: Vec::new(),
        include: Vec::new(),
        role: None,
    }
}

/// A plan of one source and the entities `user`, `account` and `account_user`.
pub fn plan(fields: Fields, metrics: Vec<Metric>) -> Plan {
    let entity = |name: &str, key: &[&str], shard_by| Entity {
        name: name.into(),
        key: key.iter().map(|field| (*field).to_owned()).collect(),
        shard_by,
    };
    Plan {
        product: "Songs".into(),
        calendar: Calendar::new("UTC").expect("UTC is a time zone"),
        history: PerGrain::of(|_| 30),
        sources: vec![Source {
            name: "usage".into(),
            topic: "usage".into(),
            format: Format::Json,
            from: None,
            clock: ClockKind::Event,
            lateness_ms: PerGrain::of(|_| 7 * 86_400_000),
            fields,
            attributes: None,
        }],
        entities: vec![
            entity("user", &["user_id"], 0),
            entity("account", &["account_id"], 0),
            entity("account_user", &["user_id", "account_id"], 1),
        ],
        dimensions: Vec::new(),
        exclude: Vec::new(),
        metrics,
        families: Vec::new(),
        formulas: Vec::new(),
        north_stars: Vec::new(),
        slices: Vec::new(),
        version: activity::CatalogVersion(1),
    }
}

pub fn read(reader: &Reader, record: &str) -> Result<Vec<Touched>, Reject> {
    let mut touches = Touches::default();
    reader.read(record.as_bytes(), &mut touches)?;
    Ok(touched(&touches))
}

/// What is counted of the event itself: its id, the metrics that count it, and those that add up, each with its value.
pub type Summed = (EventId, Vec<u16>, Vec<(u16, i64)>);

pub fn counted(touches: &Touches) -> Option<Summed> {
    let counted = touches.counted().next()?;
    let (counts, sums) = counted.counts_and_sums();
    let sums = sums.iter().map(|metric| metric.0).zip(counted.event.values.iter().copied());
    Some((counted.event.id, counts.iter().map(|metric| metric.0).collect(), sums.collect()))
}

pub fn touched(touches: &Touches) -> Vec<Touched> {
    let numbers = |metrics: &[MetricIndex]| metrics.iter().map(|metric| metric.0).collect();
    touches.iter().map(|touch| (touch.key.to_vec(), touch.shard_key.to_vec(), numbers(touch.metrics))).collect()
}

/// What a touch of this entity is.
pub fn touch(kind: EntityKind, parts: &[&str], shard_part: &str, metrics: &[u16]) -> Touched {
    let mut shard_key = Vec::new();
    activity::key::push_part(shard_part, &mut shard_key);
    (activity::EntityKey::of(kind, parts).as_bytes().to_vec(), shard_key, metrics.to_vec())
}
