//! What ingest can be told.

/// What ingest can be told beside the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many shards the activity topic has, at least 1.
    pub shards: u16,
    /// How far ahead of the wall clock an event or a stamp may lie, in milliseconds.
    pub future_ms: i64,
    /// The largest payload that is looked into, in bytes.
    pub payload_bytes: usize,
    /// How much of a rejected payload the dead-letter topic gets, in bytes.
    pub dead_letter_bytes: usize,
    /// How often a transaction is written while there is something to write, in milliseconds.
    pub transact_ms: i64,
    /// How often one is written while there is nothing, in milliseconds.
    pub heartbeat_ms: i64,
    /// A batch of this many bytes is written at once. With what one poll adds to it, it has to fit into a record of the
    /// activity topic even if all of it is of one shard.
    pub batch_bytes: usize,
    /// How far an idle partition's clock stays behind the wall clock, in milliseconds: as long as a producer may take
    /// from stamping a record to having it acknowledged.
    pub idle_margin_ms: i64,
    /// How far a partition may run ahead of the slowest that this worker reads, in days, before it is paused.
    pub run_ahead_days: u16,
    /// How many entities the cache of forwarded activity may hold between batches.
    pub cache_entities: usize,
    /// Whether a source partition that nobody has read before is read from its first record, or from its end.
    pub from_latest: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            shards: 16,
            future_ms: 10 * 60_000,
            payload_bytes: 1 << 20,
            dead_letter_bytes: 16 << 10,
            transact_ms: 100,
            heartbeat_ms: 1_000,
            batch_bytes: 1 << 20,
            idle_margin_ms: 5_000,
            run_ahead_days: 2,
            cache_entities: 1_000_000,
            from_latest: false,
        }
    }
}
