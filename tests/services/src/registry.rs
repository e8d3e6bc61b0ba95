//! A schema registry.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;

use crate::http::{agent, is_ok};
use crate::installed::installed;
use crate::ports::free_port;
use crate::process::{NotReady, Process, start_on_free_ports};

/// It is up in nine seconds; the rest is for a machine that is busy compiling.
const READY_DEADLINE: Duration = Duration::from_secs(120);
/// Where its interface lies that is Confluent's.
const CONFLUENT: &str = "apis/ccompat/v7";
const JSON: &str = "application/vnd.schemaregistry.v1+json";

/// A schema registry on 127.0.0.1, which keeps everything in memory: it forgets what it knew when it ends.
///
/// Without a rule of compatibility it takes every schema: see [`Registry::demand_compatibility`].
#[derive(Debug)]
pub struct Registry {
    process: Process,
    port: u16,
    agent: Agent,
    // After the process: the folder is removed when the registry is gone.
    _folder: TempDir,
}

impl Registry {
    /// Starts a registry and waits until it answers.
    ///
    /// # Panics
    /// When it is not installed (`make services` fetches it), and when it does not come up within two minutes.
    #[track_caller]
    pub fn start() -> Registry {
        let jars = installed(&["registry/runner.jar"]).join("registry");
        let folder = TempDir::with_prefix("northstar-registry-").expect("a folder for the registry");
        let (process, port) = start_on_free_ports(|| {
            let port = free_port();
            launch(&jars, folder.path(), port).map(|process| (process, port))
        });
        Registry { process, port, agent: agent(), _folder: folder }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address for clients, if they reach it by this port: its own, or a proxy's.
    pub fn url_by(port: u16) -> String {
        format!("http://127.0.0.1:{port}/{CONFLUENT}")
    }

    /// From now on a new schema of a subject has to be able to read what the one before has written.
    #[track_caller]
    pub fn demand_compatibility(&self) {
        let url = format!("{}/config", Registry::url_by(self.port));
        let answer =
            self.agent.put(&url).header("content-type", JSON).send(json!({ "compatibility": "BACKWARD" }).to_string());
        assert_eq!(answer.expect("the registry answers").status(), 200);
    }

    /// Registers a schema as the next version of a subject: its id.
    ///
    /// # Errors
    /// The status and what the registry says when it refuses it.
    #[track_caller]
    pub fn register(&self, subject: &str, schema: &str) -> Result<u32, (u16, String)> {
        let url = format!("{}/subjects/{subject}/versions", Registry::url_by(self.port));
        let request = self.agent.post(&url).header("content-type", JSON);
        let mut answer = request.send(json!({ "schema": schema }).to_string()).expect("the registry answers");
        let text = answer.body_mut().read_to_string().expect("its answer can be read");
        if answer.status() != 200 {
            return Err((answer.status().as_u16(), text));
        }
        let json: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{text} is no JSON: {e}"));
        Ok(json["id"].as_u64().and_then(|id| u32::try_from(id).ok()).unwrap_or_else(|| panic!("no id in {text}")))
    }

    /// Everything that it has logged.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

#[track_caller]
fn launch(jars: &Path, folder: &Path, port: u16) -> Result<Process, NotReady> {
    let mut command = Command::new("java");
    command
        .args(["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"])
        .args(["-Dquarkus.http.host=127.0.0.1", &format!("-Dquarkus.http.port={port}")])
        .arg("-jar")
        .arg(jars.join("runner.jar"))
        .current_dir(folder);
    let process = Process::spawn_with_log("registry", command, &folder.join("log"));
    let (agent, url) = (agent(), format!("{}/subjects", Registry::url_by(port)));
    process.try_ready(READY_DEADLINE, || is_ok(&agent, &url))?;
    Ok(process)
}
