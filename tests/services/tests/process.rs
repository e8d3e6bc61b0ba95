//! What holds for every child process.

// A helper that fails fails the test.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use services::{Process, wait_until};

const DEADLINE: Duration = Duration::from_secs(20);
/// Set for the copy of this binary that [`dies_with_its_parent`] starts.
const HOLDER: &str = "NORTHSTAR_TEST_HOLDER";

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

fn sleeper() -> Process {
    Process::spawn("sleeper", shell("echo awake; exec sleep 600"))
}

/// Whether the kernel still has the process, also as a zombie.
fn exists(pid: u32) -> bool {
    PathBuf::from(format!("/proc/{pid}")).exists()
}

#[test]
fn is_gone_after_drop() {
    let process = sleeper();
    let pid = process.pid();
    assert!(exists(pid));
    drop(process);
    assert!(!exists(pid));
}

#[test]
fn is_gone_after_drop_even_when_paused() {
    let process = sleeper();
    process.pause();
    let pid = process.pid();
    drop(process);
    assert!(!exists(pid));
}

#[test]
fn is_killed_on_drop_when_it_ignores_the_request() {
    let process = Process::spawn("stubborn", shell("trap '' TERM; echo ready; while :; do sleep 1; done"));
    process.wait_ready(DEADLINE, || process.log().contains("ready"));
    let pid = process.pid();
    drop(process);
    assert!(!exists(pid));
}

#[test]
fn outlives_the_thread_that_started_it() {
    let process = std::thread::spawn(sleeper).join().unwrap();
    process.wait_ready(DEADLINE, || process.log().contains("awake"));
    assert!(process.is_running());
}

/// The child of a killed test process is gone as well: its drop never ran.
#[test]
fn dies_with_its_parent() {
    // A killed process leaves its temporary files: here they go with this folder.
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "holds_a_child", "--ignored", "--nocapture"])
        .env(HOLDER, "1")
        .env("TMPDIR", folder.path());
    let holder = Process::spawn("holder", command);
    let child = || -> Option<u32> {
        let log = holder.log();
        let pid = log.split("child=").nth(1)?.split_once(';')?.0;
        pid.parse().ok()
    };
    holder.wait_ready(DEADLINE, || child().is_some());
    let child = child().unwrap();
    assert!(exists(child));
    holder.kill();
    wait_until(DEADLINE, "the end of the orphan", || !exists(child));
}

#[test]
#[ignore = "started by dies_with_its_parent"]
fn holds_a_child() {
    if std::env::var_os(HOLDER).is_some() {
        let process = sleeper();
        println!("child={};", process.pid());
        process.wait(Duration::from_secs(600));
    }
}

#[test]
fn terminate_and_wait_give_the_status() {
    let process =
        Process::spawn("polite", shell("trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done"));
    process.wait_ready(DEADLINE, || process.log().contains("ready"));
    process.terminate();
    assert_eq!(process.wait(DEADLINE).code(), Some(7));
    assert!(process.log().contains("bye"));
    assert!(!process.is_running());
    // The id may belong to somebody else now: nothing is sent.
    process.terminate();
    process.kill();
}

#[test]
fn kill_is_a_crash() {
    let process = sleeper();
    process.kill();
    assert!(!process.is_running());
    assert_eq!(process.exit_status().unwrap().code(), None);
}

#[test]
#[should_panic(expected = "disk on fire")]
fn a_process_that_ends_too_early_shows_its_log() {
    let process = Process::spawn("broken", shell("echo disk on fire >&2; exit 3"));
    process.wait_ready(DEADLINE, || false);
}

#[test]
#[should_panic(expected = "sleeper is not ready after")]
fn a_process_that_is_not_ready_in_time_is_named() {
    sleeper().wait_ready(Duration::from_millis(50), || false);
}

#[test]
#[should_panic(expected = "make services")]
fn a_missing_program_names_the_remedy() {
    Process::spawn("nothing", Command::new("no-such-program-anywhere"));
}
