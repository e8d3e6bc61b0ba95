//! One installation of Northstar: a broker, a Redis server, a configuration and a catalogue.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use services::{Kafka, Redis, free_port, isolated, program, wait_until};
use tempfile::TempDir;

use crate::{Client, DEADLINE, Nsm};

const GROUP: &str = "northstar";
const ACTIVITY: &str = "nsm.activity";
/// How long shards may take to be built from a long log.
const BUILT: Duration = Duration::from_mins(30);

/// A broker, a Redis server, a configuration and a catalogue in a folder of their own.
pub struct Installation {
    /// The broker.
    pub kafka: Kafka,
    /// The state store.
    pub redis: Redis,
    /// A client of the broker.
    pub client: Client,
    folder: TempDir,
}

/// What `nsm query --format json` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The day as of which the values are.
    pub as_of: String,
    /// Whether that day is over.
    pub complete: bool,
    /// The next offset of every shard.
    pub next: Vec<i64>,
    /// The values that are kept, by metric and window as in `listeners 7d`.
    pub values: BTreeMap<String, i64>,
}

impl Installation {
    /// Starts a broker and a Redis server, and writes catalogue and configuration: `settings` over some that make tests
    /// quick.
    #[track_caller]
    pub fn new(catalogue: &str, settings: Value) -> Installation {
        Installation::with_redis(catalogue, settings, &[])
    }

    /// As [`Installation::new`], with more arguments for the Redis server.
    #[track_caller]
    pub fn with_redis(catalogue: &str, settings: Value, redis: &[&str]) -> Installation {
        let (kafka, redis) = (Kafka::start(), Redis::start(redis));
        let client = Client::connect(&kafka.bootstrap(), GROUP);
        let folder = TempDir::with_prefix("northstar-installation-").expect("a folder for the installation");
        let mut config = json!({
            "group": GROUP,
            "kafka": { "brokers": kafka.bootstrap() },
            "topics": { "activity": ACTIVITY, "dead_letter": "nsm.dead-letter" },
            "ingest": { "transact": "20ms", "heartbeat": "250ms" },
            "state": { "redis": { "url": redis.url() } },
            "exporter": { "refresh": "100ms", "stale_after": "3s" },
        });
        merge(&mut config, settings);
        let installation = Installation { kafka, redis, client, folder };
        installation.write("catalogue.yaml", catalogue);
        // JSON is YAML.
        installation.write("northstar.yaml", &config.to_string());
        installation
    }

    /// Writes a file of the installation's folder.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        path
    }

    /// `nsm` with the installation's configuration, and nothing of the environment that would overrule it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = isolated(program("nsm"));
        command
            .current_dir(self.folder.path())
            .arg("--config")
            .arg(self.folder.path().join("northstar.yaml"))
            .args(arguments);
        command
    }

    /// Runs `nsm` to its end.
    pub fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("nsm can be started")
    }

    /// Runs `nsm` to its end with this on its standard input.
    pub fn output_of(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("nsm can be started");
        // Dropped at the end of the line: nsm reads until the end of its input.
        child.stdin.take().expect("it is piped").write_all(input.as_bytes()).expect("nsm reads its input");
        child.wait_with_output().expect("nsm ends")
    }

    /// Starts `nsm run` with these roles (all, if none is named) under an instance name, on a free port.
    pub fn run(&self, instance: &str, roles: &[&str]) -> Nsm {
        self.run_with(instance, roles, free_port(), &[])
    }

    /// As [`Installation::run`], on a port, with more variables of the environment.
    pub fn run_with(&self, instance: &str, roles: &[&str], port: u16, environment: &[(&str, &str)]) -> Nsm {
        let roles = roles.iter().flat_map(|role| ["--role", role]);
        let arguments: Vec<&str> = ["run"].into_iter().chain(roles).collect();
        let mut command = self.command(&arguments);
        command
            .env("NSM__INSTANCE", instance)
            .env("NSM__HTTP__LISTEN", format!("127.0.0.1:{port}"))
            .envs(environment.iter().copied());
        Nsm::start(&format!("nsm {instance}"), command, port)
    }

    /// All values as of a day (the day of shard time, if none is named), or what the program says instead.
    pub fn try_query(&self, as_of: Option<&str>) -> Result<Answer, String> {
        let as_of = as_of.into_iter().flat_map(|day| ["--as-of", day]);
        let arguments: Vec<&str> = ["query", "--format", "json"].into_iter().chain(as_of).collect();
        let output = self.output(&arguments);
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(Answer::parse(&serde_json::from_slice(&output.stdout).expect("`--format json` prints JSON")))
    }

    /// Where the shards stand in the store at this address, whichever the configuration names; `None` when it cannot be read.
    pub fn stands_at(&self, url: &str) -> Option<Vec<i64>> {
        let mut command = self.command(&["query", "--format", "json"]);
        let output = command.env("NSM__STATE__REDIS__URL", url).output().expect("nsm can be started");
        let parse = || Answer::parse(&serde_json::from_slice(&output.stdout).expect("`--format json` prints JSON"));
        output.status.success().then(|| parse().next)
    }

    /// All values as of a day.
    ///
    /// # Panics
    /// When there are none.
    #[track_caller]
    pub fn query(&self, as_of: &str) -> Answer {
        self.try_query(Some(as_of)).unwrap_or_else(|e| panic!("as of {as_of}: {e}"))
    }

    /// Waits until every record that the topics hold now is covered by packs, and every shard stands behind those packs.
    #[track_caller]
    pub fn wait_settled(&self, topics: &[&str]) {
        for topic in topics {
            wait_while_more(&format!("packs of all that is in {topic}"), || {
                let end: Option<i64> = self.client.ends(topic).map(|ends| ends.iter().sum());
                let covered = self.client.covered(topic);
                (covered, end.is_some() && covered == end)
            });
        }
        let mut ends = Vec::new();
        wait_until(DEADLINE, "the ends of the activity topic", || {
            self.client.ends(ACTIVITY).is_some_and(|now| {
                ends = now;
                true
            })
        });
        let stands = |next: &[i64]| next.len() == ends.len() && next.iter().zip(&ends).all(|(next, end)| next >= end);
        // How far shards are that are still being built cannot be asked.
        wait_until(BUILT, "every shard to stand where its packs end", || {
            // The last offset is a marker's: the next heartbeat lies behind it.
            self.try_query(None).is_ok_and(|answer| stands(&answer.next))
        });
    }

    /// How far the state is: the sum of all shards' next offsets; 0 when it cannot be read.
    pub fn stands(&self) -> i64 {
        self.try_query(None).map_or(0, |answer| answer.next.iter().sum())
    }
}

impl Answer {
    fn parse(json: &Value) -> Answer {
        let list = |name: &str| json[name].as_array().unwrap_or_else(|| panic!("no list {name} in {json}"));
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned();
        let number = |value: &Value| value.as_i64().unwrap_or_else(|| panic!("no number: {value}"));
        let value = |value: &Value| {
            let name = format!("{} {}", text(&value["metric"]), text(&value["window"]));
            value["value"].as_i64().map(|value| (name, value))
        };
        Answer {
            as_of: text(&json["values"][0]["as_of"]),
            complete: json["values"][0]["complete"].as_bool().expect("`complete` is a boolean"),
            next: list("shards").iter().map(|shard| number(&shard["next_offset"])).collect(),
            values: list("values").iter().filter_map(value).collect(),
        }
    }
}

/// Waits until `far` says that it is there. It says how far it is, too: the deadline is for what comes next, since a topic may be long.
#[track_caller]
fn wait_while_more<F: PartialEq>(what: &str, mut far: impl FnMut() -> (F, bool)) {
    let (mut before, mut is_there) = far();
    while !is_there {
        wait_until(DEADLINE, what, || {
            let (now, there) = far();
            let is_more = now != before;
            (before, is_there) = (now, there);
            is_more || is_there
        });
    }
}

fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (name, value) in over {
                merge(base.entry(name).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}
