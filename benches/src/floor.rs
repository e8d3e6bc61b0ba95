//! The floor: a consumer that takes the topic in batches and does nothing. Less than this no consumer can cost.
//!
//! It runs as a process of its own, `bench floor`, so that what it uses can be told from what the bench uses.

use crate::clock;
use crate::usage;
use rdkafka::bindings as native;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};
use services::Process;
use std::process::Command;
use std::ptr;
use std::time::{Duration, Instant};

const BATCH: usize = 4096;
const REQUEST: Duration = Duration::from_secs(30);
const DEADLINE: Duration = Duration::from_secs(600);

/// What the floor took.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Floor {
    /// Records taken.
    pub(crate) events: u64,
    /// From the first record to the last.
    pub(crate) seconds: f64,
    /// Of the whole process.
    pub(crate) cpu_seconds: f64,
    /// Of the payloads.
    pub(crate) bytes: u64,
    pub(crate) peak_rss_mib: f64,
}

/// Runs the floor in a process of its own.
pub(crate) fn measure(brokers: &str, topic: &str) -> Floor {
    let mut command = Command::new(std::env::current_exe().expect("a running program knows its path"));
    command.args(["floor", brokers, topic]);
    let process = Process::spawn("floor", command);
    let status = process.wait(DEADLINE);
    let log = process.log();
    assert!(status.success(), "the floor ended with {status}:\n{log}");
    serde_json::from_str(log.trim()).unwrap_or_else(|e| panic!("the floor said {log:?}: {e}"))
}

/// The process: reads the topic from its beginning to its present end, and says what that took.
pub(crate) fn run(brokers: &str, topic: &str) -> Floor {
    let consumer = consumer(brokers);
    let end = assign(&consumer, topic);
    let queue = Queue::of(&consumer);
    let (mut events, mut bytes, mut first, mut last) = (0, 0, None, None);
    let mut batch = vec![ptr::null_mut(); BATCH];
    while events < end {
        let (taken, size) = queue.take(&mut batch);
        if taken > 0 {
            let now = clock::now();
            first.get_or_insert(now);
            last = Some(now);
        }
        events += taken;
        bytes += size;
    }
    let pid = std::process::id();
    let between = |(first, last): (Instant, Instant)| last.duration_since(first).as_secs_f64();
    Floor {
        events,
        seconds: first.zip(last).map_or(0.0, between),
        cpu_seconds: usage::cpu_seconds(pid),
        bytes,
        peak_rss_mib: usage::peak_rss_mib(pid),
    }
}

fn consumer(brokers: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("broker.address.family", "v4")
        .set("group.id", "floor")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // What is fastest here: much is read ahead, and a queue that was full is filled again at once.
        .set("queued.min.messages", "100000")
        .set("queued.max.messages.kbytes", "65536")
        .set("fetch.queue.backoff.ms", "5")
        .create()
        .expect("the consumer's settings are valid")
}

/// Assigns all of the topic, and tells how many records that are.
fn assign(consumer: &BaseConsumer, topic: &str) -> u64 {
    let metadata = consumer.fetch_metadata(Some(topic), REQUEST).unwrap_or_else(|e| panic!("{topic}: {e}"));
    let (mut all, mut records) = (TopicPartitionList::new(), 0);
    for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
        let id = partition.id();
        let (start, end) =
            consumer.fetch_watermarks(topic, id, REQUEST).unwrap_or_else(|e| panic!("{topic} [{id}]: {e}"));
        records += u64::try_from(end - start).expect("an end is not before the start");
        all.add_partition_offset(topic, id, Offset::Offset(start)).expect("an offset");
    }
    consumer.assign(&all).unwrap_or_else(|e| panic!("{topic}: {e}"));
    records
}

/// The consumer's queue, to which all partitions forward theirs. Partitions are assigned by hand, so that no event of a
/// group can come through it, which a batch poll would swallow.
struct Queue(*mut native::rd_kafka_queue_t);

impl Queue {
    fn of(consumer: &BaseConsumer) -> Queue {
        // SAFETY: the client is alive, and outlives the queue: it was made before it in `run`.
        let queue = unsafe { native::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        assert!(!queue.is_null(), "a consumer with a group name has a queue");
        Queue(queue)
    }

    /// Takes a batch: how many records, and of how many bytes.
    fn take(&self, batch: &mut [*mut native::rd_kafka_message_t]) -> (u64, u64) {
        // SAFETY: the queue is alive, and the array has as many places as is said.
        let taken = unsafe { native::rd_kafka_consume_batch_queue(self.0, 50, batch.as_mut_ptr(), batch.len()) };
        let (mut records, mut bytes) = (0, 0);
        for message in &batch[..usize::try_from(taken).unwrap_or(0)] {
            // SAFETY: the call has filled the first `taken` places with messages that are ours; each is read, then freed.
            unsafe {
                let (error, size) = ((**message).err, (**message).len);
                assert!(
                    error == native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
                    "the floor cannot read: {error:?}"
                );
                records += 1;
                bytes += size as u64;
                native::rd_kafka_message_destroy(*message);
            }
        }
        (records, bytes)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: this is the one reference that `rd_kafka_queue_get_consumer` gave, and it is not used afterwards.
        unsafe { native::rd_kafka_queue_destroy(self.0) }
    }
}
