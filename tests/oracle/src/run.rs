//! One company: its history is sent, counted by the pipeline, and counted by the oracle.

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
use services::{Progress, python};

/// The first day of every history: clocks are changed in March and April, north and south.
const FROM: Date = date(2026, 1, 1);
const PARTITIONS: u16 = 4;
/// How many events there are for each account.
const EVENTS_AN_ACCOUNT: u64 = 500;
/// A source that holds shard time where the history ends: the clocks of idle partitions go on to the clock on the wall, and
/// what is kept would lie past the history.
const PRESENT: &str = "present";
/// Days that are asked for before the first and after the last: nothing yet, and what is left.
const MARGIN: i64 = 2;
/// So many days before the end hours are asked for, and one after it.
const DAYS_OF_HOURS: i64 = 5;

/// What is run.
pub(crate) struct Run {
    pub(crate) company: String,
    pub(crate) events: u64,
    pub(crate) days: u32,
    pub(crate) seed: u64,
    /// Where the evidence goes.
    pub(crate) folder: PathBuf,
}

impl Run {
    /// How many steps it has.
    pub(crate) const STEPS: usize = 4;

    /// What the oracle says.
    pub(crate) fn verdict(&self, progress: &Progress) -> Value {
        let begin = |what: &str| progress.begin(&format!("{}: {what}", self.company));
        fs::create_dir_all(&self.folder).unwrap_or_else(|e| panic!("{}: {e}", self.folder.display()));
        let text = self.catalogue();
        let plan = catalog::parse(&text).unwrap_or_else(|mistakes| panic!("{}", mistakes.render(&self.company, &text)));
        begin("sends its history");
        let installation = Installation::new(&text, json!({ "shards": 8, "ingest": { "transact": "100ms" } }));
        self.send(&installation);
        begin("counts it");
        let nsm = installation.run("all", &[]);
        let topics: Vec<&str> = plan.sources.iter().map(|source| source.topic.as_str()).collect();
        installation.wait_settled(&topics);
        begin("tells what it has counted");
        self.ask(&installation, &plan);
        self.dump(&installation, &plan.sources);
        drop((nsm, installation));
        begin("is judged");
        self.write("catalogue.yaml", &text);
        let hour = |after: i64| (self.end() + after.hours()).to_string();
        let setting = json!({
            "days": [self.first().to_string(), self.last().to_string()],
            "hours": [hour(-24 * DAYS_OF_HOURS), hour(24)],
        });
        self.write("setting.json", &setting.to_string());
        judge(&self.folder)
    }

    /// The company's catalogue, with the source of the present.
    fn catalogue(&self) -> String {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples");
        let path = examples.join(format!("{}.yaml", self.company));
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let present = format!("\n  {PRESENT}: {{ topic: {PRESENT}, clock: event, attributes_of: account }}\nentities:");
        let with = text.replacen("\nentities:", &present, 1);
        assert_ne!(with, text, "{}: `entities` does not follow `sources`", path.display());
        with
    }

    fn end(&self) -> Timestamp {
        let end = FROM + i64::from(self.days).days();
        end.to_zoned(TimeZone::UTC).expect("a date of our age").timestamp()
    }

    fn first(&self) -> Date {
        FROM - MARGIN.days()
    }

    fn last(&self) -> Date {
        FROM + (i64::from(self.days) + MARGIN).days()
    }

    fn send(&self, installation: &Installation) {
        let accounts = (self.events / EVENTS_AN_ACCOUNT).max(100);
        let Run { company, seed, events, days, .. } = self;
        let asked = format!(
            "load --company {company} --seed {seed} --accounts {accounts} --from {FROM} --days {days} --events {events} \
             --create-topics {PARTITIONS}"
        );
        succeed(installation, &asked.split_whitespace().collect::<Vec<_>>());
        installation.kafka.create_topic(PRESENT, 1, &[]);
        let nobody =
            json!({ "account_id": PRESENT, "timestamp": self.end().to_string(), "attributes": {} }).to_string();
        let timestamp = self.end().as_millisecond();
        let payload = Some(nobody.as_bytes());
        installation.client.send(PRESENT, [Event { partition: 0, key: PRESENT, payload, timestamp }]);
    }

    /// Asks for every metric, and for every slice, as of every day and the last hours.
    fn ask(&self, installation: &Installation, plan: &Plan) {
        let sliced = plan.metrics.iter().flat_map(|metric| &metric.by);
        let dimensions: BTreeSet<&str> = sliced.map(|by| plan.dimension(by.dimension).name.as_str()).collect();
        let (first, last) = (self.first().to_string(), self.last().to_string());
        let mut answers = String::new();
        for by in [None].into_iter().chain(dimensions.into_iter().map(Some)) {
            let by = by.into_iter().flat_map(|name| ["--by", name]);
            let asked = ["query", "--format", "json", "--since", &first, "--as-of", &last].into_iter().chain(by);
            // As it is written: read here, numbers would lose digits.
            answers += &succeed(installation, &asked.collect::<Vec<_>>()).replace('\n', " ");
            answers += "\n";
        }
        self.write("answers.jsonl", &answers);
    }

    /// Writes down what the topics hold.
    fn dump(&self, installation: &Installation, sources: &[Source]) {
        let mut records = BufWriter::new(fs::File::create(self.folder.join("records.tsv")).expect("a file of ours"));
        for Source { name, topic, .. } in sources {
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
