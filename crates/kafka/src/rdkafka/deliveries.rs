//! What became of records that were handed to a producer.

use super::context::log;
use rdkafka::bindings::rd_kafka_flush;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Message};
use std::ffi::c_int;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tracing::debug;

/// The context of every producer: logs, and counts failed deliveries.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    failed: Mutex<Failed>,
}

/// Deliveries that failed.
#[derive(Clone, Debug, Default)]
pub(super) struct Failed {
    pub(super) count: u64,
    pub(super) first: Option<Failure>,
}

/// A delivery that failed.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) code: RDKafkaErrorCode,
    /// Where the record was to go.
    pub(super) place: String,
}

impl Deliveries {
    pub(super) fn failed(&self) -> Failed {
        self.lock().clone()
    }

    /// Forgets former failures.
    pub(super) fn reset(&self) {
        *self.lock() = Failed::default();
    }

    fn lock(&self) -> MutexGuard<'_, Failed> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits at most `wait` until everything that was sent is answered, and says whether it is. With failures as the only
/// events, librdkafka waits by itself; rust-rdkafka's flush and poll would sleep or spin through their time instead.
pub(super) fn settle(producer: &BaseProducer<Deliveries>, wait: Duration) -> bool {
    let wait = c_int::try_from(wait.as_millis()).unwrap_or(c_int::MAX);
    // SAFETY: the client is alive.
    let outcome = unsafe { rd_kafka_flush(producer.client().native_ptr(), wait) };
    // Failures, which count as unanswered until they are looked at, and the log.
    producer.poll(Duration::ZERO);
    outcome == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        debug!(%error, reason, "Kafka client");
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let Err((error, record)) = result else { return };
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        let mut failed = self.lock();
        failed.count += 1;
        failed
            .first
            .get_or_insert_with(|| Failure { code, place: format!("`{}` [{}]", record.topic(), record.partition()) });
    }
}
