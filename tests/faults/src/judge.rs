//! The evidence of a run, written down for the oracle, and its verdict.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use pipeline::{Installation, Isolation, oracle};
use rdkafka::Message;
use serde_json::{Value, json};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

use crate::generator::{CHANGE_PARTITIONS, PARTITIONS, START_MS};
use crate::log::ActivityLog;
use crate::run::{ACCOUNTS, DEAD_LETTER, SHARDS, TOPIC};
use crate::watch::Sample;

/// The fields that decide shards.
const FIELDS: [&str; 3] = ["event_id", "user_id", "account_id"];
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// A folder with the evidence.
pub(crate) struct Evidence<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) seed: u64,
    /// How many samples, and as-of minutes and hours, are looked at closely.
    pub(crate) closely: usize,
}

impl Evidence<'_> {
    /// Asks the pipeline for every day of the stream and for many minutes and hours, and keeps the answers.
    pub(crate) fn ask(&self, installation: &Installation) {
        let moment = |time: i64| Timestamp::from_millisecond(time).expect("of our age");
        let output = installation.output(&["query", "--format", "json"]);
        let now: Value = serde_json::from_slice(&output.stdout).expect("`--format json` prints JSON");
        let last: Timestamp = now["shard_time"].as_str().expect("a time").parse().expect("a time");
        let last = last.as_millisecond();
        // Late events lie before the stream's start, and shard time in its last day.
        let days = (-5..).map(|day| START_MS + day * DAY_MS).take_while(|time| *time < last + DAY_MS);
        let mut as_of: Vec<String> = days.map(|time| moment(time).to_zoned(TimeZone::UTC).date().to_string()).collect();
        // Minutes and hours apart by steps that hit all of them alike, as far back as they are kept.
        let back =
            (0..i64::try_from(self.closely).expect("few")).flat_map(|at| [at * 37 * MINUTE_MS, at * 167 * MINUTE_MS]);
        as_of.extend(back.map(|back| moment(last - back).to_string()));
        let mut answers = String::new();
        for as_of in as_of {
            for slices in [&[][..], &["--by", "tier"], &["--by", "owner"]] {
                let arguments = [&["query", "--format", "json", "--as-of", &as_of], slices].concat();
                let output = installation.output(&arguments);
                // As it is written: read here, numbers would lose digits.
                answers += &String::from_utf8_lossy(&output.stdout).replace('\n', " ");
                answers += "\n";
            }
        }
        self.write("answers.jsonl", &answers);
    }

    /// Writes down the source topic, the shards of its keys, and the dead letters.
    pub(crate) fn dump(&self, installation: &Installation) {
        let mut keys = BTreeMap::new();
        let mut records = BufWriter::new(fs::File::create(self.folder.join("records.tsv")).expect("a file of ours"));
        installation.client.read(TOPIC, Isolation::Committed, |record| {
            let payload = std::str::from_utf8(record.payload().unwrap_or_default()).expect("the stream is text");
            writeln!(records, "{}\t{}\t{payload}", record.partition(), record.offset())
                .expect("there is room on the disk");
            for field in FIELDS {
                if let Some(key) = text_of(payload, field) {
                    keys.entry((field, key.to_owned())).or_insert_with(|| shard_of(field, key));
                }
            }
        });
        records.flush().expect("there is room on the disk");
        let mut changes = String::new();
        installation.client.read(ACCOUNTS, Isolation::Committed, |record| {
            let text =
                |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).expect("it is text");
            let (account, payload) = (text(record.key()), text(record.payload()));
            let stamp = record.timestamp().to_millis().expect("every record has a stamp");
            changes += &format!("{}\t{}\t{stamp}\t{account}\t{payload}\n", record.partition(), record.offset());
            keys.entry(("account_id", account)).or_insert_with_key(|(field, account)| shard_of(field, account));
        });
        self.write("changes.tsv", &changes);
        self.write("shards.tsv", &lines(keys.iter().map(|((field, key), shard)| format!("{field}\t{key}\t{shard}"))));
        let letters = installation.client.dead_letters(DEAD_LETTER);
        let letter = |of: &BTreeMap<String, String>| format!("{}\t{}\t{}", of["partition"], of["offset"], of["reason"]);
        self.write("rejects.tsv", &lines(letters.iter().map(|of| letter(&of.headers))));
    }

    /// Writes down what was sampled, each sample once, and what the packs cover that it stands for.
    pub(crate) fn sampled(&self, samples: &[Sample], log: &ActivityLog) {
        let mut times: BTreeMap<_, usize> = BTreeMap::new();
        for sample in samples.iter().filter(|sample| !sample.gauges.is_empty()) {
            *times.entry((&sample.stands, &sample.gauges)).or_default() += 1;
        }
        let sample = |((stands, gauges), times): (&(_, _), &usize)| json!({ "stands": stands, "gauges": gauges, "times": times });
        self.write("samples.jsonl", &lines(times.iter().map(|of| sample(of).to_string())));
        let pack = |(shard, offset, next): (usize, i64, &[i64])| {
            let next: Vec<String> = next.iter().map(i64::to_string).collect();
            format!("{shard}\t{offset}\t{}", next.join(" "))
        };
        self.write("packs.tsv", &lines(log.all().map(pack)));
    }

    /// The oracle's verdict.
    pub(crate) fn verdict(&self) -> Value {
        let now = Timestamp::now().as_millisecond();
        let (closely, seed) = (self.closely, self.seed);
        let setting = json!({ "partitions": PARTITIONS, "changes": CHANGE_PARTITIONS, "shards": SHARDS, "seed": seed, "now": now, "by_force": closely / 10 });
        self.write("setting.json", &setting.to_string());
        oracle(env!("CARGO_MANIFEST_DIR"), "judge.py", [self.folder])
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        path
    }
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| line + "\n").collect()
}

/// The text of a field, in what the generator has written.
fn text_of<'a>(payload: &'a str, field: &str) -> Option<&'a str> {
    let (_, rest) = payload.split_once(&format!("\"{field}\":\""))?;
    rest.split('"').next()
}

/// The shard of a key, as the formats say. Of an event: XXH3-128 of its id, seeded with XXH3-64 of its topic. Of an
/// entity of one short key field: XXH3-64 of the field's length twice, as a byte, and of the field.
fn shard_of(field: &str, key: &str) -> u64 {
    if field == "event_id" {
        let shard = xxh3_128_with_seed(key.as_bytes(), xxh3_64(TOPIC.as_bytes())) % SHARDS as u128;
        return u64::try_from(shard).expect("there are few shards");
    }
    let length = u8::try_from(key.len() * 2).ok().filter(|length| *length < 128).expect("ids are short");
    xxh3_64(&[&[length], key.as_bytes()].concat()) % SHARDS as u64
}
