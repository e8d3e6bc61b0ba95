//! The worker's own metrics.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

/// Everything that window counts. Clones share the counts.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Packs applied.
    pub packs: IntCounter,
    /// Packs skipped, because all that they cover was covered before.
    pub repeated: IntCounter,
    /// Buckets that were new to an entity.
    pub bits: IntCounter,
    /// Deltas of partitions that joined late and lie below what is kept.
    pub below_floor: IntCounter,
    /// Commits written.
    pub commits: IntCounter,
    /// Commits refused by the fence, by reason.
    pub refused: IntCounterVec,
    /// Shards rebuilt in a new incarnation, by reason.
    pub claims: IntCounterVec,
    /// Calls of the store that gave no answer.
    pub unanswered: IntCounter,
}

impl Metrics {
    /// The metrics, known to `registry`.
    ///
    /// # Errors
    /// If the registry has metrics of these names already.
    pub fn register(registry: &Registry) -> Result<Metrics, prometheus::Error> {
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let by_reason = |name: &str, help: &str| {
            let counter = IntCounterVec::new(Opts::new(name, help), &["reason"])?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        Ok(Metrics {
            packs: counter("northstar_window_packs_total", "Packs applied.")?,
            repeated: counter("northstar_window_packs_repeated_total", "Packs skipped: covered before.")?,
            bits: counter("northstar_window_bits_total", "Buckets that were new to an entity and a metric.")?,
            below_floor: counter(
                "northstar_window_below_floor_total",
                "Deltas of partitions that joined late, from before what is kept.",
            )?,
            commits: counter("northstar_window_commits_total", "Batches written to the store.")?,
            refused: by_reason("northstar_window_refused_total", "Batches that the fence refused.")?,
            claims: by_reason("northstar_window_claims_total", "Shards begun anew in a new incarnation.")?,
            unanswered: counter("northstar_window_unanswered_total", "Calls of the store that gave no answer.")?,
        })
    }
}
