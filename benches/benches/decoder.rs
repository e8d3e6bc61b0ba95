//! What it costs to read an event.

use apache_avro::Schema;
use apache_avro::types::Value as Datum;
use apache_avro::writer::datum::GenericDatumWriter;
use catalog::Plan;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use event::{Reader, SchemaId, SchemaText, Touches};
use std::hint::black_box;
use std::time::Instant;

const CATALOGUE: &str = r#"
version: 1
product: bench
sources: { bench: { topic: events } }
entities: { user: { key: user_id }, account: { key: account_id } }
metrics:
  users: { type: simple, measure: { agg: count_distinct, entity: user, events: any }, windows: [1d, 7d, 28d] }
  accounts: { type: simple, measure: { agg: count_distinct, entity: account, events: any }, windows: [1d, 7d, 28d] }
"#;
const FILTER: &str = r#"  payers: { type: simple, measure: { agg: count_distinct, entity: user, events: [play, export], where: { plan: [team, pro] } }, windows: [7d] }
"#;
const ENTITIES: &str =
    "account: { key: account_id }, account_user: { key: [account_id, user_id], shard_by: account_id } }";
const DIMENSIONS: &str = "  plan: { from: properties.plan, values: [free, team, pro] }
  paying: { from: properties.plan, values: [team, pro] }
  top: { from: properties.plan, values: [pro] }
";

/// As the workload of `make bench` writes them.
const NATIVE: &str = r#"{"event_id":"5cc17d2b1b0a4b5f","event":"export","user_id":"9f0d3a6c2e814b75","account_id":"13c7e0aa95f2d846","timestamp":"2025-01-17T09:30:00.250Z","properties":{"plan":"team"}}"#;
/// The same with an escape in a key and much that nobody wants.
const WORDY: &str = r#"{"event_id":"5cc17d2b1b0a4b5f","context":{"library":{"name":"js","version":"1.2.3"},"page":{"url":"/a/b","title":"A \"title\" of a page","tags":["a","b","c",1,2,3.5,null,true]},"locale":"en"},"event":"export","user_id":"caf\u00e9 17","account_id":"13c7e0aa95f2d846","timestamp":"2025-01-17T10:30:00.250+01:00","sent_at":"2025-01-17T09:30:01Z","properties":{"plan":"team","rows":17,"columns":["x","y","z"],"note":"a longer text that no metric looks at, but a parser has to"}}"#;

fn plan(text: &str) -> Plan {
    catalog::parse(text).unwrap_or_else(|mistakes| panic!("{}", mistakes.render("bench", text)))
}

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read");
    let broken = NATIVE.replace("\"timestamp\":\"2025", "\"timestamp\":\"20-5");
    let filtered = format!("{CATALOGUE}{FILTER}");
    for (name, catalogue, payload) in [
        ("native", CATALOGUE, NATIVE),
        ("native, with a filter", filtered.as_str(), NATIVE),
        ("wordy", CATALOGUE, WORDY),
        ("of no time, rejected", CATALOGUE, broken.as_str()),
    ] {
        let plan = plan(catalogue);
        let (reader, mut touches) = (Reader::new(&plan, 0), Touches::default());
        group.throughput(Throughput::Bytes(payload.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| reader.read(black_box(payload.as_bytes()), &mut touches).is_ok());
        });
    }
    group.finish();
}

const SCHEMA: &str = include_str!("../../schemas/usage-event.v1.avsc");

/// [`NATIVE`] as Avro in Confluent's wire format.
fn native_avro() -> Vec<u8> {
    let some = |value| Datum::Union(1, Box::new(value));
    let plan = ("plan".to_owned(), Datum::Union(4, Box::new("team".into())));
    let fields = [
        ("event_id", some("5cc17d2b1b0a4b5f".into())),
        ("event", "export".into()),
        ("user_id", some("9f0d3a6c2e814b75".into())),
        ("account_id", some("13c7e0aa95f2d846".into())),
        ("timestamp", Datum::TimestampMillis(1_737_106_200_250)),
        ("sent_at", Datum::Union(0, Box::new(Datum::Null))),
        ("received_at", Datum::Union(0, Box::new(Datum::Null))),
        ("properties", Datum::Map([plan].into())),
    ];
    let schema = Schema::parse_str(SCHEMA).expect("it is a schema");
    let writer = GenericDatumWriter::builder(&schema).build().expect("it resolves");
    let datum = Datum::Record(fields.map(|(name, value)| (name.to_owned(), value)).into());
    [&[0, 0, 0, 0, 7][..], &writer.write_value_to_vec(datum).expect("it follows the schema")].concat()
}

fn avro_reader(catalogue: &str) -> Reader {
    let mut reader = Reader::new(&plan(&catalogue.replace("topic: events", "topic: events, format: avro")), 0);
    let schema = SchemaText { schema: SCHEMA.into(), references: Vec::new() };
    reader.learn(SchemaId(7), &schema).expect("it fits");
    reader
}

/// The same event in JSON and in Avro, and how much less the one costs than the other.
fn formats(criterion: &mut Criterion) {
    let catalogue = format!("{CATALOGUE}{FILTER}");
    let (json, avro) = (Reader::new(&plan(&catalogue), 0), avro_reader(&catalogue));
    let (avro_payload, mut touches) = (native_avro(), Touches::default());
    let mut group = criterion.benchmark_group("format");
    for (name, reader, payload) in [("json", &json, NATIVE.as_bytes()), ("avro", &avro, &avro_payload)] {
        assert!(reader.read(payload, &mut touches).is_ok());
        group.throughput(Throughput::Bytes(payload.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| reader.read(black_box(payload), &mut touches).is_ok()));
    }
    group.finish();
    let bytes = format!("{} bytes against {}", avro_payload.len(), NATIVE.len());
    ratio(
        &format!("avro takes of json's time ({bytes})"),
        [(&avro, avro_payload.as_slice()), (&json, NATIVE.as_bytes())],
    );
}

/// What metrics cost that want none of the events.
fn idle_metrics(_: &mut Criterion) {
    let idle = |at| {
        let measure =
            format!("{{ agg: count_distinct, entity: user, events: [idle{at}], where: {{ plan: [team, pro] }} }}");
        format!("  idle{at}: {{ type: simple, measure: {measure}, windows: [7d] }}\n")
    };
    let catalogue = format!("{CATALOGUE}{FILTER}");
    let idle = format!("{catalogue}{}", (0..200).map(idle).collect::<String>());
    let (few, many) = (Reader::new(&plan(&catalogue), 0), Reader::new(&plan(&idle), 0));
    ratio("200 metrics that match no event make it take", [(&many, NATIVE.as_bytes()), (&few, NATIVE.as_bytes())]);
}

/// What twenty metrics cost, of three entities and each in three segments by what events say, beside one without any. An event
/// concerns nine of them: six that count any event, and three that count its own.
fn segments(_: &mut Criterion) {
    let (head, _) = CATALOGUE.split_once("  accounts:").expect("it is the second metric");
    let (sources, _) = CATALOGUE.split_once("metrics:").expect("it has metrics");
    let metric = |at: usize| {
        let entity = ["user", "account", "account_user"][at % 3];
        let name = ["any", "play", "click", "any", "search", "export", "invite"][at / 3];
        let events = if name == "any" { name.to_owned() } else { format!("[{name}]") };
        let measure = format!("{{ agg: count_distinct, entity: {entity}, events: {events} }}");
        format!("  m{at}: {{ type: simple, measure: {measure}, windows: [1d, 28d], by: [plan, paying, top] }}\n")
    };
    let twenty = format!(
        "{}\ndimensions:\n{DIMENSIONS}metrics:\n{}",
        sources.replace("account: { key: account_id } }", ENTITIES),
        (0..20).map(metric).collect::<String>()
    );
    let (one, twenty) = (Reader::new(&plan(head), 0), Reader::new(&plan(&twenty), 0));
    ratio("20 metrics with 3 segments take of one's time", [(&twenty, NATIVE.as_bytes()), (&one, NATIVE.as_bytes())]);
}

/// Prints how long the one takes against the other, by the medians of rounds in which both take turns.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn ratio(what: &str, sides: [(&Reader, &[u8]); 2]) {
    let mut touches = Touches::default();
    let mut round = |(reader, payload): (&Reader, &[u8])| {
        let begun = Instant::now();
        for _ in 0..20_000 {
            black_box(reader.read(black_box(payload), &mut touches).is_ok());
        }
        begun.elapsed().as_secs_f64()
    };
    let mut ratios: Vec<f64> = (0..101).map(|_| round(sides[0]) / round(sides[1])).collect();
    ratios.sort_by(f64::total_cmp);
    println!("{what}: {:.2} (median; from {:.2} to {:.2} in the middle half)", ratios[50], ratios[25], ratios[75]);
}

criterion_group!(benches, read, formats, idle_metrics, segments);
criterion_main!(benches);
