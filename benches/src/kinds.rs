//! What every kind of metric costs, alone and all together, beside one distinct count.

use crate::catchup::{Course, Round, catalogue_of, count};
use crate::fill::fill;
use crate::stats::median;
use crate::workload::{DAYS, Shape};
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde::Serialize;
use serde_json::json;
use services::{Kafka, Progress, Scrape};
use std::path::{Path, PathBuf};

const TOPIC: &str = "kinds";

/// The kinds, by the name of their page and of the metric: how each is written. What several of them need stands in [`PARTS`].
const KINDS: [(&str, &str); 20] = [
    ("distinct", "type: simple, measure: { agg: count_distinct, entity: user, events: any }, windows: [1d, 7d, 28d]"),
    ("count", "type: simple, measure: { agg: count, events: any }, windows: [1d, 7d, 28d]"),
    ("sum", "type: simple, measure: { agg: sum, value: n, events: any }, windows: [1d, 7d, 28d]"),
    ("median", "type: simple, measure: { agg: median, value: n, up_to: 1000, events: any }, windows: [1d, 7d, 28d]"),
    (
        "days",
        "type: simple, measure: { agg: count_distinct, entity: user, events: any, at_least: { days: 3 } }, windows: [7d, 28d]",
    ),
    (
        "events",
        "type: simple, measure: { agg: count_distinct, entity: user, events: any, at_least: 3 }, windows: [7d, 28d]",
    ),
    (
        "values",
        "type: simple, measure: { agg: count_distinct, entity: user, events: any, at_least: { values: 3, of: what } }, \
         windows: [7d, 28d]",
    ),
    ("frequency", "type: frequency, measure: { agg: count_distinct, entity: user, events: any }, windows: [28d]"),
    ("growth", "type: growth, measure: { agg: count_distinct, entity: user, events: any }, windows: [7d, 28d]"),
    ("retention", "type: retention, measure: { agg: count_distinct, entity: user, events: any }"),
    (
        "recency",
        "type: recency, measure: { agg: count_distinct, entity: user, events: any }, windows: [28d], since: [7d, 14d]",
    ),
    (
        "baseline",
        "type: baseline, measure: { agg: count_distinct, entity: user, events: any }, windows: [7d], against: 28d, below: 0.5",
    ),
    ("state", "type: simple, measure: { agg: state, entity: user, from: [play], until: [export] }"),
    (
        "movements",
        "type: movements, measure: { agg: state, entity: user, events: [upload], value: n }, windows: [7d, 28d]",
    ),
    ("survey", "type: survey, entity: user, score: n, events: [comment], windows: [28d]"),
    ("conversion", "type: conversion, entity: user, steps: [search, click, play], within: 7d, windows: [28d]"),
    (
        "time_to_value",
        "type: time_to_value, entity: user, base: { events: [invite] }, value: { events: [export], within: 14d }, windows: [28d]",
    ),
    ("sessions", "type: sessions, entity: user, events: any, gap: 30m, windows: [1d, 28d]"),
    ("share", "type: share, of: account, numerator: share_days, denominator: share_users, at_least: 0.5"),
    ("ratio", "type: ratio, numerator: distinct_1, denominator: distinct_1"),
];

/// What kinds are made of that follow from others.
const PARTS: [(&str, &str, &str); 3] = [
    (
        "share",
        "share_days",
        "type: simple, measure: { agg: count_distinct, entity: member, events: any, at_least: { days: 3 } }, windows: [28d]",
    ),
    (
        "share",
        "share_users",
        "type: simple, measure: { agg: count_distinct, entity: member, events: any }, windows: [28d]",
    ),
    (
        "ratio",
        "distinct_1",
        "type: simple, measure: { agg: count_distinct, entity: user, events: any }, windows: [28d]",
    ),
];

/// How much of everything.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many events there are; users and accounts go with them.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(20_000..=100_000_000))]
    events: u64,
    /// How often one distinct count and all kinds together take turns.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=99))]
    rounds: u16,
    /// Where the report and, while this runs, the services' data lie.
    #[arg(long, default_value = "target/bench")]
    pub(crate) folder: PathBuf,
}

/// The measurements, by the names that `kinds.json` has.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    events: u64,
    users: u64,
    /// CPU of ingest, window and Redis with a metric of every kind, over that with one distinct count.
    cpu_all_kinds_vs_1: f64,
    kinds: Vec<OfKind>,
    one: Vec<Round>,
    all: Vec<Round>,
}

/// What one kind costs alone.
#[derive(Clone, Debug, Serialize)]
struct OfKind {
    kind: &'static str,
    cpu_seconds_per_million: f64,
    /// Growth of Redis' memory, over the number of users.
    redis_bytes_per_user: f64,
}

impl Report {
    /// What each kind costs, and all of them.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_preset(NOTHING).set_header([
            "kind, alone",
            "CPU s a million",
            "against distinct",
            "Redis bytes a user",
        ]);
        let one = self.kinds.iter().find(|of| of.kind == "distinct").map_or(1.0, |of| of.cpu_seconds_per_million);
        for of in &self.kinds {
            let cpu = of.cpu_seconds_per_million;
            let cells = [format!("{cpu:.2}"), format!("{:.2}", cpu / one), format!("{:.0}", of.redis_bytes_per_user)];
            table.add_row([of.kind.to_owned()].into_iter().chain(cells));
        }
        let users = count(self.users);
        let all = |of: fn(&Round) -> f64| median(self.all.iter().map(of));
        let bytes = all(|round| count(round.redis_bytes)) / users;
        let times = format!("{:.2}", self.cpu_all_kinds_vs_1);
        table.add_row([
            "all together".to_owned(),
            format!("{:.2}", all(Round::cpu_per_million)),
            times,
            format!("{bytes:.0}"),
        ]);
        table.trim_fmt()
    }
}

/// Measures each kind alone, and in turn one distinct count and all kinds.
pub(crate) fn measure(options: &Options, folder: &Path) -> Report {
    let rounds = usize::from(options.rounds);
    let progress = Progress::new("bench of kinds", KINDS.len() + 2 * rounds + 2);
    progress.begin("starting a broker");
    let kafka = Kafka::start_for_load();
    let shape = Shape { has_numbers: true, ..Shape::of(options.events) };
    let filled = fill(&kafka, TOPIC, shape, None, &progress);
    let users = filled.truth.users(DAYS);
    let course = Course { kafka: &kafka, folder: folder.to_owned(), topic: TOPIC, filled: &filled };
    let alone = |(kind, _): &(&'static str, &str)| {
        progress.begin(&format!("{kind}, alone"));
        let round = course.kinds(kind, &[*kind]);
        let (cpu_seconds_per_million, bytes) = (round.cpu_per_million(), count(round.redis_bytes) / count(users));
        progress.say(&format!("{kind}: {cpu_seconds_per_million:.2} CPU s/M, {bytes:.0} bytes a user"));
        OfKind { kind, cpu_seconds_per_million, redis_bytes_per_user: bytes }
    };
    let kinds: Vec<OfKind> = KINDS.iter().map(alone).collect();
    let (mut one, mut all) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        progress.begin(&format!("one distinct count, round {round} of {rounds}"));
        one.push(course.users_alone(round));
        progress.begin(&format!("all kinds, round {round} of {rounds}"));
        all.push(course.kinds(&format!("all-{round}"), &KINDS.map(|(kind, _)| kind)));
        let [one, all] = [&one, &all].map(|rounds| rounds[round - 1].cpu_per_million());
        progress.say(&format!("one metric: {one:.2} CPU s/M; all kinds: {all:.2}"));
    }
    drop(progress);
    let times = all.iter().zip(&one).map(|(all, one)| all.cpu_per_million() / one.cpu_per_million());
    Report { events: shape.events, users, cpu_all_kinds_vs_1: median(times), kinds, one, all }
}

impl Course<'_> {
    /// Some of the kinds, with a store and topics of this round's own.
    fn kinds(&self, name: &str, kinds: &[&str]) -> Round {
        let of = |(kind, of): &(&str, &str)| kinds.contains(kind).then(|| format!("  {kind}: {{ {of} }}\n"));
        let parts = PARTS.iter().filter(|(kind, ..)| kinds.contains(kind));
        let parts = parts.map(|(_, name, of)| format!("  {name}: {{ {of} }}\n"));
        let metrics: String = KINDS.iter().filter_map(of).chain(parts).collect();
        let dimensions = "dimensions: { what: { from: properties.n, values: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10] } }\n";
        let (taken, shown) = self.run(name, json!({}), &catalogue_of(self.topic, dimensions, &metrics), 0);
        kinds.iter().for_each(|kind| is_shown(&shown, kind));
        taken
    }
}

/// Something was counted.
fn is_shown(shown: &Scrape, kind: &str) {
    let name = format!("nsm_{kind}");
    let is_its = |gauge: &str| gauge.starts_with(&name);
    let sum: f64 = shown.gauges().iter().filter(|(gauge, _)| is_its(gauge)).map(|(_, value)| value).sum();
    assert!(sum > 0.0, "{kind} shows nothing");
}
