//! Slices by attributes that come by a compacted topic of their own, and by events that say their value.

// A helper that fails fails the test.
#![allow(clippy::unwrap_used)]

use pipeline::{DEADLINE, Event, Installation, Pages};
use serde_json::{Value, json};

const CATALOGUE: &str = "
version: 1
product: crm
sources:
  usage: { topic: usage, clock: event, lateness: { day: 3d } }
  crm: { topic: accounts, attributes_of: account }
entities:
  account: { key: account_id }
  account_user: { key: [account_id, user_id], shard_by: account_id }
dimensions:
  plan: { of: account, values: [trial, team] }
  tier: { of: account, from: plan, values: [trial, team], as_of: current }
  surface: { from: properties.surface, values: [web] }
metrics:
  accounts:
    type: simple
    measure: { agg: count_distinct, entity: account, events: any }
    windows: [1d, 7d]
    by: [plan, tier]
  users:
    type: simple
    measure: { agg: count_distinct, entity: account_user, events: any }
    windows: [7d]
    by: [plan, surface]
  opens: { type: simple, measure: { agg: count, events: [open] }, windows: [7d], by: [plan, surface] }
  minutes: { type: simple, measure: { agg: sum, value: properties.minutes, events: [open] }, windows: [7d], by: [tier] }
";
const STAMP: i64 = 1_592_208_000_000;
const PARTITIONS: i32 = 3;
const NAMES: [&str; 4] = ["__none__", "trial", "team", "__other__"];

fn send(installation: &Installation, topic: &str, records: &[(String, Option<Value>)]) {
    let payloads: Vec<_> =
        records.iter().map(|(_, record)| record.as_ref().map(|record| record.to_string().into_bytes())).collect();
    let event = |(number, ((key, _), payload)): (i32, (&'_ (String, _), &'_ Option<Vec<u8>>))| {
        (number, key.clone(), payload.clone())
    };
    let events: Vec<_> = (0..).zip(records.iter().zip(&payloads)).map(event).collect();
    installation.client.send(
        topic,
        events.iter().map(|(number, key, payload)| Event {
            partition: number % PARTITIONS,
            key,
            payload: payload.as_deref(),
            timestamp: STAMP,
        }),
    );
    installation.wait_settled(&["usage", "accounts"]);
}

/// Twelve accounts, of one to three users each, were active on a day.
fn active(day: u32) -> Vec<(String, Option<Value>)> {
    let event = |(account, user): (u32, u32)| {
        let surface = ["web", "app", "web"][usize::try_from(user).unwrap()];
        let record = json!({
            "event_id": format!("{day}-{account}-{user}"), "event": "open", "account_id": format!("a-{account}"), "user_id": format!("u-{user}"),
            "timestamp": format!("2020-06-{day:02}T12:00:00Z"), "properties": { "surface": surface, "minutes": account },
        });
        (String::new(), Some(record))
    };
    (0..12).flat_map(|account| (0..=account % 3).map(move |user| (account, user))).map(event).collect()
}

/// From a day on an account has a plan.
fn tells(account: u32, day: u32, plan: Value) -> (String, Option<Value>) {
    let time = format!("2020-06-{day:02}T12:00:00Z");
    let record = json!({ "account_id": format!("a-{account}"), "timestamp": time, "attributes": { "plan": plan } });
    (format!("a-{account}"), Some(record))
}

/// The values of a metric's slices as of a day.
fn slices(installation: &Installation, metric: &str, by: &str, day: u32) -> Vec<(String, i64)> {
    let day = format!("2020-06-{day:02}");
    let output =
        installation.output(&["query", metric, "--by", by, "--window", "7d", "--as-of", &day, "--format", "json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let slice = |value: &Value| {
        assert_eq!(value["slice"][0], by);
        (value["slice"][1].as_str().unwrap().to_owned(), value["value"].as_i64().unwrap())
    };
    answer["values"].as_array().unwrap().iter().map(slice).collect()
}

fn named(counts: [i64; 4]) -> Vec<(String, i64)> {
    NAMES.iter().zip(counts).map(|(name, count)| ((*name).to_owned(), count)).collect()
}

#[test]
fn slices_follow_attributes_however_late_they_are_told_and_a_store_that_forgets() {
    let installation = Installation::new(CATALOGUE, json!({}));
    installation.kafka.create_topic("usage", PARTITIONS, &[]);
    installation.kafka.create_topic("accounts", PARTITIONS, &[("cleanup.policy", "compact")]);
    let (_ingest, exporter) = (installation.run("ingest", &["ingest"]), installation.run("exporter", &["exporter"]));
    let window = installation.run("window", &["window"]);
    // Accounts 0 to 3 are on trial from the 1st on; 0 and 1 are a team from the 10th on, and 2 something else.
    let trial = (0..4).map(|account| tells(account, 1, json!("trial")));
    let later = [tells(0, 10, json!("team")), tells(1, 10, json!("team")), tells(2, 10, json!("family"))];
    send(&installation, "usage", &active(9));
    send(&installation, "accounts", &later);
    send(&installation, "usage", &active(10));
    send(&installation, "accounts", &trial.collect::<Vec<_>>());
    let users = |accounts: &[u32]| accounts.iter().map(|account| i64::from(account % 3 + 1)).sum::<i64>();
    let rest = users(&(4..12).collect::<Vec<_>>());
    assert_eq!(slices(&installation, "accounts", "plan", 9), named([8, 4, 0, 0]));
    assert_eq!(slices(&installation, "accounts", "plan", 10), named([8, 1, 2, 1]));
    assert_eq!(slices(&installation, "accounts", "tier", 9), named([8, 1, 2, 1]));
    assert_eq!(slices(&installation, "users", "plan", 9), named([rest, users(&[0, 1, 2, 3]), 0, 0]));
    assert_eq!(slices(&installation, "users", "plan", 10), named([rest, users(&[3]), users(&[0, 1]), users(&[2])]));
    // All events count, and each once though it comes again by another partition.
    send(&installation, "usage", &active(10)[1..]);
    let twice = |accounts: &[u32]| 2 * users(accounts);
    let rest_twice = 2 * rest;
    assert_eq!(slices(&installation, "opens", "plan", 9), named([rest, users(&[0, 1, 2, 3]), 0, 0]));
    assert_eq!(
        slices(&installation, "opens", "plan", 10),
        named([rest_twice, twice(&[3]), twice(&[0, 1]), twice(&[2])])
    );
    let minutes = (4..12).map(|account| i64::from(account * (account % 3 + 1))).sum::<i64>();
    assert_eq!(slices(&installation, "minutes", "tier", 9), named([minutes, 3, 2, 6]));
    // The second user of an account is on another surface.
    let surface = slices(&installation, "users", "surface", 10);
    assert_eq!(surface, [("__none__".into(), 0), ("web".into(), 16), ("__other__".into(), 8)]);

    let page = |parameters: &str| {
        let port = exporter.address().rsplit(':').next().unwrap().parse().unwrap();
        let (status, text) = Pages::at(port).get(&format!("lists/accounts?{parameters}")).unwrap();
        assert_eq!(status, 200, "{text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        let id = |row: &Value| row["id"]["account_id"].as_str().unwrap().to_owned();
        let next = answer["next"].as_array().map(|parts| parts[0].as_str().unwrap().to_owned());
        (answer["rows"].as_array().unwrap().iter().map(id).collect::<Vec<_>>(), next)
    };
    let (first, next) = page("limit=7");
    let (last, end) = page(&format!("limit=7&after={}", next.unwrap()));
    assert_eq!((first.len(), last.len(), end), (7, 5, None));
    let listed = |parameters: &str| page(parameters).0;
    assert_eq!([first, last].concat(), listed(""));
    assert_eq!(listed("segment=plan%3Dteam&list=members"), ["a-0", "a-1"]);
    assert_eq!(listed("list=entered&since=2020-06-09").len(), 12);
    assert_eq!(listed("list=due-to-fall-out&within=6d"), [""; 0]);
    assert_eq!(listed("list=due-to-fall-out").len(), 12);
    let table = installation.output(&["accounts", "users", "--segment", "plan=trial", "--format", "csv"]);
    assert_eq!(
        String::from_utf8_lossy(&table.stdout),
        "account_id,user_id,plan,tier,last_active,since,until\n\
         a-3,u-0,trial,trial,2020-06-10,2020-06-09,2020-06-17\n"
    );

    window.kill();
    let mut redis = redis::Client::open(installation.redis.url()).unwrap().get_connection().unwrap();
    redis::cmd("FLUSHALL").exec(&mut redis).unwrap();
    let _window = installation.run("window", &["window"]);
    // An account's record is deleted, as of its stamp, which is the 15th; and one that never was active is told.
    send(&installation, "accounts", &[("a-0".into(), None), tells(99, 3, json!("team"))]);
    send(&installation, "usage", &active(16));
    assert_eq!(slices(&installation, "accounts", "plan", 14), named([8, 1, 2, 1]));
    assert_eq!(slices(&installation, "accounts", "plan", 16), named([9, 1, 1, 1]));
    assert_eq!(
        slices(&installation, "users", "plan", 16),
        named([rest + users(&[0]), users(&[3]), users(&[1]), users(&[2])])
    );
    assert_eq!(slices(&installation, "minutes", "tier", 9), named([minutes, 3, 2, 6]));
    exporter.wait_scrape(DEADLINE, "the same as a gauge", |scrape| {
        scrape.get(r#"nsm_users_by_plan{window="7d",complete="false",plan="__none__"}"#)
            == Some(f64::from(i32::try_from(rest + 1).unwrap()))
    });
}
