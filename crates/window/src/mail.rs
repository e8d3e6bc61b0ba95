//! What was handed over and waits to be applied.

use crate::shard::Settings;
use activity::{Millis, Offset};

/// What a poll handed over of one shard.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    pub(crate) records: Vec<(Offset, Vec<u8>)>,
    pub(crate) bytes: usize,
    /// When the first of it came.
    pub(crate) since: Option<Millis>,
    /// The log's end, if a fetch has come there.
    pub(crate) end: Option<Offset>,
}

impl Mail {
    /// Whether to apply it now. What is little is not kept waiting; what is much costs the store less with what comes next,
    /// since entities share hashes there.
    pub(crate) fn is_due(&self, now: Millis, settings: &Settings) -> bool {
        let waited = self.since.map_or(0, |since| now.0.saturating_sub(since.0));
        self.bytes < settings.gather_bytes / 16
            || self.bytes >= settings.gather_bytes
            || !(0..settings.gather_ms).contains(&waited)
    }
}
