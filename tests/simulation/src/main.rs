//! The workers of the pipeline, the same code that runs on Kafka and Redis, over a simulated log and store: order,
//! crashes, lost replies, stalls, roll-backs and rebalances are drawn from a seed, and what comes out is compared with
//! brute force, after every commit and at the end.

mod admissions;
mod board;
mod coverage;
mod events;
mod faults;
mod group;
mod kinds;
mod log;
mod oracle;
mod ports;
mod produce;
mod producers;
mod reading;
mod run;
mod sim;
mod store;
mod topics;
mod transcript;
mod truth;
mod world;

use clap::Parser;
use faults::Faults;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Runs seeded schedules of faults; four of five seeds are the same in every run, the others are fresh.
#[derive(Parser)]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// Replays this one seed alone.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let fresh: u64 = rand::random();
    let fixed = arguments.seeds - arguments.seeds / 5;
    let seed_of = |number: u64| if number < fixed { number } else { fresh.wrapping_add(number) };
    let seeds: Vec<u64> = arguments.seed.map_or_else(|| (0..arguments.seeds).map(seed_of).collect(), |seed| vec![seed]);
    let (faults, failures) = run_all(&seeds);
    println!("what happened in {} schedules:\n{}", seeds.len(), faults.table());
    for (seed, why) in &failures {
        println!("seed {seed}: {why}\n  replay it with: cargo run -p simulation -- --seed {seed}");
    }
    let quiet: Vec<&str> = MUST_HAPPEN.into_iter().filter(|fault| faults.of(fault) == 0).collect();
    let covered = quiet.is_empty() || seeds.len() < 10_000;
    if !covered {
        println!("never happened, so nothing was shown about it: {quiet:?}");
    }
    println!("{} passed, {} failed", seeds.len() - failures.len(), failures.len());
    if failures.is_empty() && covered { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What a simulation of many seeds is worth nothing without.
const MUST_HAPPEN: [&str; 71] = [
    "activity topic made again",
    "commit broke off",
    "crash at commit",
    "crash at transact: commit",
    "duplicate not counted",
    "event sent again",
    "fence refused: absent",
    "fence refused: dirty",
    "fence refused: other_incarnation",
    "fence refused: other_topic",
    "fence refused: rolled_back",
    "fence refused: stale",
    "floor leapt",
    "gauges absent",
    "gauges shown",
    "group positions expired",
    "ids of events read again",
    "idle before an open transaction",
    "idle spans",
    "incarnation discarded",
    "instance started twice",
    "jump: FirstStart",
    "jump: LostRetention",
    "jump: ReplacedTopic",
    "no answer at once: bounds",
    "no answer at once: topics",
    "no answer for long: activity",
    "no answer for long: activity topic",
    "no answer for long: bounds",
    "no answer for long: committed",
    "no answer for long: settled activity",
    "no answer for long: topics",
    "older process fenced off: commit",
    "older process fenced off: poll",
    "older process fenced off: transact",
    "open transaction timed out",
    "partition added",
    "partition paused",
    "poll without an answer",
    "position lost to retention",
    "position past the end",
    "positions found in the activity topic",
    "rebalance: shards",
    "rebalance: source partitions",
    "records late by a clock that was ahead",
    "records read twice",
    "events late for their hour alone",
    "reply lost: commit",
    "session expired: ingest",
    "session expired: window",
    "shard paused",
    "shards unowned",
    "source partitions unowned",
    "source topic made again: amid a turn",
    "source topic made again: the group does not notice",
    "source topic made again: the group rebalances",
    "source transaction aborted",
    "source transaction committed",
    "source transaction timed out",
    "stall at commit",
    "store rolled back",
    "topic made again: noticed by a worker",
    "topic made again: read on at the old position",
    "topic made again: seen as truncated",
    "transaction aborted",
    "value admitted",
    "value not admitted any more",
    "value proposed twice",
    "value waited for",
    "reply lost: value proposed",
    "writer fenced off",
];

/// Runs the seeds on all cores, up to the first few failures.
fn run_all(seeds: &[u64]) -> (Faults, Vec<(u64, String)>) {
    const ENOUGH: usize = 5;
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let work = || {
        let plan = run::plan();
        let (mut faults, mut failures) = (Faults::default(), Vec::new());
        while !stop.load(Ordering::Relaxed) {
            let at = usize::try_from(next.fetch_add(1, Ordering::Relaxed)).expect("seeds are counted by a usize");
            let Some(seed) = seeds.get(at) else {
                break;
            };
            let panicked = |_| (Faults::default(), Err("it panicked, as told above".to_owned()));
            let (happened, result) = std::panic::catch_unwind(|| run::run(*seed, &plan)).unwrap_or_else(panicked);
            faults.merge(&happened);
            if let Err(why) = result {
                failures.push((*seed, why));
                stop.store(failures.len() >= ENOUGH, Ordering::Relaxed);
            }
        }
        (faults, failures)
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let (mut faults, mut failures) = (Faults::default(), Vec::new());
        for worker in workers {
            let (happened, failed) = worker.join().expect("panics of schedules are caught");
            faults.merge(&happened);
            failures.extend(failed);
        }
        (faults, failures)
    })
}
