//! Deadlines for waiting on the broker. What is computed from records never depends on them.

use std::time::{Duration, Instant};

/// A moment until which to wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Instant);

impl Deadline {
    pub(super) fn after(time: Duration) -> Deadline {
        Deadline(now() + time)
    }

    /// How long until then; zero once it has passed.
    pub(super) fn left(self) -> Duration {
        self.0.saturating_duration_since(now())
    }

    pub(super) fn has_passed(self) -> bool {
        self.left().is_zero()
    }
}

#[expect(clippy::disallowed_methods, reason = "how long to wait for another machine is a matter of real time")]
pub(super) fn now() -> Instant {
    Instant::now()
}
