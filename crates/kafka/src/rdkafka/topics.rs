//! Topics: made if missing, checked if there. Never altered: what is in them may depend on it.

use super::closing::Closing;
use super::config::KafkaConfig;
use super::context::Quiet;
use super::failure::{Site, is_permanent};
use super::lookup::{Lookup, code};
use super::settings::{MAX_RECORD_BYTES, create};
use super::wait::Deadline;
use crate::{LogError, Patience};
use pollster::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::RDKafkaErrorCode;
use tracing::info;

/// The broker's own default.
const DEFAULT_REPLICATION: i32 = -1;

/// A topic as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: u16,
    /// Its settings; others are as the broker has them.
    pub settings: Vec<(String, String)>,
}

impl TopicSpec {
    /// A topic with the broker's settings.
    #[must_use]
    pub fn new(name: impl Into<String>, partitions: u16) -> TopicSpec {
        TopicSpec { name: name.into(), partitions, settings: Vec::new() }
    }

    /// The activity topic: a partition is a shard, everything is kept, and time is the broker's.
    #[must_use]
    pub fn activity(name: impl Into<String>, shards: u16) -> TopicSpec {
        TopicSpec::new(name, shards)
            .with("message.timestamp.type", "LogAppendTime")
            .with("cleanup.policy", "delete")
            .with("retention.ms", "-1")
            .with("retention.bytes", "-1")
            .with("max.message.bytes", MAX_RECORD_BYTES.to_string())
    }

    /// The topic in whose order values are admitted: one partition, and everything is kept.
    #[must_use]
    pub fn admitted(name: impl Into<String>) -> TopicSpec {
        TopicSpec::new(name, 1)
            .with("cleanup.policy", "delete")
            .with("retention.ms", "-1")
            .with("retention.bytes", "-1")
    }

    /// The same with one more setting.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> TopicSpec {
        self.settings.push((key.into(), value.into()));
        self
    }
}

/// Makes the topics that are missing and waits until they can be used; checks those that exist.
///
/// # Errors
/// If a topic exists with other partitions or settings, or the broker refuses to make one. All that is wrong is told at once.
pub fn ensure_topics(config: &KafkaConfig, topics: &[TopicSpec]) -> Result<(), LogError> {
    let (admin, lookup) = (Admin::new(config)?, Lookup::new(config)?);
    let mut desk = Desk { admin, lookup, config, site: config.site() };
    let mut wrong = Vec::new();
    for topic in topics {
        match desk.lookup.topic(&topic.name, Patience::Long) {
            Ok(found) => wrong.extend(desk.differences(topic, found.partitions)?),
            Err(LogError::NoTopic { .. }) => wrong.extend(desk.make(topic)?),
            Err(error) => return Err(error),
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(LogError::Setting { setting: "topics".to_owned(), reason: wrong.join("; ") })
}

/// The largest batch that any of these topics allows, in bytes, as far as the broker tells: it may not be allowed to, and the
/// embedded one does not know. Asked once: nothing depends on it but how much is fetched.
pub(super) fn largest_batch(config: &KafkaConfig, topics: &[String]) -> Result<Option<u32>, LogError> {
    let admin = Admin::new(config)?;
    let largest = |(topic, found): (&String, Result<ConfigResource, _>)| match found {
        Ok(found) => found.get("max.message.bytes")?.value.as_deref()?.parse().ok(),
        Err((_, reason)) => {
            info!(topic, reason, "how large its batches may be is not known: a fetch has room for the default");
            None
        }
    };
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    Ok(topics.iter().zip(admin.described(&names)).filter_map(largest).max())
}

/// What is wrong with an answer, and its code if it has one.
type Unanswered = (Option<RDKafkaErrorCode>, String);

/// A client of admin requests.
struct Admin {
    client: Closing<AdminClient<Quiet>>,
    options: AdminOptions,
}

impl Admin {
    fn new(config: &KafkaConfig) -> Result<Admin, LogError> {
        let client = create(&config.asking()?, Quiet, &config.site())?;
        let wait = Some(config.request_timeout);
        let options = AdminOptions::new().request_timeout(wait).operation_timeout(wait);
        Ok(Admin { client: Closing::new("admin", client), options })
    }

    /// What each of these topics is set to, by one question.
    fn described(&self, topics: &[&str]) -> Vec<Result<ConfigResource, Unanswered>> {
        let asked: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
        match block_on(self.client.describe_configs(&asked, &self.options)) {
            Ok(found) => found.into_iter().map(|found| found.map_err(|code| (Some(code), code.to_string()))).collect(),
            Err(error) => topics.iter().map(|_| Err((code(&error), error.to_string()))).collect(),
        }
    }
}

struct Desk<'a> {
    admin: Admin,
    lookup: Lookup,
    config: &'a KafkaConfig,
    site: Site,
}

impl Desk<'_> {
    /// Makes the topic, or finds that somebody else just did. Gives what is wrong with it.
    fn make(&mut self, topic: &TopicSpec) -> Result<Vec<String>, LogError> {
        let mut new =
            NewTopic::new(&topic.name, i32::from(topic.partitions), TopicReplication::Fixed(DEFAULT_REPLICATION));
        for (key, value) in &topic.settings {
            new = new.set(key, value);
        }
        let doing = || format!("making the topic `{}`", topic.name);
        let outcome = block_on(self.admin.client.create_topics([&new], &self.admin.options));
        let outcome = outcome.map_err(|e| self.site.broker(doing(), e))?;
        let mut made = true;
        for result in outcome {
            match result {
                Ok(_) => {}
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => made = false,
                Err((_, code)) => return Err(self.site.broker(doing(), code)),
            }
        }
        let deadline = Deadline::after(self.config.request_timeout);
        let found = loop {
            match self.lookup.topic(&topic.name, Patience::Long) {
                Ok(found) if self.lookup.is_ready(&topic.name, found.partitions) => break found,
                Ok(_) | Err(LogError::NoTopic { .. }) if !deadline.has_passed() => self.lookup.pause(),
                Ok(_) => return Err(self.site.broker(doing(), "its partitions have no leaders")),
                Err(error) => return Err(error),
            }
        };
        if made {
            info!(topic = topic.name, partitions = topic.partitions, "made");
        }
        self.differences(topic, found.partitions)
    }

    /// What is other than it should be, with both sides and what to do.
    fn differences(&mut self, topic: &TopicSpec, partitions: u16) -> Result<Vec<String>, LogError> {
        let mut wrong = Vec::new();
        if partitions != topic.partitions {
            wrong.push(format!(
                "`{}` has {partitions} partitions, but {} are wanted: the count cannot change once there are records; \
                 correct the setting, or make the topic again under another name",
                topic.name, topic.partitions
            ));
        }
        if topic.settings.is_empty() {
            return Ok(wrong);
        }
        let found = self.settings(&topic.name)?;
        for (key, wanted) in &topic.settings {
            let value = found.get(key).and_then(|entry| entry.value.as_deref());
            if value != Some(wanted) {
                wrong.push(format!(
                    "`{}` has {key}={}, but {wanted} is wanted: `kafka-configs --alter --entity-type topics \
                     --entity-name {} --add-config {key}={wanted}`",
                    topic.name,
                    value.unwrap_or("(unknown)"),
                    topic.name
                ));
            }
        }
        Ok(wrong)
    }

    fn settings(&mut self, topic: &str) -> Result<ConfigResource, LogError> {
        let deadline = Deadline::after(self.config.request_timeout);
        loop {
            let (code, reason) = match self.admin.described(&[topic]).pop() {
                Some(Ok(found)) => return Ok(found),
                Some(Err(unanswered)) => unanswered,
                None => (None, "an empty answer".to_owned()),
            };
            if deadline.has_passed() || code.is_some_and(is_permanent) {
                return Err(self.site.broker(format!("asking for the settings of the topic `{topic}`"), reason));
            }
            self.lookup.pause();
        }
    }
}
