//! A small run measures everything. How fast a busy machine is says nothing, and is not asserted; that the state is exact
//! is, by the run itself: it counts every event once, rejects none, and compares all gauges with what it sent.

// A helper that fails fails the test.
#![allow(clippy::unwrap_used)]

use serde_json::Value;
use std::process::Command;

const EVENTS: u64 = 200_000;
const KEYS: [&str; 12] = [
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
    "cpu_20_metrics_vs_1",
];

/// Runs the program, and gives what it has printed and the report that it has left, alone.
fn report(arguments: &[&str], name: &str) -> (String, Value) {
    let folder = tempfile::tempdir().unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_bench")).args(arguments).arg("--folder").arg(folder.path()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [name], "what is temporary is gone");
    let report = serde_json::from_slice(&std::fs::read(folder.path().join(name)).unwrap()).unwrap();
    (out.into_owned(), report)
}

#[test]
fn small_run_reports_every_measure_of_an_exact_pipeline() {
    let events = EVENTS.to_string();
    let arguments = ["run", "--rounds", "1", "--seconds", "4", "--kills", "1", "--events", &events];
    let (out, report) = report(&arguments, "report.json");
    for key in KEYS {
        let value = report[key].as_f64().unwrap_or_else(|| panic!("no number {key} in {report}"));
        assert!(value > 0.0 && value.is_finite(), "{key} is {value}");
        assert!(out.contains(key), "no {key} in the table:\n{out}");
    }
    assert_eq!(report["detail"]["floor"].as_array().unwrap().len(), 2);
    // What accounts are is told by records of a topic beside: one each, and some more.
    for (rounds, most) in [("pipeline", EVENTS), ("users_alone", EVENTS), ("segments", EVENTS + EVENTS / 100)] {
        for round in report["detail"][rounds].as_array().unwrap() {
            let events = round["events"].as_u64().unwrap();
            assert!((EVENTS..=most).contains(&events) && round["rejected"] == 0, "{rounds}: {round}");
        }
    }
}

#[test]
fn small_run_of_kinds_counts_something_of_each() {
    let (out, report) = report(&["kinds", "--rounds", "1", "--events", "20000"], "kinds.json");
    let kinds = report["kinds"].as_array().unwrap();
    assert!(kinds.len() >= 20, "{report}");
    for kind in kinds {
        let name = kind["kind"].as_str().unwrap();
        assert!(kind["cpu_seconds_per_million"].as_f64().unwrap() > 0.0, "{kind}");
        assert!(out.lines().any(|line| line.trim_start().starts_with(name)), "no {name} in the table:\n{out}");
    }
    assert!(report["cpu_all_kinds_vs_1"].as_f64().unwrap() > 0.0, "{report}");
}

/// Memory is bounded by the settings on any machine.
#[test]
fn small_stress_loses_nothing_and_keeps_within_its_memory() {
    let arguments = ["stress", "--rounds", "1", "--seconds", "1", "--events", "100000"];
    let (out, report) = report(&arguments, "stress.json");
    assert_eq!((&report["poison_100pct_lost"], &report["burst"]["lost"]), (&0.into(), &0.into()), "{report}");
    assert!(report["burst"]["backlog"].as_u64().unwrap() > 0, "{report}");
    for name in ["backlog_rss_mib", "backlog_rss_small_mib", "burst_rss_mib", "poison_100pct_lost", "burst_lost"] {
        let row = out.lines().find(|line| line.trim_start().starts_with(&format!("{name} ")));
        let row = row.unwrap_or_else(|| panic!("no {name} in the table:\n{out}"));
        assert!(row.trim_end().ends_with("ok"), "{row}");
    }
}
