//! `nsm demo` as people call it: it needs no service, no configuration and no terminal.

use std::process::{Command, Stdio};

#[test]
fn demo_shows_live_gauges_that_end_exactly_at_the_truth() {
    let folder = tempfile::tempdir().expect("a folder");
    // A configuration that lies about is none of the demo's.
    std::fs::write(folder.path().join("northstar.yaml"), "shards: 0\nkafka: { brokers: 127.0.0.1:1 }\n")
        .expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_nsm"));
    command.current_dir(folder.path()).env_clear().args(["demo", "--for", "3s"]).stdin(Stdio::null());
    let output = command.output().expect("the program starts");
    let (shown, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{shown}\n{log}");
    assert!(shown.contains("12 of 12 gauges as of 20") && shown.contains("are exactly what was simulated."), "{shown}");
    assert!(shown.contains("metrics: http://127.0.0.1:"), "{shown}");

    let lines: Vec<&str> = shown.lines().collect();
    let live = lines.iter().position(|line| line.starts_with("live for ")).expect("a live line");
    let users = lines[live + 1].split("active_users 1d ").nth(1).and_then(|rest| rest.split(' ').next());
    let count: u64 = users.expect("a gauge").replace(',', "").parse().expect("a number: it is shown live");
    assert!(count > 0, "{shown}");
    assert_eq!(log, "", "nothing goes wrong on the way");
}
