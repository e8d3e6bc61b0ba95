//! How long ago entities were last active: `type: recency`, for those who fall asleep.

use super::{Function, Made, Seen, Step, made};
use crate::cursor::Cursor;
use activity::{Bucket, Window};

/// The entities that were active in the window, told apart by how many days ago that was the last time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recency {
    /// From how many days on each of the parts begins, ascending; the first one begins at 0.
    pub(crate) from: Vec<u16>,
}

impl Recency {
    /// Reports windows that are over before the last part begins.
    pub(crate) fn check(&self, cursor: &Cursor, windows: &[Window]) -> Option<()> {
        let last = self.from.last().copied().unwrap_or(0);
        match windows.iter().find(|window| window.longest() <= last) {
            None => Some(()),
            Some(short) => cursor.wrong(
                format!("nobody who was last active {last} days ago was so in `{short}`"),
                format!("write windows of at least `{}d`, or remove `{last}d` under `since`", last + 1),
            ),
        }
    }

    /// The parts: from how many days on, and until how many.
    fn parts(&self) -> impl Iterator<Item = (u16, Option<u16>)> {
        let starts = || [0].into_iter().chain(self.from.iter().copied());
        starts().zip(starts().skip(1).map(Some).chain([None]))
    }
}

impl Function for Recency {
    fn makes(&self, windows: &[Window]) -> Vec<Made> {
        let of = |(from, until): (u16, Option<u16>)| {
            let days = match until {
                Some(until) if until == from + 1 => from.to_string(),
                Some(until) => format!("{from}-{}", until - 1),
                None => format!("{from}+"),
            };
            Made { label: Some(("days_ago", days)), ..made("_by_days_ago", windows) }
        };
        [made("", windows)].into_iter().chain(self.parts().map(of)).collect()
    }

    fn steps(&self, seen: &Seen<'_>, step: Step<'_>) {
        let days: Vec<Bucket> = seen.mask().into_iter().flat_map(|mask| mask.buckets()).collect();
        for (at, day) in days.iter().enumerate() {
            let next = days.get(at + 1).map_or(Bucket(i32::MAX), |next| *next);
            let end = next.min(seen.until(*day));
            let mut put = |place, from: Bucket, until: Bucket| {
                if from < until {
                    step(place, from, 1);
                    step(place, until, -1);
                }
            };
            put(0, *day, end);
            for (place, (from, until)) in (1..).zip(self.parts()) {
                put(place, day.plus(from.into()), until.map_or(end, |until| end.min(day.plus(until.into()))));
            }
        }
    }

    fn words(&self, place: usize) -> String {
        match place {
            0 => "counts once".to_owned(),
            _ => "counts once, by how many days ago the last of them was".to_owned(),
        }
    }

    fn code(&self) -> Vec<u64> {
        [u64::from(b'a')].into_iter().chain(self.from.iter().map(|from| (*from).into())).collect()
    }
}
