//! Where topics end, asked by somebody who reads none of them.

use super::config::KafkaConfig;
use super::lookup::Lookup;
use super::questions::End;
use crate::{ISOLATION, LogError, Patience};
use activity::{Offset, PartitionId};

/// Asks the broker where topics end. It is a member of no group.
pub struct RdEnds {
    lookup: Lookup,
}

impl RdEnds {
    /// A client that has asked nothing yet.
    ///
    /// # Errors
    /// If a setting is refused.
    pub fn new(config: &KafkaConfig) -> Result<RdEnds, LogError> {
        Ok(RdEnds { lookup: Lookup::new(config)? })
    }

    /// The last stable offset of each partition of a topic. Asked once: who asks will ask again.
    ///
    /// # Errors
    /// If the broker gives no answer within a second or two, or there is no such topic.
    pub fn of(&mut self, topic: &str) -> Result<Vec<Offset>, LogError> {
        let partitions = self.lookup.topic(topic, Patience::Once)?.partitions;
        let partitions: Vec<_> = (0..i32::from(partitions)).map(|id| (topic, PartitionId(id))).collect();
        self.lookup.ends(&partitions, End::Latest(ISOLATION), Patience::Once)
    }
}
