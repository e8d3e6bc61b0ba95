//! The North Star gauges as Prometheus text. They are rendered once a refresh, not once a scrape.

use crate::totals::Totals;
use activity::{Bucket, MetricIndex};
use catalog::Plan;
use std::fmt::Write;

/// Every metric and window as of the unfinished day and the last complete one. `as_of` is the bucket of shard time: the
/// day that is not over yet.
pub(crate) fn render(plan: &Plan, totals: &Totals, as_of: Bucket) -> String {
    let mut text = String::new();
    for (at, metric) in plan.metrics.iter().enumerate() {
        let index = MetricIndex(u16::try_from(at).expect("a catalogue has few metrics"));
        let name = &metric.name;
        let help = if metric.description.is_empty() { plan.words()[at].1.clone() } else { metric.description.clone() };
        let _ = writeln!(text, "# HELP nsm_{name} {}\n# TYPE nsm_{name} gauge", escape(&help));
        for window in &metric.windows {
            for (complete, as_of) in [("false", as_of), ("true", as_of.plus(-1))] {
                if let Some(value) = totals.value(index, *window, as_of) {
                    let _ = writeln!(text, "nsm_{name}{{window=\"{window}\",complete=\"{complete}\"}} {value}");
                }
            }
        }
    }
    text
}

fn escape(help: &str) -> String {
    help.replace('\\', "\\\\").replace('\n', "\\n")
}
