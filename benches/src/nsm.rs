//! The pipeline under measurement: `nsm run` with all its roles in one process, on real services.

use crate::clock;
use serde_json::{Value, json};
use services::{Kafka, Pages, Process, Redis, Scrape, free_port, isolated, program};
use std::path::PathBuf;
use std::time::Duration;

/// How many shards there are: the default of the program.
pub(crate) const SHARDS: u64 = 16;
const START: Duration = Duration::from_secs(180);

/// What a pipeline is started with.
pub(crate) struct Setup<'a> {
    /// The group; it also names the topics.
    pub(crate) name: &'a str,
    pub(crate) catalogue: &'a str,
    /// Settings beside the defaults.
    pub(crate) settings: Value,
    pub(crate) kafka: &'a Kafka,
    pub(crate) redis: &'a Redis,
    /// Where its files may lie.
    pub(crate) folder: PathBuf,
}

/// A running pipeline.
pub(crate) struct Nsm {
    name: String,
    config: PathBuf,
    process: Process,
    pages: Pages,
}

impl Nsm {
    /// Starts it, and does not wait for anything.
    pub(crate) fn start(setup: &Setup<'_>) -> Nsm {
        let port = free_port();
        let write = |name: &str, text: &str| {
            let path = setup.folder.join(format!("{}.{name}", setup.name));
            std::fs::write(&path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            path
        };
        let catalogue = write("catalogue.yaml", setup.catalogue);
        let mut config = json!({
            "catalogue": catalogue,
            "group": setup.name,
            "instance": "bench",
            "kafka": { "brokers": setup.kafka.bootstrap() },
            "topics": { "activity": activity(setup.name), "dead_letter": format!("dead-letter.{}", setup.name) },
            "state": { "redis": { "url": setup.redis.url() } },
            "http": { "listen": format!("127.0.0.1:{port}") },
        });
        for (section, values) in setup.settings.as_object().into_iter().flatten() {
            config[section] = values.clone();
        }
        // JSON is YAML.
        let config = write("northstar.yaml", &config.to_string());
        Nsm { name: setup.name.to_owned(), process: launch(&config), config, pages: Pages::at(port) }
    }

    /// Kills it (SIGKILL) and starts it again at once, as the same instance.
    pub(crate) fn kill_and_restart(&mut self) {
        self.process.kill();
        self.process = launch(&self.config);
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The name of its activity topic.
    pub(crate) fn activity(&self) -> String {
        activity(&self.name)
    }

    /// The page of metrics; `None` while it does not serve.
    pub(crate) fn page(&self) -> Option<String> {
        let text = self.pages.get("metrics").map(|(_, text)| text);
        assert!(text.is_some() || self.process.is_running(), "nsm {} has ended:\n{}", self.name, self.process.log());
        text
    }

    /// Its metrics; `None` while it does not serve them.
    pub(crate) fn scrape(&self) -> Option<Scrape> {
        self.page().map(|page| Scrape::parse(&page))
    }

    /// Waits until its metrics are as `is_so` wants them.
    pub(crate) fn wait(
        &self,
        deadline: Duration,
        interval: Duration,
        what: &str,
        mut is_so: impl FnMut(&Scrape) -> bool,
    ) -> Scrape {
        clock::wait_for(deadline, interval, what, || self.scrape().filter(&mut is_so))
    }

    /// Waits until the first gauge is shown.
    pub(crate) fn wait_shown(&self) {
        self.wait(START, Duration::from_millis(50), "gauges", |scrape| !scrape.gauges().is_empty());
    }

    /// Stops it in order, and waits for its end.
    pub(crate) fn stop(self) {
        self.process.terminate();
        let status = self.process.wait(START);
        assert!(status.success(), "nsm {} ended with {status}:\n{}", self.name, self.process.log());
    }
}

fn activity(name: &str) -> String {
    format!("activity.{name}")
}

fn launch(config: &PathBuf) -> Process {
    let mut command = isolated(program("nsm"));
    command.arg("--config").arg(config).arg("run");
    Process::spawn("nsm", command)
}
