//! A consumer of which events are taken from librdkafka itself.
//!
//! rust-rdkafka's own poll says of an end only the partition's number, neither the topic nor the offset; and here a change of
//! ownership is an event like any other, instead of a callback.
//!
//! One event a call is slow, but a batch would swallow what is no record, such as a change of ownership. So the partitions that
//! are read are forwarded into a queue of their own, which is read in batches; the consumer's queue is read event by event.

use super::context::{Quiet, log};
use super::headers::OfMessage;
use rdkafka::bindings as native;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use std::ffi::{CStr, CString, c_char, c_int};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::slice;
use std::time::Duration;

/// How many records are taken at once: it is what may be in memory beside what librdkafka reads ahead.
const CHUNK: usize = 64;

/// What a consumer's queues can hold.
#[derive(Debug)]
pub(super) enum Event<'a> {
    Record(Fetched<'a>),
    /// A fetch has found nothing at or after this offset.
    End(Place),
    /// Partitions of these topics are assigned.
    Assigned(Vec<(String, i32)>),
    Revoked,
    Fault {
        code: RDKafkaErrorCode,
        fatal: bool,
        reason: String,
        place: Option<Place>,
    },
    /// Served already.
    Other,
}

/// A place in a topic.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) offset: i64,
}

/// A record in librdkafka's memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fetched<'a> {
    pub(super) topic: &'a CStr,
    pub(super) partition: i32,
    pub(super) offset: i64,
    /// Milliseconds since 1970, if there is one.
    pub(super) timestamp: Option<i64>,
    pub(super) key: Option<&'a [u8]>,
    pub(super) payload: Option<&'a [u8]>,
    pub(super) headers: OfMessage<'a>,
}

/// A consumer with a group name, and its queues.
pub(super) struct Subscriber {
    // Before the consumer: a queue must be let go before its client.
    events: Queue,
    records: Queue,
    /// Those that are forwarded into `records`.
    partitions: Vec<Queue>,
    consumer: BaseConsumer<Quiet>,
}

impl Subscriber {
    pub(super) fn new(config: &ClientConfig) -> KafkaResult<Subscriber> {
        let consumer: BaseConsumer<Quiet> = config.create_with_context(Quiet)?;
        let client = consumer.client().native_ptr();
        // SAFETY: the client is alive, and outlives the queues by the order of the fields.
        let (events, records) =
            unsafe { (native::rd_kafka_queue_get_consumer(client), native::rd_kafka_queue_new(client)) };
        let events = Queue(NonNull::new(events).expect("a consumer with a group name has a queue"));
        let records = Queue(NonNull::new(records).expect("a client makes queues"));
        Ok(Subscriber { events, records, partitions: Vec::new(), consumer })
    }

    pub(super) fn consumer(&self) -> &BaseConsumer<Quiet> {
        &self.consumer
    }

    /// As whom this member takes part in the group now; `None` while it does not.
    pub(super) fn membership(&self) -> Option<ConsumerGroupMetadata> {
        let membership = self.consumer.group_metadata()?;
        // SAFETY: the client is alive; what it gives is read and then freed.
        let generation = unsafe {
            let metadata = native::rd_kafka_consumer_group_metadata(self.consumer.client().native_ptr());
            if metadata.is_null() {
                return None;
            }
            let generation = native::rd_kafka_consumer_group_metadata_generation_id(metadata);
            native::rd_kafka_consumer_group_metadata_destroy(metadata);
            generation
        };
        (generation >= 0).then_some(membership)
    }

    /// Whether the group knows this member by no name, as before it has joined, and once its session has run out.
    pub(super) fn is_nameless(&self) -> bool {
        // SAFETY: the client is alive; the text that it gives is read and then freed.
        unsafe {
            let client = self.consumer.client().native_ptr();
            let name = native::rd_kafka_memberid(client);
            if name.is_null() {
                return true;
            }
            let is_empty = CStr::from_ptr(name).is_empty();
            native::rd_kafka_mem_free(client, name.cast());
            is_empty
        }
    }

    /// Waits at most `wait` for an event of the consumer and shows it; `None` if there was none.
    pub(super) fn poll<R>(&mut self, wait: Duration, see: impl FnOnce(Event<'_>) -> R) -> Option<R> {
        // SAFETY: the queue is alive, and `&mut` makes this its only reader.
        let event = unsafe { native::rd_kafka_queue_poll(self.events.0.as_ptr(), millis(wait)) };
        let event = Raw { event: NonNull::new(event)?, _queue: PhantomData };
        Some(see(event.read()))
    }

    /// From now on [`Subscriber::take`] reads these partitions. To be said before they are assigned; of others, records come as
    /// events.
    pub(super) fn read<'a>(&mut self, partitions: impl IntoIterator<Item = (&'a str, i32)>) {
        let client = self.consumer.client().native_ptr();
        let queue = |(topic, partition): (&str, i32)| {
            let topic = CString::new(topic).ok()?;
            // SAFETY: the client is alive, and outlives the queue by the order of the fields; the name is copied.
            let queue = unsafe { native::rd_kafka_queue_get_partition(client, topic.as_ptr(), partition) };
            NonNull::new(queue).map(Queue)
        };
        self.partitions = partitions.into_iter().filter_map(queue).collect();
        self.forward();
    }

    /// librdkafka ends the forwarding when it stops a partition, also to seek, at a time that nobody is told. To forward again
    /// changes nothing, or brings what has come since.
    fn forward(&self) {
        for partition in &self.partitions {
            // SAFETY: both queues are alive.
            unsafe { native::rd_kafka_queue_forward(partition.0.as_ptr(), self.records.0.as_ptr()) }
        }
    }

    /// Shows a chunk of what the partitions have that are read, at most `limit`; waits at most `wait` for the first of it.
    /// `false` if there was nothing.
    pub(super) fn take(&mut self, wait: Duration, limit: usize, mut see: impl FnMut(Event<'_>)) -> bool {
        self.forward();
        let mut messages = self.records.batch(Duration::ZERO, limit.min(CHUNK));
        if messages.is_empty() && !wait.is_zero() {
            // For one alone: a batch is waited for until it is full.
            messages = self.records.batch(wait, 1);
        }
        let is_something = !messages.is_empty();
        messages.into_iter().for_each(|message| see(message.read()));
        is_something
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        // An assignment or revocation that was taken from the queue and not answered would hold up the close.
        if let Err(error) = self.consumer.unassign() {
            tracing::debug!(%error, "letting partitions go before closing");
        }
    }
}

struct Queue(NonNull<native::rd_kafka_queue_t>);

// SAFETY: librdkafka's queues may be used from any thread.
unsafe impl Send for Queue {}

impl Queue {
    /// Takes at most so many messages, at most [`CHUNK`]; waits at most `wait` for all of them.
    fn batch(&mut self, wait: Duration, count: usize) -> Vec<Message> {
        let mut taken = [ptr::null_mut(); CHUNK];
        let room = &mut taken[..count];
        // SAFETY: the queue is alive, `&mut` makes this its only reader, and the array has as many places as is said.
        let count = unsafe {
            native::rd_kafka_consume_batch_queue(self.0.as_ptr(), millis(wait), room.as_mut_ptr(), room.len())
        };
        let taken = &room[..usize::try_from(count).unwrap_or(0)];
        taken.iter().filter_map(|message| NonNull::new(*message)).map(Message).collect()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: this is the one reference that librdkafka gave, and it is not used afterwards.
        unsafe { native::rd_kafka_queue_destroy(self.0.as_ptr()) }
    }
}

/// A message taken from a queue.
struct Message(NonNull<native::rd_kafka_message_t>);

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: the message is owned, and nothing borrowed from it outlives it.
        unsafe { native::rd_kafka_message_destroy(self.0.as_ptr()) }
    }
}

impl Message {
    fn read(&self) -> Event<'_> {
        use native::rd_kafka_resp_err_t::{
            RD_KAFKA_RESP_ERR__PARTITION_EOF as END, RD_KAFKA_RESP_ERR_NO_ERROR as NONE,
        };
        // SAFETY: the message is alive, and its topic, if it has one, with it; so is the text that is copied at once.
        unsafe {
            let message = self.0.as_ref();
            if message.err == NONE {
                return Event::Record(fetched(message));
            }
            let place = (!message.rkt.is_null()).then(|| Place {
                topic: text(native::rd_kafka_topic_name(message.rkt)),
                partition: message.partition,
                offset: message.offset,
            });
            match (message.err, place) {
                (END, Some(place)) => Event::End(place),
                (code, place) => {
                    let reason = text(native::rd_kafka_message_errstr(message));
                    Event::Fault { code: code.into(), fatal: false, reason, place }
                }
            }
        }
    }
}

/// An event taken from a queue.
struct Raw<'q> {
    event: NonNull<native::rd_kafka_event_t>,
    _queue: PhantomData<&'q mut Queue>,
}

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        // SAFETY: the event is owned, and nothing borrowed from it outlives it.
        unsafe { native::rd_kafka_event_destroy(self.event.as_ptr()) }
    }
}

impl Raw<'_> {
    fn read(&self) -> Event<'_> {
        // SAFETY: the event is alive.
        match unsafe { native::rd_kafka_event_type(self.event.as_ptr()) } {
            native::RD_KAFKA_EVENT_FETCH => self.record(),
            native::RD_KAFKA_EVENT_REBALANCE => self.change(),
            native::RD_KAFKA_EVENT_ERROR => self.fault(),
            native::RD_KAFKA_EVENT_LOG => {
                self.log();
                Event::Other
            }
            _ => Event::Other,
        }
    }

    fn record(&self) -> Event<'_> {
        // SAFETY: the event is alive, and the message that it gives with it.
        unsafe {
            let message = native::rd_kafka_event_message_next(self.event.as_ptr());
            message.as_ref().map_or(Event::Other, |message| Event::Record(fetched(message)))
        }
    }

    fn change(&self) -> Event<'_> {
        use native::rd_kafka_resp_err_t::{
            RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS as ASSIGN, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS as REVOKE,
        };
        // SAFETY: the event is alive.
        let code = unsafe { native::rd_kafka_event_error(self.event.as_ptr()) };
        if code == REVOKE {
            return Event::Revoked;
        }
        if code != ASSIGN {
            return Event::Fault { code: code.into(), fatal: false, reason: self.reason(), place: None };
        }
        // SAFETY: the list and what it points to belong to the event, which is alive; `elems` has `cnt` elements.
        unsafe {
            let list = native::rd_kafka_event_topic_partition_list(self.event.as_ptr());
            let Some(list) = list.as_ref() else { return Event::Assigned(Vec::new()) };
            let elements = match usize::try_from(list.cnt) {
                Ok(count) if count > 0 => slice::from_raw_parts(list.elems, count),
                _ => &[],
            };
            Event::Assigned(elements.iter().map(|e| (text(e.topic), e.partition)).collect())
        }
    }

    fn fault(&self) -> Event<'_> {
        // SAFETY: the event is alive.
        let (code, fatal) = unsafe {
            let event = self.event.as_ptr();
            (native::rd_kafka_event_error(event), native::rd_kafka_event_error_is_fatal(event) != 0)
        };
        let place = self.place();
        match (code, place) {
            (native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__PARTITION_EOF, Some(place)) => Event::End(place),
            (code, place) => Event::Fault { code: code.into(), fatal, reason: self.reason(), place },
        }
    }

    /// Where a fault or an end lies, if it concerns a partition.
    fn place(&self) -> Option<Place> {
        // SAFETY: the event is alive. It gives a copy, which is freed once it has been read.
        unsafe {
            let element = native::rd_kafka_event_topic_partition(self.event.as_ptr());
            let place =
                element.as_ref().map(|e| Place { topic: text(e.topic), partition: e.partition, offset: e.offset });
            if !element.is_null() {
                native::rd_kafka_topic_partition_destroy(element);
            }
            place
        }
    }

    fn reason(&self) -> String {
        // SAFETY: the event is alive, and its string with it.
        unsafe { text(native::rd_kafka_event_error_string(self.event.as_ptr())) }
    }

    fn log(&self) {
        let (mut facility, mut line, mut level) = (ptr::null(), ptr::null(), 0);
        // SAFETY: the event is alive, and the strings that it gives on success with it.
        unsafe {
            let event = self.event.as_ptr();
            if native::rd_kafka_event_log(event, &mut facility, &mut line, &mut level) == 0 {
                log(severity(level), text(facility).trim(), text(line).trim());
            }
        }
    }
}

/// # Safety
/// The message is a record, and owned by librdkafka for as long as it is borrowed.
unsafe fn fetched(message: &native::rd_kafka_message_t) -> Fetched<'_> {
    let mut kind = native::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    // SAFETY: topic, key and payload live as long as the message; a null key or payload has no bytes.
    unsafe {
        let timestamp = native::rd_kafka_message_timestamp(message, &mut kind);
        Fetched {
            topic: CStr::from_ptr(native::rd_kafka_topic_name(message.rkt)),
            partition: message.partition,
            offset: message.offset,
            timestamp: (timestamp >= 0).then_some(timestamp),
            key: bytes(message.key.cast(), message.key_len),
            payload: bytes(message.payload.cast(), message.len),
            headers: OfMessage::new(message),
        }
    }
}

/// # Safety
/// `text` is null, or ends with a zero and is alive.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: by the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// # Safety
/// `start` is null, or has `len` bytes that stay as they are for `'a`.
unsafe fn bytes<'a>(start: *const u8, len: usize) -> Option<&'a [u8]> {
    // SAFETY: by the caller's promise.
    (!start.is_null()).then(|| unsafe { slice::from_raw_parts(start, len) })
}

fn millis(wait: Duration) -> c_int {
    c_int::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX)
}

/// A syslog level.
fn severity(level: c_int) -> RDKafkaLogLevel {
    match level {
        ..=0 => RDKafkaLogLevel::Emerg,
        1 => RDKafkaLogLevel::Alert,
        2 => RDKafkaLogLevel::Critical,
        3 => RDKafkaLogLevel::Error,
        4 => RDKafkaLogLevel::Warning,
        5 => RDKafkaLogLevel::Notice,
        6 => RDKafkaLogLevel::Info,
        _ => RDKafkaLogLevel::Debug,
    }
}
