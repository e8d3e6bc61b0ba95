//! A Prometheus server.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;

use crate::http::{agent, get_json, is_ok};
use crate::ports::free_port;
use crate::process::{NotReady, Process, start_on_free_ports};

const READY_DEADLINE: Duration = Duration::from_secs(30);

/// A Prometheus server on 127.0.0.1 with storage of its own, which scrapes given targets.
#[derive(Debug)]
pub struct Prometheus {
    // Held for its drop.
    _process: Process,
    port: u16,
    agent: Agent,
    // After the process: the folder is removed when the server is gone.
    _folder: TempDir,
}

impl Prometheus {
    /// Starts a server that scrapes `targets` (`host:port`, path `/metrics`) under the job `test` every
    /// `scrape_interval` (as in `"500ms"`), and waits until it is ready.
    ///
    /// # Panics
    /// When it does not come up within 30 seconds.
    #[track_caller]
    pub fn start(targets: &[&str], scrape_interval: &str) -> Prometheus {
        Self::start_with_rules(targets, scrape_interval, &[])
    }

    /// As [`Prometheus::start`], and evaluates the rules of `rule_files` at the same interval.
    ///
    /// # Panics
    /// When it does not come up within 30 seconds, also for a mistake in a rule file.
    #[track_caller]
    pub fn start_with_rules(targets: &[&str], scrape_interval: &str, rule_files: &[&Path]) -> Prometheus {
        let folder = TempDir::with_prefix("northstar-prometheus-").expect("a folder for Prometheus");
        let config = config(targets, scrape_interval, rule_files);
        std::fs::write(folder.path().join("prometheus.yml"), config.to_string())
            .expect("the folder for Prometheus can be written");
        let agent = agent();
        let (process, port) = start_on_free_ports(|| {
            let port = free_port();
            launch(port, folder.path(), &agent).map(|process| (process, port))
        });
        Prometheus { _process: process, port, agent, _folder: folder }
    }

    /// The address of its HTTP API, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its address as a target, `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The result of an instant query at the present time: for a vector an array of
    /// `{"metric": {...}, "value": [time, "number"]}`.
    ///
    /// # Panics
    /// When the query is refused, with the server's reason.
    #[track_caller]
    pub fn query(&self, promql: &str) -> Value {
        self.get("query", &[("query", promql)])["result"].take()
    }

    /// Its groups of rules: `[{"name": "...", "rules": [{"type": "alerting", "name": "...", "labels": {...}, ...}]}]`.
    #[track_caller]
    pub fn rule_groups(&self) -> Value {
        self.get("rules", &[])["groups"].take()
    }

    /// What an endpoint of its API says.
    #[track_caller]
    fn get(&self, endpoint: &str, query: &[(&str, &str)]) -> Value {
        let url = format!("{}/api/v1/{endpoint}", self.url());
        let mut answer = get_json(&self.agent, &url, query, &format!("{endpoint} {query:?}"));
        assert_eq!(answer["status"], "success", "{query:?}: {answer}");
        answer["data"].take()
    }

    /// The number that an instant query gives, or `None` when it gives no sample or several.
    ///
    /// # Panics
    /// When the query is refused, with the server's reason.
    #[track_caller]
    pub fn value(&self, promql: &str) -> Option<f64> {
        let result = self.query(promql);
        let samples = result.as_array()?;
        match samples.as_slice() {
            [sample] => sample["value"][1].as_str()?.parse().ok(),
            _ => None,
        }
    }
}

/// The configuration; JSON is YAML, and spares an escaping of our own.
fn config(targets: &[&str], scrape_interval: &str, rule_files: &[&Path]) -> Value {
    let rule_files: Vec<PathBuf> = rule_files
        .iter()
        .map(|path| std::path::absolute(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
        .collect();
    json!({
        "global": {
            "scrape_interval": scrape_interval,
            "scrape_timeout": scrape_interval,
            "evaluation_interval": scrape_interval,
        },
        "rule_files": rule_files,
        "scrape_configs": [{
            "job_name": "test",
            "static_configs": [{ "targets": targets }],
        }],
    })
}

#[track_caller]
fn launch(port: u16, folder: &Path, agent: &Agent) -> Result<Process, NotReady> {
    let flag = |name: &str, path: &str| format!("--{name}={}", folder.join(path).display());
    let mut command = Command::new("prometheus");
    command
        .arg(flag("config.file", "prometheus.yml"))
        .arg(flag("storage.tsdb.path", "data"))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        // Else it looks for its web page's files below the present folder.
        .current_dir(folder);
    let process = Process::spawn_with_log("prometheus", command, &folder.join("log"));
    let url = format!("http://127.0.0.1:{port}/-/ready");
    process.try_ready(READY_DEADLINE, || is_ok(agent, &url))?;
    Ok(process)
}
