//! Passing faults are logged, but not at the rate at which librdkafka repeats them.

use super::wait::now;
use rdkafka::error::RDKafkaErrorCode;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tracing::warn;

const QUIET_FOR: Duration = Duration::from_secs(10);

/// When each kind of fault was logged last, and how many were not since.
#[derive(Debug, Default)]
pub(super) struct Faults {
    told: BTreeMap<i32, (Instant, u64)>,
}

impl Faults {
    pub(super) fn pass(&mut self, code: RDKafkaErrorCode, reason: &str) {
        let now = now();
        let unseen = match self.told.get_mut(&(code as i32)) {
            Some((last, unseen)) if now.saturating_duration_since(*last) < QUIET_FOR => {
                *unseen += 1;
                return;
            }
            Some((_, unseen)) => *unseen,
            None => 0,
        };
        self.told.insert(code as i32, (now, 0));
        warn!(%code, unseen, "Kafka: {reason}; waiting for it to pass");
    }
}
