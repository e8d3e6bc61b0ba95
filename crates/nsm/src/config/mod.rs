//! What the program is told beside the catalogue: a YAML file, and the environment over it.
//!
//! Every setting has a default; `deploy/examples/northstar.yaml` names all of them with theirs, and a test compares the
//! two. `NSM__KAFKA__BROKERS` is `kafka.brokers`. A configuration is read as a whole, so that everything that is wrong with
//! it can be told at once, and secrets are kept as [`SecretString`], which no log and no error shows.

mod registry;
mod schema;
mod section;
mod tree;
pub(crate) mod units;
mod veil;
mod workers;

use kafka::rdkafka::KafkaConfig;
pub(crate) use schema::schema;
use secrecy::{ExposeSecret, SecretString};
pub(crate) use section::Wrong;
use section::{Found, Section};
use state::RedisConfig;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tree::Tree;
use units::{count, duration};
use yaml::Report;
use yaml::suggest::did_you_mean;

/// What the variables of the environment start with.
const PREFIX: &str = "NSM__";
const DEFAULT_FILE: &str = "northstar.yaml";

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// The whole configuration.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The file of the metric catalogue.
    pub(crate) catalogue: PathBuf,
    /// The consumer group, and the name under which everything of one installation belongs together.
    pub(crate) group: String,
    /// The name of this process among those of the group; stable over restarts.
    pub(crate) instance: String,
    pub(crate) kafka: Kafka,
    pub(crate) topics: Topics,
    pub(crate) ingest: ingest::Settings,
    pub(crate) window: window::Settings,
    pub(crate) redis: Redis,
    pub(crate) registry: registry::Registry,
    pub(crate) exporter: Exporter,
    pub(crate) http: Http,
    pub(crate) log: Log,
}

/// How to reach the brokers.
#[derive(Clone, Debug)]
pub(crate) struct Kafka {
    pub(crate) brokers: String,
    pub(crate) properties: BTreeMap<String, SecretString>,
    pub(crate) transaction_timeout: Duration,
    pub(crate) session_timeout: Duration,
    pub(crate) poll_interval: Duration,
    pub(crate) request_timeout: Duration,
}

/// The topics that Northstar owns.
#[derive(Clone, Debug)]
pub(crate) struct Topics {
    pub(crate) activity: String,
    pub(crate) dead_letter: String,
    pub(crate) admitted: String,
}

/// How to reach the state store.
#[derive(Clone, Debug)]
pub(crate) struct Redis {
    pub(crate) url: SecretString,
    pub(crate) connect_timeout: Duration,
    pub(crate) timeout: Duration,
}

/// How gauges are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exporter {
    /// How often the store is read.
    pub(crate) refresh: Duration,
    /// Gauges whose last pack is older than this are absent.
    pub(crate) stale_after: Duration,
}

/// What is served.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    /// Where.
    pub(crate) listen: SocketAddr,
    /// What has to be said to see lists of entities; empty if nothing is set.
    pub(crate) token: SecretString,
}

/// What is logged, and how.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) format: LogFormat,
    /// A level, or directives such as `info,ingest=debug`.
    pub(crate) level: String,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What was read, and what is wrong with it.
#[derive(Debug)]
pub(crate) struct Read {
    /// Where something is wrong it has the default.
    pub(crate) config: Config,
    /// What is wrong; no mistakes if all is well.
    pub(crate) report: Report,
    /// The file could not be read as a whole, so that what it sets is not known.
    pub(crate) is_blind: bool,
}

impl Config {
    /// How many shards there are.
    pub(crate) fn shards(&self) -> u16 {
        self.ingest.shards
    }

    /// The configuration of Kafka's clients.
    pub(crate) fn kafka_config(&self) -> KafkaConfig {
        let Kafka { brokers, properties, transaction_timeout, session_timeout, poll_interval, request_timeout } =
            self.kafka.clone();
        let exposed = |(key, value): (String, SecretString)| (key, value.expose_secret().to_owned());
        KafkaConfig {
            properties: properties.into_iter().map(exposed).collect(),
            transaction_timeout,
            session_timeout,
            poll_interval,
            request_timeout,
            ..KafkaConfig::new(brokers, &self.group, &self.instance)
        }
    }

    /// The configuration of the state store's client.
    pub(crate) fn redis_config(&self) -> RedisConfig {
        let Redis { url, connect_timeout, timeout } = &self.redis;
        let url = url.expose_secret().to_owned();
        RedisConfig { url, connect_timeout: *connect_timeout, timeout: *timeout }
    }

    /// The exporter's settings.
    pub(crate) fn board_settings(&self) -> exporter::Settings {
        exporter::Settings { shards: self.shards(), stale_ms: millis(self.exporter.stale_after) }
    }
}

/// Reads the configuration: `file`, or else the default file if it exists, and this process's environment over it.
pub(crate) fn load(file: Option<&Path>) -> Read {
    let default = Path::new(DEFAULT_FILE);
    let file = file.or_else(|| default.exists().then_some(default));
    read(file, std::env::vars_os(), host_name)
}

/// The defaults alone, whatever files and variables there are: for what runs without being configured.
pub(crate) fn builtin() -> Config {
    read(None, std::iter::empty(), || Some("builtin".to_owned())).config
}

fn read(
    file: Option<&Path>,
    environment: impl Iterator<Item = (OsString, OsString)>,
    host: impl FnOnce() -> Option<String>,
) -> Read {
    let found = Found::default();
    let text = file.map(|file| tree::text_of(file, &found.sink));
    let loaded = text.as_ref().map(|text| yaml::load(text.as_ref()?).map_err(|mistake| found.sink.push(mistake)).ok());
    let is_blind = matches!(loaded, Some(None));
    let tree = Tree { file: loaded.flatten(), variables: tree::variables(environment, &found.sink) };
    let config = config(Section::root(&tree, &found), file.and_then(Path::parent), host);
    let text = found.veil.over(&text.flatten().unwrap_or_default(), !is_blind);
    let file = file.unwrap_or(Path::new(DEFAULT_FILE)).display().to_string();
    Read { config, report: Report { file, text, mistakes: found.sink.into_mistakes() }, is_blind }
}

fn config(root: Section<'_>, folder: Option<&Path>, host: impl FnOnce() -> Option<String>) -> Config {
    let catalogue: String = root.read("catalogue", "catalogue.yaml".to_owned(), any);
    let group = root.read("group", "northstar".to_owned(), name);
    let instance = root.read_or("instance", || host().unwrap_or_default(), name);
    if instance.is_empty() {
        root.reject(
            &["instance"],
            Wrong::new("this machine has no host name", "write a name that no other process of the group has"),
        );
    }
    let shards = number(&root, "shards", 16, 1..=1024);
    let config = Config {
        catalogue: folder.unwrap_or(Path::new("")).join(catalogue),
        group,
        instance,
        kafka: kafka_section(root.section("kafka")),
        topics: topics(root.section("topics")),
        ingest: workers::ingest(root.section("ingest"), shards),
        window: workers::window(root.section("window")),
        redis: redis(root.section("state")),
        registry: registry::read(root.section("registry")),
        exporter: exporter_section(root.section("exporter")),
        http: http(root.section("http")),
        log: log(root.section("log")),
    };
    if config.exporter.stale_after <= Duration::from_millis(config.ingest.heartbeat_ms.unsigned_abs()) {
        let wrong = Wrong::new(
            "`exporter.stale_after` must be longer than `ingest.heartbeat`: gauges would be absent between two heartbeats",
            "write a longer `exporter.stale_after`, or a shorter `ingest.heartbeat`",
        );
        root.reject(&["exporter.stale_after", "ingest.heartbeat"], wrong);
    }
    root.finish();
    config
}

fn kafka_section(section: Section<'_>) -> Kafka {
    let kafka = Kafka {
        brokers: section.read("brokers", "127.0.0.1:9092".to_owned(), any),
        properties: section.properties("properties"),
        transaction_timeout: section
            .read("transaction_timeout", 10 * SECOND, |text| duration(text, SECOND..=15 * 60 * SECOND)),
        session_timeout: section.read("session_timeout", 10 * SECOND, |text| duration(text, SECOND..=HOUR)),
        poll_interval: section.read("poll_interval", 300 * SECOND, |text| duration(text, SECOND..=HOUR)),
        request_timeout: section.read("request_timeout", 30 * SECOND, |text| duration(text, SECOND..=HOUR)),
    };
    if kafka.poll_interval < kafka.session_timeout {
        let wrong = Wrong::new(
            "`kafka.poll_interval` is shorter than `kafka.session_timeout`",
            "write a longer `poll_interval`, or a shorter `session_timeout`",
        );
        section.reject(&["poll_interval", "session_timeout"], wrong);
    }
    section.finish();
    kafka
}

fn topics(section: Section<'_>) -> Topics {
    let topics = Topics {
        activity: section.read("activity", "nsm.activity".to_owned(), topic),
        dead_letter: section.read("dead_letter", "nsm.dead-letter".to_owned(), topic),
        admitted: section.read("admitted", "nsm.admitted".to_owned(), topic),
    };
    let all = [("activity", &topics.activity), ("dead_letter", &topics.dead_letter), ("admitted", &topics.admitted)];
    for (at, (name, topic)) in all.iter().enumerate() {
        if let Some((same, _)) = all[..at].iter().find(|(_, other)| other == topic) {
            let what = format!("`topics.{name}` is the same topic as `topics.{same}`");
            section.reject(&[*name, *same], Wrong::new(what, "write another topic"));
        }
    }
    section.finish();
    topics
}

fn redis(section: Section<'_>) -> Redis {
    let inner = section.section("redis");
    let scheme =
        |text: &str| match ["redis://", "rediss://", "unix://", "redis+unix://"].iter().any(|s| text.starts_with(s)) {
            true => Ok(()),
            false => Err(Wrong::new(
                "`state.redis.url` is not the address of a Redis server",
                "write `redis://[[user]:password@]host[:port][/db]`, or `rediss://` for TLS",
            )),
        };
    let redis = Redis {
        url: inner.secret("url", "redis://127.0.0.1:6379", scheme),
        connect_timeout: inner.read("connect_timeout", 2 * SECOND, |text| duration(text, 10 * MS..=60 * SECOND)),
        timeout: inner.read("timeout", 5 * SECOND, |text| duration(text, 10 * MS..=60 * SECOND)),
    };
    inner.finish();
    section.finish();
    redis
}

fn exporter_section(section: Section<'_>) -> Exporter {
    let exporter = Exporter {
        refresh: section.read("refresh", SECOND, |text| duration(text, 10 * MS..=60 * SECOND)),
        stale_after: section.read("stale_after", 10 * SECOND, |text| duration(text, 100 * MS..=DAY)),
    };
    section.finish();
    exporter
}

fn http(section: Section<'_>) -> Http {
    let listen = section.read("listen", SocketAddr::from((Ipv4Addr::LOCALHOST, 9464)), |text| {
        let help = "write an IP address and a port, as in `0.0.0.0:9464`";
        text.parse().map_err(|_| Wrong::new(format!("`{text}` is not an address"), help))
    });
    let token = section.secret("token", "", |text| match text.len() {
        16.. => Ok(()),
        _ => Err(Wrong::new("a token of less than 16 bytes is guessed soon", "write a longer one")),
    });
    section.finish();
    Http { listen, token }
}

fn log(section: Section<'_>) -> Log {
    let log = Log {
        format: section.read("format", LogFormat::Text, |text| {
            let wrong =
                |_| Wrong::new(format!("`{text}` is not a format of log lines"), did_you_mean(text, &["text", "json"]));
            clap::ValueEnum::from_str(text, false).map_err(wrong)
        }),
        level: section
            .read("level", "info".to_owned(), |text| crate::logging::check_level(text).map(|()| text.to_owned())),
    };
    section.finish();
    log
}

fn number<T: TryFrom<u64>>(
    section: &Section<'_>,
    name: &'static str,
    default: T,
    range: std::ops::RangeInclusive<u64>,
) -> T {
    let parse = |text: &str| Ok(T::try_from(count(text, range)?).unwrap_or_else(|_| unreachable!("the range fits")));
    section.read(name, default, parse)
}

#[expect(clippy::unnecessary_wraps, reason = "it stands where settings are checked")]
fn any(text: &str) -> Result<String, Wrong> {
    Ok(text.to_owned())
}

/// A name that Kafka takes in a group, a member and a transaction.
fn name(text: &str) -> Result<String, Wrong> {
    if text.len() <= 100 && text.chars().all(is_plain) {
        return Ok(text.to_owned());
    }
    Err(Wrong::new(format!("`{text}` is not a name"), "write at most 100 letters, digits, `.`, `_` and `-`"))
}

fn topic(text: &str) -> Result<String, Wrong> {
    if text.len() <= 249 && text.chars().all(is_plain) && !matches!(text, "." | "..") {
        return Ok(text.to_owned());
    }
    let help = "Kafka's topics have at most 249 letters, digits, `.`, `_` and `-`";
    Err(Wrong::new(format!("`{text}` is not a topic"), help))
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).expect("durations are read within a range")
}

/// What this machine is called.
fn host_name() -> Option<String> {
    let told = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok())?;
    name(told.trim()).ok().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests;
