//! The one place that looks at clocks and sleeps: time is what is measured here.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A clock that nobody sets.
#[expect(clippy::disallowed_methods, reason = "how long something takes is what is measured")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Wall time in milliseconds since 1970: live events carry it.
#[expect(clippy::disallowed_methods, reason = "live events happen now")]
pub(crate) fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Waits: between two polls of another process, or until the next portion of a paced load is due.
#[expect(clippy::disallowed_methods, reason = "a paced load, and processes that offer nothing to block on")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Asks `found` again and again, `interval` apart, until it gives something.
///
/// # Panics
/// If that takes longer than `deadline`; `what` completes the sentence "still waiting for ...".
pub(crate) fn wait_for<T>(
    deadline: Duration,
    interval: Duration,
    what: &str,
    mut found: impl FnMut() -> Option<T>,
) -> T {
    let started = now();
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(started.elapsed() < deadline, "still waiting for {what} after {deadline:?}");
        pause(interval);
    }
}
