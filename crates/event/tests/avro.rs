//! An event is the same event in JSON and in Avro.

mod common;

use apache_avro::Schema;
use apache_avro::types::Value as Datum;
use apache_avro::writer::datum::GenericDatumWriter;
use catalog::Plan;
use common::{counted, touched};
use event::{Reader, SchemaId, SchemaText, Touches};
use proptest::collection::btree_map;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

const SCHEMA: &str = include_str!("../../../schemas/usage-event.v1.avsc");

/// A plan whose metrics want a bit of everything.
fn plan(format: &str) -> Plan {
    let text = format!(
        "
version: 1
product: test
sources: {{ usage: {{ topic: usage, {format} }} }}
entities: {{ user: {{ key: user_id }}, account: {{ key: account_id }}, place: {{ key: [account_id, properties.city] }} }}
metrics:
  users: {{ type: simple, measure: {{ agg: count_distinct, entity: user, events: any }}, windows: [1d] }}
  paid: {{ type: simple, measure: {{ agg: count_distinct, entity: account, events: [played], where: {{ plan: [team, 2, 2.5, true] }} }}, windows: [1d] }}
  places: {{ type: simple, measure: {{ agg: count_distinct, entity: place, events: [paused] }}, windows: [1d] }}
  plays: {{ type: simple, measure: {{ agg: count, events: [played, stopped] }}, windows: [1d] }}
  amount: {{ type: simple, measure: {{ agg: sum, value: amount, decimals: 2, events: [stopped] }}, windows: [1d] }}
"
    );
    let schema = |_: &str| Ok(SCHEMA.to_owned());
    catalog::parse_with(&text, &schema).unwrap_or_else(|mistakes| panic!("{}", mistakes.render("test", &text)))
}

/// An event of the native schema.
#[derive(Clone, Debug)]
struct Event {
    texts: BTreeMap<&'static str, Option<String>>,
    times: BTreeMap<&'static str, Option<i64>>,
    properties: BTreeMap<&'static str, Json>,
}

impl Event {
    fn json(&self) -> String {
        let time = |time: &i64| jiff::Timestamp::from_millisecond(*time).expect("it is in range").to_string();
        let mut event = json!({ "properties": self.properties });
        self.texts.iter().for_each(|(name, text)| event[name] = json!(text));
        self.times.iter().for_each(|(name, at)| event[name] = json!(at.as_ref().map(time)));
        event.to_string()
    }

    fn avro(&self, schema: &Schema) -> Vec<u8> {
        let nullable = |value: Option<Datum>| match value {
            Some(value) => Datum::Union(1, Box::new(value)),
            None => Datum::Union(0, Box::new(Datum::Null)),
        };
        let text = |name: &str| self.texts[name].clone().map(Datum::String);
        let time = |name: &str| self.times[name].map(Datum::TimestampMillis);
        let property = |value: &Json| match value {
            Json::Null => Datum::Union(0, Box::new(Datum::Null)),
            Json::Bool(value) => Datum::Union(1, Box::new(Datum::Boolean(*value))),
            Json::Number(value) if value.is_f64() => {
                Datum::Union(3, Box::new(Datum::Double(value.as_f64().expect("it is one"))))
            }
            Json::Number(value) => Datum::Union(2, Box::new(Datum::Long(value.as_i64().expect("it is one")))),
            Json::String(text) => Datum::Union(4, Box::new(Datum::String(text.clone()))),
            other => panic!("{other} is not drawn"),
        };
        let properties = self.properties.iter().map(|(name, value)| ((*name).to_owned(), property(value))).collect();
        let fields = [
            ("event_id", nullable(text("event_id"))),
            ("event", text("event").expect("it is always there")),
            ("user_id", nullable(text("user_id"))),
            ("account_id", nullable(text("account_id"))),
            ("timestamp", time("timestamp").expect("it is always there")),
            ("sent_at", nullable(time("sent_at"))),
            ("received_at", nullable(time("received_at"))),
            ("properties", Datum::Map(properties)),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value));
        let writer = GenericDatumWriter::builder(schema).build().expect("the schema resolves");
        writer.write_value_to_vec(Datum::Record(fields.into())).expect("the event follows the schema")
    }
}

fn event() -> impl Strategy<Value = Event> {
    let id = || option::weighted(0.8, select(vec!["ada", "", "acme", "ü🦀\"", "7"]).prop_map(str::to_owned));
    let name = select(vec!["played", "paused", "stopped", "other", ""]).prop_map(|name| Some(name.to_owned()));
    let time = || prop_oneof![9 => 1_795_000_000_000i64..1_796_000_000_000, 1 => 0i64..253_402_207_000_000];
    let property = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        select(vec![json!(2), json!(-7), json!(i64::MAX)]),
        select(vec![json!(2.5), json!(2.0), json!(0.1), json!(1e300)]),
        select(vec![json!("team"), json!("12.345"), json!("")]),
    ];
    let properties = btree_map(select(vec!["plan", "amount", "city", "other"]), property, 0..4);
    let texts = (id(), name, id(), id());
    let times = (time(), option::of(time()), option::of(time()));
    (texts, times, properties).prop_map(|(texts, times, properties)| Event {
        texts: [("event_id", texts.0), ("event", texts.1), ("user_id", texts.2), ("account_id", texts.3)].into(),
        times: [("timestamp", Some(times.0)), ("sent_at", times.1), ("received_at", times.2)].into(),
        properties,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn an_event_touches_the_same_in_json_and_in_avro(events in proptest::collection::vec(event(), 1..5)) {
        let schema = Schema::parse_str(SCHEMA).expect("it is a schema");
        let [json, plain] = [plan("format: json"), plan("format: avro, wire: plain, schema: usage.avsc")];
        let [read, own] = [plan("format: avro"), plan("format: avro, schema: usage.avsc")];
        let mut readers = [&plain, &read, &own].map(|plan| Reader::new(plan, 0));
        let text = SchemaText { schema: SCHEMA.into(), references: Vec::new() };
        for reader in &mut readers {
            prop_assert_eq!(reader.learn(SchemaId(7), &text), Ok(Vec::new()));
        }
        let json = Reader::new(&json, 0);
        let mut touches = Touches::default();
        let mut outcome = |reader: &Reader, payload: &[u8]| {
            let read = reader.read(payload, &mut touches).map_err(|reject| reject.reason());
            read.map(|time| (time, touched(&touches), counted(&touches)))
        };
        for event in events {
            let expected = outcome(&json, event.json().as_bytes());
            let datum = event.avro(&schema);
            let framed = [&[0, 0, 0, 0, 7][..], &datum].concat();
            for (reader, payload) in readers.iter().zip([&datum, &framed, &framed]) {
                prop_assert_eq!(&outcome(reader, payload), &expected, "{:?}", event);
            }
        }
    }
}

#[test]
fn a_source_whose_schema_lacks_what_is_counted_says_so() {
    let schema = SCHEMA.replace("\"properties\"", "\"extras\"");
    let text = "
version: 1
product: test
sources: { usage: { topic: usage, format: avro, schema: usage.avsc } }
entities: { user: { key: userid } }
metrics:
  plays: { type: simple, measure: { agg: count_distinct, entity: user, events: any, where: { plan: team } }, windows: [1d] }
";
    let plan = catalog::parse_with(text, &|_| Ok(schema.clone())).expect("its mistakes are none of the language");
    let told = Reader::check(&plan, 0).expect_err("it lacks something");
    assert_eq!(told, "the source's schema has no `properties.plan`, no `userid`");
}
