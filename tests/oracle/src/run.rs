//! One catalogue: a history is sent, counted by the pipeline, and counted by the oracle.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use catalog::{Plan, Source};
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use pipeline::{Event, Installation, Isolation};
use rdkafka::Message;
use serde_json::{Value, json};
use services::python;

use crate::history::{History, Record};

/// The first day of every history: from September on clocks are changed, north and south.
const FROM: Date = date(2025, 9, 1);
const PARTITIONS: u16 = 4;
/// So many records are sent at once.
const PORTION: usize = 20_000;
/// A source that holds shard time where the history ends: the clocks of idle partitions go on to the clock on the wall, and
/// what is kept would lie past the history.
const PRESENT: &str = "present";
/// What a catalogue with sources has.
pub(crate) const SOURCES: &str = "\nsources:\n";
/// Days that are asked for before the first and after the last: nothing yet, and what is left.
const MARGIN: i64 = 2;
/// So many hours before the end hours are asked for, and so many minutes before it minutes.
const HOURS: i64 = 120;
const MINUTES: i64 = 120;

/// What is run.
pub(crate) struct Run {
    /// The catalogue's name: that of its file.
    pub(crate) name: String,
    catalogue: PathBuf,
    events: u64,
    days: u32,
    seed: u64,
    /// Where the evidence goes.
    folder: PathBuf,
}

impl Run {
    /// How many steps it has.
    pub(crate) const STEPS: usize = 4;

    /// The run of a catalogue; `folder` is that of all runs.
    pub(crate) fn new(catalogue: PathBuf, folder: &Path, events: u64, days: u32, seed: u64) -> Run {
        let name = catalogue.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Run { folder: folder.join(&name), name, catalogue, events, days, seed }
    }

    /// What the oracle says. `step` is told what begins.
    pub(crate) fn verdict(&self, step: &dyn Fn(String)) -> Value {
        let begin = |what: &str| step(format!("{}: {what}", self.name));
        fs::create_dir_all(&self.folder).unwrap_or_else(|e| panic!("{}: {e}", self.folder.display()));
        let (plan, text) = self.catalogue();
        begin("sends its history");
        let installation = Installation::new(&text, json!({ "shards": 8, "ingest": { "transact": "100ms" } }));
        self.send(&installation, &plan);
        begin("counts it");
        let nsm = installation.run("all", &[]);
        let topics = plan.sources.iter().map(|source| source.topic.as_str()).chain([PRESENT]);
        installation.wait_settled(&topics.collect::<Vec<_>>());
        begin("tells what it has counted");
        self.ask(&installation, &plan);
        self.dump(&installation, &plan.sources);
        drop((nsm, installation));
        begin("is judged");
        self.write("catalogue.yaml", &text);
        let setting = json!({
            "days": [self.first().to_string(), self.last().to_string()],
            "hours": [(self.end() - HOURS.hours()).to_string(), (self.end() + 24.hours()).to_string()],
            "minutes": [(self.end() - MINUTES.minutes()).to_string(), (self.end() + 30.minutes()).to_string()],
            "end": self.end().to_string(),
        });
        self.write("setting.json", &setting.to_string());
        judge(&self.folder)
    }

    /// The catalogue's plan, and its text with the source of the present, which tells nothing about one of its entities.
    fn catalogue(&self) -> (Plan, String) {
        let path = &self.catalogue;
        let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let plan = catalog::parse(&text).unwrap_or_else(|mistakes| panic!("{}", mistakes.render(&self.name, &text)));
        let entity = &plan.entities[0].name;
        let present = format!("{SOURCES}  {PRESENT}: {{ topic: {PRESENT}, clock: event, attributes_of: {entity} }}\n");
        let with = text.replacen(SOURCES, &present, 1);
        assert_ne!(with, text, "{}: `sources` is not a block of the catalogue", path.display());
        (plan, with)
    }

    fn end(&self) -> Timestamp {
        start_of(FROM + i64::from(self.days).days())
    }

    fn first(&self) -> Date {
        FROM - MARGIN.days()
    }

    fn last(&self) -> Date {
        FROM + (i64::from(self.days) + MARGIN).days()
    }

    fn send(&self, installation: &Installation, plan: &Plan) {
        for source in &plan.sources {
            installation.kafka.create_topic(&source.topic, PARTITIONS.into(), &[]);
        }
        let mut history = History::new(plan, self.seed, self.events, start_of(FROM), self.end()).peekable();
        while history.peek().is_some() {
            let portion: Vec<Record> = history.by_ref().take(PORTION).collect();
            for (number, source) in plan.sources.iter().enumerate() {
                let records = portion.iter().filter(|record| record.source == number);
                installation.client.send(&source.topic, records.map(event));
            }
        }
        installation.kafka.create_topic(PRESENT, 1, &[]);
        let keys = plan.entities[0].key.iter().map(|field| (field.clone(), json!(PRESENT)));
        let said = [("timestamp".to_owned(), json!(self.end().to_string())), ("attributes".to_owned(), json!({}))];
        let nobody = Value::Object(keys.chain(said).collect()).to_string();
        let payload = Some(nobody.as_bytes());
        let timestamp = self.end().as_millisecond();
        installation.client.send(PRESENT, [Event { partition: 0, key: PRESENT, payload, timestamp }]);
    }

    /// Asks for every metric, and for every slice, as of every day and the last hours and minutes.
    fn ask(&self, installation: &Installation, plan: &Plan) {
        let sliced = plan.gauges().flat_map(|gauge| plan.shown_by(gauge));
        let dimensions: BTreeSet<&str> = sliced.map(|by| plan.dimension(by).name.as_str()).collect();
        let (first, last) = (self.first().to_string(), self.last().to_string());
        let mut answers = BufWriter::new(fs::File::create(self.folder.join("answers.jsonl")).expect("a file of ours"));
        for by in [None].into_iter().chain(dimensions.into_iter().map(Some)) {
            let by = by.into_iter().flat_map(|name| ["--by", name]);
            let asked = ["query", "--format", "json", "--since", &first, "--as-of", &last].into_iter().chain(by);
            // As it is written: read here, numbers would lose digits.
            let answer = succeed(installation, &asked.collect::<Vec<_>>()).replace('\n', " ");
            writeln!(answers, "{answer}").expect("there is room on the disk");
        }
        answers.flush().expect("there is room on the disk");
    }

    /// Writes down what the topics hold.
    fn dump(&self, installation: &Installation, sources: &[Source]) {
        let mut records = BufWriter::new(fs::File::create(self.folder.join("records.tsv")).expect("a file of ours"));
        let sources = sources.iter().map(|Source { name, topic, .. }| (name.as_str(), topic.as_str()));
        for (name, topic) in sources.chain([(PRESENT, PRESENT)]) {
            installation.client.read(topic, Isolation::Committed, |record| {
                let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
                let stamp = record.timestamp().to_millis().unwrap_or(-1);
                let (key, payload) = (text(record.key()), text(record.payload()));
                writeln!(records, "{name}\t{}\t{}\t{stamp}\t{key}\t{payload}", record.partition(), record.offset())
                    .expect("there is room on the disk");
            });
        }
        records.flush().expect("there is room on the disk");
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        fs::write(&path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
}

/// When a day of UTC begins.
fn start_of(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).expect("a date of our age").timestamp()
}

/// A record as it is sent: to the partition of its key, as a copy to the next one.
fn event(record: &Record) -> Event<'_> {
    let place = record.key.bytes().fold(0_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let partition = (place % u64::from(PARTITIONS) + u64::from(record.is_copy)) % u64::from(PARTITIONS);
    let partition = i32::try_from(partition).expect("there are few partitions");
    let payload = record.payload.as_deref().map(str::as_bytes);
    Event { partition, key: &record.key, payload, timestamp: record.stamp }
}

/// What `nsm` prints, which has to succeed.
fn succeed(installation: &Installation, arguments: &[&str]) -> String {
    let output = installation.output(arguments);
    assert!(output.status.success(), "nsm {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("nsm prints text")
}

fn judge(folder: &Path) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("oracle/judge.py");
    // It leaves no compiled files in the sources' folder.
    let output = Command::new(python()).arg("-B").arg(script).arg(folder).output().expect("Python can be started");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the oracle gave up on what is in {}: {log}", folder.display());
    serde_json::from_slice(&output.stdout).expect("the oracle prints JSON")
}
