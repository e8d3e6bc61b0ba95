//! The example catalogues at work: real Kafka and Redis, a simulated product's history, the pipeline, and an oracle in SQL that
//! counts the raw bytes of the topics. Every metric, every slice, every window and every day has to be equal.

mod report;
mod run;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use product::Company;
use report::Report;
use run::Run;
use services::Progress;

/// Compares what the pipeline counts by the example catalogues with what an oracle counts.
#[derive(Parser)]
struct Arguments {
    /// How many usage records each company's history has.
    #[arg(long, default_value_t = 500_000)]
    events: u64,
    /// Over how many days.
    #[arg(long, default_value_t = 120)]
    days: u32,
    /// A company with a catalogue among the examples, may be repeated; all of them by default.
    #[arg(long = "company", value_parser = clap::builder::PossibleValuesParser::new(companies()))]
    companies: Vec<String>,
    /// Decides the histories.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the evidence is kept; without it, only after a failure.
    #[arg(long)]
    folder: Option<PathBuf>,
}

/// The companies whose catalogues are compared: the demo compares its own.
fn companies() -> Vec<&'static str> {
    Company::ALL.iter().filter(|company| **company != &Company::DOCUMENTS).map(|company| company.name).collect()
}

fn main() -> ExitCode {
    let Arguments { events, days, companies: mut asked, seed, folder } = Arguments::parse();
    if asked.is_empty() {
        asked = companies().into_iter().map(str::to_owned).collect();
    }
    let temporary = tempfile::TempDir::with_prefix("northstar-oracle-").expect("a folder for the evidence");
    let folder = folder.unwrap_or_else(|| temporary.path().to_owned());
    let progress = Progress::new("oracle", asked.len() * Run::STEPS);
    let mut report = Report::default();
    for company in asked {
        let run = Run { events, days, seed, folder: folder.join(&company), company };
        let verdict = run.verdict(&progress);
        report.add(&run.company, &verdict);
    }
    drop(progress);
    print!("{report}");
    if report.is_right() {
        return ExitCode::SUCCESS;
    }
    if folder == temporary.path() {
        println!("the evidence is in {}", temporary.keep().display());
    }
    ExitCode::FAILURE
}
