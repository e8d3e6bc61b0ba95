//! The rules fire when they should, say what to do, and do not blame the product for the pipeline.

// A helper that fails fails the test.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use deploy::{Dashboard, exported, files, identifiers, path, text};
use serde_json::Value;
use services::{Alertmanager, Prometheus, wait_until};

const RULES: &str = "deploy/prometheus/rules";
const TESTS: &str = "deploy/prometheus/tests";
const ALERTMANAGER: &str = "deploy/alertmanager/alertmanager.yml";
const DEADLINE: Duration = Duration::from_secs(30);

/// Runs a tool, which has to find nothing wrong.
#[track_caller]
fn passes(program: &str, arguments: &[&str], files: &[PathBuf]) {
    let output = Command::new(program).args(arguments).args(files).output();
    let output = output.unwrap_or_else(|e| panic!("{program}: {e}; `make services` installs it"));
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{program} {arguments:?}:\n{}", String::from_utf8_lossy(&said));
}

/// What Prometheus makes of the rules.
fn rules() -> Vec<Value> {
    let files = files(RULES);
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let groups = Prometheus::start_with_rules(&[], "1s", &files).rule_groups();
    groups.as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

fn alerts() -> Vec<Value> {
    rules().into_iter().filter(|rule| rule["type"] == "alerting").collect()
}

fn name(rule: &Value) -> &str {
    rule["name"].as_str().unwrap()
}

#[test]
fn configurations_are_valid() {
    passes("promtool", &["check", "config"], &[path("deploy/prometheus/prometheus.yml")]);
    passes("promtool", &["check", "rules", "--lint-fatal"], &files(RULES));
    passes("amtool", &["check-config"], &[path(ALERTMANAGER)]);
}

#[test]
fn pipeline_rules_fire_at_their_bounds() {
    passes("promtool", &["test", "rules"], &[path(TESTS).join("pipeline.yml")]);
}

#[test]
fn product_rules_fire_at_their_bounds() {
    passes("promtool", &["test", "rules"], &[path(TESTS).join("product.yml")]);
}

#[test]
fn goal_rules_fire_at_their_bounds() {
    passes("promtool", &["test", "rules"], &[path(TESTS).join("goals.yml")]);
}

#[test]
fn every_alert_is_tested_and_says_what_to_do() {
    let tests: String =
        ["pipeline.yml", "product.yml", "goals.yml"].map(|file| text(&format!("{TESTS}/{file}"))).concat();
    let dashboard = Dashboard::read("deploy/grafana/northstar.json");
    let panels: BTreeSet<&str> = dashboard.panels().iter().map(|panel| panel.title()).collect();
    let alerts = alerts();
    assert!(alerts.len() > 10, "{alerts:?}");
    let names: BTreeSet<&str> = alerts.iter().map(name).collect();
    for alert in &alerts {
        let (name, labels, annotations) = (name(alert), &alert["labels"], &alert["annotations"]);
        assert!(tests.contains(&format!("alertname=\"{name}\"")), "{name} has no test");
        assert!(["critical", "warning"].contains(&labels["severity"].as_str().unwrap()), "{name}: {labels}");
        assert!(["pipeline", "product"].contains(&labels["layer"].as_str().unwrap()), "{name}: {labels}");
        assert!(annotations["summary"].as_str().is_some_and(|text| !text.contains('\n')), "{name}: no summary");
        let description = annotations["description"].as_str().unwrap();
        for quoted in without_templates(description).split('"').skip(1).step_by(2) {
            assert!(panels.contains(quoted) || quoted == "Northstar", "{name} points to a panel {quoted:?}");
        }
        for other in identifiers(description).filter(|word| word.starts_with("Northstar") && *word != "Northstar") {
            assert!(names.contains(other), "{name} points to an alert {other}");
        }
    }
}

/// A text without its `{{ ... }}`.
fn without_templates(text: &str) -> String {
    text.split("{{").map(|part| part.split_once("}}").map_or(part, |(_, rest)| rest)).collect()
}

#[test]
fn rules_name_metrics_that_there_are() {
    let rules = rules();
    let mut known = exported();
    known.extend(rules.iter().filter(|rule| rule["type"] == "recording").map(|rule| name(rule).to_owned()));
    for rule in &rules {
        let is_ours = |name: &&str| name.starts_with("northstar_") || name.starts_with("northstar:");
        let named = identifiers(rule["query"].as_str().unwrap()).filter(is_ours);
        let unknown: Vec<&str> = named.filter(|name| !known.contains(*name)).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", name(rule));
    }
}

/// The labels with which Prometheus would send an alert.
fn sent(alert: &Value, more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let labels = alert["labels"].as_object().unwrap().iter();
    let labels = labels.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    labels.chain([("alertname".to_owned(), name(alert).to_owned())]).chain(more).collect()
}

/// The state of an alert: active or suppressed. `None` while the server does not know it.
fn state(server: &Alertmanager, labels: &BTreeMap<String, String>) -> Option<String> {
    let has_labels = |alert: &&Value| labels.iter().all(|(name, value)| alert["labels"][name] == value.as_str());
    let alerts = server.alerts();
    alerts.iter().find(has_labels).map(|alert| alert["status"]["state"].as_str().unwrap().to_owned())
}

/// Every alert of the pipeline meets the product's alerts of an installation of its own.
#[test]
fn pipeline_fault_mutes_the_product() {
    let server = Alertmanager::start(&path(ALERTMANAGER));
    let alerts = alerts();
    let (product, pipeline): (Vec<_>, Vec<_>) = alerts.iter().partition(|alert| alert["labels"]["layer"] == "product");
    let muting: Vec<_> = pipeline.iter().filter(|alert| alert["labels"]["mutes"] == "product").collect();
    assert!(muting.len() > 3 && muting.len() < pipeline.len(), "{muting:?}");

    let low = product.iter().find(|alert| name(alert) == "NorthstarActivityLow").unwrap();
    let mut expected = Vec::new();
    for fault in &pipeline {
        let job = ("job", name(fault));
        let state = if muting.contains(&fault) { "suppressed" } else { "active" };
        expected.push((sent(low, &[job, ("metric", "nsm_active_users")]), state));
        expected.push((sent(fault, &[job, ("topic", "plays")]), "active"));
    }
    // An installation that is well.
    expected.push((sent(low, &[("job", "well"), ("metric", "nsm_active_users")]), "active"));
    // Gone mutes low, of the same metric.
    let gone = product.iter().find(|alert| name(alert) == "NorthstarActivityGone").unwrap();
    let of = |metric| [("job", "gone"), ("metric", metric)];
    expected.push((sent(gone, &of("nsm_active_users")), "active"));
    expected.push((sent(low, &of("nsm_active_users")), "suppressed"));
    expected.push((sent(low, &of("nsm_active_accounts")), "active"));

    let all: Vec<_> = expected.iter().map(|(labels, _)| labels.clone()).collect();
    server.post(&all);
    for (labels, expected) in &expected {
        wait_until(DEADLINE, &format!("{labels:?} to be {expected}"), || {
            state(&server, labels).as_deref() == Some(*expected)
        });
    }
}

/// Else the pipeline's alert would come too late, or end too early, and let the product's through.
#[test]
fn pipeline_fault_is_told_before_the_product_is_blamed_and_until_its_gauges_are_back() {
    let alerts = alerts();
    let seconds = |alert: &Value, name: &str| alert[name].as_f64().unwrap_or_default();
    let product = alerts.iter().filter(|alert| alert["labels"]["layer"] == "product");
    let first = product.map(|alert| seconds(alert, "duration")).reduce(f64::min).unwrap();
    for alert in alerts.iter().filter(|alert| alert["labels"]["mutes"] == "product") {
        assert!(seconds(alert, "duration") <= first / 2.0, "{} comes too late", name(alert));
        assert!(seconds(alert, "keepFiringFor") >= 120.0, "{} ends too early: {alert}", name(alert));
    }
}
