//! How to reach the brokers, and as whom.

use crate::LogError;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How to reach the brokers, and as whom.
#[derive(Clone)]
pub struct KafkaConfig {
    /// The bootstrap servers, `host:port`, separated by commas.
    pub brokers: String,
    /// The consumer group.
    pub group: String,
    /// The name of this process among the group's members: stable over restarts, and never used twice at a time.
    pub instance: String,
    /// More settings for librdkafka, such as `security.protocol`. Values may be secrets: they are never shown.
    pub properties: BTreeMap<String, String>,
    /// After how long the broker aborts a transaction whose writer has died; until then it holds back all readers.
    pub transaction_timeout: Duration,
    /// After how long without a heartbeat the partitions of a member go to others.
    pub session_timeout: Duration,
    /// After how long without a poll a member gives its partitions up.
    pub poll_interval: Duration,
    /// How long to wait for an answer of the broker, retries included.
    pub request_timeout: Duration,
}

/// What exactness rests on, or what a field above sets.
const REFUSED: &[(&str, &str)] = &[
    ("acks", "every record must be acknowledged by all replicas"),
    ("allow.auto.create.topics", "a misspelt topic must not come into being"),
    ("auto.commit.interval.ms", "positions are committed in transactions"),
    ("auto.offset.reset", "a lost position must be seen, not skipped"),
    ("bootstrap.servers", "use the setting for brokers"),
    ("delivery.report.only.error", "failures alone are looked at"),
    ("enable.auto.commit", "positions are committed in transactions"),
    ("enable.auto.offset.store", "positions are committed in transactions"),
    ("enable.gapless.guarantee", "transactions need it as it is"),
    ("enable.idempotence", "transactions need it"),
    ("enable.partition.eof", "the end of a partition must be told"),
    ("group.id", "use the setting for the group"),
    ("group.instance.id", "it is made of group and instance"),
    ("group.protocol", "ownership changes by the classic protocol only"),
    ("group.remote.assignor", "ownership changes by the classic protocol only"),
    ("isolation.level", "only committed records may be read"),
    ("log.queue", "logs go through the program's own log"),
    ("max.in.flight", "transactions need it as it is"),
    ("max.in.flight.requests.per.connection", "transactions need it as it is"),
    ("max.poll.interval.ms", "use the setting for the poll interval"),
    ("message.max.bytes", "it must fit the topics"),
    ("message.send.max.retries", "transactions need it as it is"),
    ("metadata.broker.list", "use the setting for brokers"),
    ("partition.assignment.strategy", "ownership changes as a whole"),
    ("request.required.acks", "every record must be acknowledged by all replicas"),
    ("retries", "transactions need it as it is"),
    ("session.timeout.ms", "use the setting for the session time-out"),
    ("test.mock.num.brokers", "a mock cluster shows aborted records"),
    ("transaction.timeout.ms", "use the setting for the transaction time-out"),
    ("transactional.id", "it is made of group and instance"),
];

impl KafkaConfig {
    /// A configuration with the default times and no more settings.
    #[must_use]
    pub fn new(brokers: impl Into<String>, group: impl Into<String>, instance: impl Into<String>) -> KafkaConfig {
        KafkaConfig {
            brokers: brokers.into(),
            group: group.into(),
            instance: instance.into(),
            properties: BTreeMap::new(),
            transaction_timeout: Duration::from_secs(10),
            session_timeout: Duration::from_secs(10),
            poll_interval: Duration::from_secs(300),
            request_timeout: Duration::from_secs(30),
        }
    }

    /// The name of this instance to the broker: `group.instance.id` and `transactional.id`.
    #[must_use]
    pub fn member_name(&self) -> String {
        format!("{}-{}", self.group, self.instance)
    }

    /// # Errors
    /// If a setting is missing, out of range, or would break exactness.
    pub(super) fn check(&self) -> Result<(), LogError> {
        for (setting, value) in [("brokers", &self.brokers), ("group", &self.group), ("instance", &self.instance)] {
            if value.trim().is_empty() {
                return Err(refused(setting, "it is empty"));
            }
        }
        for (setting, time) in [
            ("transaction_timeout", self.transaction_timeout),
            ("session_timeout", self.session_timeout),
            ("poll_interval", self.poll_interval),
            ("request_timeout", self.request_timeout),
        ] {
            if time < Duration::from_secs(1) || time > Duration::from_secs(3600) {
                return Err(refused(setting, &format!("{time:?} is not between 1 s and 1 h")));
            }
        }
        if self.poll_interval < self.session_timeout {
            let reason = format!(
                "{:?} is shorter than the session time-out, {:?}: librdkafka wants it to be as long at least",
                self.poll_interval, self.session_timeout
            );
            return Err(refused("poll_interval", &reason));
        }
        for property in self.properties.keys() {
            if let Some((_, reason)) = REFUSED.iter().find(|(name, _)| name == property) {
                return Err(refused(property, &format!("it cannot be set: {reason}")));
            }
        }
        Ok(())
    }
}

fn refused(setting: &str, reason: &str) -> LogError {
    LogError::Setting { setting: setting.to_owned(), reason: reason.to_owned() }
}

impl fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaConfig")
            .field("brokers", &self.brokers)
            .field("group", &self.group)
            .field("instance", &self.instance)
            .field("properties", &self.properties.keys())
            .field("transaction_timeout", &self.transaction_timeout)
            .field("session_timeout", &self.session_timeout)
            .field("poll_interval", &self.poll_interval)
            .field("request_timeout", &self.request_timeout)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> KafkaConfig {
        KafkaConfig::new("127.0.0.1:9092", "nsm", "0")
    }

    #[test]
    fn secrets_are_never_shown() {
        let mut config = config();
        config.properties.insert("sasl.password".into(), "hunter2".into());
        let shown = format!("{config:?}");
        assert!(shown.contains("sasl.password"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn what_exactness_rests_on_cannot_be_set() {
        for (property, _) in REFUSED {
            let mut config = config();
            config.properties.insert((*property).into(), "s3cret".into());
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(property), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn security_settings_are_let_through() {
        let mut config = config();
        for property in ["security.protocol", "sasl.mechanism", "ssl.ca.location", "fetch.min.bytes"] {
            config.properties.insert(property.into(), "any".into());
        }
        config.check().unwrap();
    }

    #[test]
    fn an_empty_name_is_refused() {
        let empty = KafkaConfig::new("127.0.0.1:9092", "nsm", " ");
        assert!(empty.check().unwrap_err().to_string().contains("instance"));
    }

    #[test]
    fn a_poll_interval_below_the_session_timeout_is_refused() {
        let mut config = config();
        config.poll_interval = Duration::from_secs(5);
        assert!(config.check().unwrap_err().to_string().contains("poll_interval"));
    }
}
