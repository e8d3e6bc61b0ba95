//! One broker for all rules that leave it alive, topics of their own for each, and a loop that drives a log.

use activity::{Offset, PartitionId};
use kafka::rdkafka::{KafkaConfig, RdConsumer, RdSourceLog};
use kafka::{Consumer, Item, Ownership, Partition, Position, SourceLog, TopicIndex};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use services::{Kafka, wait_until};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The broker that rules share: stopped with the last of them that runs.
fn shared_broker() -> Arc<Kafka> {
    static SHARED: Mutex<Weak<Kafka>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let kafka = Arc::new(Kafka::start());
        *shared = Arc::downgrade(&kafka);
        kafka
    })
}

/// A corner of a broker for one rule.
pub(crate) struct World {
    pub(crate) kafka: Arc<Kafka>,
    /// Kept alive for the rules that follow, also while this one does not use it.
    _shared: Arc<Kafka>,
    pub(crate) name: &'static str,
}

impl World {
    pub(crate) fn new(name: &'static str) -> World {
        let shared = shared_broker();
        World { kafka: Arc::clone(&shared), _shared: shared, name }
    }

    pub(crate) fn alone(name: &'static str) -> World {
        World { kafka: Arc::new(Kafka::start()), _shared: shared_broker(), name }
    }

    pub(crate) fn config(&self, instance: &str) -> KafkaConfig {
        let mut config = KafkaConfig::new(self.kafka.bootstrap(), self.name, instance);
        config.request_timeout = Duration::from_secs(15);
        config.properties.insert("broker.address.family".into(), "v4".into());
        config
    }

    pub(crate) fn topic(&self, suffix: &str, partitions: i32) -> String {
        let topic = format!("{}-{suffix}", self.name);
        self.kafka.create_topic(&topic, partitions, &[]);
        topic
    }

    /// `source`, `activity` with two shards, and `dead`.
    pub(crate) fn topics(&self, partitions: i32) {
        self.topic("source", partitions);
        self.topic("activity", 2);
        self.topic("dead", 1);
    }

    pub(crate) fn source_log(&self, config: &KafkaConfig) -> Result<RdSourceLog, kafka::LogError> {
        let name = |suffix: &str| format!("{}-{suffix}", self.name);
        RdSourceLog::new(config, &[name("source")], &name("activity"), &name("dead"))
    }

    pub(crate) fn producer(&self, settings: &[(&str, &str)]) -> BaseProducer {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.kafka.bootstrap()).set("linger.ms", "0");
        for (key, value) in settings {
            config.set(*key, *value);
        }
        config.create().unwrap()
    }

    /// A writer of transactions that has nothing to do with the adapter.
    pub(crate) fn stranger(&self, id: &str) -> BaseProducer {
        let producer = self.producer(&[("transactional.id", &format!("{}-{id}", self.name))]);
        producer.init_transactions(DEADLINE).unwrap();
        producer
    }
}

/// Writes and waits until it is there.
pub(crate) fn produce(
    producer: &BaseProducer,
    topic: &str,
    partition: i32,
    payloads: impl IntoIterator<Item = impl AsRef<str>>,
) {
    for payload in payloads {
        let mut record = BaseRecord::<(), str>::to(topic).partition(partition).payload(payload.as_ref());
        while let Err((_, back)) = producer.send(record) {
            producer.poll(Duration::from_millis(1));
            let payload = back.payload.unwrap();
            record = BaseRecord::to(topic).partition(partition).payload(payload);
        }
    }
    producer.flush(DEADLINE).unwrap();
}

/// How long it takes.
#[expect(clippy::disallowed_methods, reason = "that closing is bounded is a matter of real time")]
pub(crate) fn took(act: impl FnOnce()) -> Duration {
    let start = Instant::now();
    act();
    start.elapsed()
}

pub(crate) fn partition(id: i32) -> Partition {
    Partition { topic: TopicIndex(0), id: PartitionId(id) }
}

pub(crate) fn at(partition: Partition, next: i64) -> Position {
    Position { partition, next: Offset(next) }
}

/// What was handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) partition: Partition,
    pub(crate) offset: i64,
    pub(crate) payload: String,
}

/// What a [`Reader`] can read.
pub(crate) trait Readable {
    fn consumer(&mut self) -> &mut RdConsumer;
}

impl Readable for RdConsumer {
    fn consumer(&mut self) -> &mut RdConsumer {
        self
    }
}

impl Readable for RdSourceLog {
    fn consumer(&mut self) -> &mut RdConsumer {
        SourceLog::consumer(self)
    }
}

/// A log and what came out of it.
pub(crate) struct Reader<L> {
    pub(crate) log: L,
    pub(crate) owned: Option<Vec<Partition>>,
    pub(crate) changes: Vec<Ownership>,
    pub(crate) seen: Vec<Seen>,
    pub(crate) ends: BTreeMap<Partition, i64>,
}

impl<L: Readable> Reader<L> {
    pub(crate) fn new(log: L) -> Reader<L> {
        Reader { log, owned: None, changes: Vec::new(), seen: Vec::new(), ends: BTreeMap::new() }
    }

    /// A reader that has started what it owns at offset 0.
    pub(crate) fn started(log: L) -> Reader<L> {
        let mut reader = Reader::new(log);
        reader.until("an assignment", |reader| reader.owned.is_some());
        reader
    }

    /// Polls without answering.
    pub(crate) fn poll(&mut self) -> Result<Option<Ownership>, kafka::LogError> {
        let (seen, ends) = (&mut self.seen, &mut self.ends);
        self.log.consumer().poll(Duration::from_millis(50), &mut |item| match item {
            Item::Record(record) => seen.push(Seen {
                partition: record.partition,
                offset: record.offset.0,
                payload: String::from_utf8_lossy(record.payload.unwrap_or_default()).into_owned(),
            }),
            Item::End(position) => {
                ends.insert(position.partition, position.next.0);
            }
        })
    }

    /// Polls, and answers: starts at `from`, releases.
    pub(crate) fn step(&mut self, from: impl Fn(&mut L, Partition) -> i64) -> Result<(), kafka::LogError> {
        let Some(change) = self.poll()? else { return Ok(()) };
        self.changes.push(change.clone());
        match change {
            Ownership::Assigned(partitions) => {
                let mut positions = Vec::new();
                for partition in &partitions {
                    positions.push(at(*partition, from(&mut self.log, *partition)));
                }
                self.log.consumer().start(&positions)?;
                self.owned = Some(partitions);
            }
            Ownership::Revoked => {
                self.log.consumer().release()?;
                self.owned = None;
            }
        }
        Ok(())
    }

    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, done: impl Fn(&Reader<L>) -> bool) {
        wait_until(DEADLINE, what, || {
            self.step(|_, _| 0).unwrap();
            done(self)
        });
    }

    /// The error that polling ends with.
    #[track_caller]
    pub(crate) fn failure(&mut self) -> kafka::LogError {
        let mut error = None;
        wait_until(DEADLINE, "an error", || {
            error = self.step(|_, _| 0).err();
            error.is_some()
        });
        error.unwrap()
    }

    pub(crate) fn payloads(&self) -> Vec<&str> {
        self.seen.iter().map(|seen| seen.payload.as_str()).collect()
    }
}
