//! When an event happened, as its source writes it.

use crate::reject::{Reject, excerpt};
use crate::value::Value;
use activity::Millis;
use catalog::TimeForm;

/// The last millisecond of the year 9999 in UTC.
const LAST: i64 = 253_402_300_799_999;

/// Reads a time. What is finer than a millisecond is cut off downwards.
pub(crate) fn read(value: &Value<'_>, form: TimeForm, field: &str) -> Result<Millis, Reject> {
    match (form, value) {
        (_, Value::Missing) => Err(Reject::Missing { field: field.to_owned() }),
        (_, Value::Time(time)) => {
            let in_range = Some(*time).filter(|time| (0..=LAST).contains(&time.0));
            in_range.ok_or_else(|| out_of_range(time.0, TimeForm::Millis, field))
        }
        (TimeForm::Rfc3339, Value::Text(text)) => rfc3339(text, field),
        (TimeForm::Seconds | TimeForm::Millis | TimeForm::Micros, Value::Integer(number)) => {
            let millis = match form {
                TimeForm::Seconds => number * 1_000,
                TimeForm::Micros => number.div_euclid(1_000),
                TimeForm::Millis | TimeForm::Rfc3339 => *number,
            };
            let millis = i64::try_from(millis).ok().filter(|millis| (0..=LAST).contains(millis));
            millis.map(Millis).ok_or_else(|| out_of_range(number, form, field))
        }
        (TimeForm::Seconds | TimeForm::Millis | TimeForm::Micros, Value::Float(number)) => {
            let millis = match form {
                // No double is 1083000000.001; to the microsecond it is what was meant, at least until 2106.
                TimeForm::Seconds => ((number * 1e6).round() / 1e3).floor(),
                TimeForm::Micros => (number / 1e3).floor(),
                TimeForm::Millis | TimeForm::Rfc3339 => number.floor(),
            };
            in_range(millis).ok_or_else(|| out_of_range(number, form, field))
        }
        _ => {
            Err(Reject::WrongType { field: field.to_owned(), expected: expected(form).to_owned(), found: value.kind() })
        }
    }
}

/// A time that was corrected by so many milliseconds.
pub(crate) fn shifted(time: Millis, by_ms: i64, field: &str) -> Result<Millis, Reject> {
    let shifted = time.0.checked_add(by_ms).filter(|millis| (0..=LAST).contains(millis));
    shifted.map(Millis).ok_or_else(|| Reject::BadTime {
        field: field.to_owned(),
        found: format!("{time} ms, corrected by {by_ms} ms"),
        what: "by the receiver's clock it lies outside the years 1970 to 9999".into(),
        expected: "times of one event, its sending and its receiving that go together",
    })
}

fn rfc3339(text: &str, field: &str) -> Result<Millis, Reject> {
    let bad = |what: String| Reject::BadTime {
        field: field.to_owned(),
        found: format!("\"{}\"", excerpt(text)),
        what,
        expected: expected(TimeForm::Rfc3339),
    };
    match text.parse::<jiff::Timestamp>() {
        // Checked before it is cut to milliseconds, which rounds towards 1970.
        Ok(time) if time < jiff::Timestamp::UNIX_EPOCH => Err(bad("it is before the year 1970".into())),
        Ok(time) => Ok(Millis(time.as_millisecond())),
        Err(_) => Err(bad("it is not of that form, or no such time exists from 1970 to 9999".into())),
    }
}

fn in_range(millis: f64) -> Option<Millis> {
    #[expect(clippy::cast_possible_truncation, reason = "it is whole, and what is out of range is not used")]
    let whole = millis as i64;
    (0.0..=LAST as f64).contains(&millis).then_some(Millis(whole))
}

fn out_of_range(number: impl std::fmt::Display, form: TimeForm, field: &str) -> Reject {
    Reject::BadTime {
        field: field.to_owned(),
        found: excerpt(&number.to_string()),
        what: "it lies outside the years 1970 to 9999".into(),
        expected: expected(form),
    }
}

fn expected(form: TimeForm) -> &'static str {
    match form {
        TimeForm::Rfc3339 => "text such as \"2026-11-22T09:30:00.250+01:00\", with an offset or Z",
        TimeForm::Seconds => "a number of seconds since 1970-01-01T00:00:00Z",
        TimeForm::Millis => "a number of milliseconds since 1970-01-01T00:00:00Z",
        TimeForm::Micros => "a number of microseconds since 1970-01-01T00:00:00Z",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(text: &str) -> Result<Millis, Reject> {
        read(&Value::Text(text.into()), TimeForm::Rfc3339, "timestamp")
    }

    fn reason<T: std::fmt::Debug>(result: Result<T, Reject>) -> &'static str {
        result.expect_err("it is rejected").reason()
    }

    #[test]
    fn rfc3339_time_has_an_offset() {
        assert_eq!(text("2018-11-01T20:57:10.796Z"), Ok(Millis(1_541_105_830_796)));
        assert_eq!(text("2018-11-01T21:57:10.796999+01:00"), Ok(Millis(1_541_105_830_796)));
        assert_eq!(text("1970-01-01T00:00:00Z"), Ok(Millis(0)));
        for bad in ["2018-11-01T20:57:10", "2018-11-01", "2018-02-30T00:00:00Z", "now", "", "1541105830796"] {
            assert_eq!(reason(text(bad)), "bad_time", "{bad}");
        }
    }

    #[test]
    fn time_lies_in_the_years_1970_to_9999() {
        for bad in
            ["1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.9999Z", "10000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z"]
        {
            assert_eq!(reason(text(bad)), "bad_time", "{bad}");
        }
        let number = |number, form| read(&Value::Integer(number), form, "ts");
        assert_eq!(number(i128::from(LAST), TimeForm::Millis), Ok(Millis(LAST)));
        assert_eq!(reason(number(i128::from(LAST) + 1, TimeForm::Millis)), "bad_time");
        assert_eq!(reason(number(-1, TimeForm::Micros)), "bad_time");
        assert_eq!(reason(number(i128::from(u64::MAX), TimeForm::Seconds)), "bad_time");
        for bad in [-0.5, 1e300, -1e300, 2.6e14] {
            assert_eq!(reason(read(&Value::Float(bad), TimeForm::Millis, "ts")), "bad_time", "{bad}");
        }
    }

    #[test]
    fn number_is_a_time_in_its_unit_cut_to_the_millisecond() {
        let integer = |number, form| read(&Value::Integer(number), form, "ts");
        let float = |number, form| read(&Value::Float(number), form, "ts");
        assert_eq!(integer(1_541_105_830, TimeForm::Seconds), Ok(Millis(1_541_105_830_000)));
        assert_eq!(integer(1_541_105_830_796, TimeForm::Millis), Ok(Millis(1_541_105_830_796)));
        assert_eq!(integer(1_541_105_830_796_999, TimeForm::Micros), Ok(Millis(1_541_105_830_796)));
        assert_eq!(float(1_541_105_830.796, TimeForm::Seconds), Ok(Millis(1_541_105_830_796)));
        assert_eq!(float(1_541_105_830.796_9, TimeForm::Seconds), Ok(Millis(1_541_105_830_796)));
        assert_eq!(float(1_540_919_166_796.9, TimeForm::Millis), Ok(Millis(1_540_919_166_796)));
        assert_eq!(float(1_541_105_830_796_999.0, TimeForm::Micros), Ok(Millis(1_541_105_830_796)));
        assert_eq!(float(-0.0, TimeForm::Millis), Ok(Millis(0)));
    }

    #[test]
    fn value_of_another_type_is_no_time() {
        for form in [TimeForm::Seconds, TimeForm::Millis, TimeForm::Micros] {
            assert_eq!(reason(read(&Value::Text("1541105830796".into()), form, "ts")), "wrong_type");
            assert_eq!(reason(read(&Value::Bool(true), form, "ts")), "wrong_type");
        }
        for value in [Value::Integer(1), Value::Float(1.0), Value::Object, Value::Array, Value::Bytes] {
            assert_eq!(reason(read(&value, TimeForm::Rfc3339, "ts")), "wrong_type");
        }
        assert_eq!(reason(read(&Value::Missing, TimeForm::Millis, "ts")), "missing_field");
    }

    #[test]
    fn a_value_that_is_a_time_is_one_whatever_the_form() {
        for form in [TimeForm::Rfc3339, TimeForm::Seconds, TimeForm::Millis, TimeForm::Micros] {
            assert_eq!(read(&Value::Time(Millis(1_541_105_830_796)), form, "ts"), Ok(Millis(1_541_105_830_796)));
            for bad in [-1, LAST + 1] {
                assert_eq!(reason(read(&Value::Time(Millis(bad)), form, "ts")), "bad_time", "{bad}");
            }
        }
    }

    #[test]
    fn long_text_is_not_echoed() {
        let message = text(&"secret".repeat(1_000)).expect_err("it is no time").to_string();
        assert!(message.len() < 400, "{message}");
    }

    proptest! {
        #[test]
        fn seconds_with_three_decimals_keep_every_millisecond(millis in 0..4_294_967_295_000i64) {
            let seconds: f64 = format!("{}.{:03}", millis / 1000, millis % 1000).parse().expect("it is a number");
            prop_assert_eq!(read(&Value::Float(seconds), TimeForm::Seconds, "ts"), Ok(Millis(millis)));
        }
    }
}
