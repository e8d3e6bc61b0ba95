//! Reading an event allocates nothing once the scratch buffer has its size.

mod common;

use activity::admission::Admitted;
use activity::{DimensionIndex, DimensionValue, MetricIndex};
use catalog::{AsOf, By, Dimension, Format, Literal, Metric, Plan, Taken, Wire};
use common::{ACCOUNT, ACCOUNT_USER, USER, metric, native, sum, text};
use event::{Reader, SchemaId, SchemaText, Touches};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps this function's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps this function's contract.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Reads a record again and again, and counts what that allocates after the first time.
fn allocations(reader: &Reader, record: &[u8], headers: &[(&str, &[u8])]) -> (usize, Touches) {
    let mut touches = Touches::default();
    let mut read = || reader.read_with(record, headers.iter().copied(), &mut touches).expect("it is an event");
    read();
    let before = ALLOCATIONS.get();
    for _ in 0..100 {
        read();
    }
    (ALLOCATIONS.get() - before, touches)
}

fn metrics() -> Vec<Metric> {
    vec![
        metric(USER, Some(&["played"]), &[]),
        metric(USER, None, &[("plan", &[text("paid")]), ("song.length", &[Literal::Int(3)])]),
        metric(ACCOUNT_USER, None, &[]),
        sum("song.length", 3, None),
        Metric { by: vec![By { dimension: DimensionIndex(0), first: MetricIndex(5) }], ..sum("song.length", 0, None) },
    ]
}

/// The last of the metrics follows accounts.
fn plan() -> Plan {
    let taken = Taken::Attribute { of: ACCOUNT, path: vec!["tier".into()], as_of: AsOf::Bucket };
    let tier = Dimension { name: "tier".into(), taken, values: vec![text("gold")], limit: 1 };
    Plan { dimensions: vec![tier], ..common::plan(native(), metrics()) }
}

#[test]
fn reading_json_allocates_nothing_in_steady_state() {
    let reader = Reader::new(&plan(), 0);
    let record = br#"{"event_id":"6b0e","event":"played","user_id":42,"account_id":"0f8fad5b-d9cb-469f-a165-70867728950e","timestamp":"2026-11-22T09:30:00.250Z","sent_at":"2026-11-22T09:30:01Z","agent":"Mozilla\/5.0","properties":{"plan":"paid","tags":["a","b"],"song":{"length":3.0}}}"#;
    let (allocations, touches) = allocations(&reader, record, &[]);
    assert_eq!(allocations, 0);
    assert_eq!(touches.iter().map(|touch| touch.metrics.len()).sum::<usize>(), 3);
    assert_eq!(touches.counted().map(|counted| counted.owner.len()).collect::<Vec<_>>(), [0, 1 + 1 + 16]);
}

#[test]
fn reading_a_cloud_event_in_binary_mode_allocates_nothing_in_steady_state() {
    let catalogue = "
version: 1
product: cloud
sources: { usage: { topic: usage, format: cloudevents } }
entities: { user: { key: user_id } }
metrics:
  users: { type: simple, measure: { agg: count_distinct, entity: user, events: any }, windows: [1d] }
  pages: { type: simple, measure: { agg: count, events: [page] }, windows: [1d] }
";
    let reader = Reader::new(&catalog::parse(catalogue).expect("it is a catalogue"), 0);
    let headers: [(&str, &[u8]); 5] = [
        ("ce_source", b"/shop"),
        ("ce_id", b"6b0e"),
        ("ce_type", b"page"),
        ("ce_time", b"2026-11-22T09:30:00Z"),
        ("content-type", b"application/json"),
    ];
    let (allocations, touches) = allocations(&reader, br#"{"user_id":"ada","tags":["a","b"]}"#, &headers);
    assert_eq!(allocations, 0);
    assert!(touches.iter().count() == 1 && touches.counted().count() == 1);
}

/// Of admitted values, of those that are any other, and of text and numbers.
#[test]
fn reading_admitted_values_allocates_nothing_in_steady_state() {
    let text = "
version: 1
product: test
sources: { usage: { topic: usage } }
entities: { user: { key: user_id } }
dimensions: { surface: { from: surface, limit: 2 }, level: { from: level, values: [1], limit: 2 } }
metrics:
  users:
    type: simple
    measure: { agg: count_distinct, entity: user, events: any }
    windows: [7d]
    by: [surface, level]
";
    let mut reader = Reader::new(&catalog::parse(text).expect("a catalogue"), 0);
    for (dimension, number, value) in [(0, 1, "web"), (0, 2, "app"), (1, 2, "2.5")] {
        let (dimension, number) = (DimensionIndex(dimension), DimensionValue(number));
        reader.learn_value(&Admitted { dimension, number, value: value.into() });
    }
    for (surface, level) in [("\"web\"", "2.5"), ("\"tv\"", "\"2.5\""), ("17", "3")] {
        let record = format!(
            r#"{{"event":"e","user_id":1,"timestamp":"2026-11-22T09:30:00Z","properties":{{"surface":{surface},"level":{level}}}}}"#
        );
        let (allocations, touches) = allocations(&reader, record.as_bytes(), &[]);
        assert_eq!(allocations, 0, "{record}");
        assert_eq!((touches.undecided(), touches.iter().count()), (&[][..], 1));
    }
}

/// With an enum, a decimal, a nullable time, a default of the reader's schema and much to pass over.
#[test]
fn reading_avro_allocates_nothing_in_steady_state() {
    let schema = |fields: &str| {
        let text = format!(
            r#"{{"type":"record","name":"Event","fields":[{fields}
            {{"name":"event","type":"string"}},
            {{"name":"user_id","type":"long"}},
            {{"name":"account_id","type":["null","string"]}},
            {{"name":"timestamp","type":["null",{{"type":"long","logicalType":"timestamp-micros"}}]}},
            {{"name":"tags","type":{{"type":"array","items":"string"}}}},
            {{"name":"properties","type":{{"type":"record","name":"Properties","fields":[
                {{"name":"plan","type":{{"type":"enum","name":"Plan","symbols":["free","paid"]}}}},
                {{"name":"song","type":{{"type":"map","values":
                    {{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}}}}}}]}}}}]}}"#
        );
        apache_avro::Schema::parse_str(&text).expect("it is a schema")
    };
    let writer = schema("");
    let reader = schema(r#"{"name":"event_id","type":"string","default":"6b0e"},"#);
    let mut plan = plan();
    plan.sources[0].format = Format::Avro { wire: Wire::Confluent, schema: Some(Box::new(reader)) };
    // Time, sending and receiving are told by the schema.
    let mut reader = Reader::new(&plan, 0);
    let text = SchemaText { schema: serde_json::to_string(&writer).expect("it is JSON"), references: Vec::new() };
    reader.learn(SchemaId(1), &text).expect("it fits");
    let record = [
        &b"\0\0\0\0\x01"[..],
        &[12, b'p', b'l', b'a', b'y', b'e', b'd', 84],
        &[2, 8, b'a', b'c', b'm', b'e', 2, 0x80, 0x80, 0x90, 0xee, 0xd6, 0xae, 0x97, 0x06],
        &[4, 2, b'a', 2, b'b', 0, 2],
        &[2, 12, b'l', b'e', b'n', b'g', b't', b'h', 4, 0x01, 0x2c, 0],
    ];
    let (allocations, touches) = allocations(&reader, &record.concat(), &[]);
    assert_eq!(allocations, 0);
    assert_eq!(touches.iter().map(|touch| touch.metrics.len()).sum::<usize>(), 3);
    assert_eq!(
        touches.counted().map(|counted| counted.event.values.to_vec()).collect::<Vec<_>>(),
        [vec![3_000], vec![3]]
    );
}
