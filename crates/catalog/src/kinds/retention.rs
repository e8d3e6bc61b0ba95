//! Which share of those who came in one week is there in the weeks after: `type: retention`.

use super::{Function, Made, MadeFormula, Seen, Step, made};
use activity::{Bucket, Period, Window};

/// Cohorts by the week (or month) in which entities were first seen: how many were, so many periods before the present one, and how many
/// of these are active in the present one. As of a day, the present period is the one up to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    pub(crate) every: Period,
    /// For so many periods after the first one.
    pub(crate) periods: u16,
}

impl Retention {
    fn label(&self) -> &'static str {
        match self.every {
            Period::Week => "weeks",
            Period::Month => "months",
            Period::Quarter => "quarters",
        }
    }

    fn labels(&self) -> impl Iterator<Item = (&'static str, String)> {
        (0..=self.periods).map(|n| (self.label(), n.to_string()))
    }
}

impl Function for Retention {
    fn makes(&self, windows: &[Window]) -> Vec<Made> {
        let all = |suffix| self.labels().map(move |label| Made { label: Some(label), ..made(suffix, windows) });
        all("_cohort").chain(all("_active")).collect()
    }

    fn reach(&self, _: Window) -> u16 {
        self.every.longest()
    }

    fn asks_first(&self) -> bool {
        true
    }

    fn steps(&self, seen: &Seen<'_>, step: Step<'_>) {
        let Some(first) = seen.first() else { return };
        let period = |day| seen.plan.calendar.period(self.every, day);
        let (mut from, mut until) = (first, period(first).end);
        for n in 0..=usize::from(self.periods) {
            let mut put = |place: usize, from: Bucket| {
                step(place, from, 1);
                step(place, until, -1);
            };
            put(n, from);
            let active = if n == 0 { Some(first) } else { seen.mask().and_then(|mask| mask.around(from.plus(-1)).1) };
            if let Some(active) = active.filter(|active| *active < until) {
                put(usize::from(self.periods) + 1 + n, active);
            }
            (from, until) = (until, period(until).end);
        }
    }

    fn words(&self, place: usize) -> String {
        let every = self.every.name();
        match place <= self.periods.into() {
            true => format!("counts once, by how many {every}s ago it had its first"),
            false => {
                format!("counts once if it has one in the present {every}, by how many {every}s ago it had its first")
            }
        }
    }

    fn formulas(&self, name: &str) -> Vec<MadeFormula> {
        let share = |label: (&'static str, String)| {
            let parts = ["_active", "_cohort"].map(|suffix| format!("{name}{suffix}#{}", label.1));
            let every = self.every.name();
            let words =
                format!("Of those first seen so many {every}s ago, the share that is active in the present one.");
            MadeFormula { label: Some(label), ..MadeFormula::share(name, "", parts, &words) }
        };
        self.labels().map(share).collect()
    }

    fn code(&self) -> Vec<u64> {
        vec![u64::from(b'r'), self.every as u64, self.periods.into()]
    }
}
