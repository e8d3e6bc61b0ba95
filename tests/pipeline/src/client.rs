//! A client of the broker that is none of the program's: it sends events, and sees how far the program is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::client::Client as RawClient;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::util::Timeout;

use crate::DEADLINE;

/// How long one request may take; who asks tries again.
const REQUEST: Duration = Duration::from_secs(2);

/// A record to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The partition.
    pub partition: i32,
    /// The key.
    pub key: &'a str,
    /// The payload; `None` is a tombstone.
    pub payload: Option<&'a [u8]>,
    /// The record's timestamp, in milliseconds.
    pub timestamp: i64,
}

/// A record of the dead-letter topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The rejected record's key.
    pub key: Option<Vec<u8>>,
    /// What was kept of its payload.
    pub payload: Vec<u8>,
    /// The headers.
    pub headers: BTreeMap<String, String>,
}

/// A client of the broker.
pub struct Client {
    producer: BaseProducer<Failures>,
    failures: Arc<AtomicU64>,
    /// Asks for what the program's group has committed; it never joins.
    group: BaseConsumer,
    bootstrap: String,
}

/// Counts the records that were not delivered.
struct Failures(Arc<AtomicU64>);

impl ClientContext for Failures {}

impl ProducerContext for Failures {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_err() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Whose records are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Those of committed transactions, and those of none.
    Committed,
    /// Those of aborted transactions, too.
    Uncommitted,
}

impl Client {
    /// A client that asks for the positions of this group.
    pub fn connect(bootstrap: &str, group: &str) -> Client {
        let failures = Arc::new(AtomicU64::new(0));
        let producer = config(bootstrap)
            .set("enable.idempotence", "true")
            .set("message.max.bytes", "10000000")
            .set("compression.type", "none")
            // Small batches: what is fetched at once is never much, and a process can be killed in between.
            .set("batch.num.messages", "10")
            .create_with_context(Failures(failures.clone()))
            .expect("the producer's settings are valid");
        let group = config(bootstrap)
            .set("group.id", group)
            // Else a transaction that a killed process has left open would hide what was committed before it.
            .set("isolation.level", "read_uncommitted")
            .create()
            .expect("the consumer's settings are valid");
        Client { producer, failures, group, bootstrap: bootstrap.to_owned() }
    }

    /// Sends the records, each partition's in this order, and waits until the broker has them.
    ///
    /// # Panics
    /// When one is not delivered.
    #[track_caller]
    pub fn send<'a>(&self, topic: &str, events: impl IntoIterator<Item = Event<'a>>) {
        self.send_with(topic, events.into_iter().map(|event| (event, [].as_slice())));
    }

    /// Sends records that have headers, as [`Client::send`] does those that have none.
    ///
    /// # Panics
    /// When one is not delivered.
    #[track_caller]
    pub fn send_with<'a>(&self, topic: &str, events: impl IntoIterator<Item = (Event<'a>, &'a [(&'a str, &'a str)])>) {
        for (event, headers) in events {
            let mut record = BaseRecord::to(topic).partition(event.partition).timestamp(event.timestamp).key(event.key);
            record.payload = event.payload;
            let header =
                |all: OwnedHeaders, (key, value): &(&str, &str)| all.insert(Header { key, value: Some(*value) });
            record.headers = (!headers.is_empty()).then(|| headers.iter().fold(OwnedHeaders::new(), header));
            while let Err((error, back)) = self.producer.send(record) {
                assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull), "{error}");
                record = back;
                self.producer.poll(REQUEST);
            }
        }
        self.producer.flush(DEADLINE).expect("the broker takes what is sent");
        assert_eq!(self.failures.load(Ordering::Relaxed), 0, "records were not delivered");
    }

    /// The offset after the last record of every partition; `None` when the broker does not answer, or knows no such topic.
    pub fn ends(&self, topic: &str) -> Option<Vec<i64>> {
        ends(self.producer.client(), topic).or_else(|| {
            // After an outage a client may go on for minutes with what it knew of a topic's leaders: ask with a new one.
            let fresh: BaseConsumer = config(&self.bootstrap).create().expect("the consumer's settings are valid");
            ends(fresh.client(), topic)
        })
    }

    /// How many records of the topic the group has covered by committed transactions, all partitions together; `None` when
    /// the broker does not answer.
    pub fn covered(&self, topic: &str) -> Option<i64> {
        let mut asked = TopicPartitionList::new();
        asked.add_partition_range(topic, 0, partitions(self.producer.client(), topic)? - 1);
        let told = self.group.committed_offsets(asked, REQUEST).ok()?;
        let next = |offset| match offset {
            Offset::Offset(next) => Some(next),
            Offset::Invalid => Some(0),
            _ => None,
        };
        told.elements().iter().map(|element| element.error().ok().and(next(element.offset()))).sum()
    }

    /// All records of a topic that are committed.
    #[track_caller]
    pub fn dead_letters(&self, topic: &str) -> Vec<DeadLetter> {
        let mut letters = Vec::new();
        self.read(topic, Isolation::Committed, |record| letters.push(dead_letter(record)));
        letters
    }

    /// Visits all records of a topic, those of each partition in order.
    #[track_caller]
    pub fn read(&self, topic: &str, isolation: Isolation, mut visit: impl FnMut(&BorrowedMessage<'_>)) {
        let isolation = match isolation {
            Isolation::Committed => "read_committed",
            Isolation::Uncommitted => "read_uncommitted",
        };
        let consumer: BaseConsumer = config(&self.bootstrap)
            .set("group.id", "observer")
            .set("enable.auto.commit", "false")
            .set("isolation.level", isolation)
            .set("enable.partition.eof", "true")
            .create()
            .expect("the consumer's settings are valid");
        let mut left = self.ends(topic).expect("the topic exists").len();
        let mut all = TopicPartitionList::new();
        for partition in 0..i32::try_from(left).expect("few partitions") {
            all.add_partition_offset(topic, partition, Offset::Beginning).expect("an offset");
        }
        consumer.assign(&all).expect("partitions can be assigned");
        while left > 0 {
            // The deadline is for what comes next: a topic may be long.
            match consumer.poll(Timeout::After(DEADLINE)) {
                Some(Ok(record)) => visit(&record),
                Some(Err(KafkaError::PartitionEOF(_))) => left -= 1,
                Some(Err(error)) => panic!("{topic}: {error}"),
                None => panic!("still waiting for the end of {topic} after {DEADLINE:?}"),
            }
        }
    }
}

fn config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("broker.address.family", "v4")
        // The broker may be restarting; a refused connection costs nothing here.
        .set("reconnect.backoff.ms", "10")
        .set("reconnect.backoff.max.ms", "100");
    config
}

fn ends<C: ClientContext>(client: &RawClient<C>, topic: &str) -> Option<Vec<i64>> {
    let end = |id| client.fetch_watermarks(topic, id, REQUEST).map(|(_, end)| end).ok();
    (0..partitions(client, topic)?).map(end).collect()
}

fn partitions<C: ClientContext>(client: &RawClient<C>, topic: &str) -> Option<i32> {
    let metadata = client.fetch_metadata(Some(topic), REQUEST).ok()?;
    let topic = metadata.topics().first().filter(|topic| topic.error().is_none())?;
    i32::try_from(topic.partitions().len()).ok().filter(|count| *count > 0)
}

fn dead_letter(record: &impl Message) -> DeadLetter {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("headers are text");
    let headers = record.headers().into_iter().flat_map(|headers| headers.iter());
    DeadLetter {
        key: record.key().map(<[u8]>::to_vec),
        payload: record.payload().unwrap_or_default().to_vec(),
        headers: headers.map(|h| (h.key.to_owned(), text(h.value.unwrap_or_default()))).collect(),
    }
}
