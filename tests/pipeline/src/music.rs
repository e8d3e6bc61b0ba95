//! The November log of a music-streaming app, and what it must count.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use crate::oracle::{oracle, run};
use crate::{Event, Installation};

/// Where the log is, if not at the default place. A relative path is one from the workspace's root.
const SETTING: &str = "NORTHSTAR_MUSIC_LOG";
const DEFAULT: &str = "../shared/data/music-usage-2018-11.jsonl.gz";

/// The log, and the oracle's counts.
#[derive(Clone, Debug)]
pub struct Music {
    /// The log's events, in its order.
    pub played: Vec<Played>,
    /// The counts of every day, by metric and window as in `listeners 7d`.
    pub counts: BTreeMap<String, BTreeMap<String, i64>>,
    time_zone: String,
}

/// An event of the log.
#[derive(Clone, Debug)]
pub struct Played {
    /// The line.
    pub line: String,
    /// Its time, in milliseconds.
    pub timestamp: i64,
    /// The song, if there is one.
    pub song: String,
}

impl Music {
    /// The topic that the example catalogue reads.
    pub const TOPIC: &str = "music.events";

    /// Reads the log, and has the oracle count it in the days of a time zone.
    ///
    /// # Panics
    /// When the log is not there: it is never skipped.
    #[track_caller]
    pub fn load(time_zone: &str) -> Music {
        let path = path();
        let text = run(Command::new("gzip").arg("-dc").arg(&path));
        let text = String::from_utf8(text.stdout).expect("the log is text");
        let counts = oracle(env!("CARGO_MANIFEST_DIR"), "music.py", [path.as_os_str(), time_zone.as_ref()]);
        let day = |(day, counts): (&String, &Value)| (day.clone(), numbers(counts));
        let counts: BTreeMap<_, _> = counts.as_object().expect("counts by day").iter().map(day).collect();
        assert_eq!(counts.len(), 30, "{SETTING} is another log: {:?}", counts.keys());
        let played: Vec<Played> = text.lines().map(Played::parse).collect();
        assert_eq!(played.len(), 8_056, "{SETTING} is another log");
        Music { played, counts, time_zone: time_zone.to_owned() }
    }

    /// The example catalogue, with the time zone of the counts.
    pub fn catalogue(&self) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples/music.yaml");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        match self.time_zone.as_str() {
            // It is the default.
            "UTC" => text,
            zone => format!("{text}\ntime_zone: {zone}\n"),
        }
    }

    /// The example catalogue with sliding windows beside its calendar ones, for a log that comes in any order.
    pub fn sliding_catalogue(&self) -> String {
        let text = self.catalogue();
        let sliding = text
            .replace("lateness: { day: 31d }", "lateness: { minute: 31d, hour: 31d, day: 31d }")
            .replace("windows: [1d, 7d, 28d]", "windows: [1m, 60m, 24h, 48h, 1d, 7d, 28d]");
        assert_eq!(sliding.matches("1m, 60m").count(), 2, "the example has changed");
        format!("{sliding}\nhistory: {{ minute: 24h, hour: 30d, day: 400d }}\n")
    }

    /// What the oracle counts in sliding windows as of these times, in milliseconds.
    pub fn sliding(&self, times: &[i64]) -> BTreeMap<i64, BTreeMap<String, i64>> {
        let times = times.iter().map(|time| time.to_string().into());
        let counts =
            oracle(env!("CARGO_MANIFEST_DIR"), "sliding.py", [path().into_os_string()].into_iter().chain(times));
        let time = |(time, counts): (&String, &Value)| (time.parse().expect("a time"), numbers(counts));
        counts.as_object().expect("counts by time").iter().map(time).collect()
    }

    /// The events in an order that the seed decides.
    pub fn shuffled(&self, seed: u64) -> Vec<Played> {
        let mut played = self.played.clone();
        played.shuffle(&mut SmallRng::seed_from_u64(seed));
        played
    }

    /// The events, each on some partition, as the seed decides.
    pub fn spread<'a>(played: &'a [Played], partitions: i32, seed: u64) -> impl Iterator<Item = Event<'a>> {
        let mut random = SmallRng::seed_from_u64(seed);
        played.iter().map(move |played| played.on(random.random_range(0..partitions)))
    }

    /// Compares what the program says of every day with what the oracle has counted.
    #[track_caller]
    pub fn check_every_day(&self, installation: &Installation) {
        for (day, counts) in &self.counts {
            let answer = installation.query(day);
            assert_eq!(answer.as_of, *day);
            assert_eq!(answer.values, *counts, "as of {day}, {}", self.time_zone);
        }
    }
}

impl Played {
    fn parse(line: &str) -> Played {
        let json: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        Played {
            line: line.to_owned(),
            timestamp: json["ts"].as_i64().unwrap_or_else(|| panic!("no time in {line}")),
            song: json["song"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// As a record of a partition, keyed by the song.
    pub fn on(&self, partition: i32) -> Event<'_> {
        Event { partition, key: &self.song, payload: Some(self.line.as_bytes()), timestamp: self.timestamp }
    }
}

#[track_caller]
fn path() -> PathBuf {
    let told = std::env::var(SETTING).unwrap_or_else(|_| DEFAULT.to_owned());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(&told);
    assert!(
        path.is_file(),
        "the music log is not there: no file {told}; set the environment variable {SETTING} to the path of \
         music-usage-2018-11.jsonl.gz (a relative one starts at the workspace's root)"
    );
    path
}

#[track_caller]
fn numbers(counts: &Value) -> BTreeMap<String, i64> {
    let count = |(name, count): (&String, &Value)| (name.clone(), count.as_i64().expect("a count"));
    counts.as_object().expect("counts by metric and window").iter().map(count).collect()
}
