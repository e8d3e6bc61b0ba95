//! Catalogues at work: real Kafka and Redis, a history of everything that a catalogue names, the pipeline, and an oracle
//! in SQL that counts the raw bytes of the topics. Every metric, every slice, every window and every day has to be equal.

mod history;
mod people;
mod report;
mod run;
mod say;
mod vocabulary;

use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, mpsc};
use std::thread;

use clap::Parser;
use report::Report;
use run::Run;
use services::Progress;

/// Compares what the pipeline counts by catalogues with what an oracle counts.
#[derive(Parser)]
struct Arguments {
    /// How many events each history has, beside copies of them.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Over how many days.
    #[arg(long, default_value_t = 200)]
    days: u32,
    /// A file with a catalogue, may be repeated; every one of the examples by default.
    #[arg(long = "catalogue", value_name = "FILE")]
    catalogues: Vec<PathBuf>,
    /// Decides the histories.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many catalogues are run at once.
    #[arg(long, default_value_t = 2)]
    at_once: usize,
    /// Where the evidence is kept; without it, only after a failure.
    #[arg(long)]
    folder: Option<PathBuf>,
}

/// The catalogues among the examples, and one that has what they have not: the files that have sources.
fn examples() -> Vec<PathBuf> {
    let files = ["../../deploy/examples", "catalogues"].into_iter().flat_map(|folder| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let files = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        files.map(|file| file.expect("the folder can be read").path())
    });
    let is_catalogue = |path: &PathBuf| fs::read_to_string(path).is_ok_and(|text| text.contains(run::SOURCES));
    let mut found: Vec<PathBuf> = files.filter(is_catalogue).collect();
    found.sort_unstable();
    found
}

fn main() -> ExitCode {
    let Arguments { events, days, catalogues, seed, at_once, folder } = Arguments::parse();
    let is_whole = catalogues.is_empty();
    let catalogues = if is_whole { examples() } else { catalogues };
    let temporary = tempfile::TempDir::with_prefix("northstar-oracle-").expect("a folder for the evidence");
    let folder = folder.unwrap_or_else(|| temporary.path().to_owned());
    let progress = Progress::new("oracle", catalogues.len() * Run::STEPS);
    let runs = catalogues.into_iter().map(|path| Run::new(path, &folder, events, days, seed));
    let (left, (step, steps)) = (Mutex::new(runs), mpsc::channel());
    let work = |step: mpsc::Sender<String>| {
        let mut report = Report::default();
        // The guard is gone at the end of the line.
        while let Some(run) = { left.lock().expect("nobody panics with it").next() } {
            let verdict = run.verdict(&|what| step.send(what).expect("it is heard"));
            report.add(&run.name, &verdict);
        }
        report
    };
    let mut report = thread::scope(|scope| {
        let work = &work;
        let spawn = |step: mpsc::Sender<String>| scope.spawn(move || work(step));
        let workers: Vec<_> = (0..at_once.max(1)).map(|_| spawn(step.clone())).collect();
        // Steps end when the last worker has.
        drop(step);
        steps.iter().for_each(|what| progress.begin(&what));
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .fold(Report::default(), Report::and)
    });
    drop(progress);
    if is_whole {
        report.expect_kinds();
    }
    print!("{report}");
    if report.is_right() {
        return ExitCode::SUCCESS;
    }
    if folder == temporary.path() {
        println!("the evidence is in {}", temporary.keep().display());
    }
    ExitCode::FAILURE
}
