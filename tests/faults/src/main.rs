//! The whole pipeline on real Kafka and Redis under seeded faults, amid a stream: processes are killed, stopped and
//! rebalanced, the broker and the store die, and the store goes back. What it shows meanwhile, and what it holds at the
//! end, has to be what an oracle counts in the raw bytes of the source topic.

mod fleet;
mod flow;
mod generator;
mod judge;
mod log;
mod report;
mod run;
mod schedule;
mod store;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use judge::Evidence;
use log::ActivityLog;
use report::Report;
use run::{ACTIVITY, Plan, Run, SHARDS};
use schedule::Counts;
use services::Progress;

/// Runs the pipeline through faults, and has an oracle judge it.
#[derive(Parser)]
struct Arguments {
    /// Decides the stream, and the order and moments of the faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many records are sent.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// How often a process is killed.
    #[arg(long, default_value_t = 30)]
    kills: u32,
    /// How often an owner is stopped past its session.
    #[arg(long, default_value_t = 5)]
    stops: u32,
    /// How often a process joins or leaves.
    #[arg(long, default_value_t = 20)]
    rebalances: u32,
    /// How often each: broker killed, store killed, an older snapshot, emptied, a fail-over that loses writes.
    #[arg(long, default_value_t = 3)]
    others: u32,
    /// Where the evidence is kept; without it, only after a failure.
    #[arg(long)]
    folder: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Arguments { seed, events, kills, stops, rebalances, others, .. } = arguments;
    let plan = Plan { seed, events, counts: Counts { kills, stops, rebalances, others } };
    let temporary = tempfile::TempDir::with_prefix("northstar-faults-").expect("a folder for the evidence");
    let folder = arguments.folder.clone().unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));

    let progress = Progress::new("faults", plan.counts.all() + 3);
    progress.begin("starting");
    let (installation, happened) = Run::start(&plan).suffer(&plan, &progress);
    progress.begin("reading everything back");
    let closely = usize::try_from(events / 10_000).unwrap_or(0).clamp(20, 100);
    let evidence = Evidence { folder: &folder, seed, closely };
    evidence.dump(&installation);
    evidence.ask(&installation);
    let log = ActivityLog::read(&installation.client, ACTIVITY, SHARDS);
    evidence.sampled(&happened.seen.samples, &log);
    drop(installation);
    progress.begin("the oracle counts");
    let verdict = evidence.verdict();
    drop(progress);

    let report = Report { plan: &plan, happened: &happened, log: &log, verdict: &verdict };
    print!("{}", report.table());
    let complaints = report.complaints();
    for complaint in &complaints {
        println!("FAILED: {complaint}");
    }
    if complaints.is_empty() {
        return ExitCode::SUCCESS;
    }
    let kept = if arguments.folder.is_some() { folder } else { temporary.keep() };
    println!("the evidence is in {}; replay with: faults {}", kept.display(), report.arguments());
    ExitCode::FAILURE
}
