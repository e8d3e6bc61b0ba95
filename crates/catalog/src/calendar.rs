//! Days of the reporting time zone as buckets.

use activity::{Bucket, Millis, Period};
use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use std::ops::Range;

/// Turns times into calendar days of one time zone, and back. A day is its number of days since 1970-01-01 in that zone's
/// calendar, so a day of 23 or 25 hours is one bucket like any other.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    week_starts: Weekday,
}

impl Calendar {
    /// The same calendar with weeks that start on this day; they start on Monday if nothing is said.
    #[must_use]
    pub fn with_weeks_from(self, week_starts: Weekday) -> Calendar {
        Calendar { week_starts, ..self }
    }

    /// The day on which weeks start.
    #[must_use]
    pub fn week_starts(&self) -> Weekday {
        self.week_starts
    }

    /// The first day of the period in which a day lies, and the first day after it; that of a day past the years -9999 and 9999 is
    /// the day itself.
    #[must_use]
    pub fn period(&self, period: Period, day: Bucket) -> Range<Bucket> {
        let of = |date: Date| match period {
            Period::Week => {
                let since = i32::from(date.weekday().since(self.week_starts));
                Some(day.plus(-since)..day.plus(7 - since))
            }
            Period::Month => self.months(date.first_of_month(), 1),
            Period::Quarter => {
                let first = date.first_of_month();
                self.months(first.checked_sub(jiff::Span::new().months((first.month() - 1) % 3)).ok()?, 3)
            }
        };
        self.date(day).and_then(of).unwrap_or(day..day.plus(1))
    }

    fn months(&self, first: Date, months: i8) -> Option<Range<Bucket>> {
        let next = first.checked_add(jiff::Span::new().months(months)).ok()?;
        Some(self.bucket(first)..self.bucket(next))
    }

    /// The calendar of a zone from the time-zone database that is built in, whatever the machine has installed.
    ///
    /// # Errors
    /// If the database has no such zone.
    pub fn new(zone: &str) -> Result<Calendar, jiff::Error> {
        Ok(Calendar { zone: jiff::tz::TimeZoneDatabase::bundled().get(zone)?, week_starts: Weekday::Monday })
    }

    /// The day in which a time lies; times past the year 9999 or before -9999 count as its first and last day.
    #[must_use]
    pub fn day(&self, time: Millis) -> Bucket {
        let timestamp = timestamp(time);
        days(timestamp.as_millisecond() + self.offset(timestamp))
    }

    /// The day in which a time lies, and times around that one which all lie in it: whoever asks for the days of many times
    /// in a row keeps this and asks again when a time lies outside. Usually that is the whole day, but not where the zone's
    /// clock was moved. It holds the time itself, if that is not past the years -9999 and 9999.
    #[must_use]
    pub fn stretch(&self, time: Millis) -> (Bucket, Range<Millis>) {
        let timestamp = timestamp(time);
        let offset = self.offset(timestamp);
        let day = days(timestamp.as_millisecond() + offset);
        let midnight = i64::from(day.0) * MILLIS_A_DAY - offset;
        let after = timestamp.checked_add(jiff::SignedDuration::from_nanos(1)).unwrap_or(timestamp);
        let moved_before = self.zone.preceding(after).next().map(|moved| moved.timestamp().as_millisecond());
        let moves_after = self.zone.following(timestamp).next().map(|moved| moved.timestamp().as_millisecond());
        let start = moved_before.map_or(midnight, |moved| moved.max(midnight));
        let next_midnight = midnight + MILLIS_A_DAY;
        let end = moves_after.map_or(next_midnight, |moves| moves.min(next_midnight));
        (day, Millis(start)..Millis(end))
    }

    /// How many milliseconds the zone's clock is ahead of UTC.
    fn offset(&self, timestamp: Timestamp) -> i64 {
        i64::from(self.zone.to_offset(timestamp).seconds()) * 1000
    }

    /// The first instant of a day, `None` past the years -9999 and 9999. A day that the zone skipped starts where the next
    /// one does, so that the times from one day's start to the next one's are always an interval.
    #[must_use]
    pub fn start_of(&self, day: Bucket) -> Option<Millis> {
        let midnight = self.date(day)?.at(0, 0, 0, 0);
        let start = match self.zone.to_ambiguous_timestamp(midnight).offset() {
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
                offset.to_timestamp(midnight).ok()?
            }
            // The clock jumped over midnight: the day starts at the jump, which the later offset puts midnight before.
            AmbiguousOffset::Gap { after, .. } => {
                self.zone.following(after.to_timestamp(midnight).ok()?).next()?.timestamp()
            }
        };
        Some(Millis(start.as_millisecond()))
    }

    /// The bucket of a calendar date.
    #[must_use]
    pub fn bucket(&self, date: Date) -> Bucket {
        days(date.duration_since(EPOCH).as_secs() * 1000)
    }

    /// The calendar date of a bucket, `None` past the years -9999 and 9999.
    #[must_use]
    pub fn date(&self, day: Bucket) -> Option<Date> {
        EPOCH.checked_add(jiff::Span::new().try_days(day.0).ok()?).ok()
    }

    /// The zone's name in the time-zone database.
    #[must_use]
    pub fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }
}

const EPOCH: Date = jiff::civil::date(1970, 1, 1);
const MILLIS_A_DAY: i64 = 24 * 60 * 60 * 1000;

fn timestamp(time: Millis) -> Timestamp {
    let limit = if time.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(time.0).unwrap_or(limit)
}

/// The day of a clock on the wall that has gone for some milliseconds since 1970 began.
fn days(millis: i64) -> Bucket {
    Bucket(i32::try_from(millis.div_euclid(MILLIS_A_DAY)).expect("20,000 years have fewer days than 2^31"))
}
