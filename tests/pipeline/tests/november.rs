//! The November log gives the same counts, on every day, whatever way it takes through the pipeline.

// A helper that fails fails the test.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use pipeline::{Installation, Music};
use serde_json::json;

const SEED: u64 = 20_181_130;

fn installation(music: &Music, partitions: i32) -> Installation {
    let installation = Installation::new(&music.catalogue(), json!({}));
    installation.kafka.create_topic(Music::TOPIC, partitions, &[]);
    installation
}

#[test]
fn log_in_file_order_is_counted_as_the_oracle_counts() {
    let music = Music::load("UTC");
    let last = [
        ("listeners 1d", 22),
        ("listeners 7d", 70),
        ("listeners 28d", 95),
        ("paid_listeners 1d", 8),
        ("paid_listeners 7d", 17),
        ("paid_listeners 28d", 22),
    ];
    let last: BTreeMap<String, i64> = last.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    assert_eq!(music.counts["2018-11-30"], last, "the oracle itself");

    let installation = installation(&music, 1);
    let _nsm = installation.run("all", &[]);
    let lines: Vec<&str> = music.played.iter().map(|played| played.line.as_str()).collect();
    let file = installation.write("music.jsonl", &lines.join("\n"));
    let produced =
        installation.output(&["produce", file.to_str().unwrap(), "--timestamps", "event", "--key", "userId"]);
    assert!(produced.status.success(), "{}", String::from_utf8_lossy(&produced.stderr));

    installation.wait_settled(&[Music::TOPIC]);
    assert_eq!(installation.client.ends(Music::TOPIC), Some(vec![8_056]));
    music.check_every_day(&installation);
    assert!(!installation.query("2018-11-30").complete);
    assert!(installation.query("2018-11-29").complete);
}

#[test]
fn order_and_partitions_do_not_matter() {
    let music = Music::load("UTC");
    let installation = installation(&music, 12);
    let _nsm = installation.run("all", &[]);
    installation.client.send(Music::TOPIC, Music::spread(&music.shuffled(SEED), 12, SEED));
    installation.wait_settled(&[Music::TOPIC]);
    music.check_every_day(&installation);
}

#[test]
fn duplicates_do_not_count() {
    let music = Music::load("UTC");
    let installation = installation(&music, 12);
    let _nsm = installation.run("all", &[]);
    for seed in [SEED + 1, SEED + 2] {
        installation.client.send(Music::TOPIC, Music::spread(&music.shuffled(seed), 12, seed));
    }
    installation.wait_settled(&[Music::TOPIC]);
    music.check_every_day(&installation);
}

#[test]
fn days_are_those_of_the_reporting_zone() {
    let music = Music::load("America/Los_Angeles");
    assert_ne!(music.counts, Music::load("UTC").counts, "the log can tell the zones apart");
    let installation = installation(&music, 3);
    let _nsm = installation.run("all", &[]);
    installation.client.send(Music::TOPIC, Music::spread(&music.shuffled(SEED), 3, SEED));
    installation.wait_settled(&[Music::TOPIC]);
    music.check_every_day(&installation);
}

#[test]
fn sliding_windows_are_counted_as_the_oracle_counts() {
    const MINUTE: i64 = 60_000;
    let music = Music::load("UTC");
    let installation = Installation::new(&music.sliding_catalogue(), json!({}));
    installation.kafka.create_topic(Music::TOPIC, 4, &[]);
    let _nsm = installation.run("all", &[]);
    installation.client.send(Music::TOPIC, Music::spread(&music.shuffled(SEED), 4, SEED));
    installation.wait_settled(&[Music::TOPIC]);

    let end = music.played.iter().map(|played| played.timestamp).max().unwrap();
    let recent = (0..30).map(|back| end - back * 37 * MINUTE);
    let older = (1..28).map(|back| end - back * 25 * 60 * MINUTE);
    let times: Vec<i64> = recent.chain(older).collect();
    let expected = music.sliding(&times);
    for time in times {
        let as_of = jiff::Timestamp::from_millisecond(time).unwrap().to_string();
        let mut told = installation.query(&as_of).values;
        told.retain(|name, _| !name.ends_with('d'));
        assert_eq!(told, expected[&time], "as of {as_of}");
    }
}
