//! What the rdkafka adapter promises, against a real broker.

#![expect(clippy::unwrap_used, reason = "a rule that fails ends here; the exception for tests does not reach helpers")]

mod membership;
mod outage;
mod producing;
mod reading;
mod support;
mod topics;
mod transactions;
