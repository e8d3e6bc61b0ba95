//! Active often enough: `measure: { agg: count_distinct, entity: user, events: any, at_least: { days: 3 } }`.

use super::{Function, Seen, Step};
use crate::cursor::Cursor;
use crate::plan::{Literal, Marks, Measure, Said};
use activity::levels::Levels;
use activity::marks::Keep;
use activity::spans::Spans;
use activity::{Bucket, DimensionIndex, EntityKind, Grain, Window};
use std::collections::BTreeMap;

/// An entity counts that was active in at least so many buckets of the window, or had so many events in it, or so many different
/// values in its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtLeast {
    what: What,
    count: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Buckets(Grain),
    Events,
    /// Of this dimension; none is no value, and all that are not told apart are one.
    Values(DimensionIndex),
}

/// The words for what is counted.
pub(crate) const KNOWN: [&str; 6] = ["minutes", "hours", "days", "events", "values", "of"];
const HELP: &str = "write how many days of the window an entity must be active in, as in `at_least: { days: 3 }`, or how many \
                    events it must have, as in `at_least: 2000`, or how many values of a dimension, as in `at_least: { values: 3, of: \
                    feature }`";
/// More events than that in a window are not asked for.
const MOST: i64 = 1_000_000_000;

impl AtLeast {
    /// `dimension` reads the name of a dimension that events say, with how many values it tells apart.
    pub(crate) fn read(
        cursor: &Cursor,
        dimension: impl Fn(&Cursor) -> Option<(DimensionIndex, u16)>,
    ) -> Option<AtLeast> {
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
        let mut told =
            KNOWN.into_iter().filter(|name| *name != "of").filter_map(|name| Some((name, entries.get(name)?)));
        let Some((name, count)) = told.next() else {
            return cursor.wrong_at_home("`at_least` says nothing", HELP);
        };
        if let Some((other, cursor)) = told.next() {
            let what = format!("`at_least` counts {name} already");
            return cursor.wrong_at_home(what, format!("remove `{other}`, or `{name}`"));
        }
        let mut most = 1440;
        let what = match (name, entries.get("of")) {
            ("values", of) => {
                let help = "write which dimension has the values, as in `of: feature`";
                let of = of.or_else(|| entries.require("of", help))?;
                let (dimension, values) = dimension(of)?;
                most = i64::from(values);
                What::Values(dimension)
            }
            (_, Some(of)) => {
                return of.wrong_at_home(format!("`of` is for `values`, and not for {name}"), "remove it");
            }
            ("minutes", None) => What::Buckets(Grain::Minute),
            ("hours", None) => What::Buckets(Grain::Hour),
            ("days", None) => What::Buckets(Grain::Day),
            (_, None) => What::Events,
        };
        number(count, what, if what == What::Events { MOST } else { most })
    }

    /// What is recorded for it of entities.
    pub(crate) fn measure(&self, entity: EntityKind) -> Measure {
        match self.what {
            What::Buckets(_) => Measure::Distinct(entity),
            What::Events => Measure::Events(entity),
            What::Values(of) => Measure::Marks(Marks { entity, said: Said::Label(of), keep: Keep::None }),
        }
    }

    /// Reports windows of another grain, and those in which nothing can be active so often.
    pub(crate) fn check(&self, cursor: &Cursor, windows: &[Window]) -> Option<()> {
        let AtLeast { what, count } = self;
        let grain = match what {
            What::Buckets(grain) => grain,
            What::Values(_) => &Grain::Day,
            What::Events => return Some(()),
        };
        if let Some(other) = windows.iter().find(|window| window.grain != *grain) {
            let what = format!("`{other}` is no window of {}s, which `at_least` counts", grain.name());
            return cursor.wrong(what, format!("write windows of {}s alone, or another metric", grain.name()));
        }
        let is_short = |window: &&Window| *what == What::Buckets(*grain) && u32::from(window.longest()) < *count;
        if let Some(short) = windows.iter().find(is_short) {
            let what = format!("nobody is active in {count} {}s of `{short}`", grain.name());
            return cursor.wrong(what, "write longer windows, or less in `at_least`");
        }
        Some(())
    }
}

impl Function for AtLeast {
    fn steps(&self, seen: &Seen<'_>, step: Step<'_>) {
        let until = |bucket| seen.until(bucket);
        let enough = |count: i128, _: i128| i128::from(count >= self.count.into());
        let levels = match self.what {
            What::Buckets(_) => {
                let Some(mask) = seen.mask() else { return };
                let enough = Spans::of_at_least(usize::try_from(self.count).expect("few"), mask, until);
                return enough.steps().for_each(|(at, n)| step(0, at, n));
            }
            What::Events => seen.events_until(until),
            What::Values(_) => {
                let mut days = BTreeMap::<i64, Vec<(Bucket, Bucket)>>::new();
                for (at, value) in seen.marks() {
                    let day = seen.bucket(at);
                    days.entry(value).or_default().push((day, until(day)));
                }
                Levels::of_steps(days.into_values().flat_map(|days| Spans::of(days).steps().collect::<Vec<_>>()))
            }
        };
        levels.with(&Levels::default(), enough).steps().for_each(|(at, n)| step(0, at, n));
    }

    fn words(&self, _: usize) -> String {
        match (self.what, self.count) {
            (What::Events, 1) => "counts once".to_owned(),
            (What::Values(_), count) => {
                let many = if count == 1 { "value" } else { "different values" };
                format!("counts once if they say at least {count} {many}")
            }
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
            What::Values(of) => 4 + u64::from(of.0),
        };
        vec![u64::from(b'l'), what, self.count.into()]
    }
}
