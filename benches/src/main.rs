//! Measures the whole pipeline against the floor, a consumer that reads the same topic and does nothing: `make bench`.
//!
//! Everything panics instead of returning an error, as in `services`: a measurement that went wrong is none.

mod catchup;
mod clock;
mod floor;
mod live;
mod load;
mod nsm;
mod probe;
mod progress;
mod random;
mod report;
mod scrape;
mod send;
mod stats;
mod store;
mod usage;
mod wide;
mod workload;

use catchup::{Course, TOPIC};
use clap::{Args, Parser, Subcommand};
use live::Lengths;
use progress::Progress;
use report::{Measured, Report};
use send::Sender;
use services::Kafka;
use std::path::PathBuf;
use std::time::Duration;
use workload::{Generator, PARTITIONS, Shape, Truth};

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
        Command::Floor { brokers, topic } => {
            println!("{}", serde_json::to_string(&floor::run(&brokers, &topic)).expect("numbers are JSON"));
        }
    }
}

fn run(options: &Options) {
    let folder = prepare(&options.folder);
    let report = Report::of(measure(options, &folder));
    println!("{}\n\n{}", report.words(), report.table());
    let path = options.folder.join("report.json");
    let json = serde_json::to_string_pretty(&report).expect("numbers are JSON");
    std::fs::write(&path, json + "\n").unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    println!("\n{}", path.display());
}

/// A folder for everything that is temporary, also for what `services` and others put there.
fn prepare(folder: &std::path::Path) -> tempfile::TempDir {
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
    // The events, the floor's rounds, the pipeline's, users alone, live, wide.
    let progress = Progress::new(rounds * 2 + 5);
    progress.begin("starting a broker");
    let kafka = Kafka::start_for_load();
    let shape = Shape::of(options.events);
    let truth = fill(&kafka, shape, &progress);
    let course = Course { kafka: &kafka, folder: folder.clone(), events: shape.events, truth: &truth };
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
    progress.begin("users alone");
    let users_alone = course.users_alone();

    progress.begin("live events");
    let seconds = Duration::from_secs(options.seconds);
    let lengths =
        Lengths { steady: seconds, full: (seconds / 2).max(Duration::from_secs(4)), kills: usize::from(options.kills) };
    let live = live::measure(&kafka, folder.clone(), shape, lengths, &|text| progress.say(text));
    progress.begin("ten thousand gauges");
    let wide = wide::measure(&kafka, folder, shape, live.steady_rate.min(20_000), seconds / 2);
    progress.end();
    Measured { shape, truth, topic_bytes, floor, pipeline, users_alone, live, wide }
}

/// Writes all events to the topic that is caught up with.
fn fill(kafka: &Kafka, shape: Shape, progress: &Progress) -> Truth {
    kafka.create_topic(TOPIC, PARTITIONS, &[]);
    progress.begin(&format!("sending {} events", shape.events));
    let sender = Sender::new(&kafka.bootstrap(), TOPIC, Duration::from_millis(50));
    let mut generator = Generator::new(shape);
    let begun = clock::now();
    let mut sent: u64 = 0;
    while let Some(event) = generator.next() {
        sender.send(event);
        sent += 1;
        if sent.is_multiple_of(2_000) {
            sender.poll();
        }
        if sent.is_multiple_of(100_000) {
            progress.part(sent, shape.events);
        }
    }
    sender.flush();
    progress.say(&format!("{sent} events were sent in {:.1} s", begun.elapsed().as_secs_f64()));
    generator.truth()
}
