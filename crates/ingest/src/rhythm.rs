//! When something is to be written.

use crate::settings::Settings;
use activity::Millis;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing.
    Nothing,
    /// A transaction of what has come in.
    Batch,
    /// A transaction even of nothing, after a look at who is idle.
    Heartbeat,
}

/// When the last transaction and the last heartbeat were.
///
/// Invariant: heartbeats come at their own pace, however often there is something to write. One partition that never rests
/// would otherwise keep the quiet ones from being found idle, and shard time waits for the slowest.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rhythm {
    transaction: Option<Millis>,
    heartbeat: Option<Millis>,
}

impl Rhythm {
    /// What is due at `now`, where `news` is how many bytes wait to be written, if anything does.
    pub(crate) fn due(&self, now: Millis, news: Option<usize>, settings: &Settings) -> Due {
        if has_passed(self.heartbeat, now, settings.heartbeat_ms) {
            return Due::Heartbeat;
        }
        match news {
            Some(bytes) if bytes >= settings.batch_bytes || has_passed(self.transaction, now, settings.transact_ms) => {
                Due::Batch
            }
            _ => Due::Nothing,
        }
    }

    /// A heartbeat's look around is over, however long it took: the next one leaves time for what comes.
    pub(crate) fn beat(&mut self, now: Millis) {
        self.heartbeat = Some(now);
    }

    /// A transaction was begun.
    pub(crate) fn transact(&mut self, now: Millis) {
        self.transaction = Some(now);
    }
}

/// Whether that long has passed. A clock that was set back has passed everything.
fn has_passed(last: Option<Millis>, now: Millis, ms: i64) -> bool {
    last.is_none_or(|last| !(0..ms).contains(&now.0.saturating_sub(last.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: fn() -> Settings = || Settings { batch_bytes: 1_000, ..Settings::default() };

    #[test]
    fn heartbeats_come_although_there_is_always_something_to_write() {
        let (mut rhythm, mut due) = (Rhythm::default(), Vec::new());
        for now in (0..=3_000).step_by(10).map(Millis) {
            let what = rhythm.due(now, Some(1), &SETTINGS());
            if what == Due::Heartbeat {
                rhythm.beat(now);
            }
            if what != Due::Nothing {
                rhythm.transact(now);
                due.push((now.0, what));
            }
        }
        let of = |what| due.iter().filter(|(_, due)| *due == what).map(|(at, _)| *at).collect::<Vec<_>>();
        assert_eq!(of(Due::Heartbeat), [0, 1_000, 2_000, 3_000]);
        assert_eq!(of(Due::Batch).len(), 27, "every 100 ms between them: {due:?}");
    }

    #[test]
    fn a_full_batch_does_not_wait_and_nothing_is_written_of_nothing() {
        let mut rhythm = Rhythm::default();
        assert_eq!(rhythm.due(Millis(0), None, &SETTINGS()), Due::Heartbeat);
        rhythm.beat(Millis(0));
        rhythm.transact(Millis(0));
        assert_eq!(rhythm.due(Millis(99), Some(999), &SETTINGS()), Due::Nothing);
        assert_eq!(rhythm.due(Millis(99), Some(1_000), &SETTINGS()), Due::Batch);
        assert_eq!(rhythm.due(Millis(100), Some(1), &SETTINGS()), Due::Batch);
        assert_eq!(rhythm.due(Millis(999), None, &SETTINGS()), Due::Nothing);
        assert_eq!(rhythm.due(Millis(-1), None, &SETTINGS()), Due::Heartbeat, "the clock was set back");
    }
}
