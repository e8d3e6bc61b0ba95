//! `CloudEvents` in both modes on one topic.

// A helper that fails fails the test.
#![allow(clippy::unwrap_used)]

use pipeline::{Event, Installation};
use serde_json::{Value, json};

const TOPIC: &str = "cloud";
const CATALOGUE: &str = "
version: 1
product: cloud
sources: { usage: { topic: cloud, format: cloudevents, clock: event, lateness: { day: 2d }, fields: { user_id: subject } } }
entities: { user: { key: user_id } }
metrics:
  users: { type: simple, measure: { agg: count_distinct, entity: user, events: any }, windows: [1d] }
  pages: { type: simple, measure: { agg: count, events: [page] }, windows: [1d] }
  seconds: { type: simple, measure: { agg: sum, value: seconds, events: [page] }, windows: [1d] }
";
const STAMP: i64 = 1_592_222_400_000;
const TIME: &str = "2020-06-15T12:00:00Z";

type Headers<'a> = Vec<(&'a str, &'a str)>;

fn structured(id: &str, subject: &str, seconds: u32) -> String {
    let data = json!({ "seconds": seconds });
    let event = json!({ "specversion": "1.0", "source": "/web", "id": id, "type": "page", "subject": subject, "time": TIME, "data": data });
    event.to_string()
}

fn binary<'a>(id: &'a str, kind: &'a str, subject: &'a str) -> Headers<'a> {
    let attributes =
        [("ce_specversion", "1.0"), ("ce_source", "/web"), ("ce_id", id), ("ce_type", kind), ("ce_time", TIME)];
    attributes.into_iter().chain([("ce_subject", subject), ("content-type", "application/json")]).collect()
}

#[test]
fn events_in_both_modes_count_alike_and_a_rejected_one_keeps_its_attributes() {
    let installation = Installation::new(CATALOGUE, json!({}));
    installation.kafka.create_topic(TOPIC, 2, &[]);
    let _nsm = installation.run("all", &[]);
    let structured_mode = [("content-type", "application/cloudevents+json; charset=UTF-8")];
    let records: [(Option<String>, Headers<'_>); 8] = [
        (Some(structured("1", "ada", 5)), structured_mode.to_vec()),
        (Some(structured("2", "bob", 7)), Vec::new()),
        (Some(json!({ "seconds": 11 }).to_string()), binary("3", "page", "cid")),
        // The first one again, in the other mode and by another partition.
        (Some(json!({ "seconds": 5 }).to_string()), binary("1", "page", "ada")),
        (Some(String::new()), binary("4", "opened", "dan")),
        (None, binary("5", "opened", "eve")),
        // Data that is not there has no seconds, and text is no JSON.
        (None, binary("6", "page", "fay")),
        (
            Some("<seconds>1</seconds>".into()),
            [binary("7", "page", "gus"), vec![("content-type", "text/xml")]].concat(),
        ),
    ];
    installation.client.send_with(
        TOPIC,
        (0..).zip(&records).map(|(number, (payload, headers))| {
            let payload = payload.as_ref().map(String::as_bytes);
            (Event { partition: number % 2, key: "", payload, timestamp: STAMP }, headers.as_slice())
        }),
    );
    installation.wait_settled(&[TOPIC]);
    let output = installation.output(&["query", "--as-of", "2020-06-15", "--format", "json"]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let value = |at: usize| (answer["values"][at]["metric"].as_str().unwrap(), answer["values"][at]["value"].as_i64());
    assert_eq!([0, 1, 2].map(value), [("users", Some(5)), ("pages", Some(3)), ("seconds", Some(23))]);

    let mut letters = installation.client.dead_letters("nsm.dead-letter");
    letters.sort_by_key(|letter| letter.headers["ce_id"].clone());
    let said = |name: &str| letters.iter().map(|letter| letter.headers[name].clone()).collect::<Vec<_>>();
    assert_eq!(said("ce_id"), ["6", "7"]);
    assert_eq!(said("ce_subject"), ["fay", "gus"]);
    assert_eq!(said("reason"), ["missing_field", "wrong_type"]);
}
