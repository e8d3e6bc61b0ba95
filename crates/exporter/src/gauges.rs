//! The North Star gauges as Prometheus text. They are rendered once a refresh, not once a scrape.

use crate::goals;
use crate::totals::Totals;
use activity::{Bucket, DimensionIndex, Grain, Millis, Window};
use catalog::{Cut, Gauge, Names, Plan, Taken};
use std::fmt::Write;

/// Every gauge and window as of the unfinished bucket and the last complete one, the slices of each as metrics of their own,
/// and beside them where the shards stood. `as_of` are the buckets of shard time, `time`, which are not over yet, of the grains
/// that can be told.
pub(crate) fn render(plan: &Plan, totals: &Totals, time: Millis, as_of: &[(Grain, Bucket)]) -> String {
    let mut page = Page { plan, totals, as_of, text: String::new() };
    let gauges: Vec<Gauge> = plan.gauges().collect();
    // Those that only a label tells apart stand beside one another: all their samples come under one head.
    for alike in gauges.chunk_by(|a, b| a.name() == b.name()) {
        let gauge = alike[0];
        let words = match gauge {
            Gauge::Metric(_, metric) => plan.words(metric).counts,
            Gauge::Formula(formula) => plan.follows(formula),
        };
        let help = if gauge.description().is_empty() { &words } else { gauge.description() };
        page.head(gauge.name(), help);
        alike.iter().for_each(|gauge| page.values(gauge.name(), *gauge, None, &own_label(*gauge)));
        for by in plan.shown_by(gauge) {
            let dimension = plan.dimension(by);
            let what = if dimension.taken == Taken::Excluded { "Excluded by" } else { "By" };
            page.head(&dimension.slices_of(gauge.name()), &format!("{help} {what} {}.", dimension.name));
            alike.iter().for_each(|gauge| page.slices(*gauge, by));
        }
    }
    page.text + &goals::render(plan, totals, as_of) + &stands(totals, time)
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

    /// The samples of all slices of a gauge by a dimension.
    fn slices(&mut self, gauge: Gauge<'_>, by: DimensionIndex) {
        let dimension = self.plan.dimension(by);
        let name = dimension.slices_of(gauge.name());
        for cut in self.plan.cuts(gauge, by) {
            if let Some(called) = self.plan.label(self.totals.names(), by, cut.value) {
                self.values(&name, gauge, Some(cut), &(own_label(gauge) + &label(&dimension.name, &called)));
            }
        }
    }

    /// The samples of a gauge or a slice. `label` is further ones, each behind a comma.
    fn values(&mut self, name: &str, gauge: Gauge<'_>, cut: Option<Cut>, label: &str) {
        for (grain, as_of) in self.as_of {
            for window in gauge.windows().iter().filter(|window| window.grain == *grain) {
                for (complete, as_of) in [(false, *as_of), (true, as_of.plus(-1))] {
                    if let Some(value) = self.totals.told(self.plan, gauge, cut, *window, as_of) {
                        let _ = writeln!(self.text, "{} {value}", series_of(name, *window, complete, label));
                    }
                }
            }
        }
    }
}

/// The names, with labels, of all series that a gauge and its slices can have. A value that may be admitted is called by its place
/// among them, as in `#3`.
#[must_use]
pub fn series(plan: &Plan, gauge: Gauge<'_>) -> Vec<String> {
    let all = |name: &str, label: &str| {
        let of = |window: &Window| [false, true].map(|complete| series_of(name, *window, complete, label));
        gauge.windows().iter().flat_map(of).collect::<Vec<_>>()
    };
    let own = own_label(gauge);
    let mut series = all(gauge.name(), &own);
    for by in plan.shown_by(gauge) {
        let dimension = plan.dimension(by);
        let name = dimension.slices_of(gauge.name());
        let declared = Names::default();
        let called =
            |cut: &Cut| plan.label(&declared, by, cut.value).unwrap_or_else(|| format!("#{}", cut.value.0).into());
        let label = |cut: &Cut| own.clone() + &label(&dimension.name, &called(cut));
        series.extend(plan.cuts(gauge, by).iter().flat_map(|cut| all(&name, &label(cut))));
    }
    series
}

fn series_of(name: &str, window: Window, complete: bool, label: &str) -> String {
    format!("nsm_{name}{{{}complete=\"{complete}\"{label}}}", of_window(window))
}

/// The label of a window, before a comma; none of what holds as of a day, which covers no time.
pub(crate) fn of_window(window: Window) -> String {
    if window == Window::AS_OF { String::new() } else { format!("window=\"{window}\",") }
}

/// What tells a gauge from others that are called the same.
fn own_label(gauge: Gauge<'_>) -> String {
    gauge.label().map_or_else(String::new, |(name, value)| label(name, value))
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

pub(crate) fn escape_label(value: &str) -> String {
    escape(value).replace('"', "\\\"")
}
