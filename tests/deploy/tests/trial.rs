//! `make up` and `make down`: everything comes up, only what is down is started, and nothing else is stopped.

// A helper that fails fails the test.
#![allow(clippy::unwrap_used)]

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use deploy::path;
use serde_json::Value;
use services::{Process, free_port, isolated, program, wait_until};
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(60);
const PORTS: [&str; 6] = ["KAFKA", "KAFKA_CONTROLLER", "REDIS", "ALERTMANAGER", "PROMETHEUS", "HTTP"];
const SERVICES: [&str; 5] = ["kafka", "redis", "alertmanager", "prometheus", "nsm"];

/// A trial in a folder and on ports of its own. Its end stops everything, also when this process is killed.
struct Trial {
    ports: Vec<(String, u16)>,
    guard: Option<Child>,
    folder: TempDir,
}

impl Trial {
    fn new() -> Trial {
        let ports = PORTS.map(|name| (format!("NORTHSTAR_{name}_PORT"), free_port())).to_vec();
        let mut trial = Trial { ports, guard: None, folder: TempDir::with_prefix("northstar-trial-").unwrap() };
        // It waits for the end of its input, which nobody but this process holds.
        let mut guard = trial.command("sh");
        guard.args(["-c", r#"cat; exec "$0" down --wipe"#]).arg(script()).stdin(Stdio::piped()).stdout(Stdio::null());
        // Else it would be stopped with this process, if that is stopped as a group.
        guard.process_group(0);
        trial.guard = Some(guard.spawn().unwrap());
        trial
    }

    fn command(&self, program_name: &str) -> Command {
        let nsm = program("nsm");
        let profile = nsm.parent().unwrap();
        let name = profile.file_name().unwrap();
        let mut command = isolated(program_name);
        command
            .envs(self.ports.iter().map(|(variable, port)| (variable, port.to_string())))
            .env("NORTHSTAR_DIR", self.folder.path())
            .env("CARGO_TARGET_DIR", profile.parent().unwrap())
            .env("PROFILE", if name == "debug" { "dev".as_ref() } else { name });
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(script().to_str().unwrap()).args(arguments).output().unwrap()
    }

    /// Runs the script, which has to succeed: what it prints.
    #[track_caller]
    fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    /// Runs the script, which has to fail: what it complains of.
    #[track_caller]
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// `nsm` as the user would call it.
    fn nsm(&self, arguments: &[&str]) -> Output {
        Command::new(self.folder.path().join("nsm")).args(arguments).output().unwrap()
    }

    fn port(&self, name: &str) -> u16 {
        self.ports.iter().find(|(variable, _)| variable == &format!("NORTHSTAR_{name}_PORT")).unwrap().1
    }

    fn pid_file(&self, service: &str) -> PathBuf {
        self.folder.path().join("pids").join(service)
    }

    fn get(&self, port: &str, page: &str) -> String {
        let url = format!("http://127.0.0.1:{}/{page}", self.port(port));
        ureq::get(url).config().proxy(None).build().call().unwrap().body_mut().read_to_string().unwrap()
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            let _ = guard.wait();
        }
    }
}

fn script() -> PathBuf {
    path("scripts/local.py").canonicalize().unwrap()
}

fn pid(file: &Path) -> u64 {
    let running: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    running["pid"].as_u64().unwrap()
}

fn is_alive(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with(['Z', 'X']))
}

/// The trial, as a new user goes through it.
#[test]
fn trial_comes_up_counts_is_repaired_and_goes_down() {
    let trial = Trial::new();
    let said = trial.done(&["up"]);
    for (variable, port) in trial.ports.iter().filter(|(variable, _)| !variable.contains("CONTROLLER")) {
        assert!(said.contains(&format!("127.0.0.1:{port}")), "{variable} {port}: {said}");
    }

    let event = r#"{"page": "NextSong", "ts": 1541106106796, "userId": "8", "auth": "Logged In", "level": "free"}"#;
    let file = trial.folder.path().join("events.jsonl");
    std::fs::write(&file, event).unwrap();
    assert!(trial.nsm(&["produce", file.to_str().unwrap(), "--timestamps", "event"]).status.success());
    let gauge = r#"nsm_listeners{window="1d",complete="false"} 1"#;
    wait_until(DEADLINE, "one listener", || trial.get("HTTP", "metrics").contains(gauge));
    let rules = trial.get("PROMETHEUS", "api/v1/rules");
    assert!(rules.contains("NorthstarDown"), "{rules}");
    for (page, port, end) in [("api/v1/targets", "HTTP", "metrics"), ("api/v1/alertmanagers", "ALERTMANAGER", "api")] {
        let url = format!("http://127.0.0.1:{}/{end}", trial.port(port));
        wait_until(DEADLINE, &format!("{url} in Prometheus' {page}"), || trial.get("PROMETHEUS", page).contains(&url));
    }

    // Only what is down is started. Redis has kept what it was told, or it is replayed.
    let pids = SERVICES.map(|service| pid(&trial.pid_file(service)));
    let redis = pids[1];
    assert!(Command::new("kill").args(["-9", &redis.to_string()]).status().unwrap().success());
    wait_until(DEADLINE, "the end of Redis", || !is_alive(redis));
    let said = trial.done(&["up"]);
    assert!(said.contains("redis starts") && said.matches("is up already").count() == 4, "{said}");
    wait_until(DEADLINE, "one listener again", || trial.get("HTTP", "metrics").contains(gauge));

    let mut pids = pids;
    pids[1] = pid(&trial.pid_file("redis"));
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    trial.done(&["down"]);
    assert!(!pids.iter().any(|pid| is_alive(*pid)), "{pids:?}");
    assert!(trial.folder.path().join("redis").is_dir(), "the data is kept");
    trial.done(&["down", "--wipe"]);
    assert!(!trial.folder.path().join("redis").exists(), "the data is deleted");
    assert!(file.exists(), "the user's own file is not");
}

#[test]
fn port_that_is_taken_is_named_with_who_needs_it_and_how_to_overrule_it() {
    let trial = Trial::new();
    let taken = ["REDIS", "HTTP"].map(|name| TcpListener::bind(("127.0.0.1", trial.port(name))).unwrap());
    let said = trial.refused(&["up"]);
    for (service, name) in [("redis", "REDIS"), ("nsm", "HTTP")] {
        assert!(said.contains(&format!("{service} needs port {}", trial.port(name))), "{said}");
        assert!(said.contains(&format!("NORTHSTAR_{name}_PORT")), "{said}");
    }
    assert!(!trial.pid_file("kafka").exists(), "nothing was started");
    drop(taken);
}

#[test]
fn service_that_does_not_come_up_shows_the_end_of_its_log() {
    let trial = Trial::new();
    // A folder where its append-only file should be.
    std::fs::create_dir_all(trial.folder.path().join("redis/appendonlydir/appendonly.aof.manifest")).unwrap();
    let said = trial.refused(&["up"]);
    assert!(said.contains("redis ended before it was ready") && said.contains("appendonly"), "{said}");
}

/// A pid is given to others, after its process has ended.
#[test]
fn process_that_only_has_the_pid_is_left_alone() {
    let trial = Trial::new();
    let mut sleep = Command::new("sleep");
    sleep.arg("600");
    let other = Process::spawn("sleep", sleep);
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    std::fs::create_dir_all(trial.folder.path().join("pids")).unwrap();
    let running = serde_json::json!({ "pid": other.pid(), "started": 1, "boot": boot.trim(), "ports": {} });
    std::fs::write(trial.pid_file("redis"), running.to_string()).unwrap();
    trial.done(&["down"]);
    assert!(other.is_running());
}
