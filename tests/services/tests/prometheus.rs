//! Prometheus scraping a Prometheus: the one exporter that is always there.

use std::time::Duration;

use services::{Prometheus, wait_until};

const DEADLINE: Duration = Duration::from_secs(30);

#[test]
fn scrapes_its_targets() {
    let target = Prometheus::start(&[], "1s");
    let scraper = Prometheus::start(&[&target.address()], "200ms");
    wait_until(DEADLINE, "the first scrape", || scraper.value("up{job=\"test\"}") == Some(1.0));
    let result = scraper.query("prometheus_build_info");
    assert_eq!(result[0]["metric"]["instance"], target.address());
    assert_eq!(scraper.value("absent_metric"), None);
    drop(target);
    wait_until(DEADLINE, "the scrape that fails", || scraper.value("up") == Some(0.0));
}

#[test]
fn evaluates_rule_files() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules.yml");
    std::fs::write(&rules, "groups: [{name: g, rules: [{record: answer, expr: vector(42)}]}]").unwrap();
    let server = Prometheus::start_with_rules(&[], "200ms", &[&rules]);
    wait_until(DEADLINE, "the first evaluation", || server.value("answer") == Some(42.0));
}

#[test]
#[should_panic(expected = "parse error")]
fn a_refused_query_gives_the_reason() {
    Prometheus::start(&[], "1s").query("sum(");
}
