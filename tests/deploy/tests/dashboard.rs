//! The dashboard is whole, and each of its queries has an answer.

// A helper that fails fails the test.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use deploy::{Dashboard, exported, identifiers};
use pipeline::{DEADLINE, Installation, Music};
use serde_json::{Value, json};
use services::{Prometheus, wait_until};

const FILE: &str = "deploy/grafana/northstar.json";

/// What Grafana puts in for the variables. The example catalogue has no window of minutes: a day stands for it.
const VARIABLES: [(&str, &str); 6] = [
    ("$__rate_interval", "5s"),
    ("$job", "test"),
    ("$metric", "nsm_listeners"),
    ("$window", "(1d|7d|28d)"),
    ("$trailing", "1d"),
    ("$goal", "listeners"),
];

/// The example catalogue has no tree.
const TREE: &str = "
north_star:
  metric: listeners
  window: 28d
  team: music
  target: { value: 100, from: 10, start: 2018-11-01, by: 2018-12-31 }
  pairs: { paying: { volume: listeners, efficiency: paid_listeners } }
  inputs: { metric: paid_listeners, window: 28d, owner: Ada, stage: revenue, target: 30 }
";

/// Panels that are empty while all is well.
const EMPTY_WHEN_HEALTHY: [&str; 2] = ["Alerts that fire", "Refused by the fence"];
/// What looks further back than this Prometheus has lived.
const LOOKS_BACK: &str = " offset ";

/// A query as Grafana would send it.
#[track_caller]
fn filled(query: &str) -> String {
    let filled = VARIABLES.iter().fold(query.to_owned(), |query, (name, value)| query.replace(name, value));
    assert!(!filled.contains('$'), "a variable that the test does not know: {filled}");
    filled
}

#[test]
fn every_panel_says_what_it_shows() {
    let dashboard = Dashboard::read(FILE);
    for panel in dashboard.panels() {
        let (json, title) = (panel.json(), panel.title());
        assert!(!title.is_empty(), "no title: {json}");
        assert!(json["description"].as_str().is_some_and(|text| text.ends_with('.')), "{title}: no description");
        let unit = &json["fieldConfig"]["defaults"]["unit"];
        assert!(unit.as_str().is_some_and(|unit| !unit.is_empty()), "{title}: no unit");
        assert!(!panel.queries().is_empty(), "{title}: no query");
        for target in json["targets"].as_array().unwrap() {
            let legend = target["legendFormat"].as_str().unwrap();
            assert!(!legend.is_empty() && legend != "__auto", "{title}: no legend");
        }
    }
    let titles: BTreeSet<&str> = dashboard.panels().iter().map(|panel| panel.title()).collect();
    assert_eq!(titles.len(), dashboard.panels().len(), "two panels have one title");
    for title in EMPTY_WHEN_HEALTHY {
        assert!(titles.contains(title), "there is no panel {title:?}");
    }
}

#[test]
fn panels_have_ids_of_their_own_and_do_not_overlap() {
    let dashboard = Dashboard::read(FILE);
    let panels = dashboard.panels_and_rows();
    let ids: BTreeSet<i64> = panels.iter().map(|panel| panel.json()["id"].as_i64().expect("an id")).collect();
    assert_eq!(ids.len(), panels.len(), "two panels have one id");
    for (at, panel) in panels.iter().enumerate() {
        let [left, top, right, bottom] = panel.place();
        assert!(0 <= left && left < right && right <= 24 && top < bottom, "{}: {:?}", panel.title(), panel.place());
        for other in &panels[..at] {
            let [l, t, r, b] = other.place();
            let apart = right <= l || r <= left || bottom <= t || b <= top;
            assert!(apart, "{:?} lies over {:?}", panel.title(), other.title());
        }
    }
}

#[test]
fn no_data_source_is_written_down() {
    let dashboard = Dashboard::read(FILE);
    assert_eq!(dashboard.json()["uid"], "northstar", "links go by it");
    let chosen = json!({ "type": "prometheus", "uid": "${datasource}" });
    let targets = dashboard.panels().into_iter().flat_map(|panel| {
        let targets = panel.json()["targets"].as_array().unwrap();
        targets.iter().chain([panel.json()])
    });
    let queried = dashboard.variables().iter().filter(|variable| variable["type"] == "query");
    for user in targets.chain(queried) {
        assert_eq!(user["datasource"], chosen, "{user}");
    }
    for variable in dashboard.variables() {
        let name = variable["name"].as_str().unwrap();
        let is_known = name == "datasource" || VARIABLES.iter().any(|(known, _)| known[1..] == *name);
        assert!(is_known, "variable {name}");
    }
}

/// The histogram that a series belongs to, if it belongs to one.
fn histogram(series: &str) -> &str {
    series.trim_end_matches("_sum").trim_end_matches("_count").trim_end_matches("_bucket")
}

#[test]
fn queries_name_metrics_that_there_are() {
    let exported = exported();
    for panel in Dashboard::read(FILE).panels() {
        for query in panel.queries() {
            let named = identifiers(query).filter(|name| name.starts_with("northstar"));
            let is_unknown = |name: &&str| !exported.contains(*name) && !exported.contains(histogram(name));
            let unknown: Vec<&str> = named.filter(is_unknown).collect();
            assert!(unknown.is_empty(), "{}: {unknown:?}", panel.title());
            let needs_interval = ["rate(", "increase(", "deriv("].iter().any(|function| query.contains(function));
            assert_eq!(needs_interval, query.contains("$__rate_interval"), "{}: {query}", panel.title());
        }
    }
}

#[test]
fn every_query_has_an_answer() {
    let music = Music::load("UTC");
    let installation = Installation::new(&(music.catalogue() + TREE), json!({}));
    installation.kafka.create_topic(Music::TOPIC, 2, &[]);
    let nsm = installation.run("all", &[]);
    let prometheus = Prometheus::start(&[&nsm.address()], "500ms");
    installation.client.send(Music::TOPIC, Music::spread(&music.played, 2, 7));
    nsm.wait_scrape(DEADLINE, "gauges", |scrape| !scrape.gauges().is_empty());

    let dashboard = Dashboard::read(FILE);
    for panel in dashboard.panels() {
        for query in panel.queries() {
            let query = filled(query);
            let has_answer = || prometheus.query(&query).as_array().is_some_and(|samples| !samples.is_empty());
            if EMPTY_WHEN_HEALTHY.contains(&panel.title()) || query.contains(LOOKS_BACK) {
                // It must not be refused.
                has_answer();
            } else {
                wait_until(DEADLINE, &format!("an answer to {:?}: {query}", panel.title()), has_answer);
            }
        }
    }
    for variable in dashboard.variables().iter().filter(|variable| variable["type"] == "query") {
        check_values(&prometheus, variable["query"]["query"].as_str().unwrap());
    }
}

/// `label_values(selector, label)`: there are values.
#[track_caller]
fn check_values(prometheus: &Prometheus, query: &str) {
    let arguments = query.strip_prefix("label_values(").and_then(|query| query.strip_suffix(')'));
    let (selector, label) = arguments.and_then(|arguments| arguments.rsplit_once(", ")).expect("label_values");
    let samples = prometheus.query(&filled(selector));
    let samples = samples.as_array().unwrap();
    let has_label = |sample: &Value| sample["metric"][label].is_string();
    assert!(!samples.is_empty() && samples.iter().all(has_label), "{query}: {samples:?}");
}
