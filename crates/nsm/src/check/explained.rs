//! What a catalogue means and costs, as data: `nsm check --format json` prints it as it is here.

use crate::catalogue::Catalogue;
use activity::{EntityKind, Grain, MetricIndex};
use catalog::{ClockKind, Footprint, Metric, Plan, Source, Words, span};
use serde::Serialize;
use std::collections::BTreeMap;

/// A catalogue without mistakes.
#[derive(Debug, Serialize)]
pub(crate) struct Explained {
    pub(super) catalogue: String,
    pub(super) product: String,
    pub(super) version: String,
    pub(super) time_zone: String,
    pub(super) shards: u16,
    pub(super) sources: Vec<SourceExplained>,
    pub(super) metrics: Vec<MetricExplained>,
    /// How many buckets of each grain back one can ask.
    pub(super) history: BTreeMap<&'static str, u16>,
}

/// A topic that is read.
#[derive(Debug, Serialize)]
pub(super) struct SourceExplained {
    pub(super) name: String,
    pub(super) topic: String,
    /// Which time moves its clock: `log` or `event`.
    pub(super) clock: &'static str,
    /// By grain, in units such as `31d`.
    pub(super) lateness: BTreeMap<&'static str, String>,
}

/// A metric: what it means, costs and shows.
#[derive(Debug, Serialize)]
pub(super) struct MetricExplained {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) counts: String,
    pub(super) windows: String,
    /// The windows as they are written, such as `7d`.
    pub(super) lengths: Vec<String>,
    /// The grains of the windows.
    pub(super) grains: Vec<&'static str>,
    pub(super) late: String,
    /// The entity that it counts.
    pub(super) entity: Option<String>,
    /// The entity whose attributes its slices follow, if it counts events.
    pub(super) owner: Option<String>,
    /// Bytes in the record of an entity that was active once, and always, or that had events.
    pub(super) bytes_once: Option<usize>,
    pub(super) bytes_always: Option<usize>,
    /// In every shard.
    pub(super) counters: usize,
    /// Of a counter, at most.
    pub(super) counter_steps: usize,
    /// The dimensions by which it is sliced.
    pub(super) by: Vec<String>,
    /// What their slices are called, each with the label that tells these apart.
    #[serde(skip)]
    pub(super) slices: Vec<(String, String)>,
    /// All that it can have. Values that may be admitted are numbered, as in `#3`; before they are, they have none.
    pub(super) series: Vec<String>,
    /// Whether some of them are of values that may be admitted.
    pub(super) admits: bool,
}

impl Explained {
    pub(crate) fn of(catalogue: &Catalogue, shards: u16) -> Explained {
        let plan = &catalogue.plan;
        let grains = plan.grains();
        Explained {
            catalogue: catalogue.file.clone(),
            product: plan.product.clone(),
            version: plan.version.to_string(),
            time_zone: plan.calendar.zone_name().to_owned(),
            shards,
            sources: plan.sources.iter().map(|of| source(of, &grains)).collect(),
            metrics: plan.metrics.iter().zip(0..).map(|(of, index)| metric(plan, of, MetricIndex(index))).collect(),
            history: grains.iter().map(|grain| (grain.name(), plan.history[*grain])).collect(),
        }
    }
}

fn source(source: &Source, grains: &[Grain]) -> SourceExplained {
    let clock = match source.clock {
        ClockKind::Log => "log",
        ClockKind::Event => "event",
    };
    let lateness = grains.iter().map(|grain| (grain.name(), span(source.lateness_ms[*grain]))).collect();
    SourceExplained { name: source.name.clone(), topic: source.topic.clone(), clock, lateness }
}

fn metric(plan: &Plan, metric: &Metric, index: MetricIndex) -> MetricExplained {
    let Words { counts, windows, late } = plan.words(metric);
    let Footprint { once, always, counters, steps } = plan.footprint(index);
    let by = || metric.by.iter().map(|by| plan.dimension(by.dimension));
    let name = |kind: EntityKind| plan.entities[usize::from(kind.0)].name.clone();
    MetricExplained {
        name: metric.name.clone(),
        description: metric.description.clone(),
        counts,
        windows,
        lengths: metric.windows.iter().map(ToString::to_string).collect(),
        grains: Grain::ALL
            .iter()
            .filter(|grain| metric.windows_of(**grain).next().is_some())
            .map(|of| of.name())
            .collect(),
        late,
        entity: metric.entity().map(name),
        owner: plan.owner(metric).map(name),
        bytes_once: once,
        bytes_always: always,
        counters,
        counter_steps: steps,
        by: by().map(|of| of.name.clone()).collect(),
        slices: by().map(|of| (of.slices_of(&metric.name), of.name.clone())).collect(),
        series: exporter::series(plan, metric),
        admits: metric.by.iter().any(|by| plan.dimension(by.dimension).admissible().next().is_some()),
    }
}

/// As text that ends in a line feed.
pub(super) fn json(data: &impl Serialize) -> String {
    serde_json::to_string_pretty(data).expect("all keys are text") + "\n"
}
