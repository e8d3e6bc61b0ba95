//! `CloudEvents` in binary mode, as their protocol binding for Kafka has it: attributes are headers of the record, and its payload
//! is the data.

use crate::reject::{Reject, excerpt};
use crate::slots::{Slots, Trie};
use crate::value::Value;
use std::borrow::Cow;

/// The headers of a record, by name and value. To go through them anew is to clone the iterator.
pub trait Headers<'a>: Iterator<Item = (&'a str, &'a [u8])> + Clone {}

impl<'a, I: Iterator<Item = (&'a str, &'a [u8])> + Clone> Headers<'a> for I {}

/// Where an event has its data.
pub(crate) const DATA: &str = "data";
/// Where an event in structured mode has data that is not JSON.
pub(crate) const ENCODED: &str = "data_base64";

const CONTENT_TYPE: &str = "content-type";
/// Of an event in structured mode the content type begins so.
const STRUCTURED: &[u8] = b"application/cloudevents";

/// Whether the headers are those of an event in binary mode. A record that says nothing of itself is one in structured mode.
pub(crate) fn is_binary<'a>(headers: impl Headers<'a>) -> bool {
    let is_structured = |name: &str, value: &[u8]| name.eq_ignore_ascii_case(CONTENT_TYPE) && begins(value, STRUCTURED);
    headers.clone().any(|(name, _)| attribute(name).is_some())
        && !headers.clone().any(|(name, value)| is_structured(name, value))
}

/// The values of an event in binary mode, as if it stood in one object: its attributes are texts.
pub(crate) fn decode<'a>(trie: &Trie, payload: &'a [u8], headers: impl Headers<'a>) -> Result<Slots<'a>, Reject> {
    let mut slots = trie.missing();
    slots[trie.root().slots().start] = Value::Object;
    let mut content_type = None;
    for (name, value) in headers {
        let name = match attribute(name) {
            // What an attribute cannot be called.
            Some(DATA | ENCODED) => continue,
            Some(name) => name,
            None if name.eq_ignore_ascii_case(CONTENT_TYPE) => {
                content_type = Some(value);
                "datacontenttype"
            }
            None => continue,
        };
        if let Some(node) = trie.root().child(name) {
            slots[node.slots().start] =
                std::str::from_utf8(value).map_or(Value::Bytes, |text| Value::Text(Cow::Borrowed(text)));
        }
    }
    if payload.is_empty() {
        return Ok(slots);
    }
    match content_type {
        Some(other) if !is_json(other) => Err(Reject::WrongType {
            field: DATA.into(),
            expected: "JSON".into(),
            found: format!("of the content type `{}`", excerpt(&String::from_utf8_lossy(other))),
        }),
        _ => {
            trie.root().child(DATA).expect("every trie of this format has it").decode(payload, &mut slots)?;
            Ok(slots)
        }
    }
}

/// The name of the attribute that a header is.
fn attribute(header: &str) -> Option<&str> {
    header.strip_prefix("ce_")
}

/// Whether a content type is that of JSON, as in `application/json; charset=utf-8` and `application/vnd.acme+json`.
fn is_json(content_type: &[u8]) -> bool {
    let kind = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let ends = |end: &[u8]| kind.len() >= end.len() && kind[kind.len() - end.len()..].eq_ignore_ascii_case(end);
    ends(b"/json") || ends(b"+json")
}

fn begins(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
}
