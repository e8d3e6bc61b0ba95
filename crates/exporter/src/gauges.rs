//! The North Star gauges as Prometheus text. They are rendered once a refresh, not once a scrape.

use crate::totals::Totals;
use activity::{Bucket, Grain, MetricIndex};
use catalog::Plan;
use std::fmt::Write;

/// Every metric and window as of the unfinished bucket and the last complete one, and beside them where the shards stood. `as_of`
/// are the buckets of shard time, which are not over yet, of the grains that can be told.
pub(crate) fn render(plan: &Plan, totals: &Totals, as_of: &[(Grain, Bucket)]) -> String {
    let mut text = String::new();
    for (at, metric) in plan.metrics.iter().enumerate() {
        let index = MetricIndex(u16::try_from(at).expect("a catalogue has few metrics"));
        let name = &metric.name;
        let help = if metric.description.is_empty() { plan.words()[at].1.clone() } else { metric.description.clone() };
        let _ = writeln!(text, "# HELP nsm_{name} {}\n# TYPE nsm_{name} gauge", escape(&help));
        let windows = as_of.iter().flat_map(|(grain, as_of)| metric.windows_of(*grain).map(|window| (window, *as_of)));
        for (window, as_of) in windows {
            for (complete, as_of) in [("false", as_of), ("true", as_of.plus(-1))] {
                if let Some(value) = totals.value(plan, index, window, as_of) {
                    let _ = writeln!(text, "nsm_{name}{{window=\"{window}\",complete=\"{complete}\"}} {value}");
                }
            }
        }
    }
    text + &stands(totals)
}

/// The offsets travel with the values: a page never pairs values with the offsets of another read.
fn stands(totals: &Totals) -> String {
    let name = "northstar_gauges_next_offset";
    let help = "The activity offset that the North Star gauges of this page stand for, by shard.";
    let mut text = format!("# HELP {name} {help}\n# TYPE {name} gauge\n");
    for (shard, stands) in totals.stands() {
        let _ = writeln!(text, "{name}{{shard=\"{shard}\"}} {}", stands.next);
    }
    text
}

fn escape(help: &str) -> String {
    help.replace('\\', "\\\\").replace('\n', "\\n")
}
