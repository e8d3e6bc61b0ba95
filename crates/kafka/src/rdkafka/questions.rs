//! Questions of the admin protocol that rust-rdkafka does not ask: what topics are, and where partitions begin and end.

use crate::Isolation;
use activity::{Offset, PartitionId, TopicId};
use rdkafka::ClientContext;
use rdkafka::bindings as native;
use rdkafka::client::Client;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use std::ffi::{CString, c_int};
use std::ptr::{self, NonNull};
use std::time::Duration;

type Queue = native::rd_kafka_queue_t;
type Options = native::rd_kafka_AdminOptions_t;

/// Which end of a partition is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The first record that is left.
    Earliest,
    /// After the last record that the isolation lets one see.
    Latest(Isolation),
}

/// The topic's identity and how many partitions it has.
pub(super) fn describe<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    wait: Duration,
) -> KafkaResult<(TopicId, usize)> {
    let name = CString::new(topic)?;
    let mut names = [name.as_ptr()];
    // SAFETY: the collection is made and freed here, and the request copies the names. The result and what it points to
    // belong to the event, which lives until the end of the block.
    unsafe {
        let topics = Guard::new(
            native::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len()),
            native::rd_kafka_TopicCollection_destroy,
        );
        let api = native::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let event = ask(client, api, wait, |options, queue| {
            native::rd_kafka_DescribeTopics(client.native_ptr(), topics.get(), options, queue);
            Ok(())
        })?;
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

/// One end of each of these partitions, in the order of the question.
pub(super) fn ends<C: ClientContext>(
    client: &Client<C>,
    partitions: &[(&str, PartitionId)],
    end: End,
    wait: Duration,
) -> KafkaResult<Vec<Offset>> {
    let names = partitions.iter().map(|(topic, _)| CString::new(*topic)).collect::<Result<Vec<_>, _>>()?;
    let (spec, level) = match end {
        End::Earliest => (native::rd_kafka_OffsetSpec_t::RD_KAFKA_OFFSET_SPEC_EARLIEST, Isolation::Committed),
        End::Latest(level) => (native::rd_kafka_OffsetSpec_t::RD_KAFKA_OFFSET_SPEC_LATEST, level),
    };
    // SAFETY: the list is made and freed here, and the request copies it with its names. The result and what it points to
    // belong to the event, which lives until the end of the block.
    unsafe {
        let capacity = c_int::try_from(names.len()).unwrap_or(c_int::MAX);
        let list = native::rd_kafka_topic_partition_list_new(capacity);
        let list = Guard::new(list, native::rd_kafka_topic_partition_list_destroy);
        for (name, (_, id)) in names.iter().zip(partitions) {
            let element = native::rd_kafka_topic_partition_list_add(list.get(), name.as_ptr(), id.0);
            (*element).offset = spec as i64;
        }
        let api = native::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS;
        let event = ask(client, api, wait, |options, queue| {
            refused(native::rd_kafka_AdminOptions_set_isolation_level(options, isolation(level)))?;
            native::rd_kafka_ListOffsets(client.native_ptr(), list.get(), options, queue);
            Ok(())
        })?;
        let result = native::rd_kafka_event_ListOffsets_result(event.get());
        if result.is_null() {
            return Err(KafkaError::AdminOp(RDKafkaErrorCode::BadMessage));
        }
        let mut count = 0;
        let infos = native::rd_kafka_ListOffsets_result_infos(result, &mut count);
        let mut found = vec![None; partitions.len()];
        for at in 0..count {
            let told = &*native::rd_kafka_ListOffsetsResultInfo_topic_partition(*infos.add(at));
            checked(told.err)?;
            let topic = std::ffi::CStr::from_ptr(told.topic);
            let place = names
                .iter()
                .zip(partitions)
                .position(|(name, (_, id))| name.as_c_str() == topic && id.0 == told.partition);
            // A partition whose broker gave no answer comes back without an error, at an offset that is none.
            if let Some(place) = place.filter(|_| told.offset >= 0) {
                found[place] = Some(Offset(told.offset));
            }
        }
        let all: Option<Vec<Offset>> = found.into_iter().collect();
        all.ok_or(KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut))
    }
}

/// Sends a request and waits for its answer.
///
/// # Safety
/// `send` makes a request of this client for that API, and keeps neither the options nor the queue.
unsafe fn ask<C: ClientContext>(
    client: &Client<C>,
    api: native::rd_kafka_admin_op_t,
    wait: Duration,
    send: impl FnOnce(*mut Options, *mut Queue) -> KafkaResult<()>,
) -> KafkaResult<Guard<native::rd_kafka_event_t>> {
    let wait = c_int::try_from(wait.as_millis()).unwrap_or(c_int::MAX);
    // SAFETY: the client outlives the call. Everything that is made here is freed by the guards, the event by the caller's.
    unsafe {
        let rk = client.native_ptr();
        let queue = Guard::new(native::rd_kafka_queue_new(rk), native::rd_kafka_queue_destroy);
        let options = Guard::new(native::rd_kafka_AdminOptions_new(rk, api), native::rd_kafka_AdminOptions_destroy);
        checked(native::rd_kafka_AdminOptions_set_request_timeout(options.get(), wait, ptr::null_mut(), 0))?;
        send(options.get(), queue.get())?;
        // The request times out by itself; the margin lets it say so.
        let event = native::rd_kafka_queue_poll(queue.get(), wait.saturating_add(1000));
        if event.is_null() {
            return Err(KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut));
        }
        let event = Guard::new(event, native::rd_kafka_event_destroy);
        checked(native::rd_kafka_event_error(event.get()))?;
        Ok(event)
    }
}

fn isolation(level: Isolation) -> native::rd_kafka_IsolationLevel_t {
    match level {
        Isolation::Committed => native::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED,
        Isolation::Uncommitted => native::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED,
    }
}

fn checked(code: RDKafkaRespErr) -> KafkaResult<()> {
    match code {
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        code => Err(KafkaError::AdminOp(code.into())),
    }
}

/// # Safety
/// `error` is null, or nobody else's to free.
unsafe fn refused(error: *mut native::rd_kafka_error_t) -> KafkaResult<()> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: promised.
    unsafe {
        let error = Guard::new(error, native::rd_kafka_error_destroy);
        checked(native::rd_kafka_error_code(error.get()))
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
