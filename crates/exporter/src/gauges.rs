//! The North Star gauges as Prometheus text. They are rendered once a refresh, not once a scrape.

use crate::totals::Totals;
use activity::{Bucket, Grain, MetricIndex, Millis, Window};
use catalog::{By, Metric, Names, Plan, Taken};
use std::fmt::Write;

/// Every metric and window as of the unfinished bucket and the last complete one, the slices of each as metrics of their own,
/// and beside them where the shards stood. `as_of` are the buckets of shard time, `time`, which are not over yet, of the grains
/// that can be told.
pub(crate) fn render(plan: &Plan, totals: &Totals, time: Millis, as_of: &[(Grain, Bucket)]) -> String {
    let mut page = Page { plan, totals, as_of, text: String::new() };
    let metrics: Vec<(MetricIndex, &Metric)> = (0..).map(MetricIndex).zip(&plan.metrics).collect();
    // Those that only a label tells apart stand beside one another: all their samples come under one head.
    for alike in metrics.chunk_by(|(_, a), (_, b)| a.name == b.name) {
        let metric = alike[0].1;
        let words = plan.words(metric).counts;
        let help = if metric.description.is_empty() { &words } else { &metric.description };
        page.head(&metric.name, help);
        alike.iter().for_each(|(index, metric)| page.values(&metric.name, *index, &own_label(metric)));
        for (at, by) in metric.by.iter().enumerate() {
            let dimension = plan.dimension(by.dimension);
            let what = if dimension.taken == Taken::Excluded { "Excluded by" } else { "By" };
            page.head(&dimension.slices_of(&metric.name), &format!("{help} {what} {}.", dimension.name));
            alike.iter().for_each(|(_, metric)| page.slices(metric, metric.by[at]));
        }
    }
    page.text + &stands(totals, time)
}

struct Page<'p> {
    plan: &'p Plan,
    totals: &'p Totals,
    as_of: &'p [(Grain, Bucket)],
    text: String,
}

impl Page<'_> {
    fn head(&mut self, name: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP nsm_{name} {}\n# TYPE nsm_{name} gauge", escape(help));
    }

    /// The samples of all slices of a metric by a dimension.
    fn slices(&mut self, metric: &Metric, by: By) {
        let dimension = self.plan.dimension(by.dimension);
        let name = dimension.slices_of(&metric.name);
        for value in self.plan.values_of(metric, by) {
            if let Some(called) = self.plan.label(self.totals.names(), by.dimension, value) {
                self.values(&name, by.slice(value), &(own_label(metric) + &label(&dimension.name, &called)));
            }
        }
    }

    /// The samples of a metric or a slice. `label` is further ones, each behind a comma.
    fn values(&mut self, name: &str, index: MetricIndex, label: &str) {
        let metric = self.plan.metric(index);
        let of_grain = |(grain, as_of): &(Grain, Bucket)| {
            let as_of = *as_of;
            metric.windows_of(*grain).map(move |window| (window, as_of))
        };
        for (window, as_of) in self.as_of.iter().flat_map(of_grain) {
            for (complete, as_of) in [(false, as_of), (true, as_of.plus(-1))] {
                if let Some(value) = self.totals.value(self.plan, index, window, as_of) {
                    let _ = writeln!(self.text, "{} {value}", series_of(name, window, complete, label));
                }
            }
        }
    }
}

/// The names, with labels, of all series that a metric and its slices can have. A value that may be admitted is called by its place
/// among them, as in `#3`.
#[must_use]
pub fn series(plan: &Plan, metric: &Metric) -> Vec<String> {
    let all = |name: &str, label: &str| {
        let of = |window: &Window| [false, true].map(|complete| series_of(name, *window, complete, label));
        metric.windows.iter().flat_map(of).collect::<Vec<_>>()
    };
    let own = own_label(metric);
    let mut series = all(&metric.name, &own);
    for by in &metric.by {
        let dimension = plan.dimension(by.dimension);
        let name = dimension.slices_of(&metric.name);
        let declared = Names::default();
        let called =
            |value| plan.label(&declared, by.dimension, value).unwrap_or_else(|| format!("#{}", value.0).into());
        let label = |value| own.clone() + &label(&dimension.name, &called(value));
        series.extend(plan.values_of(metric, *by).flat_map(|value| all(&name, &label(value))));
    }
    series
}

fn series_of(name: &str, window: Window, complete: bool, label: &str) -> String {
    format!("nsm_{name}{{window=\"{window}\",complete=\"{complete}\"{label}}}")
}

/// What tells a metric from others that are called the same.
fn own_label(metric: &Metric) -> String {
    metric.label().map_or_else(String::new, |(name, value)| label(name, value))
}

/// A further label, behind a comma.
fn label(name: &str, value: &str) -> String {
    format!(",{name}=\"{}\"", escape_label(value))
}

/// The time and the offsets travel with the values: a page never pairs values with those of another read.
fn stands(totals: &Totals, time: Millis) -> String {
    let name = "northstar_gauges_next_offset";
    let help = "The activity offset that the North Star gauges of this page stand for, by shard.";
    let mut text = format!("# HELP {name} {help}\n# TYPE {name} gauge\n");
    for (shard, stands) in totals.stands() {
        let _ = writeln!(text, "{name}{{shard=\"{shard}\"}} {}", stands.next);
    }
    let name = "northstar_gauges_as_of_timestamp_seconds";
    let help = "Shard time: what the North Star gauges of this page are as of.";
    text + &format!("# HELP {name} {help}\n# TYPE {name} gauge\n{name} {}\n", time.0.div_euclid(1_000))
}

fn escape(help: &str) -> String {
    help.replace('\\', "\\\\").replace('\n', "\\n")
}

fn escape_label(value: &str) -> String {
    escape(value).replace('"', "\\\"")
}
