//! The log port: topics that are consumed in order by the owner of a partition, and transactions that write packs and
//! source positions in one step. `rdkafka` is its adapter for real brokers.

mod port;
#[cfg(feature = "rdkafka")]
pub mod rdkafka;

pub use port::{
    Bounds, Committed, Consumer, DeadLetter, HeaderSource, Headers, ISOLATION, Isolation, Item, LogError, Outcome,
    Ownership, Partition, Patience, Position, Record, SourceLog, TopicIndex, TopicInfo, Transaction,
};
