//! A wide catalogue: ten thousand gauges, scraped while events come in.

use crate::clock;
use crate::load::Load;
use crate::nsm::{Nsm, Setup};
use crate::send::{self, Sender};
use crate::stats;
use crate::workload::{NAMES, PARTITIONS, Shape};
use serde::Serialize;
use serde_json::json;
use services::Scrape;
use services::{Kafka, Redis};
use std::path::PathBuf;
use std::time::Duration;

const TOPIC: &str = "wide";
const METRICS: usize = 60;
/// Trailing days, from 1: with the unfinished day and the complete one 10,080 gauges.
const WINDOWS: usize = 84;
/// Between two scrapes.
const PAUSE: Duration = Duration::from_millis(50);

/// What was measured of scrapes.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Wide {
    pub(crate) series: usize,
    pub(crate) scrapes: usize,
    /// Events a second that came in meanwhile.
    pub(crate) rate: u64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// Scrapes for a while.
pub(crate) fn measure(kafka: &Kafka, folder: PathBuf, shape: Shape, rate: u64, length: Duration) -> Wide {
    kafka.create_topic(TOPIC, PARTITIONS, &[]);
    let redis = Redis::start(&[]);
    let catalogue = catalogue();
    let setup = Setup { name: "wide", catalogue: &catalogue, settings: json!({}), kafka, redis: &redis, folder };
    let nsm = Nsm::start(&setup);
    let load = Load::start(Sender::new(&kafka.bootstrap(), TOPIC, send::LIVE), shape);
    load.set_rate(rate);
    nsm.wait_shown();
    let begun = clock::now();
    let (mut took, mut series, before) = (Vec::new(), usize::MAX, load.sent());
    while begun.elapsed() < length {
        let asked = clock::now();
        let page = nsm.page().expect("the page is served");
        took.push(asked.elapsed().as_secs_f64() * 1_000.0);
        series = series.min(Scrape::parse(&page).gauges().len());
        clock::pause(PAUSE);
    }
    let sent = load.sent() - before;
    let rate = u64::try_from(u128::from(sent) * 1_000 / begun.elapsed().as_millis().max(1)).unwrap_or(u64::MAX);
    drop(load);
    nsm.stop();
    assert!(series >= 10_000, "there are only {series} gauges");
    let (p50_ms, p99_ms) = (stats::median(took.iter().copied()), stats::percentile(took.iter().copied(), 99));
    Wide { series, scrapes: took.len(), rate, p50_ms, p99_ms }
}

fn catalogue() -> String {
    let windows: Vec<String> = (1..=WINDOWS).map(|days| format!("{days}d")).collect();
    let windows = windows.join(", ");
    let metric = |at: usize| {
        let event = NAMES.get(at).map_or_else(|| format!("rare_{at}"), |name| (*name).to_owned());
        format!(
            "  metric_{at}: {{ type: simple, windows: [{windows}], \
             measure: {{ agg: count_distinct, entity: user, events: [{event}] }} }}\n"
        )
    };
    let metrics: String = (0..METRICS).map(metric).collect();
    format!(
        "version: 1\nproduct: bench\nsources: {{ wide: {{ topic: {TOPIC} }} }}\n\
         entities: {{ user: {{ key: user_id }} }}\nmetrics:\n{metrics}"
    )
}
