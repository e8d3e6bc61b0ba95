//! Active often enough: `measure: { agg: count_distinct, entity: user, events: any, at_least: { days: 3 } }`.

use super::{Function, Seen, Step};
use crate::cursor::Cursor;
use crate::plan::Literal;
use activity::spans::Spans;
use activity::{Grain, Window};

/// An entity counts that was active in at least so many buckets of the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtLeast {
    grain: Grain,
    count: u16,
}

/// The words for what is counted.
pub(crate) const KNOWN: [&str; 3] = ["minutes", "hours", "days"];
const HELP: &str = "write of how many days of the window an entity must be active in, as in `at_least: { days: 3 }`";

impl AtLeast {
    pub(crate) fn read(cursor: &Cursor) -> Option<AtLeast> {
        if !cursor.is_map() {
            return cursor.mismatch("a mapping", HELP);
        }
        let entries = cursor.entries()?;
        entries.allow(&KNOWN, &[]);
        let mut told = Grain::ALL.iter().zip(KNOWN).filter_map(|(grain, name)| Some((*grain, entries.get(name)?)));
        let Some((grain, count)) = told.next() else { return cursor.wrong_at_home("`at_least` says nothing", HELP) };
        if let Some((other, cursor)) = told.next() {
            let what = format!("`at_least` counts {}s already", grain.name());
            return cursor.wrong_at_home(what, format!("remove `{}s`, or the other", other.name()));
        }
        match count.literal()? {
            Literal::Int(count) if (1..=1440).contains(&count) => {
                Some(AtLeast { grain, count: u16::try_from(count).expect("in range") })
            }
            _ => count.mismatch("a whole number from 1 on", HELP),
        }
    }

    /// Reports windows of another grain, and those in which nothing can be active so often.
    pub(crate) fn check(&self, cursor: &Cursor, windows: &[Window]) -> Option<()> {
        let AtLeast { grain, count } = self;
        if let Some(other) = windows.iter().find(|window| window.grain != *grain) {
            let what = format!("`{other}` is no window of {}s, which `at_least` counts", grain.name());
            return cursor.wrong(what, format!("write windows of {}s alone, or another metric", grain.name()));
        }
        if let Some(short) = windows.iter().find(|window| window.longest() < *count) {
            let what = format!("nobody is active in {count} {}s of `{short}`", grain.name());
            return cursor.wrong(what, "write longer windows, or less in `at_least`");
        }
        Some(())
    }
}

impl Function for AtLeast {
    fn steps(&self, seen: &Seen<'_>, step: Step<'_>) {
        let Some(mask) = seen.mask() else { return };
        let enough = Spans::of_at_least(self.count.into(), mask, |bucket| seen.until(bucket));
        enough.steps().for_each(|(at, n)| step(0, at, n));
    }

    fn words(&self, _: usize) -> String {
        match self.count {
            1 => format!("in at least 1 {} counts once", self.grain.name()),
            count => format!("in at least {count} {}s counts once", self.grain.name()),
        }
    }

    fn code(&self) -> Vec<u64> {
        vec![u64::from(b'l'), self.grain as u64, self.count.into()]
    }
}
