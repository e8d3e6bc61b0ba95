//! Transactions: all of it becomes visible, or nothing does.

use super::closing::Closing;
use super::config::KafkaConfig;
use super::deliveries::{Deliveries, settle};
use super::failure::{Site, is_fenced, is_permanent};
use super::lookup::Lookup;
use super::settings::{MAX_RECORD_BYTES, create};
use super::wait::Deadline;
use crate::{DeadLetter, LogError, Outcome, Patience, Transaction};
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::TopicPartitionList;
use std::time::Duration;
use tracing::{debug, info, warn};

/// How long to wait for deliveries before looking for failures.
const TICK: Duration = Duration::from_millis(10);

pub(super) struct Writer {
    producer: Closing<BaseProducer<Deliveries>>,
    activity_topic: String,
    shards: u16,
    dead_letter_topic: String,
    site: Site,
    /// How long to try before the outcome is given up as unknown.
    patience: Duration,
    transaction_timeout: Duration,
}

/// Source positions, and as whom they are owned.
type Positions<'a> = Option<(&'a TopicPartitionList, &'a ConsumerGroupMetadata)>;

/// What an error means for the transaction.
enum Fate {
    Retry(KafkaError),
    Abort(String),
    Dead(LogError),
}

impl Writer {
    /// Makes this process the one writer of its instance, and rolls back what an older one had under way.
    pub(super) fn new(config: &KafkaConfig, activity: &str, dead_letters: &str) -> Result<Writer, LogError> {
        let mut lookup = Lookup::new(config)?;
        let shards = lookup.topic(activity, Patience::Long)?.partitions;
        lookup.topic(dead_letters, Patience::Long)?;
        let site = config.site();
        let producer: BaseProducer<Deliveries> = create(&config.writer()?, Deliveries::default(), &site)?;
        let writer = Writer {
            producer: Closing::new("writer", producer),
            activity_topic: activity.to_owned(),
            shards,
            dead_letter_topic: dead_letters.to_owned(),
            site,
            patience: config.transaction_timeout + config.request_timeout,
            transaction_timeout: config.transaction_timeout,
        };
        let deadline = Deadline::after(writer.patience);
        writer
            .until(deadline, "taking over the transactional id", || writer.producer.init_transactions(deadline.left()))
            .map_err(|fate| writer.give_up("taking over the transactional id", fate))?;
        info!(writer = config.member_name(), "transactions are ours");
        Ok(writer)
    }

    /// Writes a transaction.
    pub(super) fn write(&self, transaction: &Transaction, positions: Positions<'_>) -> Result<Outcome, LogError> {
        self.check(transaction)?;
        self.producer.context().reset();
        let deadline = Deadline::after(self.patience);
        self.write_until(deadline, transaction, positions).map_err(|error| self.told_by_time(deadline, error))
    }

    fn write_until(
        &self,
        deadline: Deadline,
        transaction: &Transaction,
        positions: Positions<'_>,
    ) -> Result<Outcome, LogError> {
        if let Err(error) = self.producer.begin_transaction() {
            return Err(self.give_up("beginning a transaction", self.fate(error)));
        }
        let fate = match self.fill(transaction, positions, deadline) {
            Ok(()) => return Ok(Outcome::Committed),
            Err(fate) => fate,
        };
        match fate {
            Fate::Dead(error) => Err(error),
            Fate::Retry(error) => Err(self.site.broker("committing a transaction", self.unknown(&error))),
            Fate::Abort(reason) => {
                warn!(reason, "a transaction is rolled back");
                self.until(deadline, "rolling a transaction back", || self.producer.abort_transaction(deadline.left()))
                    .map_err(|fate| self.give_up("rolling a transaction back", fate))?;
                self.refusal().map_or(Ok(Outcome::Aborted), Err)
            }
        }
    }

    fn fill(&self, transaction: &Transaction, positions: Positions<'_>, deadline: Deadline) -> Result<(), Fate> {
        for (shard, pack) in (0..).zip(&transaction.packs) {
            self.send(BaseRecord::<[u8], [u8]>::to(&self.activity_topic).partition(shard).payload(pack), deadline)?;
        }
        for letter in &transaction.dead_letters {
            self.send(addressed(&self.dead_letter_topic, letter), deadline)?;
        }
        self.drain(deadline)?;
        if let Some((positions, group)) = positions {
            self.until(deadline, "sending positions", || {
                self.producer.send_offsets_to_transaction(positions, group, deadline.left())
            })?;
        }
        self.until(deadline, "committing", || self.producer.commit_transaction(deadline.left()))
    }

    fn send(&self, mut record: BaseRecord<'_, [u8], [u8]>, deadline: Deadline) -> Result<(), Fate> {
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((error, back)) => {
                    let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
                    if !full || deadline.has_passed() {
                        return Err(Fate::Abort(format!("a record for `{}` is not taken: {error}", back.topic)));
                    }
                    record = back;
                    settle(&self.producer, TICK);
                }
            }
        }
    }

    /// Waits until everything that was sent is answered. What failed fails the commit.
    fn drain(&self, deadline: Deadline) -> Result<(), Fate> {
        while !settle(&self.producer, TICK) {
            if deadline.has_passed() {
                return Err(Fate::Abort("the broker does not acknowledge the records".to_owned()));
            }
        }
        Ok(())
    }

    /// Repeats what may be repeated.
    fn until(
        &self,
        deadline: Deadline,
        doing: &str,
        mut attempt: impl FnMut() -> Result<(), KafkaError>,
    ) -> Result<(), Fate> {
        loop {
            let Err(error) = attempt() else { return Ok(()) };
            match self.fate(error) {
                Fate::Retry(error) if !deadline.has_passed() => {
                    debug!(%error, "{doing}: trying again");
                    self.producer.poll(TICK);
                }
                fate => return Err(fate),
            }
        }
    }

    fn fate(&self, error: KafkaError) -> Fate {
        if let Some((code, reason)) = self.producer.client().fatal_error() {
            return Fate::Dead(self.dead(code, &reason));
        }
        match &error {
            KafkaError::Transaction(e) if e.is_fatal() => Fate::Dead(self.dead(e.code(), &e.string())),
            KafkaError::Transaction(e) if e.txn_requires_abort() => Fate::Abort(e.string()),
            KafkaError::Transaction(e) if e.is_retriable() => Fate::Retry(error),
            KafkaError::Flush(_) => Fate::Retry(error),
            _ => Fate::Dead(self.site.broker("writing a transaction", error)),
        }
    }

    fn dead(&self, code: RDKafkaErrorCode, reason: &str) -> LogError {
        if is_fenced(code) { self.site.fenced(reason) } else { self.site.broker("writing a transaction", reason) }
    }

    /// Of a writer whose transaction took too long the broker says the same as of one that another has replaced. It is the
    /// former where the time has passed: then a new writer goes on, as after any outage.
    fn told_by_time(&self, deadline: Deadline, error: LogError) -> LogError {
        let took = self.patience.saturating_sub(deadline.left());
        match error {
            LogError::Fenced { reason, .. } if took >= self.transaction_timeout => {
                let timeout = self.transaction_timeout;
                let reason = format!("it took longer than {timeout:?}, and the broker rolled it back ({reason})");
                self.site.broker("writing a transaction", reason)
            }
            error => error,
        }
    }

    fn give_up(&self, doing: &str, fate: Fate) -> LogError {
        match fate {
            Fate::Dead(error) => error,
            Fate::Retry(error) => self.site.broker(doing, self.unknown(&error)),
            Fate::Abort(reason) => self.site.broker(doing, reason),
        }
    }

    fn unknown(&self, error: &KafkaError) -> String {
        format!("no answer within {:?}, so that its outcome is unknown ({error}); restart", self.patience)
    }

    /// Why no repetition would succeed either, if so.
    fn refusal(&self) -> Option<LogError> {
        let failure = self.producer.context().failed().first?;
        if !is_permanent(failure.code) {
            return None;
        }
        let mut reason = failure.code.to_string();
        if failure.code == RDKafkaErrorCode::MessageSizeTooLarge {
            reason = format!("{reason}: set the topic's `max.message.bytes` to {MAX_RECORD_BYTES} at least");
        }
        Some(self.site.broker(format!("writing to {}", failure.place), reason))
    }

    fn check(&self, transaction: &Transaction) -> Result<(), LogError> {
        let packs = transaction.packs.len();
        if packs != 0 && packs != usize::from(self.shards) {
            return Err(LogError::Setting {
                setting: "shards".to_owned(),
                reason: format!(
                    "{packs} packs are to be written, but the topic `{}` has {} partitions: a shard is a partition of it",
                    self.activity_topic, self.shards
                ),
            });
        }
        let limit = usize::try_from(MAX_RECORD_BYTES).unwrap_or(usize::MAX);
        for (shard, pack) in transaction.packs.iter().enumerate() {
            if pack.len() > limit - limit / 32 {
                let doing = format!("writing a pack to `{}` [{shard}]", self.activity_topic);
                let reason =
                    format!("it has {} bytes, and a record may have {limit}: make batches smaller", pack.len());
                return Err(self.site.broker(doing, reason));
            }
        }
        Ok(())
    }
}

fn addressed<'a>(topic: &'a str, letter: &'a DeadLetter) -> BaseRecord<'a, [u8], [u8]> {
    let mut headers = OwnedHeaders::new_with_capacity(letter.headers.len());
    for (key, value) in &letter.headers {
        headers = headers.insert(Header { key, value: Some(value) });
    }
    let record = BaseRecord::to(topic).payload(letter.payload.as_slice()).headers(headers);
    match &letter.key {
        Some(key) => record.key(key.as_slice()),
        None => record,
    }
}
