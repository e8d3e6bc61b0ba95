//! What it costs to read an event.

use catalog::Plan;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use event::{Reader, Touches};
use std::hint::black_box;

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

criterion_group!(benches, read);
criterion_main!(benches);
