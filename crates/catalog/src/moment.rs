//! Times as people write them: a date of the reporting time zone, or a time.

use crate::plan::Plan;
use activity::{Bucket, Grain, Millis};
use jiff::Timestamp;
use jiff::civil::Date;

/// A day, or a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A day of the reporting time zone.
    Day(Bucket),
    /// A time.
    Time(Millis),
}

impl Moment {
    /// The moment of a text such as `2018-11-30` or `2018-11-30T12:00:00Z`; `None` if it is neither.
    #[must_use]
    pub fn parse(plan: &Plan, text: &str) -> Option<Moment> {
        // A date alone would also be read as the start of a time.
        if let Ok(date) = text.parse::<Date>()
            && !text.contains(['T', ' '])
        {
            return Some(Moment::Day(plan.calendar.bucket(date)));
        }
        let time = text.parse::<Timestamp>().ok()?;
        Some(Moment::Time(Millis(time.as_millisecond())))
    }

    /// The bucket of a grain in which it lies; of a day its last minute or hour.
    #[must_use]
    pub fn bucket(self, plan: &Plan, grain: Grain) -> Bucket {
        match self {
            Moment::Time(time) => plan.bucket(grain, time),
            Moment::Day(day) if grain == Grain::Day => day,
            // Past the end of the calendar no bucket is kept.
            Moment::Day(day) => match plan.calendar.start_of(day.plus(1)) {
                Some(Millis(end)) => plan.bucket(grain, Millis(end - 1)),
                None => Bucket(i32::MAX),
            },
        }
    }

    /// When it begins; `None` past the end of the calendar.
    #[must_use]
    pub fn start(self, plan: &Plan) -> Option<Millis> {
        match self {
            Moment::Time(time) => Some(time),
            Moment::Day(day) => plan.calendar.start_of(day),
        }
    }
}
