//! When events are sent: so many over a span of time, more by day than at night, and few at the weekend.

use crate::dice::Dice;
use crate::{DAY, HOUR, day_of};
use activity::Millis;

/// How busy each hour of the day is, UTC: an office that opens at eight.
const HOURS: [u64; 24] = [3, 2, 2, 2, 2, 3, 6, 14, 30, 42, 46, 44, 34, 40, 45, 44, 38, 28, 16, 11, 9, 7, 5, 4];
/// How busy each day of the week is, from Thursday on: 1970-01-01 was one.
const WEEKDAYS: [u64; 7] = [10, 8, 3, 2, 9, 10, 10];

/// A span of time, and how many usage records are to be sent in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its start.
    pub from: Millis,
    /// Its end, which is no part of it. One that is not after `from` makes the span a moment.
    pub until: Millis,
    /// How many records.
    pub records: u64,
}

/// The moments of a span, in order.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    span: Span,
    next: u64,
    /// What lies before `at` of the whole span's business.
    done: u128,
    whole: u128,
    at: i64,
}

impl Moments {
    pub(crate) fn new(span: Span) -> Moments {
        let mut whole = 0;
        let mut at = span.from.0;
        while at < span.until.0 {
            let (end, business) = slice(at, span.until.0);
            whole += business;
            at = end;
        }
        Moments { span, next: 0, done: 0, whole, at: span.from.0 }
    }

    /// The next moment; `None` after the last.
    pub(crate) fn next(&mut self, dice: &mut Dice) -> Option<Millis> {
        if self.next == self.span.records {
            return None;
        }
        // Each record has an equal share of the business to itself, and lies anywhere in it.
        let place = u128::from(self.next) << 32 | u128::from(dice.bits());
        let target = self.whole * place / (u128::from(self.span.records) << 32);
        self.next += 1;
        loop {
            let (end, business) = slice(self.at, self.span.until.0);
            if self.done + business > target || end >= self.span.until.0 {
                let into = (target - self.done) / u128::from(busy(self.at));
                return Some(Millis(self.at + i64::try_from(into).unwrap_or(0)));
            }
            self.done += business;
            self.at = end;
        }
    }
}

/// The end of the hour of `at`, or `until` if that is before, and how much business there is until then.
fn slice(at: i64, until: i64) -> (i64, u128) {
    let end = ((at.div_euclid(HOUR) + 1) * HOUR).min(until);
    (end, u128::from((end - at).max(0).unsigned_abs()) * u128::from(busy(at)))
}

fn busy(at: i64) -> u64 {
    let part = |value: i64, of: i64| usize::try_from(value.rem_euclid(of)).unwrap_or(0);
    HOURS[part(at.rem_euclid(DAY) / HOUR, 24)] * WEEKDAYS[part(day_of(Millis(at)), 7)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-05, a Monday.
    const MONDAY: i64 = 1_767_571_200_000;

    fn moments(from: i64, until: i64, records: u64) -> Vec<i64> {
        let (mut moments, mut dice) =
            (Moments::new(Span { from: Millis(from), until: Millis(until), records }), Dice::new(1));
        std::iter::from_fn(|| moments.next(&mut dice)).map(|Millis(at)| at).collect()
    }

    #[test]
    fn moments_are_in_order_within_the_span_and_as_many_as_stated() {
        for (length, records) in [(0, 10), (1, 10), (977, 10), (90_000, 10_000), (400 * DAY, 50_000)] {
            let drawn = moments(MONDAY + 1_234_567, MONDAY + 1_234_567 + length, records);
            assert_eq!(drawn.len() as u64, records);
            assert!(drawn.is_sorted());
            let last = MONDAY + 1_234_567 + (length - 1).max(0);
            assert!(drawn[0] >= MONDAY + 1_234_567 && drawn[drawn.len() - 1] <= last, "{length} {records}");
        }
    }

    #[test]
    fn rhythm_is_the_one_stated() {
        let mut by_hour = [0_u64; 24];
        let mut by_day = [0_u64; 7];
        for at in moments(MONDAY, MONDAY + 28 * DAY, 280_000) {
            by_hour[usize::try_from(at.rem_euclid(DAY) / HOUR).unwrap()] += 1;
            by_day[usize::try_from(day_of(Millis(at)).rem_euclid(7)).unwrap()] += 1;
        }
        let near = |found: &[u64], stated: &[u64]| {
            let (all, whole): (u64, u64) = (found.iter().sum(), stated.iter().sum());
            found.iter().zip(stated).all(|(found, stated)| (found * whole).abs_diff(stated * all) < 2 * all)
        };
        assert!(near(&by_hour, &HOURS), "{by_hour:?}");
        assert!(near(&by_day, &WEEKDAYS), "{by_day:?}");
    }

    #[test]
    fn a_short_span_is_even() {
        let drawn = moments(MONDAY + 10 * HOUR, MONDAY + 10 * HOUR + 10_000, 1_000);
        let in_tenth = |tenth: i64| drawn.iter().filter(|at| (*at - MONDAY - 10 * HOUR) / 1_000 == tenth).count();
        assert!((0..10).all(|tenth| in_tenth(tenth) == 100), "{:?}", (0..10).map(in_tenth).collect::<Vec<_>>());
    }
}
