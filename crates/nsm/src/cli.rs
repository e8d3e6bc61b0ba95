//! The command line.

use crate::config::LogFormat;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::fmt;
use std::path::PathBuf;

/// Exact rolling DAU, WAU and MAU: usage events on Kafka, state in Redis, gauges for Prometheus.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// The configuration [default: northstar.yaml, if it exists]
    #[arg(long, global = true, value_name = "FILE", env = "NSM_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// How to write log lines [default: the configuration's `log.format`]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check the configuration and the catalogue, and say what the metrics count and cost
    Check(Check),
    /// Print a JSON Schema, by which an editor completes and checks what is written
    Schema(Schema),
    /// Run the pipeline, or some of its roles, until SIGTERM or Ctrl-C
    Run(Run),
    /// Show the metrics' values as of a time
    Query(Query),
    /// Show one account, or another entity: its days, its windows, its attributes and its users
    Account(Account),
    /// List the accounts, or other entities, that count in a metric's window, came in, fell out, or are about to
    Accounts(Accounts),
    /// Send a file of JSON lines to a source's topic
    Produce(Produce),
}

/// `nsm check`.
#[derive(Args, Debug)]
pub(crate) struct Check {
    /// The catalogue [default: the configuration's]
    pub(crate) catalogue: Option<PathBuf>,
    /// How to show what was found
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: Format,
}

/// `nsm schema`.
#[derive(Args, Debug)]
pub(crate) struct Schema {
    /// Of which file
    pub(crate) of: SchemaOf,
}

/// What has a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// The metric catalogue.
    Catalogue,
    /// The configuration.
    Config,
}

/// `nsm run`.
#[derive(Args, Debug)]
pub(crate) struct Run {
    /// A role to run, may be repeated [default: all of them]
    #[arg(long = "role", value_name = "ROLE")]
    pub(crate) roles: Vec<Role>,
}

/// A part of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Role {
    /// Reads events and writes packs.
    Ingest,
    /// Reads packs and keeps the state.
    Window,
    /// Reads the state and serves gauges.
    Exporter,
}

impl Role {
    pub(crate) const ALL: [Role; 3] = [Role::Ingest, Role::Window, Role::Exporter];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Role::Ingest => "ingest",
            Role::Window => "window",
            Role::Exporter => "exporter",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `nsm query`.
#[derive(Args, Debug, Default)]
pub(crate) struct Query {
    /// A metric's name [default: all metrics]
    pub(crate) metric: Option<String>,
    /// A trailing window, such as 60m, 24h or 7d [default: all of the metric's]
    #[arg(long, value_name = "WINDOW")]
    pub(crate) window: Option<String>,
    /// Show the slices by this dimension, of the metrics that are sliced by it
    #[arg(long, value_name = "DIMENSION")]
    pub(crate) by: Option<String>,
    /// A date (2018-11-30), or a time (2018-11-30T12:00:00Z) whose day, hour or minute is meant [default: shard time]
    #[arg(long, value_name = "TIME")]
    pub(crate) as_of: Option<String>,
    /// How to show the values
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: Format,
}

/// How what was found is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// One JSON object.
    Json,
}

/// `nsm account`.
#[derive(Args, Debug)]
pub(crate) struct Account {
    /// The id; of an entity whose key has several fields, the value of each
    #[arg(required = true)]
    pub(crate) id: Vec<String>,
    /// The entity's name in the catalogue
    #[arg(long, value_name = "NAME", default_value = "account")]
    pub(crate) entity: String,
    /// How to show it
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: Format,
}

/// `nsm accounts`.
#[derive(Args, Debug)]
pub(crate) struct Accounts {
    /// The name of a metric that counts entities
    pub(crate) metric: String,
    /// List those that count; without any of these options, they are listed
    #[arg(long, group = "list")]
    pub(crate) members: bool,
    /// List those that count, and came in at --since or later
    #[arg(long, group = "list")]
    pub(crate) entered: bool,
    /// List those that do not count any more, and fell out at --since or later
    #[arg(long, group = "list")]
    pub(crate) fell_out: bool,
    /// List those that count, and fall out --within some time if nothing further happens
    #[arg(long, group = "list")]
    pub(crate) due_to_fall_out: bool,
    /// A trailing window of the metric [default: its longest]
    #[arg(long, value_name = "WINDOW")]
    pub(crate) window: Option<String>,
    /// A date (2018-11-30) or a time (2018-11-30T12:00:00Z) [default: seven days before shard time]
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// A span such as 24h or 7d [default: 7d]
    #[arg(long, value_name = "SPAN")]
    pub(crate) within: Option<String>,
    /// Only those with this value of an attribute, may be repeated: of two values of the same either will do
    #[arg(long = "segment", value_name = "ATTRIBUTE=VALUE")]
    pub(crate) segments: Vec<String>,
    /// How to show the list
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: ListFormat,
}

/// How a list is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    /// For people.
    #[default]
    Table,
    /// One JSON object.
    Json,
    /// For spreadsheets.
    Csv,
}

/// `nsm produce`.
#[derive(Args, Debug)]
pub(crate) struct Produce {
    /// The file, one JSON object a line; `-` is stdin
    pub(crate) file: PathBuf,
    /// The catalogue's source whose topic the lines are for [default: the only one]
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
    /// The topic to send to [default: the source's]
    #[arg(long, value_name = "TOPIC")]
    pub(crate) topic: Option<String>,
    /// The field that becomes the record's key, such as user.id [default: no key, partitions in turn]
    #[arg(long, value_name = "FIELD")]
    pub(crate) key: Option<String>,
    /// Which time the records get: that of sending, or the event's as the source writes it
    #[arg(long, value_name = "TIME", default_value = "now")]
    pub(crate) timestamps: Timestamps,
}

/// Which time a record gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Timestamps {
    /// The event's time.
    Event,
    /// The time of sending.
    Now,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn role_is_repeatable() {
        let cli = Cli::parse_from(["nsm", "run", "--role", "ingest", "--role", "window"]);
        let Command::Run(run) = cli.command else { panic!("it is run") };
        assert_eq!(run.roles, [Role::Ingest, Role::Window]);
    }

    #[test]
    fn value_enum_names_are_the_roles() {
        for role in Role::ALL {
            assert_eq!(role.to_possible_value().map(|value| value.get_name().to_owned()), Some(role.name().to_owned()));
        }
    }
}
