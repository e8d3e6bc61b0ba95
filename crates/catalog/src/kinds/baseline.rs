//! Entities against their own past: `type: baseline`, for those at risk.

use super::{Function, Seen, Step};
use activity::Window;
use activity::levels::Levels;

/// An entity counts whose events in the window are few, or many, against its own in the time just before, window for window. Who had
/// none then has no baseline, and does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// How many buckets before the window are the baseline.
    pub(crate) before: u16,
    pub(crate) limit: Limit,
}

/// When an entity counts: in thousandths of its baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Less than so many.
    Below(u32),
    /// More than so many.
    Above(u32),
}

impl Function for Baseline {
    fn reach(&self, window: Window) -> u16 {
        window.longest() + self.before
    }

    fn steps(&self, seen: &Seen<'_>, step: Step<'_>) {
        let length = seen.window.longest();
        let now = seen.events_of_last(length);
        let before = seen.events_of_last(self.before).later(length.into());
        // Both as in a time of `length * before * 1000`, so that nothing is divided.
        let counts = |now: i128, before: i128| {
            let (now, base) = (now * i128::from(self.before) * 1_000, before * i128::from(length));
            let is_beyond = match self.limit {
                Limit::Below(limit) => now < base * i128::from(limit),
                Limit::Above(limit) => now > base * i128::from(limit),
            };
            i128::from(before > 0 && is_beyond)
        };
        let levels: Levels = now.with(&before, counts);
        levels.steps().for_each(|(at, n)| step(0, at, n));
    }

    fn words(&self, _: usize) -> String {
        let (than, limit) = match self.limit {
            Limit::Below(limit) => ("fewer", limit),
            Limit::Above(limit) => ("more", limit),
        };
        let share = f64::from(limit) / 1_000.0;
        format!(
            "counts once if it has on average {than} of them a day than {share} times those a day of the {} days before",
            self.before
        )
    }

    fn code(&self) -> Vec<u64> {
        let (way, limit) = match self.limit {
            Limit::Below(limit) => (0, limit),
            Limit::Above(limit) => (1, limit),
        };
        vec![u64::from(b'b'), self.before.into(), way, limit.into()]
    }
}
