//! Questions to the broker, by a client of their own: asked of a consumer, they would queue behind its fetches.
//!
//! Invariant: a client that has failed to answer is not asked again. Measured: after some standstills of a broker librdkafka's
//! admin requests and metadata requests of the same client time out for ever, while those of a new one are answered.

use super::closing::Closing;
use super::config::KafkaConfig;
use super::context::Quiet;
use super::failure::{Site, is_missing, is_permanent};
use super::questions::{End, describe, ends};
use super::settings::create;
use super::wait::Deadline;
use crate::{Bounds, ISOLATION, Isolation, LogError, Patience, TopicInfo};
use activity::{Offset, PartitionId, TopicId};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use std::time::Duration;

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(5);
/// How long the only attempt may take of who asks once.
const GLANCE: Duration = Duration::from_secs(1);
/// How long to serve the client's log between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

type Client = BaseConsumer<Quiet>;

pub(super) struct Lookup {
    config: KafkaConfig,
    site: Site,
    /// `None` after it has failed.
    client: Option<Closing<Client>>,
}

impl Lookup {
    pub(super) fn new(config: &KafkaConfig) -> Result<Lookup, LogError> {
        let mut lookup = Lookup { config: config.clone(), site: config.site(), client: None };
        // Settings that are refused are told at once.
        lookup.client()?;
        Ok(lookup)
    }

    fn client(&mut self) -> Result<&Client, LogError> {
        if self.client.is_none() {
            let client = create(&self.config.asking()?, Quiet, &self.site)?;
            self.client = Some(Closing::new("lookup", client));
        }
        Ok(self.client.as_ref().expect("it has just been made"))
    }

    /// What these partitions hold now.
    pub(super) fn bounds(
        &mut self,
        partitions: &[(&str, PartitionId)],
        patience: Patience,
    ) -> Result<Vec<Bounds>, LogError> {
        let starts = self.ends(partitions, End::Earliest, patience)?;
        let ends = self.ends(partitions, End::Latest(ISOLATION), patience)?;
        let bounds = |(start, end)| Bounds { start, stable_end: end };
        Ok(starts.into_iter().zip(ends).map(bounds).collect())
    }

    /// Where a partition's records end, decided or not.
    pub(super) fn written(&mut self, topic: &str, id: PartitionId) -> Result<Offset, LogError> {
        Ok(self.ends(&[(topic, id)], End::Latest(Isolation::Uncommitted), Patience::Long)?[0])
    }

    /// Where these partitions begin or end.
    pub(super) fn ends(
        &mut self,
        partitions: &[(&str, PartitionId)],
        end: End,
        patience: Patience,
    ) -> Result<Vec<Offset>, LogError> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let doing = || {
            let names: Vec<String> = partitions.iter().map(|(topic, id)| format!("`{topic}` [{id}]")).collect();
            format!("asking for the offsets of {}", names.join(", "))
        };
        self.ask(&doing, patience, |client, wait| ends(client.client(), partitions, end, wait))
    }

    /// A topic as it is now.
    pub(super) fn topic(&mut self, topic: &str, patience: Patience) -> Result<TopicInfo, LogError> {
        let doing = || format!("describing the topic `{topic}`");
        let found = self.ask(&doing, patience, |client, wait| {
            match describe(client.client(), topic, wait) {
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
    pub(super) fn is_ready(&mut self, topic: &str, partitions: u16) -> bool {
        let Ok(client) = self.client() else { return false };
        let Ok(metadata) = client.fetch_metadata(Some(topic), ATTEMPT) else { return false };
        let led = metadata
            .topics()
            .iter()
            .filter(|found| found.name() == topic)
            .flat_map(|found| found.partitions())
            .filter(|partition| partition.leader() >= 0 && partition.error().is_none());
        led.count() == usize::from(partitions)
    }

    /// Lets a moment pass.
    pub(super) fn pause(&mut self) {
        match &self.client {
            Some(client) => serve(client, PAUSE),
            None => std::thread::park_timeout(PAUSE),
        }
    }

    fn ask<T>(
        &mut self,
        doing: &dyn Fn() -> String,
        patience: Patience,
        attempt: impl Fn(&Client, Duration) -> KafkaResult<T>,
    ) -> Result<T, LogError> {
        let (deadline, longest) = match patience {
            Patience::Once => (Deadline::after(Duration::ZERO), GLANCE),
            Patience::Long => (Deadline::after(self.config.request_timeout), ATTEMPT),
        };
        loop {
            let client = self.client()?;
            serve(client, Duration::ZERO);
            let error = match attempt(client, longest) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            self.client = None;
            if deadline.has_passed() || code(&error).is_some_and(is_permanent) {
                return Err(self.site.broker(doing(), error));
            }
            tracing::debug!(%error, "{}: trying again", doing());
            self.pause();
        }
    }
}

/// The group-less client has no messages: this serves its log, and errors are in the context's hands.
fn serve(client: &Client, wait: Duration) {
    drop(client.poll(wait));
}

/// What librdkafka calls the error; rust-rdkafka keeps the admin operations' codes to itself.
pub(super) fn code(error: &KafkaError) -> Option<RDKafkaErrorCode> {
    match error {
        KafkaError::AdminOp(code) => Some(*code),
        other => other.rdkafka_error_code(),
    }
}
