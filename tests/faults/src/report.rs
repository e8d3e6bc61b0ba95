//! What a run has shown, as a table, and what is wrong with it.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use crate::log::ActivityLog;
use crate::run::{Happened, Plan};
use crate::watch::Sample;

/// How much of the gauges has to be there outside declared recovery.
const PRESENCE: f64 = 0.95;
/// A run in which so many owners are stopped is worth nothing without an aborted transaction, and a late commit.
const MANY_STOPS: u32 = 3;

/// What a run has shown.
pub(crate) struct Report<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) happened: &'a Happened,
    pub(crate) log: &'a ActivityLog,
    pub(crate) verdict: &'a Value,
}

impl Report<'_> {
    /// The table.
    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        let mut line = |what: &str, count: String| {
            let _ = writeln!(text, "{what:<52} {count:>12}");
        };
        let mut kinds: BTreeMap<&str, u32> = BTreeMap::new();
        self.happened.faults.iter().for_each(|fault| *kinds.entry(fault.kind()).or_default() += 1);
        kinds.iter().for_each(|(kind, times)| line(kind, times.to_string()));
        for (what, count) in self.stream().into_iter().chain(self.pipeline()).chain(self.shown()) {
            line(&what, count);
        }
        let _ = writeln!(text, "seed {}; again with: faults {}", self.plan.seed, self.arguments());
        text
    }

    fn stream(&self) -> Vec<(String, String)> {
        let (stream, rejects) = (&self.verdict["stream"], &self.verdict["rejects"]["by_reason"]);
        let mut lines = vec![
            ("records".to_owned(), stream["records"].to_string()),
            ("  duplicates on other partitions".to_owned(), stream["duplicates"].to_string()),
            ("changes of accounts".to_owned(), stream["changes"].to_string()),
        ];
        let of = |object: &Value| object.as_object().cloned().unwrap_or_default();
        lines.extend(
            of(&stream["late"]).iter().map(|(grain, n)| (format!("  late for their {grain} alone"), n.to_string())),
        );
        lines.extend(of(rejects).iter().map(|(reason, n)| (format!("  rejected: {reason}"), n.to_string())));
        lines
    }

    fn pipeline(&self) -> Vec<(String, String)> {
        let seen = &self.happened.seen;
        let mut lines = vec![
            ("packs".to_owned(), self.log.all_packs().to_string()),
            ("aborted transactions that left packs".to_owned(), self.log.aborted.to_string()),
            ("  told by ingest, with packs or without".to_owned(), self.told_aborted().to_string()),
            ("replays: packs applied again after a roll-back".to_owned(), self.replays().to_string()),
            ("packs skipped as repeated".to_owned(), seen.sum("northstar_window_packs_repeated_total").to_string()),
        ];
        for (what, name) in [
            ("fence refusals told by owners", "northstar_window_refused_total"),
            ("claims", "northstar_window_claims_total"),
            ("workers built anew", "northstar_worker_restarts_total"),
        ] {
            lines.push((what.to_owned(), seen.sum(name).to_string()));
            lines.extend(seen.of(name).map(|(labels, count)| (format!("  {}", plain(labels)), count.to_string())));
        }
        let late = self.happened.late_refusals;
        lines.push(("fence refusals of commits that came late".to_owned(), late.to_string()));
        let (largest, sum) = self.distance();
        lines.push(("roll-back distance: largest of a shard, in offsets".to_owned(), largest.to_string()));
        lines.push(("  all together".to_owned(), sum.to_string()));
        lines
    }

    fn shown(&self) -> Vec<(String, String)> {
        let (samples, answers) = (&self.verdict["samples"], &self.verdict["answers"]);
        let (all, calm) = (self.samples(true).count(), self.samples(false).count());
        let present = self.samples(true).filter(|sample| !sample.gauges.is_empty()).count();
        let wrong = samples["wrong"].as_array().map_or(0, Vec::len);
        let mut lines = vec![
            ("samples of exporters' pages".to_owned(), all.to_string()),
            ("  outside declared recovery".to_owned(), calm.to_string()),
            ("  with gauges".to_owned(), present.to_string()),
        ];
        let mut reasons: BTreeMap<&str, u32> = BTreeMap::new();
        for sample in self.samples(true).filter(|sample| sample.gauges.is_empty()) {
            *reasons.entry(&sample.withheld).or_default() += 1;
        }
        lines.extend(reasons.iter().map(|(reason, times)| (format!("  absent: {reason}"), times.to_string())));
        lines.extend([
            ("gauges compared, each at the offsets it stands for".to_owned(), samples["gauges"].to_string()),
            ("  samples compared by brute force, too".to_owned(), samples["by_force"].to_string()),
            ("  wrong".to_owned(), wrong.to_string()),
            ("gauges present outside declared recovery".to_owned(), format!("{:.2}%", self.presence() * 100.0)),
            ("values compared at the end".to_owned(), answers["compared"].to_string()),
        ]);
        let points = answers["points"].as_object().into_iter().flatten();
        lines.extend(points.map(|(grain, n)| (format!("  as-of {grain}s"), n.to_string())));
        lines.push(("  wrong".to_owned(), answers["wrong"].as_array().map_or(0, Vec::len).to_string()));
        lines
    }

    /// What is wrong; nothing if the run has passed.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for part in ["answers", "rejects", "samples"] {
            let wrong = self.verdict[part]["wrong"].as_array().expect("the verdict has all parts");
            complaints.extend(wrong.iter().take(10).map(|what| format!("{part}: {what}")));
        }
        complaints
            .extend(self.log.broken.iter().take(10).map(|what| format!("nsm.activity does not continue: {what}")));
        let refused = self.happened.seen.sum("northstar_window_refused_total");
        let are_many = self.plan.counts.stops >= MANY_STOPS;
        let rolls_back = self.plan.counts.others > 0;
        for (what, is_none) in [
            ("transaction was aborted", are_many && self.log.aborted == 0 && self.told_aborted() == 0.0),
            ("pack was replayed", rolls_back && self.replays() == 0),
            ("commit was refused by the fence", are_many && refused == 0.0 && self.happened.late_refusals == 0),
            ("shard was rolled back", rolls_back && self.distance().0 <= 0),
        ] {
            if is_none {
                complaints.push(format!("no {what}: nothing was shown about it"));
            }
        }
        if self.presence() < PRESENCE {
            complaints.push(format!("gauges were present in {:.2}% of samples", self.presence() * 100.0));
        }
        complaints
    }

    /// The arguments of a run of the same plan.
    pub(crate) fn arguments(&self) -> String {
        let Plan { seed, events, counts } = self.plan;
        format!(
            "--seed {seed} --events {events} --kills {} --stops {} --rebalances {} --others {}",
            counts.kills, counts.stops, counts.rebalances, counts.others
        )
    }

    /// Aborted transactions of processes that lived to tell.
    fn told_aborted(&self) -> f64 {
        let told = self.happened.seen.of("northstar_ingest_transactions_total");
        told.filter(|(labels, _)| labels.contains("aborted")).fold(0.0, |sum, (_, count)| sum + count)
    }

    /// All samples, or those outside declared recovery.
    fn samples(&self, all: bool) -> impl Iterator<Item = &Sample> {
        self.happened.seen.samples.iter().filter(move |sample| all || !sample.recovering)
    }

    /// How much of the gauges was there outside declared recovery, each gauge of each sample counted.
    fn presence(&self) -> f64 {
        let all = self.verdict["samples"]["all"].as_f64().expect("the oracle counts gauges");
        let present: usize = self.samples(false).map(|sample| sample.gauges.len()).sum();
        present as f64 / (self.samples(false).count() as f64 * all)
    }

    /// The largest distance by which a shard went back, and the sum of all.
    fn distance(&self) -> (i64, i64) {
        let distances = || self.happened.roll_backs.iter().flat_map(|roll_back| roll_back.distances());
        (distances().max().unwrap_or(0), distances().sum())
    }

    fn replays(&self) -> usize {
        let shards = self.happened.roll_backs.iter().flat_map(|of| of.after.iter().zip(&of.before).enumerate());
        shards.map(|(shard, (after, before))| self.log.packs(shard, *after, *before)).sum()
    }
}

/// The labels of a sample without their quotes.
fn plain(labels: &str) -> String {
    labels.trim_matches(['{', '}']).replace('"', "")
}
