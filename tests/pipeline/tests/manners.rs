//! How processes start, stop and refuse to start.

// A helper that fails fails the test.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use pipeline::{DEADLINE, Installation, Music};
use serde_json::json;
use services::{free_port, wait_until};

/// How long an orderly stop may take.
const DRAIN: Duration = Duration::from_secs(10);
const PARTITIONS: i32 = 3;

fn installation(music: &Music) -> Installation {
    let installation = Installation::new(&music.catalogue(), json!({}));
    installation.kafka.create_topic(Music::TOPIC, PARTITIONS, &[]);
    installation
}

#[test]
fn stop_in_order_takes_seconds_and_loses_nothing() {
    let music = Music::load("UTC");
    let installation = installation(&music);
    let played = music.shuffled(5);
    for part in played.chunks(played.len().div_ceil(3)) {
        let nsm = installation.run("all", &[]);
        let before = installation.client.covered(Music::TOPIC).unwrap();
        installation.client.send(Music::TOPIC, Music::spread(part, PARTITIONS, 5));
        wait_until(DEADLINE, "the first of it", || installation.client.covered(Music::TOPIC) > Some(before));
        let (status, log) = nsm.stop(DRAIN);
        assert_eq!(status.code(), Some(0), "{log}");
        for role in ["ingest", "window", "exporter"] {
            assert!(log.contains(&format!("drained role={role}")), "{role}: {log}");
        }
    }
    let _nsm = installation.run("all", &[]);
    installation.wait_settled(&[Music::TOPIC]);
    music.check_every_day(&installation);
}

#[test]
fn stop_without_broker_or_store_is_bounded() {
    let music = Music::load("UTC");
    let installation = installation(&music);
    let nsm = installation.run("all", &[]);
    installation.client.send(Music::TOPIC, Music::spread(&music.played, PARTITIONS, 11));
    installation.wait_settled(&[Music::TOPIC]);
    // Connections stay open and answer nothing: the worst case for a stop.
    installation.kafka.pause();
    installation.redis.pause();
    let (status, log) = nsm.stop(DRAIN + Duration::from_secs(5));
    assert_eq!(status.code(), Some(1), "it ends by itself, and says that it could not drain: {log}");
    assert!(log.contains("not drained"), "{log}");
    installation.kafka.resume();
    installation.redis.resume();
    let _nsm = installation.run("all", &[]);
    installation.wait_settled(&[Music::TOPIC]);
    music.check_every_day(&installation);
}

#[test]
fn changed_catalogue_refuses_to_start_and_says_the_way_out() {
    let music = Music::load("UTC");
    let installation = installation(&music);
    let nsm = installation.run("all", &[]);
    installation.client.send(Music::TOPIC, Music::spread(&music.played, PARTITIONS, 6));
    installation.wait_settled(&[Music::TOPIC]);
    assert_eq!(nsm.stop(DRAIN).0.code(), Some(0));

    let changed = music.catalogue().replace("windows: [1d, 7d, 28d]", "windows: [1d, 7d, 14d]");
    assert_ne!(changed, music.catalogue());
    installation.write("catalogue.yaml", &changed);
    for roles in [&["ingest"][..], &["window"], &[]] {
        let (status, log) = installation.run("all", roles).end(DEADLINE);
        assert_eq!(status.code(), Some(1), "{roles:?}: {log}");
        assert!(log.contains("the catalogue changed"), "{roles:?}: {log}");
        assert!(log.contains("`group`") && log.contains("`topics.activity`"), "{roles:?}: {log}");
    }
    let refused = installation.try_query(None).unwrap_err();
    assert!(refused.contains("was made by catalogue"), "{refused}");

    installation.write("catalogue.yaml", &music.catalogue());
    let _nsm = installation.run("all", &[]);
    installation.wait_settled(&[Music::TOPIC]);
    music.check_every_day(&installation);
}

#[test]
fn wrong_settings_are_all_named_before_anything_starts() {
    let music = Music::load("UTC");
    let installation = installation(&music);
    let environment =
        [("NSM__KAFKA__BROKER", "127.0.0.1:1"), ("NSM__SHARDS", "many"), ("NSM__EXPORTER__REFRESH", "5 parsecs")];
    let (status, log) = installation.run_with("all", &[], free_port(), &environment).end(DEADLINE);
    assert_eq!(status.code(), Some(1), "{log}");
    for name in ["NSM__KAFKA__BROKER:", "did you mean `brokers`", "NSM__SHARDS:", "NSM__EXPORTER__REFRESH:"] {
        assert!(log.contains(name), "{name}: {log}");
    }

    installation.write("northstar.yaml", "ingest: { transakt: 1s }\nwindow: { batch: none }\n");
    let check = installation.output(&["check"]);
    assert_eq!(check.status.code(), Some(1));
    let text = String::from_utf8(check.stderr).unwrap();
    for name in ["no setting `ingest.transakt`", "did you mean `transact`", "northstar.yaml:2:18", "window.batch"] {
        assert!(text.contains(name), "{name}: {text}");
    }

    for arguments in [&["run", "--role", "exporte"][..], &["run", "--rolle", "ingest"], &["quary"]] {
        let output = installation.output(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        let wrong = arguments.iter().rev().find(|argument| text.contains(**argument));
        assert!(wrong.is_some(), "{arguments:?}: {text}");
    }
}

#[test]
fn configuration_is_the_file_with_the_environment_over_it() {
    let music = Music::load("UTC");
    let installation = installation(&music);
    let told = installation.kafka.bootstrap();
    // A configuration that would reach nothing, but for the environment.
    let file = json!({
        "catalogue": "catalogue.yaml",
        "kafka": { "brokers": "127.0.0.1:1" },
        "state": { "redis": { "url": "redis://127.0.0.1:1" } },
        "shards": 3,
    });
    installation.write("northstar.yaml", &file.to_string());
    let redis = installation.redis.url();
    let environment =
        [("NSM__KAFKA__BROKERS", told.as_str()), ("NSM__STATE__REDIS__URL", &redis), ("NSM__SHARDS", "5")];
    let nsm = installation.run_with("all", &[], free_port(), &environment);
    nsm.wait_ready();
    wait_until(DEADLINE, "five shards", || {
        installation.client.ends("nsm.activity").is_some_and(|ends| ends.len() == 5)
    });
}

#[test]
fn password_is_in_no_output() {
    let music = Music::load("UTC");
    let password = "hunter2-of-the-north-star";
    let installation = Installation::with_redis(&music.catalogue(), json!({}), &["--requirepass", password]);
    installation.kafka.create_topic(Music::TOPIC, 1, &[]);
    let port = installation.redis.port();
    let right = format!("redis://:{password}@127.0.0.1:{port}");
    let environment =
        |url: &str| [("NSM__STATE__REDIS__URL", url.to_owned()), ("RUST_LOG", "trace".to_owned())].map(|(k, v)| (k, v));
    let run = |url: &str| {
        let environment = environment(url);
        let environment: Vec<(&str, &str)> = environment.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let more = [("NSM__KAFKA__PROPERTIES__SASL__PASSWORD", password)];
        installation.run_with("all", &[], free_port(), &[&environment[..], &more].concat())
    };
    let clean = |what: &str, text: &str| {
        assert!(!text.is_empty(), "{what} says something");
        assert!(!text.contains(password), "{what}: {}", text.lines().find(|line| line.contains(password)).unwrap());
    };

    let nsm = run(&right);
    installation.client.send(Music::TOPIC, Music::spread(&music.played[..500], 1, 8));
    nsm.wait_ready();
    wait_until(DEADLINE, "all of it", || installation.client.covered(Music::TOPIC) == Some(500));
    for arguments in [&["query"][..], &["check"], &["query", "--format", "json"]] {
        let output = installation.command(arguments).envs(environment(&right)).output().unwrap();
        clean(arguments[0], &String::from_utf8_lossy(&[output.stdout, output.stderr].concat()));
    }
    installation.redis.kill();
    nsm.wait_scrape(DEADLINE, "the missing store", |scrape| scrape.withheld() == ["store"]);
    installation.redis.restart();
    nsm.wait_scrape(DEADLINE, "the store", |scrape| scrape.withheld() != ["store"]);
    let (status, log) = nsm.stop(DRAIN);
    assert_eq!(status.code(), Some(0));
    clean("a run", &log);

    // Where it does not fit, and where it stands in an address that cannot be read.
    let wrong = [
        format!("redis://:{password}-wrong@127.0.0.1:{port}"),
        format!("redis://:{password}@127.0.0.1:no-port"),
        format!("http://:{password}@127.0.0.1:{port}"),
        format!("redis://:{password}@127.0.0.1:1"),
    ];
    for url in &wrong {
        let output = installation.command(&["query"]).envs(environment(url)).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{url}");
        clean(url, &String::from_utf8_lossy(&[output.stdout, output.stderr].concat()));
    }
    for url in &wrong[..3] {
        let nsm = run(url);
        if url.starts_with("http") {
            clean(url, &nsm.end(DEADLINE).1);
        } else {
            wait_until(DEADLINE, "a complaint or the end", || !nsm.is_running() || nsm.log().contains("WARN"));
            clean(url, &nsm.stop(DRAIN).1);
        }
    }
}

#[test]
fn standard_input_can_be_produced_and_wrong_questions_say_what_to_ask() {
    let music = Music::load("UTC");
    let installation = installation(&music);
    let before = installation.try_query(None).unwrap_err();
    assert!(before.contains("nothing is stored of shard 0"), "{before}");
    let _nsm = installation.run("all", &[]);
    let lines: Vec<&str> = music.played.iter().map(|played| played.line.as_str()).collect();
    let produced =
        installation.output_of(&["produce", "-", "--timestamps", "event", "--key", "userId"], &lines.join("\n"));
    assert!(produced.status.success(), "{}", String::from_utf8_lossy(&produced.stderr));
    installation.wait_settled(&[Music::TOPIC]);
    assert_eq!(installation.client.ends(Music::TOPIC).unwrap().iter().sum::<i64>(), 8_056);
    music.check_every_day(&installation);

    let refused = |arguments: &[&str]| {
        let output = installation.output(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let metric = refused(&["query", "listners"]);
    assert!(metric.contains("no metric `listners`; did you mean `listeners`?"), "{metric}");
    let past = refused(&["query", "--as-of", "2010-01-01"]);
    assert!(past.contains("2010-01-01 is not kept any more: the first day is 2017-"), "{past}");
    let window = refused(&["query", "listeners", "--window", "3d"]);
    assert!(window.contains("there are 1d, 7d, 28d"), "{window}");
    let topic = refused(&["produce", "-", "--topic", "no.such.topic"]);
    assert!(topic.contains("no topic `no.such.topic`"), "{topic}");
}
