//! What librdkafka's callbacks do: log, and nothing else.

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;
use tracing::{debug, info, warn};

/// The context of every client that consumes or asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        debug!(%error, reason, "Kafka client");
    }
}

impl ConsumerContext for Quiet {
    /// Called while a consumer is closed, and only then: before, its events are taken from the queue by
    /// [`Subscriber`](super::subscriber::Subscriber). Nobody is left to answer, so that it lets go at once; unanswered, the
    /// close would wait for ever.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, _: RDKafkaRespErr, _: &mut TopicPartitionList) {
        if let Err(error) = consumer.unassign() {
            debug!(%error, "letting partitions go while closing");
        }
    }
}

/// A line of librdkafka's own log. It calls a refused connection an error; here it is one only if it lasts.
pub(super) fn log(level: RDKafkaLogLevel, facility: &str, line: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(target: "librdkafka", facility, "{line}");
        }
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
            warn!(target: "librdkafka", facility, "{line}");
        }
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            info!(target: "librdkafka", facility, "{line}");
        }
        RDKafkaLogLevel::Debug => debug!(target: "librdkafka", facility, "{line}"),
    }
}
