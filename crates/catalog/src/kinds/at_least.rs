//! Active often enough: `measure: { agg: count_distinct, entity: user, events: any, at_least: { days: 3 } }`.

use super::{Function, Seen, Step};
use crate::cursor::Cursor;
use crate::plan::Literal;
use activity::levels::Levels;
use activity::spans::Spans;
use activity::{Grain, Window};

/// An entity counts that was active in at least so many buckets of the window, or had so many events in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtLeast {
    what: What,
    count: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Buckets(Grain),
    Events,
}

/// The words for what is counted.
pub(crate) const KNOWN: [&str; 4] = ["minutes", "hours", "days", "events"];
const WHATS: [What; 4] =
    [What::Buckets(Grain::Minute), What::Buckets(Grain::Hour), What::Buckets(Grain::Day), What::Events];
const HELP: &str = "write how many days of the window an entity must be active in, as in `at_least: { days: 3 }`, or how many \
                    events it must have, as in `at_least: 2000`";
/// More events than that in a window are not asked for.
const MOST: i64 = 1_000_000_000;

impl AtLeast {
    pub(crate) fn read(cursor: &Cursor) -> Option<AtLeast> {
        let number = |cursor: &Cursor, what, most| match cursor.literal()? {
            Literal::Int(count) if (1..=most).contains(&count) => {
                Some(AtLeast { what, count: u32::try_from(count).expect("in range") })
            }
            _ => cursor.mismatch(&format!("a whole number from 1 to {most}"), HELP),
        };
        if !cursor.is_map() {
            return number(cursor, What::Events, MOST);
        }
        let entries = cursor.entries()?;
        entries.allow(&KNOWN, &[]);
        let mut told = WHATS.iter().zip(KNOWN).filter_map(|(what, name)| Some((*what, name, entries.get(name)?)));
        let Some((what, name, count)) = told.next() else {
            return cursor.wrong_at_home("`at_least` says nothing", HELP);
        };
        if let Some((_, other, cursor)) = told.next() {
            let what = format!("`at_least` counts {name} already");
            return cursor.wrong_at_home(what, format!("remove `{other}`, or `{name}`"));
        }
        number(count, what, if what == What::Events { MOST } else { 1440 })
    }

    /// Whether it counts events, and not when an entity was active.
    pub(crate) fn is_of_events(&self) -> bool {
        self.what == What::Events
    }

    /// Reports windows of another grain, and those in which nothing can be active so often.
    pub(crate) fn check(&self, cursor: &Cursor, windows: &[Window]) -> Option<()> {
        let AtLeast { what: What::Buckets(grain), count } = self else { return Some(()) };
        if let Some(other) = windows.iter().find(|window| window.grain != *grain) {
            let what = format!("`{other}` is no window of {}s, which `at_least` counts", grain.name());
            return cursor.wrong(what, format!("write windows of {}s alone, or another metric", grain.name()));
        }
        if let Some(short) = windows.iter().find(|window| u32::from(window.longest()) < *count) {
            let what = format!("nobody is active in {count} {}s of `{short}`", grain.name());
            return cursor.wrong(what, "write longer windows, or less in `at_least`");
        }
        Some(())
    }
}

impl Function for AtLeast {
    fn steps(&self, seen: &Seen<'_>, step: Step<'_>) {
        let until = |bucket| seen.until(bucket);
        if self.is_of_events() {
            let enough = |events: i128, _| i128::from(events >= self.count.into());
            let levels = seen.events_until(until).with(&Levels::default(), enough);
            return levels.steps().for_each(|(at, n)| step(0, at, n));
        }
        let Some(mask) = seen.mask() else { return };
        let enough = Spans::of_at_least(usize::try_from(self.count).expect("few"), mask, until);
        enough.steps().for_each(|(at, n)| step(0, at, n));
    }

    fn words(&self, _: usize) -> String {
        match (self.what, self.count) {
            (What::Events, 1) => "counts once".to_owned(),
            (What::Events, count) => format!("counts once if it has at least {count} of them, each event_id once"),
            (What::Buckets(grain), count) => {
                let (at, many) = (if grain == Grain::Day { "on" } else { "in" }, if count == 1 { "" } else { "s" });
                format!("{at} at least {count} {}{many} of the window counts once", grain.name())
            }
        }
    }

    fn code(&self) -> Vec<u64> {
        let what = match self.what {
            What::Buckets(grain) => grain as u64,
            What::Events => 3,
        };
        vec![u64::from(b'l'), what, self.count.into()]
    }
}
