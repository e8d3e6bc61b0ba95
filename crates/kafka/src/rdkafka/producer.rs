//! A plain producer, for events that come from elsewhere.

use super::closing::Closing;
use super::config::KafkaConfig;
use super::deliveries::{Deliveries, settle};
use super::failure::Site;
use super::lookup::Lookup;
use super::settings::create;
use super::wait::Deadline;
use crate::{LogError, Patience};
use activity::{Millis, PartitionId};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::time::Duration;

/// How long to wait for deliveries before looking for failures.
const TICK: Duration = Duration::from_millis(10);

/// Sends records, each acknowledged by all replicas and written once. Its queue is bounded: a caller that is faster than the
/// broker is held back.
pub struct RdProducer {
    producer: Closing<BaseProducer<Deliveries>>,
    lookup: Lookup,
    site: Site,
    patience: Duration,
    sent: u64,
}

impl RdProducer {
    /// A producer. It does not wait for the broker.
    ///
    /// # Errors
    /// If a setting is refused.
    pub fn new(config: &KafkaConfig) -> Result<RdProducer, LogError> {
        let site = config.site();
        let producer = create(&config.producer()?, Deliveries::default(), &site)?;
        Ok(RdProducer {
            producer: Closing::new("producer", producer),
            lookup: Lookup::new(config)?,
            site,
            patience: config.request_timeout,
            sent: 0,
        })
    }

    /// How many partitions a topic has.
    ///
    /// # Errors
    /// If there is no such topic, or the broker does not answer.
    pub fn partitions(&mut self, topic: &str) -> Result<u16, LogError> {
        Ok(self.lookup.topic(topic, Patience::Long)?.partitions)
    }

    /// Puts a record into the queue; waits while that is full. Without a partition, the key decides, or chance. Without a
    /// timestamp, or with 0, it is the time of sending.
    ///
    /// # Errors
    /// If the record is refused, an earlier one was not delivered, or the broker takes none for too long.
    pub fn send(
        &mut self,
        topic: &str,
        key: Option<&[u8]>,
        payload: &[u8],
        timestamp: Option<Millis>,
        partition: Option<PartitionId>,
    ) -> Result<(), LogError> {
        let mut record = BaseRecord::<[u8], [u8]>::to(topic).payload(payload);
        record.key = key;
        record.timestamp = timestamp.map(|Millis(millis)| millis);
        record.partition = partition.map(|PartitionId(id)| id);
        let deadline = Deadline::after(self.patience);
        loop {
            let Err((error, back)) = self.producer.send(record) else { break };
            let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
            if !full || deadline.has_passed() {
                return Err(self.site.broker(format!("sending to `{topic}`"), error));
            }
            record = back;
            settle(&self.producer, TICK);
            self.check()?;
        }
        self.sent += 1;
        // Deliveries come in now and then; a poll for every record would cost more than the record.
        if self.sent.is_multiple_of(256) {
            self.producer.poll(Duration::ZERO);
            self.check()?;
        }
        Ok(())
    }

    /// Waits until everything is delivered.
    ///
    /// # Errors
    /// If something was not: how much, and why the first.
    pub fn flush(&mut self) -> Result<(), LogError> {
        let mut left = self.producer.in_flight_count();
        let mut deadline = Deadline::after(self.patience);
        while !settle(&self.producer, TICK) {
            let now = self.producer.in_flight_count();
            if now < left {
                deadline = Deadline::after(self.patience);
            } else if deadline.has_passed() {
                let reason = format!("{now} records are not acknowledged after {:?}", self.patience);
                return Err(self.site.broker("sending", reason));
            }
            left = now;
        }
        self.check()
    }

    /// How many records were given up so far.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.producer.context().failed().count
    }

    fn check(&self) -> Result<(), LogError> {
        let failed = self.producer.context().failed();
        match failed.first {
            None => Ok(()),
            Some(first) => Err(self.site.broker(
                format!("sending to {}", first.place),
                format!("{}; {} records were not delivered", first.code, failed.count),
            )),
        }
    }
}
