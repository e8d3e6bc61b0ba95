//! A consumer whose queue is read event by event.
//!
//! rust-rdkafka's own poll says of an end only the partition's number, neither the topic nor the offset; here the events
//! are taken from librdkafka itself. It also makes a change of ownership an event like any other, instead of a callback.

use super::context::{Quiet, log};
use rdkafka::bindings as native;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use std::ffi::{CStr, c_char, c_int};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::slice;
use std::time::Duration;

/// What a consumer's queue can hold.
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
}

/// A consumer with a group name, and its queue.
pub(super) struct Subscriber {
    // Before the consumer: a queue must be let go before its client.
    queue: Queue,
    consumer: BaseConsumer<Quiet>,
}

impl Subscriber {
    pub(super) fn new(config: &ClientConfig) -> KafkaResult<Subscriber> {
        let consumer: BaseConsumer<Quiet> = config.create_with_context(Quiet)?;
        // SAFETY: the client is alive, and outlives the queue by the order of the fields.
        let queue = unsafe { native::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        let queue = Queue(NonNull::new(queue).expect("a consumer with a group name has a queue"));
        Ok(Subscriber { queue, consumer })
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

    /// Waits at most `wait` for an event and shows it; `None` if there was none.
    pub(super) fn poll<R>(&mut self, wait: Duration, see: impl FnOnce(Event<'_>) -> R) -> Option<R> {
        // SAFETY: the queue is alive, and `&mut` makes this its only reader.
        let event = unsafe { native::rd_kafka_queue_poll(self.queue.0.as_ptr(), millis(wait)) };
        let event = Raw { event: NonNull::new(event)?, _queue: PhantomData };
        Some(see(event.read()))
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

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: this is the one reference that `rd_kafka_queue_get_consumer` gave, and it is not used afterwards.
        unsafe { native::rd_kafka_queue_destroy(self.0.as_ptr()) }
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
        // SAFETY: the event is alive. The message that it gives stays alive with it, and so do its topic, key and payload;
        // a null key or payload has no bytes.
        unsafe {
            let message = native::rd_kafka_event_message_next(self.event.as_ptr());
            let Some(message) = message.as_ref() else { return Event::Other };
            let mut kind = native::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
            let timestamp = native::rd_kafka_message_timestamp(message, &mut kind);
            Event::Record(Fetched {
                topic: CStr::from_ptr(native::rd_kafka_topic_name(message.rkt)),
                partition: message.partition,
                offset: message.offset,
                timestamp: (timestamp >= 0).then_some(timestamp),
                key: bytes(message.key.cast(), message.key_len),
                payload: bytes(message.payload.cast(), message.len),
            })
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
