//! The headers of a message, read from librdkafka when they are asked for.

use crate::HeaderSource;
use rdkafka::bindings as native;
use std::ffi::{CStr, c_char, c_void};
use std::ptr;

/// A message that is a record, and owned by librdkafka for as long as it is borrowed.
#[derive(Clone, Copy, Debug)]
pub(super) struct OfMessage<'m>(&'m native::rd_kafka_message_t);

impl<'m> OfMessage<'m> {
    /// # Safety
    /// The message is one that librdkafka gave, and still its own.
    pub(super) unsafe fn new(message: &'m native::rd_kafka_message_t) -> OfMessage<'m> {
        OfMessage(message)
    }
}

impl HeaderSource for OfMessage<'_> {
    fn header(&self, at: usize) -> Option<(&[u8], Option<&[u8]>)> {
        let (mut headers, mut name, mut value, mut size) =
            (ptr::null_mut(), ptr::null::<c_char>(), ptr::null::<c_void>(), 0);
        // SAFETY: the message is librdkafka's. It parses the headers when they are first asked for, and keeps them, with their
        // names that end with a zero and their values, as long as the message; a null value has no bytes.
        unsafe {
            let found = native::rd_kafka_message_headers(self.0, &mut headers);
            if found != native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return None;
            }
            let found = native::rd_kafka_header_get_all(headers, at, &mut name, &mut value, &mut size);
            if found != native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return None;
            }
            let value = (!value.is_null()).then(|| std::slice::from_raw_parts(value.cast(), size));
            Some((CStr::from_ptr(name).to_bytes(), value))
        }
    }
}
