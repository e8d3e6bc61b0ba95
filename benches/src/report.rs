//! What was measured, beside what it should be.

use crate::catchup::{Round, count};
use crate::floor::Floor;
use crate::live::Live;
use crate::stats::median;
use crate::wide::Wide;
use crate::workload::{Shape, Truth};
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde::Serialize;

/// The measurements, by the names that `report.json` has.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// CPU of ingest, window and Redis over that of the floor.
    cpu_vs_floor: f64,
    /// Events a second over those of the floor.
    rate_vs_floor: f64,
    /// The most memory of the pipeline's process in catch-up.
    peak_rss_mib: f64,
    /// Bytes of the activity topic over those of the source topic, both on disk.
    internal_topic_ratio: f64,
    /// Commands that the pipeline sends to Redis.
    redis_commands_per_event: f64,
    /// Growth of Redis' memory with one metric of one kind of entity.
    redis_bytes_per_entity: f64,
    produce_to_gauge_p50_ms: f64,
    produce_to_gauge_p99_ms: f64,
    /// CPU seconds of the broker while the pipeline takes a million events.
    broker_cpu_per_million: f64,
    /// The median scrape of 10,000 gauges.
    scrape_ms_10k: f64,
    /// From a kill until gauges are fresh again, the median.
    recover_s: f64,
    /// CPU of ingest, window and Redis with 20 metrics of 3 segments each, over that with one metric without any.
    cpu_20_metrics_vs_1: f64,
    detail: Detail,
}

/// What the measurements are made of.
#[derive(Clone, Debug, Serialize)]
struct Detail {
    workload: WorkloadDetail,
    floor: Vec<Floor>,
    pipeline: Vec<Round>,
    users_alone: Vec<Round>,
    segments: Vec<Round>,
    live: Live,
    wide: Wide,
}

#[derive(Clone, Debug, Serialize)]
struct WorkloadDetail {
    events: u64,
    users: u64,
    accounts: u64,
    /// Of the payloads.
    bytes_an_event: f64,
    /// Of the topic, on disk.
    topic_bytes: u64,
    /// The share of events that told something new of their user or account.
    changing: f64,
}

/// Everything that was measured.
pub(crate) struct Measured {
    pub(crate) shape: Shape,
    pub(crate) truth: Truth,
    pub(crate) topic_bytes: u64,
    pub(crate) floor: Vec<Floor>,
    pub(crate) pipeline: Vec<Round>,
    pub(crate) users_alone: Vec<Round>,
    pub(crate) segments: Vec<Round>,
    pub(crate) live: Live,
    pub(crate) wide: Wide,
}

/// What a value should be.
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
    Below(f64),
    None,
}

impl Goal {
    fn words(&self) -> String {
        match self {
            Goal::AtMost(bound) => format!("at most {bound}"),
            Goal::AtLeast(bound) => format!("at least {bound}"),
            Goal::Below(bound) => format!("below {bound}"),
            Goal::None => "-".to_owned(),
        }
    }

    fn verdict(&self, value: f64) -> &'static str {
        let is_met = match self {
            Goal::AtMost(bound) => value <= *bound,
            Goal::AtLeast(bound) => value >= *bound,
            Goal::Below(bound) => value < *bound,
            Goal::None => return "-",
        };
        if is_met { "ok" } else { "missed" }
    }
}

/// Every value with its goal, and whether it is met.
pub(crate) fn table(rows: impl IntoIterator<Item = (&'static str, f64, Goal)>) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(["measure", "value", "goal", ""]);
    for (name, value, goal) in rows {
        let shown = if value != 0.0 && value < 0.01 { format!("{value:.6}") } else { format!("{value:.3}") };
        table.add_row([name.to_owned(), shown, goal.words(), goal.verdict(value).to_owned()]);
    }
    table.trim_fmt()
}

impl Report {
    pub(crate) fn of(measured: Measured) -> Report {
        let Measured { shape, truth, topic_bytes, floor, pipeline, users_alone, segments, live, wide } = measured;
        let rounds = |of: fn(&Round) -> f64| median(pipeline.iter().map(of));
        let floors = |of: fn(&Floor) -> f64| median(floor.iter().map(of));
        let turns = segments.iter().zip(&users_alone);
        let times = turns.map(|(twenty, one)| twenty.cpu_per_million() / one.cpu_per_million());
        let events = count(shape.events);
        Report {
            cpu_vs_floor: rounds(Round::cpu_per_million) / floors(Floor::cpu_per_million),
            rate_vs_floor: rounds(Round::rate) / floors(Floor::rate),
            peak_rss_mib: rounds(|round| round.peak_rss_mib),
            internal_topic_ratio: rounds(|round| count(round.activity_bytes)) / count(topic_bytes),
            redis_commands_per_event: rounds(|round| count(round.redis_commands)) / events,
            redis_bytes_per_entity: median(users_alone.iter().map(|round| count(round.redis_bytes)))
                / count(truth.users(crate::workload::DAYS)),
            produce_to_gauge_p50_ms: live.p50_ms,
            produce_to_gauge_p99_ms: live.p99_ms,
            broker_cpu_per_million: rounds(|round| round.broker_cpu_seconds) / events * 1e6,
            scrape_ms_10k: wide.p50_ms,
            recover_s: median(live.recover_s.iter().copied()),
            cpu_20_metrics_vs_1: median(times),
            detail: Detail {
                workload: WorkloadDetail {
                    events: shape.events,
                    users: shape.users,
                    accounts: shape.accounts,
                    bytes_an_event: count(truth.payload_bytes) / events,
                    topic_bytes,
                    changing: count(truth.changes) / events,
                },
                floor,
                pipeline,
                users_alone,
                segments,
                live,
                wide,
            },
        }
    }

    /// Every value with its goal, and whether it is met.
    pub(crate) fn table(&self) -> String {
        table(self.rows())
    }

    /// What the ratios are made of, for people.
    pub(crate) fn words(&self) -> String {
        let Detail { workload, floor, pipeline, live, wide, .. } = &self.detail;
        let rounds = |of: fn(&Round) -> f64| median(pipeline.iter().map(of));
        let floors = |of: fn(&Floor) -> f64| median(floor.iter().map(of));
        format!(
            "{} events of {:.0} bytes, {:.0}% of them change state; medians of {} rounds of the floor and {} of the pipeline\n\
             floor     {:.2} M events/s, {:.2} CPU seconds a million\n\
             pipeline  {:.2} M events/s, {:.2} CPU seconds a million (nsm {:.2}, Redis {:.2})\n\
             live      {:.0} events/s are sustained with the producer beside; {} probes at {} events/s\n\
             wide      {} gauges, {} scrapes at {} events/s",
            workload.events,
            workload.bytes_an_event,
            workload.changing * 100.0,
            floor.len(),
            pipeline.len(),
            floors(Floor::rate) / 1e6,
            floors(Floor::cpu_per_million),
            rounds(Round::rate) / 1e6,
            rounds(Round::cpu_per_million),
            rounds(|round| round.nsm_cpu_seconds / count(round.events) * 1e6),
            rounds(|round| round.redis_cpu_seconds / count(round.events) * 1e6),
            live.sustainable_rate,
            live.probes,
            live.steady_rate,
            wide.series,
            wide.scrapes,
            wide.rate,
        )
    }

    fn rows(&self) -> [(&'static str, f64, Goal); 12] {
        [
            ("cpu_vs_floor", self.cpu_vs_floor, Goal::AtMost(4.0)),
            ("rate_vs_floor", self.rate_vs_floor, Goal::AtLeast(0.3)),
            ("peak_rss_mib", self.peak_rss_mib, Goal::None),
            ("internal_topic_ratio", self.internal_topic_ratio, Goal::AtMost(0.1)),
            ("redis_commands_per_event", self.redis_commands_per_event, Goal::AtMost(0.001)),
            ("redis_bytes_per_entity", self.redis_bytes_per_entity, Goal::AtMost(64.0)),
            ("produce_to_gauge_p50_ms", self.produce_to_gauge_p50_ms, Goal::None),
            ("produce_to_gauge_p99_ms", self.produce_to_gauge_p99_ms, Goal::Below(500.0)),
            ("broker_cpu_per_million", self.broker_cpu_per_million, Goal::None),
            ("scrape_ms_10k", self.scrape_ms_10k, Goal::AtMost(5.0)),
            ("recover_s", self.recover_s, Goal::AtMost(5.0)),
            ("cpu_20_metrics_vs_1", self.cpu_20_metrics_vs_1, Goal::Below(2.0)),
        ]
    }
}
