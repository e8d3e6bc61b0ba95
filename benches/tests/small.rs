//! A small run measures everything. How fast a busy machine is says nothing, and is not asserted; that the state is exact
//! is, by the run itself: it counts every event once, rejects none, and compares all gauges with what it sent.

// A helper that fails fails the test.
#![allow(clippy::unwrap_used)]

use serde_json::Value;
use std::process::Command;

const EVENTS: u64 = 200_000;
const KEYS: [&str; 11] = [
    "cpu_vs_floor",
    "rate_vs_floor",
    "peak_rss_mib",
    "internal_topic_ratio",
    "redis_commands_per_event",
    "redis_bytes_per_entity",
    "produce_to_gauge_p50_ms",
    "produce_to_gauge_p99_ms",
    "broker_cpu_per_million",
    "scrape_ms_10k",
    "recover_s",
];

#[test]
fn small_run_reports_every_measure_of_an_exact_pipeline() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["run", "--rounds", "1", "--seconds", "4", "--kills", "1", "--events", &EVENTS.to_string()])
        .arg("--folder")
        .arg(folder.path())
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");

    let report: Value = serde_json::from_slice(&std::fs::read(folder.path().join("report.json")).unwrap()).unwrap();
    for key in KEYS {
        let value = report[key].as_f64().unwrap_or_else(|| panic!("no number {key} in {report}"));
        assert!(value > 0.0 && value.is_finite(), "{key} is {value}");
        assert!(out.contains(key), "no {key} in the table:\n{out}");
    }
    assert_eq!(report["detail"]["floor"].as_array().unwrap().len(), 2);
    for round in report["detail"]["pipeline"].as_array().unwrap().iter().chain([&report["detail"]["users_alone"]]) {
        assert_eq!((&round["events"], &round["rejected"]), (&EVENTS.into(), &0.into()));
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["report.json"], "what is temporary is gone");
}
