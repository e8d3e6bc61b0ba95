//! Sends events as fast as they come.

use crate::workload::Event;
use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const FLUSH: Duration = Duration::from_secs(120);
const BATCH_BYTES: u32 = 256 << 10;
/// How long live events are collected.
pub(crate) const LIVE: Duration = Duration::from_millis(5);

/// A producer of one topic.
pub(crate) struct Sender {
    producer: BaseProducer<Failures>,
    topic: String,
}

/// Counts the records that were not delivered.
#[derive(Default)]
struct Failures(AtomicU64);

impl ClientContext for Failures {}

impl ProducerContext for Failures {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        self.0.fetch_add(u64::from(result.is_err()), Ordering::Relaxed);
    }
}

impl Sender {
    /// A producer that collects records for `linger` before it sends them.
    pub(crate) fn new(brokers: &str, topic: &str, linger: Duration) -> Sender {
        Sender::of_batches(brokers, topic, linger, BATCH_BYTES)
    }

    /// The same, in batches of so many bytes at most.
    pub(crate) fn of_batches(brokers: &str, topic: &str, linger: Duration, bytes: u32) -> Sender {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("broker.address.family", "v4")
            .set("compression.type", "lz4")
            .set("linger.ms", linger.as_millis().to_string())
            .set("batch.size", bytes.to_string())
            .set("batch.num.messages", "5000")
            .set("queue.buffering.max.messages", "500000")
            .set("queue.buffering.max.kbytes", "262144")
            .set("enable.idempotence", "true")
            .set("delivery.report.only.error", "true")
            .create_with_context(Failures::default())
            .expect("the producer's settings are valid");
        Sender { producer, topic: topic.to_owned() }
    }

    /// Takes the event, waiting while too many are on their way.
    pub(crate) fn send(&self, event: Event<'_>) {
        let mut record = BaseRecord::to(&self.topic)
            .partition(event.partition)
            .key(event.key)
            .payload(event.payload)
            .timestamp(event.timestamp);
        while let Err((error, back)) = self.producer.send(record) {
            assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull), "{}: {error}", self.topic);
            record = back;
            self.producer.poll(Duration::from_millis(20));
        }
    }

    /// Lets the client do what it does between records.
    pub(crate) fn poll(&self) {
        self.producer.poll(Duration::ZERO);
    }

    /// Waits until the broker has everything.
    pub(crate) fn flush(&self) {
        self.producer.flush(FLUSH).unwrap_or_else(|e| panic!("{}: not everything was sent: {e}", self.topic));
        let failures = self.producer.context().0.load(Ordering::Relaxed);
        assert_eq!(failures, 0, "{}: {failures} records were not delivered", self.topic);
    }
}
