//! Growth accounting: who came, stayed, came back and went: `type: growth`.

use super::{Function, Made, Seen, Step, made};
use activity::Window;
use activity::spans::Spans;

/// The entities that are active, as those that are new, retained or resurrected, and those that have lapsed: against the window
/// before, or against the same window a bucket earlier. At every bucket `active = new + retained + resurrected`, and of those who
/// were active then `retained + lapsed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    pub(crate) against: Against,
}

/// What a window is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Against {
    /// The window of the same length just before it: as of `t` that as of `t - w`.
    Period,
    /// The same window one bucket earlier: as of `t` that as of `t - 1`.
    Day,
}

/// How it is written.
pub(crate) const AGAINST: &[(&str, Against)] = &[("period", Against::Period), ("day", Against::Day)];

impl Growth {
    /// How many buckets earlier the window lies that one is compared with.
    fn shift(&self, window: Window) -> u16 {
        match self.against {
            Against::Period => window.longest(),
            Against::Day => 1,
        }
    }
}

impl Function for Growth {
    fn makes(&self, windows: &[Window]) -> Vec<Made> {
        ["", "_new", "_retained", "_resurrected", "_lapsed"].into_iter().map(|suffix| made(suffix, windows)).collect()
    }

    fn reach(&self, window: Window) -> u16 {
        window.longest() + self.shift(window)
    }

    fn asks_first(&self) -> bool {
        true
    }

    fn steps(&self, seen: &Seen<'_>, step: Step<'_>) {
        let Some(mask) = seen.mask() else { return };
        let shift = i32::from(self.shift(seen.window));
        let active = Spans::of_at_least(1, mask, |bucket| seen.until(bucket));
        let before = active.later(shift);
        let new = seen.first().map_or_else(Spans::default, |first| Spans::one(first, first.plus(shift)));
        let [retained, lapsed] = [active.and(&before), before.minus(&active)];
        let resurrected = active.minus(&before).minus(&new);
        for (place, spans) in [active, new, retained, resurrected, lapsed].iter().enumerate() {
            spans.steps().for_each(|(at, n)| step(place, at, n));
        }
    }

    fn words(&self, place: usize) -> String {
        let before = match self.against {
            Against::Period => "in the window of the same length before",
            Against::Day => "in the same window one day (hour, minute) earlier",
        };
        match place {
            0 => "counts once".to_owned(),
            1 => format!("counts once if it had none {before}, nor ever before that"),
            2 => format!("counts once if it also had one {before}"),
            3 => format!("counts once if it had none {before}, but one before that"),
            _ => format!("{before} and none in this one counts once"),
        }
    }

    fn code(&self) -> Vec<u64> {
        vec![u64::from(b'g'), u64::from(self.against == Against::Day)]
    }
}
