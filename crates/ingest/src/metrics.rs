//! The worker's own metrics.

use activity::{Grain, PartitionId, PerGrain};
use catalog::Plan;
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, exponential_buckets,
};
use std::collections::BTreeMap;

/// Everything that ingest counts. Clones share the counts.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Records taken, rejected ones too.
    pub events: IntCounter,
    /// Records rejected, by reason.
    pub rejected: IntCounterVec,
    /// Events that counted for coarser grains, but were late for this one.
    pub late: IntCounterVec,
    /// Entities and counted events put into packs.
    pub deltas: IntCounter,
    /// Events of excluded traffic, by rule.
    pub excluded: IntCounterVec,
    /// Records that told attributes of an entity.
    pub changes: IntCounter,
    /// Transactions committed and aborted, by outcome.
    pub transactions: IntCounterVec,
    /// How long they took.
    pub transaction_seconds: Histogram,
    /// What events touched that was forwarded before, and what was not.
    pub cache: IntCounterVec,
    /// Records not taken yet, of the partitions that are owned.
    pub lag: IntGaugeVec,
    /// Partitions that stand at a record whose schema the registry has not told yet, or with a value that is not admitted yet.
    pub waiting: IntGauge,
}

/// What the batch under way will add to the metrics when it is committed: an aborted one is read again, and would count
/// twice.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) events: u64,
    pub(crate) rejected: BTreeMap<&'static str, u64>,
    /// What was touched, and forwarded before.
    pub(crate) repeated: u64,
    /// What was touched, and was not.
    pub(crate) new: u64,
    /// Events that count by themselves.
    pub(crate) counted: u64,
    /// Events of excluded traffic, by the place of the rule in the plan.
    pub(crate) excluded: BTreeMap<usize, u64>,
    /// Records that told attributes.
    pub(crate) changed: u64,
    pub(crate) late: PerGrain<u64>,
}

impl Metrics {
    pub(crate) fn show_lag(&self, topic: &str, partition: PartitionId, records: i64) {
        self.lag.with_label_values(&[topic, &partition.to_string()]).set(records.max(0));
    }

    pub(crate) fn add(&self, tally: &Tally, plan: &Plan) {
        self.events.inc_by(tally.events);
        self.deltas.inc_by(tally.new + tally.counted);
        self.changes.inc_by(tally.changed);
        for (rule, count) in &tally.excluded {
            self.excluded.with_label_values(&[&plan.exclude[*rule].name]).inc_by(*count);
        }
        self.cache.with_label_values(&["hit"]).inc_by(tally.repeated);
        self.cache.with_label_values(&["miss"]).inc_by(tally.new);
        for grain in Grain::ALL {
            self.late.with_label_values(&[grain.name()]).inc_by(tally.late[grain]);
        }
        for (reason, count) in &tally.rejected {
            self.rejected.with_label_values(&[*reason]).inc_by(*count);
        }
    }

    /// The metrics, known to `registry`.
    ///
    /// # Errors
    /// If the registry has metrics of these names already.
    pub fn register(registry: &Registry) -> Result<Metrics, prometheus::Error> {
        let counter = |name: &str, help: &str| IntCounter::new(name, help);
        let by = |name: &str, help: &str, label: &str| IntCounterVec::new(Opts::new(name, help), &[label]);
        let metrics = Metrics {
            events: counter("northstar_ingest_events_total", "Records taken from source topics, rejected ones too.")?,
            rejected: by("northstar_ingest_rejected_total", "Records sent to the dead-letter topic.", "reason")?,
            late: by(
                "northstar_ingest_late_total",
                "Events in time for coarser buckets, but not for those of this grain: not counted there.",
                "grain",
            )?,
            deltas: counter("northstar_ingest_deltas_total", "Entities put into packs: activity that was new.")?,
            excluded: by(
                "northstar_ingest_excluded_total",
                "Events of traffic that the catalogue excludes, by rule.",
                "rule",
            )?,
            changes: counter(
                "northstar_ingest_attribute_changes_total",
                "Records put into packs that told attributes of an entity.",
            )?,
            transactions: by("northstar_ingest_transactions_total", "Kafka transactions written.", "outcome")?,
            transaction_seconds: Histogram::with_opts(
                HistogramOpts::new("northstar_ingest_transaction_seconds", "How long Kafka transactions took.")
                    .buckets(exponential_buckets(0.001, 2.0, 15)?),
            )?,
            cache: by(
                "northstar_ingest_cache_total",
                "What events touched that the cache of forwarded activity knew (hit), or not (miss).",
                "outcome",
            )?,
            lag: IntGaugeVec::new(
                Opts::new(
                    "northstar_source_lag_records",
                    "Positions of owned source partitions that are not taken yet.",
                ),
                &["topic", "partition"],
            )?,
            waiting: IntGauge::new(
                "northstar_ingest_waiting_partitions",
                "Source partitions that stand at a record whose schema the registry has not told yet, or with a value that is not \
                 admitted yet.",
            )?,
        };
        for reason in event::Reject::REASONS {
            metrics.rejected.with_label_values(&[*reason]);
        }
        registry.register(Box::new(metrics.events.clone()))?;
        registry.register(Box::new(metrics.rejected.clone()))?;
        registry.register(Box::new(metrics.late.clone()))?;
        registry.register(Box::new(metrics.deltas.clone()))?;
        registry.register(Box::new(metrics.excluded.clone()))?;
        registry.register(Box::new(metrics.changes.clone()))?;
        registry.register(Box::new(metrics.transactions.clone()))?;
        registry.register(Box::new(metrics.transaction_seconds.clone()))?;
        registry.register(Box::new(metrics.cache.clone()))?;
        registry.register(Box::new(metrics.lag.clone()))?;
        registry.register(Box::new(metrics.waiting.clone()))?;
        Ok(metrics)
    }
}
