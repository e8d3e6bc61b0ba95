//! The log port on real brokers, through librdkafka.
//!
//! Invariants, and who upholds them:
//! - Nothing is handed over before it was started, and nothing from before a seek after it: `positions` and librdkafka's
//!   own version barriers.
//! - A change of ownership is only *told*; what it asks for happens when the loop answers: `handover`. No code of this
//!   crate runs inside a rebalance callback, except while closing, when there is nobody left to answer.
//! - Packs, dead letters and positions of a transaction become visible together or not at all: `writer`.
//! - Settings that these rest on cannot be changed from outside: `config`.
//! - Closing is bounded in time: `closing`.

mod closing;
mod config;
mod context;
mod deliveries;
mod embedded;
mod ends;
mod failure;
mod faults;
mod handover;
mod headers;
mod journal;
mod lookup;
mod member;
mod positions;
mod producer;
mod questions;
mod settings;
mod source_log;
mod subscriber;
mod tail;
mod topics;
mod wait;
mod writer;

pub use config::KafkaConfig;
pub use embedded::Embedded;
pub use ends::RdEnds;
pub use journal::RdJournal;
pub use member::RdConsumer;
pub use producer::RdProducer;
pub use settings::MAX_RECORD_BYTES;
pub use source_log::RdSourceLog;
pub use topics::{TopicSpec, ensure_topics};
