//! The one place where the program looks at a clock. Everything else is given the time.

use activity::Millis;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Wall time.
#[expect(clippy::disallowed_methods, reason = "the edge of the program: from here on the time is an argument")]
pub(crate) fn wall() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A clock that nobody sets, to measure how long something took.
#[expect(clippy::disallowed_methods, reason = "the edge of the program: from here on the time is an argument")]
pub(crate) fn steady() -> Instant {
    Instant::now()
}
