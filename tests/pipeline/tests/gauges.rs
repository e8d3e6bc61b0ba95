//! What Prometheus has of the gauges is what the state says, or nothing.

// A helper that fails fails the test.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use pipeline::{DEADLINE, Event, Installation, Music, Scrape};
use serde_json::{Value, json};
use services::{Prometheus, wait_until};

/// `exporter.stale_after` of the installations here, and what a busy machine may take on top of it.
const STALE_AFTER: Duration = Duration::from_secs(3);
const SLACK: Duration = Duration::from_secs(3);
const SCRAPE_INTERVAL: &str = "500ms";

/// An installation with the whole log in its topic.
fn installation(music: &Music, redis: &[&str]) -> Installation {
    let installation = Installation::with_redis(&music.catalogue(), json!({}), redis);
    installation.kafka.create_topic(Music::TOPIC, 2, &[]);
    installation.client.send(Music::TOPIC, Music::spread(&music.played, 2, 7));
    installation
}

/// What the gauges have to be, by name and labels, as `nsm query` has it.
fn expected(installation: &Installation) -> BTreeMap<String, f64> {
    let today = installation.try_query(None).unwrap();
    assert_eq!((today.as_of.as_str(), today.complete), ("2018-11-30", false));
    let yesterday = installation.query("2018-11-29");
    assert!(yesterday.complete);
    let gauges = [today, yesterday].into_iter().flat_map(|answer| {
        answer.values.into_iter().map(move |(name, value)| {
            let (metric, window) = name.split_once(' ').unwrap();
            let complete = answer.complete;
            let value: f64 = value.to_string().parse().unwrap();
            (format!("nsm_{metric}{{window=\"{window}\",complete=\"{complete}\"}}"), value)
        })
    });
    gauges.collect()
}

/// The gauges that Prometheus has now, written as the program writes them.
fn in_prometheus(prometheus: &Prometheus) -> BTreeMap<String, f64> {
    let samples = prometheus.query(r#"{__name__=~"nsm_.*"}"#);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let sample = |sample: &Value| {
        let labels = &sample["metric"];
        let (name, window, complete) = (&labels["__name__"], &labels["window"], &labels["complete"]);
        let name = format!("{}{{window=\"{}\",complete=\"{}\"}}", text(name), text(window), text(complete));
        (name, text(&sample["value"][1]).parse().unwrap())
    };
    samples.as_array().unwrap().iter().map(sample).collect()
}

/// True when no gauge is shown; fails when one is shown that is not right.
fn are_absent(scrape: &Scrape, right: &BTreeMap<String, f64>) -> bool {
    let gauges = scrape.gauges();
    assert!(gauges.is_empty() || gauges == *right, "never a wrong value: {gauges:?}");
    gauges.is_empty()
}

#[test]
fn prometheus_shows_what_the_state_says_and_nothing_while_the_store_is_away() {
    let music = Music::load("UTC");
    let installation = installation(&music, &["--appendonly", "yes"]);
    let nsm = installation.run("all", &[]);
    nsm.wait_ready();
    installation.wait_settled(&[Music::TOPIC]);
    let right = expected(&installation);
    assert_eq!(right.len(), 12);
    assert_eq!(right[r#"nsm_listeners{window="28d",complete="false"}"#], 95.0);

    nsm.wait_scrape(DEADLINE, "the gauges of the whole log", |scrape| scrape.gauges() == right);
    let prometheus = Prometheus::start(&[&nsm.address()], SCRAPE_INTERVAL);
    wait_until(DEADLINE, "the gauges in Prometheus", || in_prometheus(&prometheus) == right);
    assert_eq!(nsm.scrape().withheld(), Vec::<&str>::new());

    installation.redis.kill();
    nsm.wait_scrape(STALE_AFTER + SLACK, "no gauges without a store", |scrape| are_absent(scrape, &right));
    nsm.wait_scrape(DEADLINE, "the reason", |scrape| scrape.withheld() == ["store"]);
    wait_until(DEADLINE, "no gauges in Prometheus", || {
        prometheus.value("absent(nsm_listeners)") == Some(1.0) && in_prometheus(&prometheus).is_empty()
    });
    let reason = r#"northstar_gauges_withheld{reason="store"}"#;
    wait_until(DEADLINE, "the reason in Prometheus", || prometheus.value(reason) == Some(1.0));
    assert_eq!(prometheus.value("up"), Some(1.0), "the process is up, and says why it shows nothing");

    installation.redis.restart();
    nsm.wait_scrape(DEADLINE, "the gauges after the store is back", |scrape| !are_absent(scrape, &right));
    wait_until(DEADLINE, "the gauges in Prometheus again", || in_prometheus(&prometheus) == right);
    assert_eq!(prometheus.value("absent(nsm_listeners)"), None);
    wait_until(DEADLINE, "no reason in Prometheus", || prometheus.value(reason) == Some(0.0));
    music.check_every_day(&installation);
}

#[test]
fn emptied_store_is_replayed_and_shows_nothing_until_then() {
    let music = Music::load("UTC");
    let installation = installation(&music, &[]);
    let (_ingest, exporter) = (installation.run("ingest", &["ingest"]), installation.run("exporter", &["exporter"]));
    let window = installation.run("window", &["window"]);
    installation.wait_settled(&[Music::TOPIC]);
    let right = expected(&installation);
    exporter.wait_scrape(DEADLINE, "the gauges", |scrape| scrape.gauges() == right);

    // While window stands still it cannot repair the store before the exporter has seen it.
    window.pause();
    let mut redis = redis::Client::open(installation.redis.url()).unwrap().get_connection().unwrap();
    redis::cmd("FLUSHALL").exec(&mut redis).unwrap();
    exporter.wait_scrape(STALE_AFTER + SLACK, "no gauges", |scrape| are_absent(scrape, &right));
    exporter.wait_scrape(DEADLINE, "the reason", |scrape| scrape.withheld() == ["absent"]);
    window.resume();

    exporter.wait_scrape(DEADLINE, "the same gauges by replay", |scrape| !are_absent(scrape, &right));
    let claims = window.scrape().sum("northstar_window_claims_total");
    assert!(claims >= 1.0, "shards are begun anew, and counted");
    assert!(window.scrape().sum("northstar_window_replayed_offsets_total") >= 1.0, "so is what is replayed");
    music.check_every_day(&installation);
}

fn lag(scrape: &Scrape, topic: &str, partition: i32) -> f64 {
    let name = format!("northstar_gauges_lag_records{{partition=\"{partition}\",topic=\"{topic}\"}}");
    scrape.get(&name).unwrap_or(0.0)
}

#[test]
fn gauges_of_a_pipeline_that_stands_still_are_absent() {
    let music = Music::load("UTC");
    let installation = installation(&music, &[]);
    let exporter = installation.run("exporter", &["exporter"]);
    let (ingest, _window) = (installation.run("ingest", &["ingest"]), installation.run("window", &["window"]));
    installation.wait_settled(&[Music::TOPIC]);
    let right = expected(&installation);
    exporter.wait_scrape(DEADLINE, "the gauges", |scrape| scrape.gauges() == right);

    ingest.kill();
    exporter.wait_scrape(STALE_AFTER + SLACK, "no gauges without packs", |scrape| are_absent(scrape, &right));
    exporter.wait_scrape(DEADLINE, "the reason", |scrape| scrape.withheld() == ["stale"]);
    installation.client.send(Music::TOPIC, Music::spread(&music.played[..100], 2, 8));
    exporter.wait_scrape(DEADLINE, "the lag, though nobody reads", |scrape| {
        (0..2).map(|id| lag(scrape, Music::TOPIC, id)).sum::<f64>() == 100.0
    });
    let _ingest = installation.run("ingest", &["ingest"]);
    exporter.wait_scrape(DEADLINE, "the gauges again", |scrape| !are_absent(scrape, &right));
}

#[test]
fn store_that_evicts_keys_is_refused() {
    let music = Music::load("UTC");
    let installation = installation(&music, &["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    let (status, log) = installation.run("all", &[]).end(DEADLINE);
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("maxmemory-policy") && log.contains("noeviction"), "{log}");
}

/// As after a fail-over to a replica that had not got everything.
#[test]
fn store_that_went_back_shows_nothing_until_it_has_caught_up() {
    let music = Music::load("UTC");
    let installation = Installation::new(&music.catalogue(), json!({}));
    installation.kafka.create_topic(Music::TOPIC, 2, &[]);
    let (first, second) = music.played.split_at(music.played.len() / 2);
    let (_ingest, exporter) = (installation.run("ingest", &["ingest"]), installation.run("exporter", &["exporter"]));
    let window = installation.run("window", &["window"]);
    installation.client.send(Music::TOPIC, Music::spread(first, 2, 7));
    installation.wait_settled(&[Music::TOPIC]);
    let mut redis = redis::Client::open(installation.redis.url()).unwrap().get_connection().unwrap();
    redis::cmd("SAVE").exec(&mut redis).unwrap();
    installation.client.send(Music::TOPIC, Music::spread(second, 2, 7));
    installation.wait_settled(&[Music::TOPIC]);
    let right = expected(&installation);
    exporter.wait_scrape(DEADLINE, "the gauges of the whole log", |scrape| scrape.gauges() == right);

    window.pause();
    installation.redis.kill();
    installation.redis.restart();
    let half: i64 = installation.query("2018-11-30").values["listeners 28d"];
    assert!(half < 95, "the store is older than it was: {half}");
    exporter.wait_scrape(DEADLINE, "the reason", |scrape| scrape.withheld() == ["went_back"]);
    assert!(are_absent(&exporter.scrape(), &right));
    window.resume();
    exporter.wait_scrape(DEADLINE, "the same gauges by replay", |scrape| !are_absent(scrape, &right));
    music.check_every_day(&installation);
}

/// A partition is found idle also while another one always has something to write. Its clock goes on then, and shard time,
/// which waits for the slowest, with it.
#[test]
fn a_quiet_partition_beside_a_busy_one_does_not_hold_the_gauges_back() {
    let settings = json!({ "ingest": { "idle_margin": "1s" } });
    let catalogue = Music::load("UTC").catalogue().replace("    clock: event\n", "");
    let installation = Installation::new(&catalogue, settings);
    // Log time is the broker's, whatever the records say.
    installation.kafka.create_topic(Music::TOPIC, 2, &[("message.timestamp.type", "LogAppendTime")]);
    let send = |partition| {
        let payload = Some(&b"a record, though no event"[..]);
        installation.client.send(Music::TOPIC, [Event { partition, key: "", payload, timestamp: 0 }]);
    };
    send(1);
    let nsm = installation.run("all", &[]);
    let mut first = None;
    nsm.wait_scrape(DEADLINE, "shard time to go on", |scrape| {
        send(0);
        let as_of = scrape.get("northstar_gauges_as_of_timestamp_seconds");
        as_of.is_some_and(|as_of| as_of > *first.get_or_insert(as_of) + 3.0)
    });
}
