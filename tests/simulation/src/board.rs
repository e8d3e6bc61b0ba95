//! What the exporter shows, compared with what the logs say as of where the shards stand.

use crate::log::index;
use crate::world::World;
use activity::admission::Admitted;
use activity::{MetricIndex, Window};
use catalog::{Metric, Names, Plan, Taken};
use exporter::{Board, Stands, Totals};
use prometheus::Registry;
use std::sync::Arc;

pub(crate) fn board(plan: Arc<Plan>, shards: usize) -> Board {
    let settings = exporter::Settings { shards: u16::try_from(shards).expect("few"), stale_ms: 60_000 };
    let metrics = exporter::Metrics::register(&Registry::new()).expect("a fresh registry");
    Board::new(plan, settings, metrics)
}

/// A value in units of its last decimal, of those that occur here: not negative, and of two decimals if of any.
fn shown(units: i128, decimals: u8) -> String {
    let (width, one) = (usize::from(decimals), 10_i128.pow(decimals.into()));
    if decimals == 0 { units.to_string() } else { format!("{}.{:0width$}", units / one, units % one) }
}

impl World {
    /// Reads the board, and compares what it shows.
    pub(crate) fn look_at_board(&mut self) {
        let now = self.now;
        let Some(text) = self.board.refresh(&mut self.store, now).and_then(|shown| shown.at(now)) else {
            self.faults.count("gauges absent");
            return;
        };
        self.faults.count("gauges shown");
        let (plan, shards) = (self.plan.clone(), self.shards());
        let totals = Totals::read(&mut self.store, &plan, shards).expect("the board has just read the same");
        let stands: Vec<Stands> = totals.stands().map(|(_, stands)| stands).collect();
        if let Err(why) = self.compare_board(&text, &stands) {
            self.fail(format!("the board, of shards at {stands:?}: {why}"));
        }
    }

    fn compare_board(&mut self, text: &str, stands: &[Stands]) -> Result<(), String> {
        let (mut time, mut fastest) = (None, None);
        for (shard, stands) in stands.iter().enumerate() {
            let (next, claimed_at) = (index(stands.next), self.claimed_at(shard));
            let (log, oracle) = self.shard_of(stands.topic, shard).ok_or("it shows a shard of no topic")?;
            if log.committed(next, claimed_at).next().is_some() {
                return Err(format!("shard {shard} is shown before its rebuild came to {claimed_at}"));
            }
            let of_shard = oracle.time(log, next).ok_or("it is shown without a shard time")?;
            time = Some(time.map_or(of_shard, |time| of_shard.min(time)));
            fastest = fastest.max(Some(of_shard));
        }
        let (time, fastest) = time.zip(fastest).ok_or("it is shown without a shard")?;
        let plan = self.plan.clone();
        let mut expected = String::new();
        let mut admitted: Vec<Admitted> = Vec::new();
        for (shard, stands) in stands.iter().enumerate() {
            let (_, oracle) = self.shard_of(stands.topic, shard).expect("found above");
            admitted.extend(oracle.admitted(index(stands.next)).cloned());
        }
        let names: Names = admitted.iter().collect();
        let wholes: Vec<(MetricIndex, &Metric)> = (0..).map(MetricIndex).zip(&plan.metrics).collect();
        // Metrics of one name stand together, and so do their slices by a dimension.
        let series = wholes.chunk_by(|(_, a), (_, b)| a.name == b.name).flat_map(|alike| {
            let mut slices = Vec::new();
            for at in 0..alike[0].1.by.len() {
                for by in alike.iter().map(|(_, metric)| metric.by[at]) {
                    slices.extend(plan.dimension(by.dimension).all_values().map(|of| by.slice(of)));
                }
            }
            alike.iter().map(|(at, _)| *at).chain(slices).collect::<Vec<_>>()
        });
        for at in series {
            let metric = plan.metric(at);
            let own = metric.label().map(|(name, value)| format!(",{name}=\"{value}\""));
            let (mut name, mut label) = (metric.name.clone(), own.unwrap_or_default());
            if let Some(slice) = plan.slice(at) {
                let dimension = plan.dimension(slice.dimension);
                let Some(value) = plan.label(&names, slice.dimension, slice.value) else { continue };
                // What percentiles are made of is not shown.
                if matches!(dimension.taken, Taken::Bins(_)) {
                    continue;
                }
                name += &if dimension.name == "rule" { "_excluded".into() } else { format!("_by_{}", dimension.name) };
                label += &format!(",{}=\"{value}\"", dimension.name);
            }
            for window in &metric.windows {
                let (grain, now) = (window.grain, plan.bucket(window.grain, time));
                // The fastest shard must still keep the bucket before this one.
                if plan.origin(grain, plan.floor(grain, fastest)) >= now {
                    continue;
                }
                for (complete, as_of) in [("false", now), ("true", now.plus(-1))] {
                    let mut value = 0;
                    for (shard, stands) in stands.iter().enumerate() {
                        let (_, oracle) = self.shard_of(stands.topic, shard).expect("found above");
                        value += oracle.value(at, *window, as_of, index(stands.next));
                    }
                    let value = shown(value, metric.decimals());
                    let over = format!("window=\"{window}\",");
                    let over = if *window == Window::AS_OF { "" } else { over.as_str() };
                    expected += &format!("nsm_{name}{{{over}complete=\"{complete}\"{label}}} {value}\n");
                }
            }
        }
        for (shard, stands) in stands.iter().enumerate() {
            expected += &format!("northstar_gauges_next_offset{{shard=\"{shard}\"}} {}\n", stands.next);
        }
        expected += &format!("northstar_gauges_as_of_timestamp_seconds {}\n", time.0.div_euclid(1_000));
        // What follows from these values by a formula is tested where there are no faults.
        let follows = |line: &str| {
            let name =
                |of: &catalog::Formula| line.strip_prefix("nsm_").and_then(|line| line.strip_prefix(of.name.as_str()));
            plan.formulas.iter().filter_map(name).any(|rest| rest.starts_with('{') || rest.starts_with("_by_"))
        };
        let told = text.lines().filter(|line| !line.starts_with('#') && !follows(line));
        let told: String = told.map(|line| format!("{line}\n")).collect();
        if told == expected { Ok(()) } else { Err(format!("it shows\n{told}the logs say\n{expected}")) }
    }
}
