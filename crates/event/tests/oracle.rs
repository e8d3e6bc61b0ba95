//! Random records under random plans are read as a naive reading of the rules says, and no bytes make the reader panic.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "the oracle reads better so, and a panic fails the test"
)]

mod common;

use activity::additive::IdSpace;
use activity::{EntityKey, EntityKind, Millis};
use catalog::{Asks, Condition, Fields, Kind, Literal, Measure, Metric, Origin, Plan, Skew, TimeField, TimeForm};
use common::{Summed, Touched, counted, measured, path, plan, text, touched};
use event::{Reader, Touches};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;

/// What the rules say of a record, worked out from a full decode. Rejections are compared by their reason.
fn naive(plan: &Plan, payload: &[u8]) -> Result<(Millis, Vec<Touched>, Option<Summed>), &'static str> {
    let record: Value = serde_json::from_slice(payload).map_err(|_| "broken_json")?;
    if !record.is_object() {
        return Err("wrong_type");
    }
    let fields = &plan.sources[0].fields;
    let found = |path: &Vec<String>| find(&record, &Origin::Path(path.clone()));
    let text = |value: Value| match value {
        Value::Null => Err("missing_field"),
        Value::String(name) if name.is_empty() => Err("missing_field"),
        Value::String(name) => Ok(name),
        _ => Err("wrong_type"),
    };
    let event = match &fields.kind {
        Some(kind) if text(found(&kind.path))? != kind.named => text(found(&kind.path))?,
        _ => text(find(&record, &fields.event))?,
    };
    let mut time = naive_time(&find(&record, &fields.timestamp), fields.time_form)?;
    if let Some(skew) = fields.skew.as_ref().filter(|skew| skew.original.iter().all(|path| found(path).is_null())) {
        let [sent, received] = [&skew.sent_at, &skew.received_at].map(|moment| match found(&moment.path) {
            Value::Null => Ok(None),
            value => naive_time(&value, moment.form).map(Some),
        });
        if let (Some(sent), Some(received)) = (sent?, received?) {
            time = Millis(time.0 + received.0 - sent.0);
            if time.0 < 0 || time.0 > 253_402_300_799_999 {
                return Err("bad_time");
            }
        }
    }
    let mut wanted: BTreeMap<EntityKind, Vec<u16>> = BTreeMap::new();
    let (mut counts, mut sums) = (Vec::new(), Vec::new());
    for (index, metric) in (0..).zip(&plan.metrics) {
        let named = metric.events.as_ref().is_none_or(|names| names.contains(&event));
        let holds = |condition: &Condition| {
            let place = Origin::Path([fields.properties.clone(), condition.property.clone()].concat());
            let Asks::OneOf(values) = &condition.asks else { unreachable!("none is drawn") };
            values.iter().any(|literal| equal(&find(&record, &place), literal))
        };
        if named && metric.conditions.iter().all(holds) {
            match &metric.measure {
                Measure::Distinct(entity) => wanted.entry(*entity).or_default().push(index),
                Measure::Count => counts.push(index),
                Measure::Sum { value, decimals } => {
                    let place = Origin::Path([fields.properties.clone(), value.clone()].concat());
                    sums.push((index, find(&record, &place), *decimals));
                }
                Measure::Events(_) | Measure::Marks(_) => unreachable!("none is drawn"),
            }
        }
    }
    let mut touches = Vec::new();
    for (kind, metrics) in &wanted {
        let entity = &plan.entities[usize::from(kind.0)];
        let place = |name: &String| &fields.keys.iter().find(|(key, _)| key == name).unwrap().1;
        let ids: Result<Vec<_>, _> = entity.key.iter().map(|name| naive_id(&find(&record, place(name)))).collect();
        if let Some(ids) = ids?.into_iter().collect::<Option<Vec<String>>>() {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let mut shard_key = Vec::new();
            activity::key::push_part(ids[entity.shard_by], &mut shard_key);
            touches.push((EntityKey::of(*kind, &ids).as_bytes().to_vec(), shard_key, metrics.clone()));
        }
    }
    let mut counted = None;
    if !counts.is_empty() || !sums.is_empty() {
        let ids: Result<Vec<_>, &str> =
            fields.event_id.iter().map(|path| naive_id(&found(path))?.ok_or("missing_field")).collect();
        let (ids, space) = (ids?, IdSpace::of(&plan.sources[0].topic));
        let id = match ids.as_slice() {
            [id] => space.id(id),
            [first, id] => space.within(first).id(id),
            _ => unreachable!("one or two are drawn"),
        };
        let value = |(index, value, decimals)| Ok((index, naive_value(&value, decimals)?));
        let sums: Result<Vec<_>, &str> = sums.into_iter().map(value).collect();
        counted = Some((id, counts, sums?));
    }
    let is_nobody = !wanted.is_empty() && touches.is_empty() && counted.is_none();
    if is_nobody { Err("no_entity") } else { Ok((time, touches, counted)) }
}

/// All that is drawn is exact as a double, also times a hundred.
fn naive_value(value: &Value, decimals: u8) -> Result<i64, &'static str> {
    let number = match value {
        Value::Null => return Err("missing_field"),
        Value::Number(number) => number.as_f64().unwrap(),
        Value::String(text) if text.starts_with(['-', '0', '5']) => text.parse().map_err(|_| "bad_value")?,
        Value::String(_) => return Err("bad_value"),
        _ => return Err("wrong_type"),
    };
    let units = (number * 10f64.powi(decimals.into())).round_ties_even();
    if units.abs() < 2f64.powi(63) { Ok(units as i64) } else { Err("bad_value") }
}

fn find(record: &Value, origin: &Origin) -> Value {
    match origin {
        Origin::Constant(Literal::Text(text)) => Value::from(text.as_str()),
        Origin::Constant(Literal::Int(number)) => Value::from(*number),
        Origin::Constant(Literal::Float(number)) => Value::from(*number),
        Origin::Constant(Literal::Bool(value)) => Value::from(*value),
        Origin::Path(path) => {
            let below = |value: Value, name: &String| value.as_object().and_then(|object| object.get(name).cloned());
            path.iter().try_fold(record.clone(), below).unwrap_or_default()
        }
    }
}

fn naive_id(value: &Value) -> Result<Option<String>, &'static str> {
    match value {
        Value::Null => Ok(None),
        Value::String(id) if id.len() > 512 => Err("wrong_type"),
        Value::String(id) => Ok((!id.is_empty()).then(|| id.clone())),
        Value::Number(id) if !id.is_f64() => Ok(Some(id.to_string())),
        _ => Err("wrong_type"),
    }
}

fn naive_time(value: &Value, form: TimeForm) -> Result<Millis, &'static str> {
    let millis = match (value, form) {
        (Value::Null, _) => return Err("missing_field"),
        (Value::String(text), TimeForm::Rfc3339) => {
            text.parse::<jiff::Timestamp>().map_err(|_| "bad_time")?.as_nanosecond().div_euclid(1_000_000)
        }
        // Every number that is drawn is a double exactly.
        (Value::Number(number), TimeForm::Millis) => number.as_f64().unwrap().floor() as i128,
        (Value::Number(number), TimeForm::Seconds) => (number.as_f64().unwrap() * 1000.0).floor() as i128,
        (Value::Number(number), TimeForm::Micros) => (number.as_f64().unwrap() / 1000.0).floor() as i128,
        _ => return Err("wrong_type"),
    };
    let year = i64::try_from(millis).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    let year = year.ok_or("bad_time")?.to_zoned(jiff::tz::TimeZone::UTC).year();
    if year < 1970 { Err("bad_time") } else { Ok(Millis(i64::try_from(millis).unwrap())) }
}

fn equal(value: &Value, literal: &Literal) -> bool {
    match literal {
        Literal::Bool(literal) => value.as_bool() == Some(*literal),
        Literal::Text(literal) => value.as_str() == Some(literal),
        Literal::Int(literal) => value.as_f64() == Some(*literal as f64),
        Literal::Float(literal) => value.as_f64() == Some(*literal),
    }
}

/// A record before it is written: objects may name a field twice, texts may be written with escapes.
#[derive(Clone, Debug)]
enum Json {
    Plain(&'static str),
    Text(String, bool),
    Array(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
}

fn write(json: &Json, out: &mut String) {
    match json {
        Json::Plain(text) => out.push_str(text),
        Json::Text(text, true) => {
            let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            write!(out, "\"{units}\"").unwrap();
        }
        Json::Text(text, false) => out.push_str(&serde_json::to_string(text).unwrap()),
        Json::Array(items) => list(out, '[', ']', items, write),
        Json::Object(fields) => list(out, '{', '}', fields, |(name, value), out| {
            write!(out, "\"{name}\" : ").unwrap();
            write(value, out);
        }),
    }
}

fn list<T>(out: &mut String, open: char, close: char, items: &[T], each: impl Fn(&T, &mut String)) {
    out.push(open);
    for (at, item) in items.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { ", \n" });
        each(item, out);
    }
    out.push(close);
}

/// Few names, so that they meet the plan's; one of them is written as text and as an escape.
const NAMES: [&str; 6] = ["event", "at", "user", "a", "b", "props"];
const TEXTS: [&str; 9] = [
    "",
    "-5.125",
    "played",
    "paused",
    "ada",
    "ü\u{0}\"🦀",
    "2026-11-22T09:30:00.5+01:00",
    "1969-12-31T23:59:59.9999Z",
    "5",
];
const PLAIN: [&str; 14] = [
    "null",
    "true",
    "false",
    "0",
    "5",
    "5.0",
    "-5",
    "0.5",
    "0.125",
    "-0.375",
    "1795339800",
    "1795339800000",
    "1e300",
    "18446744073709551615",
];

fn json() -> impl Strategy<Value = Json> {
    let text = prop_oneof![9 => select(&TEXTS[..]).prop_map(str::to_owned), 1 => "[a-zü]{0,9}", 1 => "x{505,520}"];
    let leaf = prop_oneof![
        select(&PLAIN[..]).prop_map(Json::Plain),
        (text, any::<bool>()).prop_map(|(text, escaped)| Json::Text(text, escaped)),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            1 => vec(inner.clone(), 0..3).prop_map(Json::Array),
            4 => vec((select(&NAMES[..]), inner), 0..6).prop_map(Json::Object),
        ]
    })
}

/// A record in which the usual fields are mostly as they should be, among others.
fn record(form: TimeForm) -> impl Strategy<Value = String> {
    let name = select(vec!["played", "paused", "other"]).prop_map(|name| Json::Text(name.to_owned(), false));
    let time = select(match form {
        TimeForm::Rfc3339 => vec![Json::Text("2026-11-22T09:30:00Z".into(), false)],
        _ => vec![Json::Plain("1795339800"), Json::Plain("1795339800.25")],
    });
    let id = select(vec![
        Json::Plain("7"),
        Json::Plain("-1"),
        Json::Text("ada".into(), true),
        Json::Text(String::new(), false),
    ]);
    let usual = |name: &'static str, value: BoxedStrategy<Json>| {
        prop_oneof![20 => value, 1 => json()].prop_map(move |value| (name, value)).boxed()
    };
    let fields = (usual("event", name.boxed()), usual("at", time.boxed()), usual("user", id.boxed()));
    let account = select(vec![Json::Plain("5"), Json::Text("acme".into(), false), Json::Plain("null")]);
    let account = usual("a", account.boxed());
    let other = prop_oneof![9 => select(&NAMES[4..]), 1 => select(&NAMES[..])];
    let others = (account, vec((other, json()), 0..4)).prop_map(|(first, rest)| [vec![first], rest].concat());
    let object =
        (fields, others).prop_map(|((event, at, user), others)| Json::Object([vec![event, at, user], others].concat()));
    prop_oneof![20 => object, 1 => json()].prop_map(|json| {
        let mut out = String::new();
        write(&json, &mut out);
        out
    })
}

fn random_path(lengths: std::ops::Range<usize>) -> impl Strategy<Value = Vec<String>> {
    vec(select(&NAMES[2..]).prop_map(str::to_owned), lengths)
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        any::<bool>().prop_map(Literal::Bool),
        select(vec![0, 5, -5]).prop_map(Literal::Int),
        select(vec![0.5, 5.0]).prop_map(Literal::Float),
        select(&TEXTS[..]).prop_map(text),
    ]
}

fn origin(usual: &'static str) -> impl Strategy<Value = Origin> {
    prop_oneof![
        30 => Just(Origin::Path(path(usual))),
        2 => random_path(1..3).prop_map(Origin::Path),
        1 => literal().prop_map(Origin::Constant),
    ]
}

fn random_metric() -> impl Strategy<Value = Metric> {
    let events = proptest::option::of(vec(select(vec!["played", "paused", "ada"]), 0..3));
    let condition = (random_path(1..3), vec(literal(), 1..6));
    let conditions =
        vec(condition.prop_map(|(property, one_of)| Condition { property, asks: Asks::OneOf(one_of) }), 0..2);
    let measure = prop_oneof![
        3 => (0..3u8).prop_map(|kind| Measure::Distinct(EntityKind(kind))),
        1 => Just(Measure::Count),
        1 => (random_path(1..3), 0..3u8).prop_map(|(value, decimals)| Measure::Sum { value, decimals }),
    ];
    (measure, events, conditions)
        .prop_map(|(measure, events, conditions)| Metric { conditions, ..measured(measure, events.as_deref(), &[]) })
}

fn random_plan() -> impl Strategy<Value = Plan> {
    let form = select(vec![TimeForm::Millis, TimeForm::Seconds, TimeForm::Micros, TimeForm::Rfc3339]);
    let fields = (origin("event"), origin("at"), form, origin("user"), origin("a"), random_path(0..2));
    let ids = select(vec![vec![path("user")], vec![path("a"), path("user")]]);
    let kind = proptest::option::weighted(0.2, Just(Kind { path: path("b"), named: "played".into() }));
    let skewed = proptest::option::weighted(0.3, (random_path(1..2), random_path(1..2), any::<bool>()));
    let fields = (fields, ids, kind, skewed).prop_map(|(fields, event_id, kind, skewed)| {
        let (event, timestamp, time_form, user, account, properties) = fields;
        let keys = vec![("user_id".to_owned(), user), ("account_id".to_owned(), account)];
        let moment = |path| TimeField { path, form: time_form };
        let skew = |(sent, received, is_original): (_, _, bool)| Skew {
            sent_at: moment(sent),
            received_at: moment(received),
            original: is_original.then(|| path("a.b")),
        };
        let skew = skewed.map(skew);
        Fields { event, kind, timestamp, time_form, skew, event_id, keys, properties, second_places: Vec::new() }
    });
    (fields, vec(random_metric(), 0..6)).prop_map(|(fields, metrics)| plan(fields, metrics))
}

fn plan_and_records() -> impl Strategy<Value = (Plan, Vec<String>)> {
    random_plan().prop_flat_map(|plan| {
        let records = vec(record(plan.sources[0].fields.time_form), 1..4);
        (Just(plan), records)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn record_is_read_as_the_rules_say((plan, records) in plan_and_records()) {
        let reader = Reader::new(&plan, 0);
        let mut touches = Touches::default();
        for record in records {
            let outcome = reader.read(record.as_bytes(), &mut touches);
            let outcome = outcome.map(|time| (time, touched(&touches), counted(&touches)));
            let outcome = outcome.map_err(|reject| reject.reason());
            prop_assert_eq!(outcome, naive(&plan, record.as_bytes()), "{}", record);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(plan in random_plan(), bytes in vec(any::<u8>(), 0..200)) {
        let reader = Reader::new(&plan, 0);
        let _ = reader.read(&bytes, &mut Touches::default()).map_err(|reject| reject.to_string());
        let _ = reader.time(&bytes);
    }

    #[test]
    fn no_damage_to_a_record_makes_the_reader_panic(
        (plan, mut records) in plan_and_records(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..6),
    ) {
        let mut bytes = records.remove(0).into_bytes();
        for (at, byte, how) in damage {
            let at = at.index(bytes.len() + 1);
            match how {
                0 => bytes.insert(at, byte),
                1 => bytes.truncate(at),
                _ => if let Some(there) = bytes.get_mut(at) { *there = byte },
            }
        }
        let mut touches = Touches::default();
        let outcome = Reader::new(&plan, 0).read(&bytes, &mut touches);
        prop_assert!(outcome.is_ok() || touches.counts_nowhere());
        if let Err(reject) = outcome {
            prop_assert!(reject.to_string().len() < 500, "{}", reject);
        }
    }
}
