//! How long it takes until something happens for the first time: `type: time_to_value`.

use super::conversion::{Conversion, Entry};
use super::{Function, Made, MadeFormula, Seen, Step, made};
use activity::Window;

/// Entries, as those of a conversion of two steps, by how many days after the first one the second came; who is not there yet is
/// counted as long as could be seen, and not dropped (censored).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeToValue {
    /// What begins and what ends it, within so many days.
    pub(crate) conversion: Conversion,
    /// The longest time that is told apart, in days.
    pub(crate) within: u16,
}

impl TimeToValue {
    fn labels(&self) -> impl Iterator<Item = (&'static str, String)> {
        (0..=self.within).map(|days| ("days", days.to_string()))
    }
}

impl Function for TimeToValue {
    fn makes(&self, windows: &[Window]) -> Vec<Made> {
        let all = |suffix| self.labels().map(move |label| Made { label: Some(label), ..made(suffix, windows) });
        all("_waiting").chain(all("_reached")).collect()
    }

    fn steps(&self, seen: &Seen<'_>, step: Step<'_>) {
        for Entry { from, reached, .. } in self.conversion.entries(seen) {
            let end = seen.until(from);
            let reached = reached.first().copied();
            for days in 0..=self.within {
                let at = from.plus(days.into());
                // Who waits at the start of a day may reach it on that day.
                if at >= end || reached.is_some_and(|reached| reached < at) {
                    break;
                }
                let mut put = |place: u16| {
                    step(place.into(), at, 1);
                    step(place.into(), end, -1);
                };
                put(days);
                if reached == Some(at) {
                    put(self.within + 1 + days);
                }
            }
        }
    }

    fn words(&self, place: usize) -> String {
        match place <= self.within.into() {
            true => "counts for every day of entry after which it was still without a second step, by the days since"
                .to_owned(),
            false => {
                "counts for every day of entry after which it came to the second step, by the days since".to_owned()
            }
        }
    }

    fn formulas(&self, name: &str) -> Vec<MadeFormula> {
        let named = |part: &str| self.labels().map(|(_, days)| format!("{name}_{part}#{days}")).collect();
        let words = "The median time in whole days, of those who are not there yet as far as they could be seen (Kaplan-Meier).";
        vec![MadeFormula::median(name, named("waiting"), named("reached"), words)]
    }

    fn code(&self) -> Vec<u64> {
        [&[u64::from(b't'), self.within.into()], self.conversion.code().as_slice()].concat()
    }
}
