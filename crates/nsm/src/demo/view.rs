//! What the demo shows, whatever it is shown on.

use super::page::Page;
use activity::Window;
use catalog::{By, Metric, Names, Plan};
use std::collections::VecDeque;
use std::time::Duration;

/// How many values a trend has, one a second.
const TREND: usize = 40;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Where the demo is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The history is being sent and counted.
    Filling,
    /// Events of now are being sent.
    Live,
    /// Nothing is sent any more; the gauges are waited for.
    Settling,
}

/// A gauge.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) metric: String,
    /// The dimension and its value, if it is a slice.
    pub(super) slice: Option<(String, String)>,
    pub(super) window: String,
    /// With the unfinished day; `None` while it is absent.
    pub(super) now: Option<f64>,
    /// As of the last complete day.
    pub(super) complete: Option<f64>,
    trend: VecDeque<f64>,
}

/// Everything that is on the screen.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) phase: Phase,
    /// Where `/metrics` is.
    pub(super) url: String,
    /// What is simulated, in words.
    pub(super) world: String,
    /// The topic of usage events.
    usage: String,
    pub(super) rows: Vec<Row>,
    /// Usage records that were sent, copies included.
    pub(super) sent: u64,
    /// How many of them in the last second.
    pub(super) a_second: u64,
    /// How many of them the gauges do not stand for yet.
    pub(super) behind: u64,
    /// From produce to gauge, in seconds.
    pub(super) latency: Option<f64>,
    /// Copies of counted events that were recognised.
    pub(super) duplicates: u64,
    pub(super) rejected: u64,
    /// Why the gauges are absent, if they are.
    pub(super) withheld: Option<String>,
    /// For how long events of now have been sent.
    pub(super) live_for: Duration,
}

impl View {
    pub(super) fn new(plan: &Plan, url: String, world: String) -> View {
        let rows = plan.metrics.iter().flat_map(|metric| {
            let slices = slices(plan, metric);
            let rows = move |window: &Window| {
                let row = |slice| Row::new(&metric.name, slice, window.to_string());
                [None].into_iter().chain(slices.iter().cloned().map(Some)).map(row).collect::<Vec<_>>()
            };
            metric.windows.iter().flat_map(rows)
        });
        View {
            phase: Phase::Filling,
            url,
            world,
            usage: plan.sources[0].topic.clone(),
            rows: rows.collect(),
            sent: 0,
            a_second: 0,
            behind: 0,
            latency: None,
            duplicates: 0,
            rejected: 0,
            withheld: None,
            live_for: Duration::ZERO,
        }
    }

    /// Takes in what `/metrics` shows now.
    pub(super) fn take(&mut self, page: &Page) {
        for row in &mut self.rows {
            (row.now, row.complete) = (page.get(&row.sample("false")), page.get(&row.sample("true")));
        }
        let usage = format!("topic=\"{}\"", self.usage);
        let of_usage = |(labels, value): (&str, f64)| labels.split(',').any(|label| label == usage).then_some(value);
        let covered: f64 = page.of("northstar_source_covered_offset").filter_map(of_usage).sum();
        self.behind = self.sent.saturating_sub(whole(covered));
        self.latency = page.of("northstar_source_latency_seconds").find_map(of_usage);
        self.duplicates = whole(page.sum("northstar_window_duplicates_total"));
        self.rejected = whole(page.sum("northstar_ingest_rejected_total"));
        let reason = page.of("northstar_gauges_withheld").find(|(_, is)| *is == 1.0);
        self.withheld = reason.map(|(label, _)| label.trim_start_matches("reason=").trim_matches('"').to_owned());
    }

    /// A second is over.
    pub(super) fn a_second_later(&mut self, sent_in_it: u64) {
        self.a_second = sent_in_it;
        // While the history is counted, its days go by in no time.
        if self.phase == Phase::Filling {
            return;
        }
        for row in &mut self.rows {
            let Some(now) = row.now else { continue };
            if row.trend.len() == TREND {
                row.trend.pop_front();
            }
            row.trend.push_back(now);
        }
    }

    /// How far the pipeline is, in words.
    pub(super) fn flow(&self) -> String {
        let phase = match self.phase {
            Phase::Filling => "the history".to_owned(),
            Phase::Live => format!("live for {} s", self.live_for.as_secs()),
            Phase::Settling => "the last gauges".to_owned(),
        };
        let latency = self.latency.filter(|_| self.phase == Phase::Live);
        let latency = latency.map(|seconds| format!("   produce to gauge {seconds:.1} s")).unwrap_or_default();
        format!(
            "{phase}: events {} ({}/s)   behind {}{latency}",
            grouped(self.sent),
            grouped(self.a_second),
            grouped(self.behind),
        )
    }

    /// What was not counted, in words, and why nothing is shown if so.
    pub(super) fn exceptions(&self) -> String {
        let absent = self.withheld.as_ref().map(|reason| format!("   gauges absent: {reason}")).unwrap_or_default();
        format!("duplicates {}   rejected {}{absent}", grouped(self.duplicates), grouped(self.rejected))
    }
}

/// The slices of a metric whose values are declared.
fn slices(plan: &Plan, metric: &Metric) -> Vec<(String, String)> {
    let names = Names::default();
    let of = |by: &By| {
        let dimension = plan.dimension(by.dimension);
        let labels = plan.labels(&names, by.dimension).map(|(_, label)| label.into_owned());
        let declared = labels.filter(|label| !label.starts_with("__"));
        declared.map(|label| (dimension.name.clone(), label)).collect::<Vec<_>>()
    };
    metric.by.iter().flat_map(of).collect()
}

impl Row {
    fn new(metric: &str, slice: Option<(String, String)>, window: String) -> Row {
        Row { metric: metric.to_owned(), slice, window, now: None, complete: None, trend: VecDeque::new() }
    }

    /// How the gauge is named on the page.
    fn sample(&self, complete: &str) -> String {
        let (by, label) = match &self.slice {
            Some((dimension, value)) => (format!("_by_{dimension}"), format!(",{dimension}=\"{value}\"")),
            None => Default::default(),
        };
        format!("nsm_{}{by}{{window=\"{}\",complete=\"{complete}\"{label}}}", self.metric, self.window)
    }

    /// The slice in words, if it is one.
    pub(super) fn part(&self) -> Option<String> {
        self.slice.as_ref().map(|(dimension, value)| format!("{dimension} {value}"))
    }

    /// The value with the unfinished day.
    pub(super) fn value(&self) -> String {
        shown(self.now)
    }

    /// The value as of the last complete day.
    pub(super) fn last(&self) -> String {
        shown(self.complete)
    }

    /// The last values, at most so many, the lowest and the highest as a low and a high bar.
    pub(super) fn trend(&self, most: usize) -> String {
        let last = || self.trend.iter().skip(self.trend.len().saturating_sub(most)).copied();
        let (low, high) = (last().fold(f64::INFINITY, f64::min), last().fold(f64::NEG_INFINITY, f64::max));
        let bar = |value: f64| match high > low {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 7")]
            true => BARS[((value - low) / (high - low) * 7.0).round() as usize],
            false => BARS[0],
        };
        last().map(bar).collect()
    }
}

fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| grouped(whole(value)))
}

/// Gauges of the demo's catalogue are whole numbers from 0 on.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
pub(super) fn whole(value: f64) -> u64 {
    value as u64
}

/// With a comma before every three digits.
pub(super) fn grouped(number: u64) -> String {
    indicatif::HumanCount(number).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn view_shows_what_the_page_says() {
        let plan = catalog::parse(super::super::CATALOGUE).unwrap();
        let mut view = View::new(&plan, String::new(), String::new());
        view.sent = 1_500;
        let page = "nsm_active_users{window=\"7d\",complete=\"false\"} 1234\n\
                    nsm_active_accounts_by_plan{window=\"7d\",complete=\"false\",plan=\"team\"} 7\n\
                    northstar_source_covered_offset{partition=\"0\",topic=\"demo.accounts\"} 55\n\
                    nsm_active_users{window=\"7d\",complete=\"true\"} 1200\n\
                    northstar_source_covered_offset{partition=\"0\",topic=\"demo.usage\"} 1400\n\
                    northstar_gauges_withheld{reason=\"stale\"} 1\nnorthstar_gauges_withheld{reason=\"store\"} 0\n";
        view.take(&Page::parse(page));
        let row = view.rows.iter().find(|row| row.metric == "active_users" && row.window == "7d").unwrap();
        assert_eq!((row.value().as_str(), row.last().as_str()), ("1,234", "1,200"));
        assert_eq!((view.behind, view.withheld.as_deref()), (100, Some("stale")));
        assert_eq!(view.rows[0].value(), "-");
        let team = view.rows.iter().find(|row| row.part().as_deref() == Some("plan team")).unwrap();
        assert_eq!((team.metric.as_str(), team.value().as_str()), ("active_accounts", "7"));
    }

    #[test]
    fn trend_goes_from_the_lowest_to_the_highest() {
        let plan = catalog::parse(super::super::CATALOGUE).unwrap();
        let mut view = View::new(&plan, String::new(), String::new());
        view.rows[0].now = Some(99.0);
        view.a_second_later(0);
        view.phase = Phase::Live;
        for value in [10.0, 10.0, 17.0, 13.5] {
            view.rows[0].now = Some(value);
            view.a_second_later(0);
        }
        assert_eq!(view.rows[0].trend(40), "▁▁█▅");
        assert_eq!(view.rows[0].trend(2), "█▁");
        assert_eq!(view.rows[1].trend(40), "");
    }
}
