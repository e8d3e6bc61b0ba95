//! Northstar: usage events on Kafka to exact rolling active-user metrics in Redis, shown as Prometheus gauges.
//!
//! This crate wires the others together: it knows the command line, the configuration, the clock, threads and signals, and
//! no rule of the pipeline. Exit codes: 0 if all went well, 1 if not, 2 for a wrong command line.

mod account;
mod accounts;
mod catalogue;
mod check;
mod cli;
mod clock;
mod config;
mod demo;
mod failure;
#[cfg(test)]
mod golden;
mod load;
mod logging;
mod produce;
mod progress;
mod query;
mod run;
mod schema;
mod stop;
mod terminal;
mod tree;

use clap::Parser;
use cli::{Cli, Command};
use failure::Failure;
use indicatif::MultiProgress;
use logging::{Kept, Place};
use std::io::{self, IsTerminal};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match execute(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprint!("{}", failure.shown(terminal::look()));
            ExitCode::FAILURE
        }
    }
}

fn execute(cli: Cli) -> Result<(), Failure> {
    let mut read = config::load(cli.config.as_deref());
    if let Some(format) = cli.log_format {
        read.config.log.format = format;
    }
    let bars = MultiProgress::new();
    // What is drawn on the whole terminal has a place of its own for log lines.
    let is_drawn = io::stdin().is_terminal() && io::stdout().is_terminal();
    let kept = matches!(cli.command, Command::Demo(_) if is_drawn).then(Kept::default);
    if matches!(cli.command, Command::Demo(_)) {
        read.config.log.level = "error".to_owned();
    }
    logging::start(&read.config.log, kept.clone().map_or(Place::Above(bars.clone()), Place::Kept));
    match cli.command {
        Command::Check(arguments) => check::check(&read, &arguments),
        Command::Schema(arguments) => {
            print!("{}", schema::text(arguments.of));
            Ok(())
        }
        Command::Run(arguments) => {
            let plan = catalogue::settled(&read, None)?.plan;
            run::run(&read.config, plan, &arguments.roles)
        }
        Command::Query(arguments) => {
            let plan = catalogue::settled(&read, None)?.plan;
            query::query(&read.config, &plan, &arguments)
        }
        Command::Tree(arguments) => {
            let plan = catalogue::settled(&read, None)?.plan;
            tree::tree(&read.config, &plan, &arguments)
        }
        Command::Account(arguments) => {
            let plan = catalogue::settled(&read, None)?.plan;
            account::account(&read.config, &plan, &arguments)
        }
        Command::Accounts(arguments) => {
            let plan = catalogue::settled(&read, None)?.plan;
            accounts::accounts(&read.config, &plan, &arguments)
        }
        Command::Produce(arguments) => {
            let plan = catalogue::settled(&read, None)?.plan;
            produce::produce(&read.config, &plan, &arguments, &bars)
        }
        Command::Load(arguments) => {
            let plan = catalogue::settled(&read, None)?.plan;
            load::load(&read.config, &plan, &arguments, &bars)
        }
        Command::Demo(arguments) => demo::demo(&arguments, kept),
    }
}
