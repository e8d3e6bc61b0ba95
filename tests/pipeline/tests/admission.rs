//! Values that no catalogue declares are admitted up to a limit, the same by all processes and for ever.

// A helper that fails fails the test.
#![allow(clippy::unwrap_used)]

use pipeline::{DEADLINE, Event, Installation, Isolation, Nsm};
use serde_json::{Value, json};
use services::wait_until;
use std::collections::BTreeMap;

const CATALOGUE: &str = "
version: 1
product: test
sources:
  usage: { topic: usage, clock: event, lateness: { day: 3d } }
  crm: { topic: accounts, attributes_of: account }
entities:
  account: { key: account_id }
  user: { key: user_id }
dimensions:
  surface: { from: properties.surface, values: [web], limit: 6 }
  industry: { of: account, limit: 2 }
metrics:
  users:
    type: simple
    measure: { agg: count_distinct, entity: user, events: any }
    windows: [7d]
    by: surface
  uses: { type: simple, measure: { agg: count, events: any }, windows: [7d], by: surface }
  accounts:
    type: simple
    measure: { agg: count_distinct, entity: account, events: any }
    windows: [7d]
    by: industry
";
const PARTITIONS: i32 = 6;
/// Five of them are admitted beside `web`; two of the rest are none that could be.
const SURFACES: [&str; 14] = ["web", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "", "a\u{7}b"];
const LIMIT: usize = 6;
const DAY: &str = "2020-06-20";
const STAMP: i64 = 1_592_654_400_000;

fn partition_of(number: usize) -> usize {
    number % usize::try_from(PARTITIONS).unwrap()
}

/// All surfaces turn up in all partitions, in another order in each.
fn surface_of(number: usize) -> &'static str {
    let (turn, partition) = (number / usize::try_from(PARTITIONS).unwrap(), partition_of(number));
    SURFACES[(turn * (partition + 1) + partition * 5) % SURFACES.len()]
}

/// Events of users, numbered from `first` on, each on a surface.
fn send(installation: &Installation, first: usize, count: usize) {
    let event = |number: usize| {
        let event = json!({
            "event": "use", "event_id": number, "user_id": format!("u-{number}"), "account_id": format!("a-{}", number % 8),
            "timestamp": format!("{DAY}T12:00:00Z"), "properties": { "surface": surface_of(number) },
        });
        (i32::try_from(partition_of(number)).unwrap(), event.to_string())
    };
    let events: Vec<(i32, String)> = (first..first + count).map(event).collect();
    let records = events.iter().map(|(partition, payload)| Event {
        partition: *partition,
        key: "",
        payload: Some(payload.as_bytes()),
        timestamp: STAMP,
    });
    installation.client.send("usage", records);
}

fn tell_industries(installation: &Installation) {
    let industries = ["software", "finance", "health"];
    for account in 0..8usize {
        let record = json!({
            "account_id": format!("a-{account}"), "timestamp": format!("{DAY}T11:00:00Z"),
            "attributes": { "industry": industries[account % 3] },
        });
        let (key, payload) = (format!("a-{account}"), record.to_string());
        let (partition, payload) = (i32::try_from(account).unwrap() % PARTITIONS, Some(payload.as_bytes()));
        installation.client.send("accounts", [Event { partition, key: &key, payload, timestamp: STAMP }]);
    }
}

/// The values of a metric's slices, and of the metric itself.
fn slices(installation: &Installation, metric: &str, by: &str) -> (BTreeMap<String, i64>, i64) {
    let query = |more: &[&str]| {
        let arguments = [&["query", metric, "--as-of", DAY, "--format", "json"], more].concat();
        let output = installation.output(&arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["values"].as_array().unwrap().clone()
    };
    let slice = |of: &Value| (of["slice"][1].as_str().unwrap().to_owned(), of["value"].as_i64().unwrap());
    let slices = query(&["--by", by]).iter().map(slice).collect();
    (slices, query(&[])[0]["value"].as_i64().unwrap())
}

/// What every process has to agree on: the slices by surface, whose values have to be exactly as many as the limit says.
fn check(installation: &Installation, sent: usize) -> BTreeMap<String, i64> {
    let (uses, total) = slices(installation, "uses", "surface");
    let (users, users_total) = slices(installation, "users", "surface");
    assert_eq!((total, users_total), (i64::try_from(sent).unwrap(), i64::try_from(sent).unwrap()));
    assert_eq!(uses.values().sum::<i64>(), total, "{uses:?}");
    assert_eq!(uses, users, "every user has one event");
    let named: Vec<&String> = uses.keys().filter(|name| !name.starts_with("__")).collect();
    assert_eq!(named.len(), LIMIT, "{named:?}");
    // Of each surface as many as were sent, or none by its name.
    let mut expected: BTreeMap<String, i64> = named.iter().map(|name| ((*name).clone(), 0)).collect();
    expected.extend([("__none__".to_owned(), 0), ("__other__".to_owned(), 0)]);
    for number in 0..sent {
        let surface = surface_of(number);
        let name = if expected.contains_key(surface) { surface } else { "__other__" };
        *expected.get_mut(name).unwrap() += 1;
    }
    assert_eq!(uses, expected);
    uses
}

fn proposals(installation: &Installation) -> usize {
    let mut count = 0;
    installation.client.read("nsm.admitted", Isolation::Committed, |_| count += 1);
    count
}

fn installation() -> Installation {
    let settings = json!({
        "kafka": { "session_timeout": "3s", "properties": { "fetch.message.max.bytes": "4096", "queued.min.messages": "1" } },
        "ingest": { "transact": "1ms" },
        "shards": 4,
    });
    let installation = Installation::new(CATALOGUE, settings);
    installation.kafka.create_topic("usage", PARTITIONS, &[]);
    installation.kafka.create_topic("accounts", PARTITIONS, &[("cleanup.policy", "compact")]);
    installation
}

fn both(installation: &Installation) -> [Nsm; 2] {
    ["one", "two"].map(|name| installation.run(name, &["ingest"]))
}

#[test]
fn two_processes_admit_the_same_values_through_kills_and_outages() {
    let installation = installation();
    tell_industries(&installation);
    send(&installation, 0, 600);
    let [one, two] = both(&installation);
    let window = installation.run("window", &["window"]);
    wait_until(DEADLINE, "some of it", || installation.client.covered("usage") > Some(0));
    one.kill();
    installation.kafka.kill();
    installation.kafka.restart();
    let one = installation.run("one", &["ingest"]);
    send(&installation, 600, 600);
    installation.wait_settled(&["usage", "accounts"]);
    let before = check(&installation, 1_200);
    let (industries, accounts) = slices(&installation, "accounts", "industry");
    assert_eq!((industries.len(), industries.values().sum::<i64>(), accounts), (4, 8, 8), "{industries:?}");
    assert_eq!(industries["__none__"], 0);
    let made = proposals(&installation);

    // Started again they know the same, and ask for nothing any more.
    one.kill();
    two.kill();
    let _both = both(&installation);
    send(&installation, 1_200, 300);
    installation.wait_settled(&["usage"]);
    let after = check(&installation, 1_500);
    assert!(before.keys().eq(after.keys()));
    assert_eq!(proposals(&installation), made);

    // So does a state that is rebuilt.
    window.kill();
    let mut redis = redis::Client::open(installation.redis.url()).unwrap().get_connection().unwrap();
    redis::cmd("FLUSHALL").exec(&mut redis).unwrap();
    let _window = installation.run("window", &["window", "exporter"]);
    installation.wait_settled(&["usage"]);
    assert_eq!(check(&installation, 1_500), after);
    let table = installation.output(&["accounts", "accounts", "--segment", "industry=software", "--format", "csv"]);
    let told = String::from_utf8_lossy(&table.stdout).into_owned();
    let software = industries.get("software").map_or(0, |count| usize::try_from(*count).unwrap());
    assert_eq!(told.lines().count(), if software > 0 { 1 + software } else { 0 }, "{told}");
}

#[test]
fn a_topic_of_proposals_that_is_made_again_stops_ingest_before_it_gives_out_other_numbers() {
    let installation = installation();
    send(&installation, 0, 120);
    let nsm = installation.run("only", &[]);
    installation.wait_settled(&["usage"]);
    let before = check(&installation, 120);
    nsm.stop(DEADLINE);
    installation.kafka.delete_topic("nsm.admitted");
    send(&installation, 120, 60);
    let (status, log) = installation.run("only", &["ingest"]).end(DEADLINE);
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("the topic of admitted values was made again") && log.contains("a new `group`"), "{log}");
    assert_eq!(slices(&installation, "uses", "surface").0, before);
}
