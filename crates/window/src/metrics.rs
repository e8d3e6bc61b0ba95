//! The worker's own metrics.

use prometheus::{IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};

/// Everything that window counts. Clones share the counts.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Packs applied.
    pub packs: IntCounter,
    /// Offsets that were applied and are to be once more, because the store went back or was emptied.
    pub replayed: IntCounter,
    /// Entities in packs that were applied.
    pub entities: IntCounter,
    /// Records that were not at hand, and read from the store.
    pub records_read: IntCounter,
    /// Packs skipped, because all that they cover was covered before.
    pub repeated: IntCounter,
    /// Buckets that were new to an entity.
    pub bits: IntCounter,
    /// What happened to entities for metrics that keep that.
    pub marks: IntCounter,
    /// Events counted by themselves.
    pub events: IntCounter,
    /// Events not counted, because their ids were seen before.
    pub duplicates: IntCounter,
    /// Ids of events that were counted and may come again, by shard.
    pub event_ids: IntGaugeVec,
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
        let by = |label: &str, name: &str, help: &str| {
            let counter = IntCounterVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let event_ids = Opts::new("northstar_window_event_ids", "Ids of events that were counted and may come again.");
        let event_ids = IntGaugeVec::new(event_ids, &["shard"])?;
        registry.register(Box::new(event_ids.clone()))?;
        Ok(Metrics {
            packs: counter("northstar_window_packs_total", "Packs applied.")?,
            replayed: counter(
                "northstar_window_replayed_offsets_total",
                "Activity offsets to be applied once more: the store went back, or was emptied.",
            )?,
            entities: counter("northstar_window_entities_total", "Entities in packs that were applied.")?,
            records_read: counter(
                "northstar_window_records_read_total",
                "Records that were not at hand, and read from the store.",
            )?,
            repeated: counter("northstar_window_packs_repeated_total", "Packs skipped: covered before.")?,
            bits: counter("northstar_window_bits_total", "Buckets that were new to an entity and a metric.")?,
            marks: counter("northstar_window_marks_total", "What happened to entities, for metrics that keep when.")?,
            events: counter("northstar_window_events_total", "Events counted by metrics that count or add up.")?,
            duplicates: counter(
                "northstar_window_duplicates_total",
                "Events not counted: their ids were seen before.",
            )?,
            event_ids,
            below_floor: counter(
                "northstar_window_below_floor_total",
                "Deltas of partitions that joined late, from before what is kept.",
            )?,
            commits: counter("northstar_window_commits_total", "Batches written to the store.")?,
            refused: by("reason", "northstar_window_refused_total", "Batches that the fence refused.")?,
            claims: by("reason", "northstar_window_claims_total", "Shards begun anew in a new incarnation.")?,
            unanswered: counter("northstar_window_unanswered_total", "Calls of the store that gave no answer.")?,
        })
    }
}
