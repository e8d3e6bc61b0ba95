//! Waiting for an event, with a deadline.

use std::time::{Duration, Instant};

const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Polls `f` until it is true, and panics with `what` when it is not so within `deadline`.
///
/// `what` completes the sentence "still waiting for ...". `f` runs at least once, and once more after
/// the deadline, so a slow `f` does not fail an event that has happened.
///
/// # Panics
/// When the deadline passes.
#[track_caller]
pub fn wait_until(deadline: Duration, what: &str, f: impl FnMut() -> bool) {
    assert!(happens_within(deadline, f), "still waiting for {what} after {deadline:?}");
}

/// Whether `f` becomes true within `deadline`.
///
/// The one place of the tests that sleeps: the events lie in other processes, which offer nothing to
/// block on (a topic that appears, a sample that is scraped), and the sleep bounds only how often they
/// are asked, never how long an outcome takes.
#[allow(clippy::disallowed_methods)]
pub(crate) fn happens_within(deadline: Duration, mut f: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        let over = start.elapsed() >= deadline;
        if f() {
            return true;
        }
        if over {
            return false;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_once_the_event_has_happened() {
        let mut calls = 0;
        wait_until(Duration::from_secs(5), "the third call", || {
            calls += 1;
            calls == 3
        });
        assert_eq!(calls, 3);
    }

    #[test]
    fn an_event_that_has_happened_passes_even_with_no_time_left() {
        wait_until(Duration::ZERO, "nothing", || true);
    }

    #[test]
    #[should_panic(expected = "still waiting for the moon")]
    fn the_deadline_names_what_is_missing() {
        wait_until(Duration::from_millis(1), "the moon", || false);
    }
}
