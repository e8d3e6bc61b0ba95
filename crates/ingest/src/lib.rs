//! The ingest worker: events to packs.
//!
//! [`Ingest`] is the step function: it takes what the log hands over and the time, and says what to write. [`Worker`] is
//! the thin loop around it. Invariants:
//! - every source position is covered by exactly one committed transaction, in order;
//! - what is known as forwarded was committed (the cache learns late, and forgets on an abort);
//! - a partition is yielded only when nothing of it is under way;
//! - a record whose schema is not known yet, or which needs the number of a value that has none yet, is not taken: its partition
//!   waits there until the registry has answered, or the topic of proposals has decided.

mod admission;
mod batch;
mod forwarded;
mod judge;
mod metrics;
mod note;
mod partition;
mod recovery;
mod rhythm;
mod schemas;
mod settings;
mod step;
mod worker;

pub use admission::{Admissions, NoAdmissions, Register};
pub use event::Undecided;
pub use judge::Clock;
pub use metrics::Metrics;
pub use recovery::RecoveryError;
pub use schemas::{Found, NoSchemas, Schemas};
pub use settings::Settings;
pub use step::Ingest;
pub use worker::{IngestError, Worker};
