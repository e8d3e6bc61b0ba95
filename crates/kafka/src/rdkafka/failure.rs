//! Errors of librdkafka, told as errors of the port.

use crate::LogError;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaConfRes;
use std::fmt::Display;

/// What errors name: where it happened, and to whom.
#[derive(Clone, Debug)]
pub(super) struct Site {
    brokers: String,
    instance: String,
}

impl Site {
    pub(super) fn new(brokers: &str, instance: &str) -> Site {
        Site { brokers: brokers.to_owned(), instance: instance.to_owned() }
    }

    pub(super) fn broker(&self, doing: impl Into<String>, reason: impl Display) -> LogError {
        LogError::Broker { doing: doing.into(), brokers: self.brokers.clone(), reason: reason.to_string() }
    }

    pub(super) fn no_topic(&self, topic: &str) -> LogError {
        LogError::NoTopic { topic: topic.to_owned(), brokers: self.brokers.clone() }
    }

    pub(super) fn fenced(&self, reason: impl Display) -> LogError {
        LogError::Fenced { instance: self.instance.clone(), reason: reason.to_string() }
    }

    /// A client could not be made. What librdkafka says of a setting repeats its value, which may be a secret.
    pub(super) fn creation(&self, error: &KafkaError) -> LogError {
        match error {
            KafkaError::ClientConfig(result, _, setting, _) => LogError::Setting {
                setting: setting.clone(),
                reason: match result {
                    RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN => "librdkafka has no such setting".to_owned(),
                    _ => "librdkafka refuses its value".to_owned(),
                },
            },
            KafkaError::ClientCreation(reason) => self.broker("setting up a Kafka client", reason),
            other => self.broker("setting up a Kafka client", other),
        }
    }
}

/// Whether it says that somebody newer has taken over.
pub(super) fn is_fenced(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::Fenced
            | RDKafkaErrorCode::FencedInstanceId
            | RDKafkaErrorCode::ProducerFenced
            | RDKafkaErrorCode::InvalidProducerEpoch
    )
}

/// Whether it says that there is no such topic or partition. Also said for a moment when leaders change.
pub(super) fn is_missing(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownPartition
    )
}

/// Whether waiting cannot help: somebody must change a permission, a credential or a setting.
pub(super) fn is_permanent(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::Authentication
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::InvalidTopic
            | RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::SaslAuthenticationFailed
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::TransactionalIdAuthorizationFailed
            | RDKafkaErrorCode::UnsupportedFeature
            | RDKafkaErrorCode::UnsupportedVersion
            | RDKafkaErrorCode::InvalidTransactionTimeout
    )
}
