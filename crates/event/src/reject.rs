//! Why a record does not count.

use activity::Millis;
use std::fmt;
use thiserror::Error;

/// Why a record does not count. The message says what is wrong, where, and what to do about it; it never echoes more than
/// 64 bytes of a value.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum Reject {
    /// The record is not one JSON document in UTF-8.
    #[error("the record is not JSON: {what} at line {line}, column {column}; write one JSON object a record, in UTF-8")]
    BrokenJson {
        /// The line of the mistake, from 1.
        line: usize,
        /// The byte within the line, from 1; 0 if the mistake is that the line before has ended.
        column: usize,
        /// What is wrong there.
        what: String,
    },
    /// The record is not one Avro datum of its schema.
    #[error(
        "the record is not Avro as its schema has it: {what}, at byte {at}; correct what is sent, or the source's `wire`"
    )]
    BrokenAvro {
        /// The byte after the head, from 0, at which it shows.
        at: usize,
        /// What is wrong there.
        what: String,
    },
    /// The registry says that it has no such schema.
    #[error("the registry has no schema {id}; register the schema that the record was written with, and send it again")]
    UnknownSchema {
        /// The id that the record names.
        id: u32,
    },
    /// The schema that the record was written with does not fit what is read.
    #[error(
        "{what}; write what the source's schema can read, or change the source's schema or fields in the catalogue"
    )]
    UnfitSchema {
        /// What does not fit.
        what: String,
    },
    /// A field's value is of a type that it must not have.
    #[error(
        "{field} must be {expected}, but is {found}; correct what is sent, or where the catalogue's source finds the field"
    )]
    WrongType {
        /// The native field, and where the source finds it if that is elsewhere.
        field: String,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A field that every event needs is absent, null or empty.
    #[error("{field} is absent, null or empty; send it, or correct where the catalogue's source finds the field")]
    Missing {
        /// The native field, and where the source finds it if that is elsewhere.
        field: String,
    },
    /// The event's time cannot be read or lies outside the years 1970 to 9999.
    #[error(
        "{field} is no time: {found} ({what}); send {expected}, or correct the source's time format in the catalogue"
    )]
    BadTime {
        /// The native field, and where the source finds it if that is elsewhere.
        field: String,
        /// The value, shortened.
        found: String,
        /// What is wrong with it.
        what: String,
        /// What would be a time.
        expected: &'static str,
    },
    /// A value that is added up is no number, or too large a one.
    #[error(
        "{field} cannot be added up: {found:?} ({what}); correct what is sent, or leave the event out of the metric"
    )]
    BadValue {
        /// The property, and where the source finds it.
        field: String,
        /// The value, shortened.
        found: String,
        /// What is wrong with it.
        what: String,
    },
    /// Metrics want the event, but it names none of the entities that they count.
    #[error(
        "event {event:?} is counted, but names no entity: {} absent, null or empty; send at least one entity's key fields, \
         or leave the event out of the metrics",
        Listed(fields)
    )]
    NoEntity {
        /// The event's name, shortened.
        event: String,
        /// The key fields that are missing.
        fields: Vec<String>,
    },
    /// The record has no payload: a tombstone.
    #[error("the record is empty; a topic of usage events must not be compacted, and needs no tombstones")]
    Empty,
    /// The event's time lies further ahead of now than clocks may differ.
    #[error(
        "the event's time {} is more than {bound_ms} ms after now, {}; correct the sender's clock or the source's time format",
        Shown(*event_time),
        Shown(*now)
    )]
    FarFuture {
        /// The event's time.
        event_time: Millis,
        /// When it was judged.
        now: Millis,
        /// How far ahead it may lie, in milliseconds.
        bound_ms: i64,
    },
    /// The event lies further behind its partition's clock than its source allows.
    #[error(
        "the event's time {} is more than {} minutes behind its partition's clock, {}; send events sooner, or raise \
         the source's lateness",
        Shown(*event_time),
        bound_ms / 60_000,
        Shown(*clock)
    )]
    Late {
        /// The event's time.
        event_time: Millis,
        /// The clock of the partition that it came by.
        clock: Millis,
        /// How far behind the clock it may lie, in milliseconds.
        bound_ms: i64,
    },
    /// The record is larger than is read.
    #[error("the record is {bytes} bytes large, more than the limit of {limit}; send less, or raise the limit")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The size that is still read.
        limit: usize,
    },
}

impl Reject {
    /// Every label that [`Reject::reason`] gives.
    pub const REASONS: &[&str] = &[
        "broken_json",
        "broken_avro",
        "unknown_schema",
        "unfit_schema",
        "wrong_type",
        "missing_field",
        "bad_time",
        "bad_value",
        "no_entity",
        "empty",
        "far_future",
        "late",
        "too_large",
    ];

    /// A stable label for metrics and headers.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Reject::BrokenJson { .. } => "broken_json",
            Reject::BrokenAvro { .. } => "broken_avro",
            Reject::UnknownSchema { .. } => "unknown_schema",
            Reject::UnfitSchema { .. } => "unfit_schema",
            Reject::WrongType { .. } => "wrong_type",
            Reject::Missing { .. } => "missing_field",
            Reject::BadTime { .. } => "bad_time",
            Reject::BadValue { .. } => "bad_value",
            Reject::NoEntity { .. } => "no_entity",
            Reject::Empty => "empty",
            Reject::FarFuture { .. } => "far_future",
            Reject::Late { .. } => "late",
            Reject::TooLarge { .. } => "too_large",
        }
    }
}

/// At most 64 bytes of a value from a record, on one line: what is cut off is marked by an ellipsis.
pub(crate) fn excerpt(text: &str) -> String {
    const ELLIPSIS: char = '…';
    const LIMIT: usize = 64 - ELLIPSIS.len_utf8();
    let mut out = String::new();
    for char in text.chars() {
        let before = out.len();
        if char.is_control() {
            out.extend(char.escape_default())
        } else {
            out.push(char)
        }
        if out.len() > LIMIT {
            out.truncate(before);
            out.push(ELLIPSIS);
            break;
        }
    }
    out
}

struct Shown(Millis);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0.0) {
            Ok(time) => write!(f, "{time}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

struct Listed<'a>(&'a [String]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.join(", "), if self.0.len() == 1 { "is" } else { "are" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpt_is_at_most_sixty_four_bytes_on_one_line() {
        assert_eq!(excerpt("2026-11-22"), "2026-11-22");
        assert_eq!(excerpt("a\nb\0"), "a\\nb\\u{0}");
        for long in ["x".repeat(65), "ü".repeat(40), "\u{1}".repeat(99), "🦀".repeat(17)] {
            let excerpt = excerpt(&long);
            assert!(excerpt.len() <= 64 && excerpt.len() > 50 && excerpt.ends_with('…'), "{excerpt}");
        }
    }

    #[test]
    fn every_reason_is_listed_once() {
        let field = String::new;
        let time = Millis(1_541_105_830_796);
        let rejects = [
            Reject::BrokenJson { line: 1, column: 2, what: field() },
            Reject::BrokenAvro { at: 1, what: field() },
            Reject::UnknownSchema { id: 1 },
            Reject::UnfitSchema { what: field() },
            Reject::WrongType { field: field(), expected: field(), found: field() },
            Reject::Missing { field: field() },
            Reject::BadTime { field: field(), found: field(), what: field(), expected: "" },
            Reject::BadValue { field: field(), found: field(), what: field() },
            Reject::NoEntity { event: field(), fields: vec!["user_id".into()] },
            Reject::Empty,
            Reject::FarFuture { event_time: time, now: Millis(i64::MAX), bound_ms: 1 },
            Reject::Late { event_time: time, clock: time, bound_ms: 7 * 86_400_000 },
            Reject::TooLarge { bytes: 2, limit: 1 },
        ];
        assert_eq!(rejects.iter().map(Reject::reason).collect::<Vec<_>>(), Reject::REASONS);
        assert!(rejects[8].to_string().contains("no entity: user_id is absent"), "{}", rejects[8]);
        assert!(rejects[10].to_string().contains("2018-11-01T20:57:10.796Z is more than 1 ms"), "{}", rejects[10]);
        assert!(rejects[10].to_string().contains("9223372036854775807 ms"), "{}", rejects[10]);
    }
}
