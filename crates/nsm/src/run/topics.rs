//! The topics that the pipeline writes, made before they are needed.

use crate::config::Config;
use catalog::Plan;
use kafka::LogError;
use kafka::rdkafka::{KafkaConfig, RdProducer, TopicSpec, ensure_topics};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long to wait for an answer before saying so and trying again; the roles wait for each other here.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Makes the topics once a process, whichever role needs them first.
#[derive(Debug)]
pub(crate) struct OwnTopics {
    kafka: KafkaConfig,
    activity: TopicSpec,
    /// `None` if no role of this process writes to it.
    dead_letter: Option<String>,
    /// `None` if no role of this process writes to it, or the catalogue admits no values.
    admitted: Option<TopicSpec>,
    are_there: Mutex<bool>,
}

impl OwnTopics {
    pub(crate) fn new(config: &Config, plan: &Plan, ingests: bool) -> OwnTopics {
        let (mut kafka, topics) = (config.kafka_config(), &config.topics);
        kafka.request_timeout = kafka.request_timeout.min(PATIENCE);
        OwnTopics {
            kafka,
            activity: TopicSpec::activity(&topics.activity, config.shards()),
            dead_letter: ingests.then(|| topics.dead_letter.clone()),
            admitted: (ingests && plan.admits()).then(|| TopicSpec::admitted(&topics.admitted)),
            are_there: Mutex::new(false),
        }
    }

    /// Topics that somebody else has made.
    pub(crate) fn made(config: &Config, plan: &Plan) -> OwnTopics {
        let own = OwnTopics::new(config, plan, false);
        OwnTopics { are_there: Mutex::new(true), ..own }
    }

    /// Makes what is missing and checks what is there.
    pub(crate) fn ensure(&self) -> Result<(), LogError> {
        let mut are_there = self.are_there.lock().unwrap_or_else(PoisonError::into_inner);
        if *are_there {
            return Ok(());
        }
        let mut missing = vec![self.activity.clone()];
        missing.extend(self.admitted.clone());
        missing.extend(self.missing_dead_letter()?);
        ensure_topics(&self.kafka, &missing)?;
        *are_there = true;
        Ok(())
    }

    /// A dead-letter topic that exists may have any number of partitions.
    fn missing_dead_letter(&self) -> Result<Option<TopicSpec>, LogError> {
        let Some(topic) = &self.dead_letter else { return Ok(None) };
        match RdProducer::new(&self.kafka)?.partitions(topic) {
            Ok(_) => Ok(None),
            Err(LogError::NoTopic { .. }) => Ok(Some(TopicSpec::new(topic, 1))),
            Err(error) => Err(error),
        }
    }
}
