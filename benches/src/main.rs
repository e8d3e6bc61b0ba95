//! Measures the whole pipeline against the floor, a consumer that reads the same topic and does nothing (`make bench`), and
//! what it does with rubbish, a full topic and far too many events (`make stress`).
//!
//! Everything panics instead of returning an error, as in `services`: a measurement that went wrong is none.

mod catchup;
mod clock;
mod fill;
mod floor;
mod kinds;
mod live;
mod load;
mod nsm;
mod probe;
mod random;
mod report;
mod scrape;
mod segments;
mod send;
mod stats;
mod store;
mod stress;
mod usage;
mod wide;
mod workload;

use catchup::Course;
use clap::{Args, Parser, Subcommand};
use fill::fill;
use live::Lengths;
use report::{Measured, Report};
use serde::Serialize;
use services::{Kafka, Progress};
use std::path::{Path, PathBuf};
use std::time::Duration;
use workload::Shape;

/// The topic that is caught up with.
const TOPIC: &str = "events";

/// Measures the pipeline against a consumer that does nothing.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure everything, print a table and write `report.json`.
    Run(Options),
    /// Measure what rubbish, a full topic and far too many events do, print a table and write `stress.json`.
    Stress(stress::Options),
    /// Measure what every kind of metric costs, alone and all together, print a table and write `kinds.json`.
    Kinds(kinds::Options),
    /// The consumer that does nothing; `run` starts it.
    #[command(hide = true)]
    Floor { brokers: String, topic: String },
}

#[derive(Args)]
struct Options {
    /// How many events there are; users and accounts go with them.
    #[arg(long, default_value_t = 5_000_000, value_parser = clap::value_parser!(u64).range(20_000..=100_000_000))]
    events: u64,
    /// How many rounds of the pipeline there are; the floor has one more.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=99))]
    rounds: u16,
    /// For how many seconds live events are measured.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// How many times the process is killed.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=99))]
    kills: u16,
    /// Where the report and, while this runs, the services' data lie.
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
}

fn main() {
    match Cli::parse().command {
        Command::Run(options) => run(&options),
        Command::Stress(options) => stress::run(&options),
        Command::Kinds(options) => measure_kinds(&options),
        Command::Floor { brokers, topic } => {
            println!("{}", serde_json::to_string(&floor::run(&brokers, &topic)).expect("numbers are JSON"));
        }
    }
}

fn run(options: &Options) {
    let folder = prepare(&options.folder);
    let report = Report::of(measure(options, &folder));
    println!("{}\n\n{}", report.words(), report.table());
    write(&options.folder.join("report.json"), &report);
}

fn measure_kinds(options: &kinds::Options) {
    let folder = prepare(&options.folder);
    let report = kinds::measure(options, folder.path());
    println!("{}", report.table());
    write(&options.folder.join("kinds.json"), &report);
}

/// Writes measurements, and says where they are.
fn write(path: &Path, report: &impl Serialize) {
    let json = serde_json::to_string_pretty(report).expect("numbers are JSON");
    std::fs::write(path, json + "\n").unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    println!("\n{}", path.display());
}

/// A folder for everything that is temporary, also for what `services` and others put there.
fn prepare(folder: &Path) -> tempfile::TempDir {
    std::fs::create_dir_all(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let folder = folder.canonicalize().unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let folder = tempfile::Builder::new().prefix("run-").tempdir_in(&folder);
    let folder = folder.unwrap_or_else(|e| panic!("no folder for what is temporary: {e}"));
    tempfile::env::override_temp_dir(folder.path()).expect("nothing was temporary before");
    folder
}

fn measure(options: &Options, folder: &tempfile::TempDir) -> Measured {
    let rounds = usize::from(options.rounds);
    let folder = folder.path().to_path_buf();
    // The events, the floor's rounds, the pipeline's with each of three catalogues, live, wide.
    let progress = Progress::new("bench", rounds * 4 + 6);
    progress.begin("starting a broker");
    let kafka = Kafka::start_for_load();
    let shape = Shape::of(options.events);
    let filled = fill(&kafka, TOPIC, shape, None, &progress);
    let course = Course { kafka: &kafka, folder: folder.clone(), topic: TOPIC, filled: &filled };
    let topic_bytes = usage::topic_bytes(&kafka.data_folder(), TOPIC);

    let (mut floor, mut pipeline) = (Vec::new(), Vec::new());
    let measure_floor = |round: usize| {
        progress.begin(&format!("floor, round {round} of {}", rounds + 1));
        let floor = floor::measure(&kafka.bootstrap(), TOPIC);
        progress.say(&format!("floor: {:.2} M events/s, {:.2} CPU s/M", floor.rate() / 1e6, floor.cpu_per_million()));
        floor
    };
    for round in 1..=rounds {
        floor.push(measure_floor(round));
        progress.begin(&format!("pipeline, round {round} of {rounds}"));
        let taken = course.users_and_accounts(round);
        progress.say(&format!(
            "pipeline: {:.2} M events/s, {:.2} CPU s/M",
            taken.rate() / 1e6,
            taken.cpu_per_million()
        ));
        pipeline.push(taken);
    }
    floor.push(measure_floor(rounds + 1));
    let accounts = segments::fill_accounts(&kafka, shape);
    let (mut users_alone, mut segments) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        progress.begin(&format!("one metric, round {round} of {rounds}"));
        users_alone.push(course.users_alone(round));
        progress.begin(&format!("twenty metrics with three segments, round {round} of {rounds}"));
        segments.push(course.segments(round, accounts));
        let [one, twenty] = [&users_alone, &segments].map(|rounds| rounds[round - 1].cpu_per_million());
        progress.say(&format!("one metric: {one:.2} CPU s/M; twenty with segments: {twenty:.2}"));
    }

    progress.begin("live events");
    let seconds = Duration::from_secs(options.seconds);
    let lengths =
        Lengths { steady: seconds, full: (seconds / 2).max(Duration::from_secs(4)), kills: usize::from(options.kills) };
    let live = live::measure(&kafka, folder.clone(), shape, lengths, &|text| progress.say(text));
    progress.begin("ten thousand gauges");
    let wide = wide::measure(&kafka, folder, shape, live.steady_rate.min(20_000), seconds / 2);
    drop(progress);
    Measured { shape, truth: filled.truth, topic_bytes, floor, pipeline, users_alone, segments, live, wide }
}
