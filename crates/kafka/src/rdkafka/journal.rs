//! A topic of one partition whose order is what matters: it is read from its first record on, and appended to.
//!
//! It is used now and then, so every use has clients of its own: none has to find its way back after an outage.

use super::config::KafkaConfig;
use super::lookup::Lookup;
use super::producer::RdProducer;
use super::tail;
use crate::{LogError, Patience};
use activity::{Offset, PartitionId, TopicId};

const ONLY: PartitionId = PartitionId(0);

/// A topic of one partition, and up to where it was read.
pub struct RdJournal {
    config: KafkaConfig,
    topic: String,
    next: Offset,
}

impl RdJournal {
    /// A topic that was not read yet. The broker is not asked.
    #[must_use]
    pub fn new(config: &KafkaConfig, topic: &str) -> RdJournal {
        RdJournal { config: config.clone(), topic: topic.to_owned(), next: Offset(0) }
    }

    /// The topic's identity.
    ///
    /// # Errors
    /// If the broker does not answer, or there is no such topic.
    pub fn identity(&self) -> Result<TopicId, LogError> {
        Ok(Lookup::new(&self.config)?.topic(&self.topic, Patience::Long)?.id)
    }

    /// The payloads that were not read yet, in order, up to what the broker has now.
    ///
    /// # Errors
    /// If the broker does not answer; then they are read the next time.
    pub fn read(&mut self) -> Result<Vec<Vec<u8>>, LogError> {
        let bounds = Lookup::new(&self.config)?.bounds(&[(&self.topic, ONLY)], Patience::Long)?[0];
        let from = self.next.max(bounds.start);
        let found = tail::read(&self.config, &self.topic, ONLY, from, bounds.stable_end)?;
        self.next = self.next.max(bounds.stable_end);
        Ok(found.into_iter().map(|(_, payload)| payload).collect())
    }

    /// Appends records, and waits until the broker has them.
    ///
    /// # Errors
    /// If it is not known to have all of them: some may be there.
    pub fn append(&self, payloads: impl IntoIterator<Item = Vec<u8>>) -> Result<(), LogError> {
        let mut producer = RdProducer::new(&self.config)?;
        for payload in payloads {
            producer.send(&self.topic, None, &payload, None, Some(ONLY))?;
        }
        producer.flush()
    }
}
