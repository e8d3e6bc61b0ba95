//! In how many days of the window entities were active, as L7 and L28: `type: frequency`.

use super::{Function, Made, Seen, Step, made};
use crate::cursor::Cursor;
use activity::spans::Spans;
use activity::{Grain, Window};

/// The number of entities that were active in 1, 2, and so on of the window's buckets. Together they are those that were active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frequency {
    /// The longest window, in buckets.
    most: u16,
}

impl Frequency {
    /// Of these windows, which trail; reports if they are not of one grain.
    pub(crate) fn of(cursor: &Cursor, windows: &[Window]) -> Option<Frequency> {
        let grain = windows.first().map(|window| window.grain);
        if let Some(other) = windows.iter().find(|window| Some(window.grain) != grain) {
            let what = format!("`{other}` does not count the same as the windows before it");
            return cursor.wrong(what, "write windows of minutes, hours or days alone");
        }
        Some(Frequency { most: windows.iter().map(|window| window.longest()).max().unwrap_or(1) })
    }
}

impl Function for Frequency {
    fn makes(&self, windows: &[Window]) -> Vec<Made> {
        let label = match windows.first().map(|window| window.grain) {
            Some(Grain::Minute) => "minutes",
            Some(Grain::Hour) => "hours",
            Some(Grain::Day) | None => "days",
        };
        let of = |count: u16| Made {
            suffix: format!("_by_{label}"),
            label: Some((label, count.to_string())),
            is_amount: false,
            windows: windows.iter().copied().filter(|window| window.longest() >= count).collect(),
        };
        [made("", windows)].into_iter().chain((1..=self.most).map(of)).collect()
    }

    fn steps(&self, seen: &Seen<'_>, step: Step<'_>) {
        let Some(mask) = seen.mask() else { return };
        for count in 1..=seen.window.longest().into() {
            let enough = Spans::of_at_least(count, mask, |bucket| seen.until(bucket));
            // Who has reached the next number is no longer of the one before. All that were active at all are in place 0.
            for (at, n) in enough.steps() {
                step(count, at, n);
                step(count - 1, at, if count == 1 { n } else { -n });
            }
        }
    }

    fn words(&self, place: usize) -> String {
        match place {
            0 => "counts once".to_owned(),
            _ => "counts once, by the number of days (hours, minutes) of the window in which it had one".to_owned(),
        }
    }

    fn code(&self) -> Vec<u64> {
        vec![u64::from(b'f')]
    }
}
