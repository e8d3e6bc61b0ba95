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
mod failure;
#[cfg(test)]
mod golden;
mod logging;
mod produce;
mod query;
mod run;
mod schema;
mod stop;
mod terminal;

use clap::Parser;
use cli::{Cli, Command};
use failure::Failure;
use indicatif::MultiProgress;
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
    logging::start(&read.config.log, &bars);
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
    }
}
