//! Several processes share the work, and outages are sat out.

// A helper that fails fails the test.
#![allow(clippy::unwrap_used)]

use pipeline::{DEADLINE, Installation, Music, Nsm, Played};
use serde_json::{Value, json};
use services::wait_until;

const PARTITIONS: i32 = 12;
const SEED: u64 = 9;

fn installation(music: &Music, settings: Value) -> Installation {
    let installation = Installation::new(&music.catalogue(), settings);
    installation.kafka.create_topic(Music::TOPIC, PARTITIONS, &[]);
    installation
}

fn send(installation: &Installation, played: &[Played]) {
    installation.client.send(Music::TOPIC, Music::spread(played, PARTITIONS, SEED));
}

/// Records taken and batches committed so far.
fn work_of(nsm: &Nsm) -> (f64, f64) {
    let scrape = nsm.scrape();
    (scrape.sum("northstar_ingest_events_total"), scrape.sum("northstar_window_commits_total"))
}

#[test]
fn older_of_two_processes_of_one_name_ends() {
    let music = Music::load("UTC");
    let installation = installation(&music, json!({}));
    let (first, second) = music.played.split_at(4_000);
    let older = installation.run("twin", &[]);
    send(&installation, first);
    older.wait_ready();
    installation.wait_settled(&[Music::TOPIC]);

    let newer = installation.run("twin", &[]);
    let (status, log) = older.end(DEADLINE);
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(
        log.contains("another process took over the instance `twin`: give each process its own `instance`"),
        "{log}"
    );

    send(&installation, second);
    installation.wait_settled(&[Music::TOPIC]);
    assert!(newer.is_running(), "{}", newer.log());
    music.check_every_day(&installation);
}

#[test]
fn work_is_shared_with_who_joins_and_taken_over_from_who_is_lost() {
    let music = Music::load("UTC");
    let installation = installation(&music, json!({ "kafka": { "session_timeout": "3s" } }));
    let played = music.shuffled(SEED);
    let parts: Vec<&[Played]> = played.chunks(played.len().div_ceil(3)).collect();
    let first = installation.run("first", &["ingest", "window"]);
    send(&installation, parts[0]);
    installation.wait_settled(&[Music::TOPIC]);

    let second = installation.run("second", &["ingest", "window"]);
    wait_until(DEADLINE, "the second process to take over a part", || {
        second.log().contains("took a partition over") && work_of(&second).1 > 0.0
    });
    let before = (work_of(&first), work_of(&second));
    send(&installation, parts[1]);
    installation.wait_settled(&[Music::TOPIC]);
    let after = (work_of(&first), work_of(&second));
    for (before, after) in [(before.0, after.0), (before.1, after.1)] {
        assert!(after.0 > before.0, "both read: {before:?}, {after:?}");
        assert!(after.1 > before.1, "both commit: {before:?}, {after:?}");
    }

    second.kill();
    send(&installation, parts[2]);
    installation.wait_settled(&[Music::TOPIC]);
    music.check_every_day(&installation);
}

#[test]
fn broker_that_crashes_midway_is_waited_for() {
    let music = Music::load("UTC");
    let settings = json!({
        "kafka": { "properties": { "fetch.message.max.bytes": "16384", "queued.min.messages": "1" } },
    });
    let installation = installation(&music, settings);
    let (ingest, window) = (installation.run("ingest", &["ingest"]), installation.run("window", &["window"]));
    let played = music.shuffled(SEED);
    let (first, second) = played.split_at(7_000);
    send(&installation, first);
    let mut covered = None;
    wait_until(DEADLINE, "the first of it", || {
        covered = installation.client.covered(Music::TOPIC);
        covered > Some(0)
    });
    assert!(covered < Some(7_000), "it is killed midway: {covered:?}");
    installation.kafka.kill();
    installation.kafka.restart();

    send(&installation, second);
    installation.wait_settled(&[Music::TOPIC]);
    music.check_every_day(&installation);
    assert!(ingest.is_running() && window.is_running(), "nobody had to start them again");
}

#[test]
fn source_topic_that_is_made_again_is_read_from_its_beginning() {
    let music = Music::load("UTC");
    let installation = installation(&music, json!({}));
    let played = music.shuffled(SEED);
    let (first, second) = played.split_at(3_000);
    let nsm = installation.run("only", &[]);
    send(&installation, first);
    installation.wait_settled(&[Music::TOPIC]);

    installation.kafka.delete_topic(Music::TOPIC);
    installation.kafka.create_topic(Music::TOPIC, PARTITIONS, &[]);
    send(&installation, second);
    wait_until(DEADLINE, "the new topic to be taken over", || nsm.log().contains("jump=ReplacedTopic"));
    installation.wait_settled(&[Music::TOPIC]);
    music.check_every_day(&installation);
    assert!(nsm.is_running(), "{}", nsm.log());
}
