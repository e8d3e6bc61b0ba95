//! The exporter's own metrics: whether gauges are shown, and how fresh they are.

use crate::totals::{Totals, Withheld};
use activity::{Millis, Offset};
use prometheus::{Gauge, GaugeVec, IntGauge, IntGaugeVec, Opts, Registry};

/// Everything that the exporter tells of itself. Clones share the values.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// 1 for the reason why the gauges are absent, 0 for the others.
    pub withheld: IntGaugeVec,
    /// Shard time, in seconds since 1970.
    pub as_of: Gauge,
    /// How far each source has come, in seconds since 1970.
    pub watermark: GaugeVec,
    /// How old each source's watermark was when the gauges were read, in seconds.
    pub latency: GaugeVec,
    /// The wall stamp of the slowest shard's last pack, in seconds since 1970.
    pub sealed_at: Gauge,
    /// Where each shard was last seen, also while the gauges are absent.
    pub next_offset: IntGaugeVec,
    /// Up to where the gauges stand for each source partition: where the slowest shard stands.
    pub covered: IntGaugeVec,
    /// What the gauges do not stand for yet, of source topics and of the activity topic.
    pub lag: IntGaugeVec,
    /// When the shards were last read whole, in seconds since 1970.
    pub read_at: IntGauge,
}

impl Metrics {
    /// The metrics, known to `registry`.
    ///
    /// # Errors
    /// If the registry has metrics of these names already.
    pub fn register(registry: &Registry) -> Result<Metrics, prometheus::Error> {
        let metrics = Metrics {
            withheld: IntGaugeVec::new(
                Opts::new("northstar_gauges_withheld", "Whether the North Star gauges are absent for this reason."),
                &["reason"],
            )?,
            as_of: Gauge::new("northstar_as_of_timestamp_seconds", "Shard time: what the gauges are as of.")?,
            watermark: GaugeVec::new(
                Opts::new("northstar_source_watermark_timestamp_seconds", "How far each source has come, in log time."),
                &["topic"],
            )?,
            latency: GaugeVec::new(
                Opts::new(
                    "northstar_source_latency_seconds",
                    "Age of the source's watermark when the gauges were read: from produce to gauge while events flow.",
                ),
                &["topic"],
            )?,
            sealed_at: Gauge::new(
                "northstar_last_pack_timestamp_seconds",
                "Wall time at which the slowest shard's last pack was written.",
            )?,
            next_offset: IntGaugeVec::new(
                Opts::new("northstar_shard_next_offset", "The activity offset at which each shard was last seen."),
                &["shard"],
            )?,
            covered: IntGaugeVec::new(
                Opts::new("northstar_source_covered_offset", "The source position that the gauges stand for."),
                &["topic", "partition"],
            )?,
            lag: IntGaugeVec::new(
                Opts::new(
                    "northstar_gauges_lag_records",
                    "Positions of source topics, and of the activity topic, that the gauges do not stand for yet: asked \
                     of the broker, whoever reads them.",
                ),
                &["topic", "partition"],
            )?,
            read_at: IntGauge::new("northstar_shards_read_timestamp_seconds", "When all shards were last read.")?,
        };
        registry.register(Box::new(metrics.withheld.clone()))?;
        registry.register(Box::new(metrics.as_of.clone()))?;
        registry.register(Box::new(metrics.watermark.clone()))?;
        registry.register(Box::new(metrics.latency.clone()))?;
        registry.register(Box::new(metrics.sealed_at.clone()))?;
        registry.register(Box::new(metrics.next_offset.clone()))?;
        registry.register(Box::new(metrics.covered.clone()))?;
        registry.register(Box::new(metrics.lag.clone()))?;
        registry.register(Box::new(metrics.read_at.clone()))?;
        metrics.show_withheld(None);
        Ok(metrics)
    }

    pub(crate) fn show_withheld(&self, withheld: Option<&Withheld>) {
        let now = withheld.map(Withheld::reason);
        for reason in Withheld::REASONS {
            self.withheld.with_label_values(&[reason]).set(i64::from(now == Some(reason)));
        }
    }

    /// Shows how far a source topic, whose partitions end there, is ahead of the gauges.
    pub fn show_source_lag(&self, topic: &str, ends: &[Offset]) {
        self.show_lag(topic, ends, |partition| self.covered.with_label_values(&[topic, partition]).get());
    }

    /// Shows how far the activity topic, whose partitions end there, is ahead of the gauges.
    pub fn show_activity_lag(&self, topic: &str, ends: &[Offset]) {
        self.show_lag(topic, ends, |shard| self.next_offset.with_label_values(&[shard]).get());
    }

    fn show_lag(&self, topic: &str, ends: &[Offset], stands: impl Fn(&str) -> i64) {
        for (partition, end) in ends.iter().enumerate() {
            let partition = partition.to_string();
            self.lag.with_label_values(&[topic, &partition]).set((end.0 - stands(&partition)).max(0));
        }
    }

    pub(crate) fn show(&self, totals: &Totals, now: Millis) {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of our millennium fit in a double")]
        let seconds = |millis: Millis| millis.0 as f64 / 1_000.0;
        for (shard, stands) in totals.stands() {
            self.next_offset.with_label_values(&[&shard.to_string()]).set(stands.next.0);
        }
        for ((topic, partition), next) in totals.covered() {
            self.covered.with_label_values(&[topic, &partition.to_string()]).set(next.0);
        }
        totals.time().into_iter().for_each(|time| self.as_of.set(seconds(time)));
        totals.sealed_at().into_iter().for_each(|at| self.sealed_at.set(seconds(at)));
        for (topic, watermark) in totals.watermarks() {
            if let Some(at) = watermark {
                self.watermark.with_label_values(&[topic]).set(seconds(at));
                self.latency.with_label_values(&[topic]).set(seconds(Millis(now.0.saturating_sub(at.0))));
            }
        }
    }
}
