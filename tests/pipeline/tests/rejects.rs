//! What cannot be counted is kept with its reason, exactly once, and holds nothing up.

// A helper that fails fails the test.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use pipeline::{DEADLINE, DeadLetter, Event, Installation};
use serde_json::{Value, json};
use services::wait_until;
use xxhash_rust::xxh3::xxh3_64;

const TOPIC: &str = "usage";
const DEAD_LETTERS: &str = "nsm.dead-letter";
const CATALOGUE: &str = "
version: 1
product: rejects
sources: { usage: { topic: usage, clock: event, lateness: { day: 2d } } }
entities: { user: { key: user_id } }
metrics:
  active: { type: simple, measure: { agg: count_distinct, entity: user, events: [played] }, windows: [1d, 7d] }
  seconds: { type: simple, measure: { agg: sum, value: properties.seconds, events: [paused] }, windows: [1d] }
";
/// 2020-06-15T12:00:00Z; the record's own time, which plays no part.
const STAMP: i64 = 1_592_222_400_000;
const DAY: &str = "2020-06-15";
/// `ingest.dead_letter` by default.
const KEPT: usize = 16 << 10;
/// Every reason that a JSON record can have.
const REASONS: [&str; 10] = [
    "bad_time",
    "bad_value",
    "broken_json",
    "empty",
    "far_future",
    "late",
    "missing_field",
    "no_entity",
    "too_large",
    "wrong_type",
];

fn event(more: Value) -> Vec<u8> {
    let mut event = json!({ "event": "played", "timestamp": "2020-06-15T12:00:00Z" });
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event.to_string().into_bytes()
}

fn good(user: &str) -> Vec<u8> {
    event(json!({ "user_id": user }))
}

/// Payloads that are rejected, and why.
fn bad() -> Vec<(&'static str, Option<Vec<u8>>)> {
    let payload = |more: Value| Some(event(more));
    vec![
        ("broken_json", Some(br#"{"event":"played","user_id":"broken""#.to_vec())),
        ("broken_json", Some(b"\xff\xfe not even text".to_vec())),
        ("wrong_type", payload(json!({ "user_id": { "id": "wrong" } }))),
        ("wrong_type", payload(json!({ "user_id": "wrong", "event": 7 }))),
        ("missing_field", payload(json!({ "user_id": "missing", "event": null }))),
        ("bad_time", payload(json!({ "user_id": "bad", "timestamp": "the fifteenth of June" }))),
        ("bad_value", payload(json!({ "event": "paused", "event_id": 1, "properties": { "seconds": "many" } }))),
        ("missing_field", payload(json!({ "event": "paused", "properties": { "seconds": 1 } }))),
        ("no_entity", payload(json!({ "account_id": "nobody" }))),
        ("far_future", payload(json!({ "user_id": "future", "timestamp": "2200-01-01T00:00:00Z" }))),
        ("late", payload(json!({ "user_id": "late", "timestamp": "2020-06-13T11:59:59Z" }))),
        ("too_large", payload(json!({ "user_id": "large", "properties": { "text": "x".repeat(5_000_000) } }))),
        ("empty", None),
        ("empty", Some(Vec::new())),
    ]
}

fn installation(settings: Value) -> Installation {
    let installation = Installation::new(CATALOGUE, settings);
    installation.kafka.create_topic(TOPIC, 2, &[("max.message.bytes", "6000000")]);
    installation
}

/// Where a rejected record was, by what its dead letter says.
fn origin(letter: &DeadLetter) -> (i32, i64) {
    assert_eq!(letter.headers["topic"], TOPIC);
    (letter.headers["partition"].parse().unwrap(), letter.headers["offset"].parse().unwrap())
}

#[test]
fn each_reject_is_kept_once_with_its_reason_and_origin() {
    let installation = installation(json!({}));
    let nsm = installation.run("all", &[]);
    let bad = bad();
    // A good event before each bad one, after the last, and on the other partition, without which there is no shard time.
    let good: Vec<Vec<u8>> = (0..=bad.len() + 1).map(|user| good(&format!("good {user}"))).collect();
    let on = |partition, key, payload| Event { partition, key, payload, timestamp: STAMP };
    let bad_events = bad.iter().map(|(reason, payload)| on(0, reason, payload.as_deref()));
    let mut events = vec![on(1, "good", Some(&good[0])), on(0, "good", Some(&good[1]))];
    for (good, bad) in good[2..].iter().zip(bad_events) {
        events.extend([bad, on(0, "good", Some(good))]);
    }
    installation.client.send(TOPIC, events.iter().copied());
    installation.wait_settled(&[TOPIC]);

    let active = i64::try_from(good.len()).unwrap();
    let expected = [("active 1d", active), ("active 7d", active), ("seconds 1d", 0)];
    let expected = BTreeMap::from(expected.map(|(name, value)| (name.to_owned(), value)));
    assert_eq!(installation.query(DAY).values, expected, "good events count, and no bad ones");
    assert_eq!(installation.try_query(None).unwrap().as_of, DAY, "the far future does not move the clock");

    let scrape = nsm.scrape();
    for reason in REASONS {
        let count = bad.iter().filter(|(own, _)| *own == reason).count();
        assert!(count > 0, "{reason} is tried");
        let metric = format!("northstar_ingest_rejected_total{{reason=\"{reason}\"}}");
        assert_eq!(scrape.get(&metric), Some(f64::from(u32::try_from(count).unwrap())), "{reason}");
    }
    let all = f64::from(u32::try_from(events.len()).unwrap());
    assert_eq!(scrape.get("northstar_ingest_events_total"), Some(all));

    let letters = installation.client.dead_letters(DEAD_LETTERS);
    assert_eq!(letters.len(), bad.len(), "{letters:?}");
    for (index, ((reason, payload), letter)) in bad.iter().zip(&letters).enumerate() {
        let payload = payload.clone().unwrap_or_default();
        let headers = &letter.headers;
        assert_eq!(headers["reason"], *reason, "{headers:?}");
        assert!(!headers["detail"].is_empty());
        assert_eq!(origin(letter), (0, i64::try_from(2 * index + 1).unwrap()), "{reason}");
        assert_eq!(headers["bytes"], payload.len().to_string(), "{reason}");
        assert_eq!(headers["xxh3"], format!("{:016x}", xxh3_64(&payload)), "{reason}");
        assert_eq!(headers["timestamp"], STAMP.to_string(), "{reason}");
        assert_eq!(letter.key.as_deref(), Some(reason.as_bytes()));
        assert_eq!(letter.payload, payload[..payload.len().min(KEPT)], "{reason}");
    }
}

/// Ingest is killed three times while records are left; none of them is kept twice or lost, and neither are good ones.
#[test]
fn kills_of_ingest_neither_repeat_nor_lose_a_reject() {
    // Small portions: a kill hits between or within transactions.
    let installation = installation(json!({
        "kafka": { "properties": { "fetch.message.max.bytes": "4096", "queued.min.messages": "1" } },
        "ingest": { "transact": "1ms" },
    }));
    let _window = installation.run("window", &["window"]);
    let mut ingest = installation.run("ingest", &["ingest"]);
    let bad: Vec<_> = bad().into_iter().filter(|(reason, _)| *reason != "too_large").collect();
    let users: Vec<Vec<u8>> = (0..2_000).map(|user| good(&format!("good {user}"))).collect();
    // Every third is bad, on both partitions.
    let on = |partition, payload| Event { partition, key: "", payload, timestamp: STAMP };
    let mut events = Vec::new();
    for (index, users) in users.chunks(2).enumerate() {
        let (_, payload) = &bad[index % bad.len()];
        events.extend([on(0, Some(&users[0])), on(1, Some(&users[1]))].map(|event| (event, true)));
        events.push((on(i32::from(index % 2 == 0), payload.as_deref()), false));
    }

    let mut sent = 0;
    for slice in events.chunks(events.len() / 3) {
        let target = sent + i64::try_from(slice.len() / 4).unwrap();
        installation.client.send(TOPIC, slice.iter().map(|(event, _)| *event));
        sent += i64::try_from(slice.len()).unwrap();
        wait_until(DEADLINE, "a part of it", || installation.client.covered(TOPIC) >= Some(target));
        ingest.kill();
        let covered = installation.client.covered(TOPIC);
        assert!(covered.is_some_and(|covered| covered < sent), "killed midway: {covered:?} of {sent}");
        ingest = installation.run("ingest", &["ingest"]);
    }
    installation.wait_settled(&[TOPIC]);

    assert_eq!(installation.query(DAY).values["active 1d"], 2_000);
    let letters = installation.client.dead_letters(DEAD_LETTERS);
    let mut found: Vec<(i32, i64)> = letters.iter().map(origin).collect();
    found.sort_unstable();
    let mut next = [0, 0];
    let mut expected = Vec::new();
    for (event, is_good) in &events {
        let offset = &mut next[usize::try_from(event.partition).unwrap()];
        if !is_good {
            expected.push((event.partition, *offset));
        }
        *offset += 1;
    }
    expected.sort_unstable();
    assert_eq!(expected.len(), 1_000);
    assert_eq!(found, expected);
}
