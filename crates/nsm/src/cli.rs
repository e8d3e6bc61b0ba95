//! The command line.

use crate::config::LogFormat;
use crate::config::units::duration;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::civil::Date;
use product::Company;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

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
    /// Show how the metrics of the North Star tree stand: value, target, path, expiry, and whose each is
    Tree(Tree),
    /// Show one account, or another entity: its days, its windows, its attributes and its users
    Account(Account),
    /// List the accounts, or other entities, that count in a metric's window, came in, fell out, or are about to
    Accounts(Accounts),
    /// Send a file of JSON lines to a source's topic
    Produce(Produce),
    /// Send the events of a simulated product, and write down what is to be counted in them
    Load(Load),
    /// See the whole pipeline at work on a simulated product: one process, no service, no configuration
    Demo(Demo),
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
    /// A window, such as 60m, 7d or mtd [default: all of the metric's]
    #[arg(long, value_name = "WINDOW")]
    pub(crate) window: Option<String>,
    /// Show the slices by this dimension, of the metrics that are sliced by it
    #[arg(long, value_name = "DIMENSION")]
    pub(crate) by: Option<String>,
    /// A date (2018-11-30), or a time (2018-11-30T12:00:00Z) whose day, hour or minute is meant [default: shard time]
    #[arg(long, value_name = "TIME")]
    pub(crate) as_of: Option<String>,
    /// Show the values as of every day, hour or minute from this date or time on
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// How to show the values
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: Format,
}

/// `nsm tree`.
#[derive(Args, Debug, Default)]
pub(crate) struct Tree {
    /// A date (2018-11-30), or a time (2018-11-30T12:00:00Z) whose day, hour or minute is meant [default: the last that is over]
    #[arg(long, value_name = "TIME")]
    pub(crate) as_of: Option<String>,
    /// How to show the tree
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
    /// Leave out those that belong to it, such as its users, for whom all records of its shard are looked through
    #[arg(long)]
    pub(crate) alone: bool,
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
    /// List those that count, and did not as of the day before --since
    #[arg(long, group = "list")]
    pub(crate) entered: bool,
    /// List those that do not count, and did as of the day before --since
    #[arg(long, group = "list")]
    pub(crate) fell_out: bool,
    /// List those that count, and fall out --within some time if nothing further happens
    #[arg(long, group = "list")]
    pub(crate) due_to_fall_out: bool,
    /// A window of the metric, such as 24h, 28d or wtd [default: its longest]
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
    /// Only the first so many [default: all]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) limit: Option<usize>,
    /// Only those that follow the entity with this id; of a key of several fields once for each, in order
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub(crate) after: Vec<String>,
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

/// `nsm load`.
#[derive(Args, Debug)]
pub(crate) struct Load {
    /// The same seed gives the same stream, byte by byte, of a history
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Whose product is simulated
    #[arg(long, value_name = "NAME", default_value = Company::DOCUMENTS.name, value_parser = companies())]
    pub(crate) company: &'static Company,
    /// How many accounts the product has at the start; each has twelve users on average, and more of both come
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) accounts: u32,
    /// How many usage records to send, copies included
    #[arg(long, value_name = "N", required_unless_present_any = ["duration", "rate"])]
    pub(crate) events: Option<u64>,
    /// For how long to send, such as 20s or 5m
    #[arg(long = "for", id = "duration", value_name = "DURATION", value_parser = any_duration)]
    pub(crate) duration: Option<Duration>,
    /// How many usage records to send in a second [default: as fast as possible]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) rate: Option<u64>,
    /// Send a history that begins with this date (UTC), instead of events of now
    #[arg(long, value_name = "DATE", requires = "days", requires = "events", conflicts_with = "duration")]
    pub(crate) from: Option<Date>,
    /// How many days the history has
    #[arg(long, value_name = "N", requires = "from", value_parser = clap::value_parser!(u32).range(1..=3_660))]
    pub(crate) days: Option<u32>,
    /// Where usage events go [default: the topic of the catalogue's only source of native events]
    #[arg(long, value_name = "TOPIC")]
    pub(crate) usage_topic: Option<String>,
    /// Where records of accounts go [default: the topic of the catalogue's source of attributes of accounts, if there is one]
    #[arg(long, value_name = "TOPIC")]
    pub(crate) accounts_topic: Option<String>,
    /// Make the topics if they are missing, with so many partitions, which keep records of any age
    #[arg(long, value_name = "PARTITIONS", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) create_topics: Option<u16>,
    /// A folder to write the truth to: days.jsonl, accounts.jsonl and summary.json
    #[arg(long, value_name = "FOLDER")]
    pub(crate) truth: Option<PathBuf>,
}

/// `nsm demo`.
#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// For how long to send live events, such as 20s or 5m [default: until q or Ctrl-C]
    #[arg(long = "for", value_name = "DURATION", value_parser = any_duration)]
    pub(crate) duration: Option<Duration>,
    /// How many live events to send in a second
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=5_000))]
    pub(crate) rate: u64,
    /// Which product is simulated
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

fn positive(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "write a number that is at least 1".to_owned())
}

/// The companies by name.
fn companies() -> impl TypedValueParser<Value = &'static Company> {
    let named = |name: String| Company::ALL.into_iter().find(|company| company.name == name);
    PossibleValuesParser::new(Company::ALL.map(|company| company.name))
        .try_map(move |name| named(name).ok_or("no company"))
}

fn any_duration(text: &str) -> Result<Duration, String> {
    let range = Duration::from_secs(1)..=Duration::from_secs(366 * 86_400);
    duration(text, range).map_err(|wrong| format!("{}; {}", wrong.what, wrong.help))
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
    fn a_history_is_told_whole_and_a_load_how_much() {
        let is_right = |line: &str| Cli::try_parse_from(["nsm", "load"].into_iter().chain(line.split(' '))).is_ok();
        for right in ["--events 5", "--for 20s", "--rate 5", "--from 2026-01-01 --days 120 --events 500000 --rate 7"] {
            assert!(is_right(right), "{right}");
        }
        for wrong in [
            "--seed 5",
            "--from 2026-01-01 --days 120",
            "--from 2026-01-01 --events 5",
            "--from today --days 1 --events 5",
            "--days 1 --events 5",
            "--from 2026-01-01 --days 1 --events 5 --for 5s",
            "--rate 0",
        ] {
            assert!(!is_right(wrong), "{wrong}");
        }
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
