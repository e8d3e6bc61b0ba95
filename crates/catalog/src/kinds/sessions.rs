//! Uses of the product, one after the other: `type: sessions`.

use super::{Function, Made, MadeFormula, Seen, Step, amount, made};
use activity::{Bucket, Grain, Millis, Window};

/// Times are in seconds, of so many decimals.
pub(crate) const DECIMALS: u8 = 3;

/// A session is as long as an entity's events follow each other within the gap. It counts on the day on which it begins; its time
/// counts on the days in which it passes, so that what is told of a day does not depend on the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// How long after an event another one may come, in milliseconds, and be of the same session.
    pub(crate) gap_ms: i64,
}

const BEGUN: usize = 0;
const SECONDS: usize = 1;

/// A session that began before the window may end in it.
const LONGER: u16 = 1;

impl Function for Sessions {
    fn makes(&self, windows: &[Window]) -> Vec<Made> {
        vec![made("", windows), amount("_seconds", windows)]
    }

    fn reach(&self, window: Window) -> u16 {
        window.longest() + LONGER
    }

    fn steps(&self, seen: &Seen<'_>, step: Step<'_>) {
        for (from, length) in seen.marks() {
            let end = Millis(from.0 + length);
            let mut put = |place, day: Bucket, n: i64| {
                if n != 0 {
                    step(place, day, n.into());
                    step(place, seen.until(day), (-n).into());
                }
            };
            put(BEGUN, seen.bucket(from), 1);
            let (mut day, mut at) = (seen.bucket(from), from);
            loop {
                let next = seen.plan.start(Grain::Day, day.plus(1));
                if !(at..=end).contains(&next) {
                    break;
                }
                put(SECONDS, day, next.0 - at.0);
                (day, at) = (day.plus(1), next);
            }
            put(SECONDS, day, end.0 - at.0);
        }
    }

    fn words(&self, place: usize) -> String {
        let gap = crate::span(self.gap_ms);
        match place {
            BEGUN => {
                format!("counts once for every day and session that begins; one ends when nothing follows for {gap}")
            }
            _ => format!(
                "adds the time from the first to the last event of its sessions; one ends when nothing follows for {gap}"
            ),
        }
    }

    fn formulas(&self, name: &str) -> Vec<MadeFormula> {
        let parts = ["_seconds", ""].map(|suffix| format!("{name}{suffix}"));
        vec![MadeFormula::share(name, "_mean_seconds", parts, "How long a session is on average, in seconds.")]
    }

    fn code(&self) -> Vec<u64> {
        vec![u64::from(b'p'), self.gap_ms.unsigned_abs()]
    }
}
