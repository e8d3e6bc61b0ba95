//! The usage event: decodes a record of a source, validates it, matches it against the plan, and says what it touches or
//! why it is rejected.
//!
//! Nothing here does I/O, knows a clock or keeps state between events; the schemas of Avro records are given by whoever reads
//! ([`Reader::learn`]), and so are the numbers of values that no catalogue declares ([`Reader::learn_value`]). The way of a record: `slots` or `avro` decodes it in one pass and keeps only the values that the plan
//! needs, in the same slots whatever the format; `time` and `skew` read when it happened; `matcher` says which metrics
//! want it; `keys` names their entities; [`Touches`] holds the outcome. [`Reader`] composes them.
//!
//! Invariants: a record is judged by its bytes, the schema that these name, what was admitted for good and the plan alone, so that the same record always has the same outcome;
//! a record that is rejected touches nothing; no bytes make it panic or recurse deeper than the plan's paths.

mod admitted;
mod amount;
mod attributes;
mod avro;
mod cloud;
mod keys;
mod matcher;
mod reader;
mod reject;
mod skew;
mod slots;
mod time;
mod touches;
mod value;

pub use admitted::Undecided;
pub use avro::{SchemaId, SchemaText};
pub use cloud::Headers;
pub use reader::Reader;
pub use reject::Reject;
pub use touches::{At, Changed, Counted, Happened, Touch, Touches};
