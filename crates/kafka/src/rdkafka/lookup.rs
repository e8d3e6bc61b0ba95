//! Questions to the broker, by a client of their own: asked of a consumer, they would queue behind its fetches.

use super::closing::Closing;
use super::config::KafkaConfig;
use super::context::Quiet;
use super::describe::describe;
use super::failure::{Site, is_missing, is_permanent};
use super::settings::create;
use super::wait::Deadline;
use crate::{Bounds, ISOLATION, Isolation, LogError, TopicInfo};
use activity::{Offset, PartitionId, TopicId};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use std::time::Duration;

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(5);
/// How long to serve the client's log between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Lookup {
    client: Closing<BaseConsumer<Quiet>>,
    site: Site,
    patience: Duration,
}

impl Lookup {
    pub(super) fn new(config: &KafkaConfig) -> Result<Lookup, LogError> {
        Lookup::seeing(ISOLATION, config)
    }

    /// With [`Isolation::Uncommitted`], ends are where the records end, decided or not.
    pub(super) fn seeing(level: Isolation, config: &KafkaConfig) -> Result<Lookup, LogError> {
        let site = config.site();
        let client = create(&config.asking(level)?, Quiet, &site)?;
        Ok(Lookup { client: Closing::new("lookup", client), site, patience: config.request_timeout })
    }

    /// What a partition holds now.
    pub(super) fn bounds(&self, topic: &str, id: PartitionId) -> Result<Bounds, LogError> {
        let doing = || format!("asking for the offsets of `{topic}` [{id}]");
        let (start, end) = self.ask(&doing, |wait| self.client.fetch_watermarks(topic, id.0, wait))?;
        Ok(Bounds { start: Offset(start), stable_end: Offset(end) })
    }

    /// A topic as it is now.
    pub(super) fn topic(&self, topic: &str) -> Result<TopicInfo, LogError> {
        let doing = || format!("describing the topic `{topic}`");
        let found = self.ask(&doing, |wait| {
            match describe(self.client.client(), topic, wait) {
                Err(e) if code(&e).is_some_and(is_missing) => Ok(None),
                // A topic that has just been made has no identity for a moment.
                Ok((TopicId([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), _)) => {
                    Err(KafkaError::AdminOp(RDKafkaErrorCode::LeaderNotAvailable))
                }
                other => other.map(Some),
            }
        })?;
        let (id, partitions) = found.ok_or_else(|| self.site.no_topic(topic))?;
        let partitions = u16::try_from(partitions)
            .map_err(|_| self.site.broker(doing(), format!("{partitions} partitions are too many")))?;
        Ok(TopicInfo { id, partitions })
    }

    /// Whether every partition of the topic has a leader, and there are `partitions` of them.
    pub(super) fn is_ready(&self, topic: &str, partitions: u16) -> bool {
        let Ok(metadata) = self.client.fetch_metadata(Some(topic), ATTEMPT) else { return false };
        let led = metadata
            .topics()
            .iter()
            .filter(|found| found.name() == topic)
            .flat_map(|found| found.partitions())
            .filter(|partition| partition.leader() >= 0 && partition.error().is_none());
        led.count() == usize::from(partitions)
    }

    /// Lets a moment pass.
    pub(super) fn pause(&self) {
        // The group-less client has no messages: this serves its log, and errors are in the context's hands.
        drop(self.client.poll(PAUSE));
    }

    fn ask<T>(&self, doing: &dyn Fn() -> String, attempt: impl Fn(Duration) -> KafkaResult<T>) -> Result<T, LogError> {
        let deadline = Deadline::after(self.patience);
        loop {
            match attempt(deadline.left().min(ATTEMPT)) {
                Ok(answer) => return Ok(answer),
                Err(e) if deadline.has_passed() || code(&e).is_some_and(is_permanent) => {
                    return Err(self.site.broker(doing(), e));
                }
                Err(error) => {
                    tracing::debug!(%error, "{}: trying again", doing());
                    self.pause();
                }
            }
        }
    }
}

/// What librdkafka calls the error; rust-rdkafka keeps the admin operations' codes to itself.
fn code(error: &KafkaError) -> Option<RDKafkaErrorCode> {
    match error {
        KafkaError::AdminOp(code) => Some(*code),
        other => other.rdkafka_error_code(),
    }
}
