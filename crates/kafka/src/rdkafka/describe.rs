//! A topic's identity, which rust-rdkafka does not ask for.

use activity::TopicId;
use rdkafka::ClientContext;
use rdkafka::bindings as native;
use rdkafka::client::Client;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use std::ffi::{CString, c_int};
use std::ptr::{self, NonNull};
use std::time::Duration;

/// The topic's identity and how many partitions it has.
pub(super) fn describe<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    wait: Duration,
) -> KafkaResult<(TopicId, usize)> {
    let name = CString::new(topic)?;
    let wait = c_int::try_from(wait.as_millis()).unwrap_or(c_int::MAX);
    let mut names = [name.as_ptr()];
    // SAFETY: the client outlives the call. Everything that is made here is freed here, in the reverse order, by the guards;
    // the request copies the names and the options. The result and what it points to belong to the event.
    unsafe {
        let rk = client.native_ptr();
        let queue = Guard::new(native::rd_kafka_queue_new(rk), native::rd_kafka_queue_destroy);
        let topics = Guard::new(
            native::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len()),
            native::rd_kafka_TopicCollection_destroy,
        );
        let options = Guard::new(
            native::rd_kafka_AdminOptions_new(rk, native::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS),
            native::rd_kafka_AdminOptions_destroy,
        );
        checked(native::rd_kafka_AdminOptions_set_request_timeout(options.get(), wait, ptr::null_mut(), 0))?;
        native::rd_kafka_DescribeTopics(rk, topics.get(), options.get(), queue.get());
        // The request times out by itself; the margin lets it say so.
        let event = native::rd_kafka_queue_poll(queue.get(), wait.saturating_add(1000));
        if event.is_null() {
            return Err(KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut));
        }
        let event = Guard::new(event, native::rd_kafka_event_destroy);
        checked(native::rd_kafka_event_error(event.get()))?;
        let result = native::rd_kafka_event_DescribeTopics_result(event.get());
        if result.is_null() {
            return Err(KafkaError::AdminOp(RDKafkaErrorCode::BadMessage));
        }
        let mut count = 0;
        let found = native::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        if found.is_null() || count == 0 {
            return Err(KafkaError::AdminOp(RDKafkaErrorCode::UnknownTopicOrPartition));
        }
        let topic = *found;
        let error = native::rd_kafka_TopicDescription_error(topic);
        if !error.is_null() {
            checked(native::rd_kafka_error_code(error))?;
        }
        let mut partitions = 0;
        native::rd_kafka_TopicDescription_partitions(topic, &mut partitions);
        let id = native::rd_kafka_TopicDescription_topic_id(topic);
        let high = native::rd_kafka_Uuid_most_significant_bits(id);
        let low = native::rd_kafka_Uuid_least_significant_bits(id);
        Ok((topic_id(high, low), partitions))
    }
}

fn checked(code: RDKafkaRespErr) -> KafkaResult<()> {
    match code {
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        code => Err(KafkaError::AdminOp(code.into())),
    }
}

fn topic_id(high: i64, low: i64) -> TopicId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&high.to_be_bytes());
    id[8..].copy_from_slice(&low.to_be_bytes());
    TopicId(id)
}

/// Frees what librdkafka made.
struct Guard<T> {
    value: NonNull<T>,
    free: unsafe extern "C" fn(*mut T),
}

impl<T> Guard<T> {
    /// # Safety
    /// `free` frees `value`, and nobody else does.
    unsafe fn new(value: *mut T, free: unsafe extern "C" fn(*mut T)) -> Guard<T> {
        Guard { value: NonNull::new(value).expect("librdkafka aborts when there is no memory"), free }
    }

    fn get(&self) -> *mut T {
        self.value.as_ptr()
    }
}

impl<T> Drop for Guard<T> {
    fn drop(&mut self) {
        // SAFETY: promised in `new`.
        unsafe { (self.free)(self.value.as_ptr()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_written_as_kafka_writes_it() {
        let id = topic_id(0x0102_0304_0506_0708, -1);
        assert_eq!(id.to_string(), "0102030405060708ffffffffffffffff");
    }
}
