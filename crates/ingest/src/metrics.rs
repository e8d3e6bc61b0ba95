//! The worker's own metrics.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

/// Everything that ingest counts. Clones share the counts.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Records taken, rejected ones too.
    pub events: IntCounter,
    /// Records rejected, by reason.
    pub rejected: IntCounterVec,
    /// Entities put into packs.
    pub deltas: IntCounter,
    /// Transactions committed and aborted, by outcome.
    pub transactions: IntCounterVec,
}

impl Metrics {
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
            deltas: counter("northstar_ingest_deltas_total", "Entities put into packs: activity that was new.")?,
            transactions: by("northstar_ingest_transactions_total", "Kafka transactions written.", "outcome")?,
        };
        for reason in event::Reject::REASONS {
            metrics.rejected.with_label_values(&[*reason]);
        }
        registry.register(Box::new(metrics.events.clone()))?;
        registry.register(Box::new(metrics.rejected.clone()))?;
        registry.register(Box::new(metrics.deltas.clone()))?;
        registry.register(Box::new(metrics.transactions.clone()))?;
        Ok(metrics)
    }
}
