//! `nsm load` sends what its truth says, and the pipeline counts what its truth says.

// A helper that fails fails the test.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use pipeline::{DEADLINE, Installation, Isolation};
use rdkafka::message::Message;
use serde_json::{Value, json};
use services::{Process, wait_until};

const USAGE: &str = "product.usage";
const CATALOGUE: &str = "
version: 1
product: documents
sources:
  usage: { topic: product.usage, clock: event }
  crm: { topic: crm.accounts, attributes_of: account }
entities: { user: { key: user_id }, account: { key: account_id } }
dimensions: { plan: { of: account, values: [trial, team, business] } }
metrics:
  users: { type: simple, measure: { agg: count_distinct, entity: user, events: any }, windows: [1d, 7d, 28d] }
  accounts:
    type: simple
    measure: { agg: count_distinct, entity: account, events: any }
    windows: [1d, 7d, 28d]
    by: [plan]
  assistant: { type: simple, measure: { agg: count_distinct, entity: user, events: [assistant_asked] }, windows: [1d, 7d, 28d] }
  edits: { type: simple, measure: { agg: count, events: [document_edited] }, windows: [1d] }
  seconds: { type: simple, measure: { agg: sum, value: properties.seconds, events: [document_edited] }, windows: [1d] }
";

/// The lines of a file of the truth.
fn lines(folder: &Path, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn summary(folder: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder.join("summary.json")).unwrap()).unwrap()
}

/// What a topic holds, by partition: keys, timestamps and payloads.
fn content(installation: &Installation, topic: &str) -> BTreeMap<i32, Vec<(String, i64, String)>> {
    let mut found: BTreeMap<i32, Vec<_>> = BTreeMap::new();
    installation.client.read(topic, Isolation::Committed, |record| {
        let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
        let stamp = record.timestamp().to_millis().unwrap();
        found.entry(record.partition()).or_default().push((text(record.key()), stamp, text(record.payload())));
    });
    found
}

#[track_caller]
fn load(installation: &Installation, arguments: &str) {
    let arguments: Vec<&str> = ["load"].into_iter().chain(arguments.split_whitespace()).collect();
    let output = installation.output(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn history_is_the_same_for_its_seed_and_counted_as_its_truth_says() {
    let installation = Installation::new(CATALOGUE, json!({}));
    let truth = tempfile::tempdir().unwrap();
    let history = "--seed 7 --accounts 100 --from 2026-01-01 --days 40 --events 30000 --create-topics 4";
    load(&installation, &format!("{history} --truth {}", truth.path().display()));
    let _nsm = installation.run("all", &[]);

    let sent = content(&installation, USAGE);
    assert_eq!((sent.len(), sent.values().map(Vec::len).sum::<usize>()), (4, 30_000));
    load(&installation, &format!("{history} --accounts-topic crm.again --usage-topic usage.again"));
    assert_eq!(content(&installation, "usage.again"), sent);
    assert_eq!(content(&installation, "crm.again"), content(&installation, "crm.accounts"));

    // A copy comes by another partition than what it repeats.
    let mut places: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    sent.iter().for_each(|(at, all)| all.iter().for_each(|(.., json)| places.entry(json).or_default().push(*at)));
    let twice: Vec<_> = places.values().filter(|at| at.len() > 1).collect();
    assert_eq!(summary(truth.path())["sent"]["copies"], twice.len());
    assert!(twice.len() > 300 && twice.iter().all(|at| at.len() == 2 && at[0] != at[1]), "{twice:?}");

    let changes: usize =
        lines(truth.path(), "accounts.jsonl").iter().map(|line| line["changes"].as_array().unwrap().len()).sum();
    assert_eq!(content(&installation, "crm.accounts").values().map(Vec::len).sum::<usize>(), changes);

    installation.wait_settled(&[USAGE, "crm.accounts"]);
    let days = lines(truth.path(), "days.jsonl");
    assert_eq!((days.len(), &days[0]["day"]), (40, &json!("2026-01-01")));
    for day in days {
        let told = installation.query(day["day"].as_str().unwrap()).values;
        let number = |value: &Value| value.as_i64().unwrap_or(0);
        let mut expected = BTreeMap::from([
            ("edits 1d".to_owned(), number(&day["by_event"]["document_edited"])),
            ("seconds 1d".to_owned(), number(&day["sums"]["seconds"])),
        ]);
        for (metric, of) in [
            ("users", &day["users"]),
            ("accounts", &day["accounts"]),
            ("assistant", &day["launched"]["assistant_asked"]),
        ] {
            expected.extend(["1d", "7d", "28d"].map(|window| (format!("{metric} {window}"), number(&of[window]))));
        }
        assert_eq!(told, expected, "as of {}", day["day"]);
        let by_plan = |plan: &str| number(&day["accounts_active_by_plan"][plan]["28d"]);
        let told = by_plan_28d(&installation, day["day"].as_str().unwrap());
        assert_eq!(told, ["trial", "team", "business"].map(by_plan), "as of {}", day["day"]);
    }
}

/// How many accounts of each plan the pipeline has counted.
fn by_plan_28d(installation: &Installation, day: &str) -> [i64; 3] {
    let asked = ["query", "accounts", "--by", "plan", "--window", "28d", "--as-of", day, "--format", "json"];
    let told: Value = serde_json::from_slice(&installation.output(&asked).stdout).unwrap();
    let values = told["values"].as_array().unwrap();
    ["trial", "team", "business"].map(|plan| {
        let of_plan = values.iter().find(|value| value["slice"] == json!(["plan", plan]));
        of_plan.and_then(|value| value["value"].as_i64()).unwrap_or(0)
    })
}

#[test]
fn load_of_now_keeps_its_number_and_ends_in_order() {
    let installation = Installation::new(CATALOGUE, json!({}));
    load(&installation, "--rate 150 --for 2s --create-topics 2");
    assert_eq!(installation.client.ends(USAGE).unwrap().iter().sum::<i64>(), 300);

    let truth = tempfile::tempdir().unwrap();
    let arguments = ["load", "--rate", "500", "--usage-topic", "endless", "--create-topics", "2", "--truth"];
    let mut command = installation.command(&arguments);
    command.arg(truth.path());
    let process = Process::spawn("nsm load", command);
    let sent = || installation.client.ends("endless").map_or(0, |ends| ends.iter().sum::<i64>());
    wait_until(DEADLINE, "some hundred events", || sent() > 300);
    process.terminate();
    assert!(process.wait(DEADLINE).success(), "{}", process.log());
    let summary = summary(truth.path());
    assert_eq!(
        (&summary["sent"]["usage_records"], &summary["asked"]["was_interrupted"]),
        (&json!(sent()), &json!(true))
    );
}

#[test]
fn load_says_what_it_cannot_do() {
    let mapped = CATALOGUE.replace("clock: event", "clock: event, fields: { event: name }");
    let installation = Installation::new(&mapped, json!({}));
    for (arguments, why) in [
        (&["load", "--events", "5"][..], "no source of the catalogue has events in the native form"),
        (&["load", "--events", "5", "--usage-topic", "nowhere"], "there is no topic `nowhere`"),
    ] {
        let output = installation.output(arguments);
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && log.contains(why), "{log}");
    }
}
