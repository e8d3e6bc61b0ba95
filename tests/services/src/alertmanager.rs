//! An Alertmanager server.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;

use crate::http::{agent, get_json, is_ok};
use crate::ports::free_port;
use crate::process::{NotReady, Process, start_on_free_ports};

const READY_DEADLINE: Duration = Duration::from_secs(30);

/// An Alertmanager on 127.0.0.1 with storage of its own, which knows no other.
#[derive(Debug)]
pub struct Alertmanager {
    // Held for its drop.
    _process: Process,
    port: u16,
    agent: Agent,
    // After the process: the folder is removed when the server is gone.
    _folder: TempDir,
}

impl Alertmanager {
    /// Starts a server with a configuration file and waits until it is ready.
    ///
    /// # Panics
    /// When it does not come up within 30 seconds, also for a mistake in the file.
    #[track_caller]
    pub fn start(config: &Path) -> Alertmanager {
        let folder = TempDir::with_prefix("northstar-alertmanager-").expect("a folder for Alertmanager");
        let config = std::path::absolute(config).unwrap_or_else(|e| panic!("{}: {e}", config.display()));
        let agent = agent();
        let (process, port) = start_on_free_ports(|| {
            let port = free_port();
            launch(port, &config, folder.path(), &agent).map(|process| (process, port))
        });
        Alertmanager { _process: process, port, agent, _folder: folder }
    }

    /// Tells it that these alerts fire, each given by its labels, as Prometheus would.
    ///
    /// # Panics
    /// When they are refused, with the server's reason.
    #[track_caller]
    pub fn post(&self, alerts: &[BTreeMap<String, String>]) {
        let alerts: Value = alerts.iter().map(|labels| json!({ "labels": labels })).collect();
        let mut response = self
            .agent
            .post(self.url())
            .content_type("application/json")
            .send(alerts.to_string())
            .unwrap_or_else(|e| panic!("Alertmanager does not take {alerts}: {e}"));
        let answer = response.body_mut().read_to_string().unwrap_or_default();
        assert_eq!(response.status(), 200, "{alerts}: {answer}");
    }

    /// The alerts that it knows: `{"labels": {...}, "status": {"state": "active" or "suppressed", ...}, ...}`.
    #[track_caller]
    pub fn alerts(&self) -> Vec<Value> {
        match get_json(&self.agent, &self.url(), &[], "the alerts") {
            Value::Array(alerts) => alerts,
            other => panic!("no list of alerts: {other}"),
        }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/api/v2/alerts", self.port)
    }
}

#[track_caller]
fn launch(port: u16, config: &Path, folder: &Path, agent: &Agent) -> Result<Process, NotReady> {
    let mut command = Command::new("prometheus-alertmanager");
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        // It is alone.
        .arg("--cluster.listen-address=")
        .current_dir(folder);
    let process = Process::spawn_with_log("alertmanager", command, &folder.join("log"));
    process.try_ready(READY_DEADLINE, || is_ok(agent, &format!("http://127.0.0.1:{port}/-/ready")))?;
    Ok(process)
}
