//! How people write durations, sizes and counts.

use super::Wrong;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

pub(super) const DURATIONS: &[(&str, u64)] =
    &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
pub(super) const SIZES: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];

/// A duration such as `100ms` or `10m`, within a range.
pub(crate) fn duration(text: &str, range: RangeInclusive<Duration>) -> Result<Duration, Wrong> {
    let help = "write a whole number with ms, s, m, h or d, as in `100ms` or `10m`";
    let read = Duration::from_millis(quantity(text, DURATIONS, help)?);
    let (least, most) = (shown_duration(*range.start()), shown_duration(*range.end()));
    within(text, read, range, least, most)
}

/// A size such as `16KiB`, within a range of bytes.
pub(crate) fn size(text: &str, range: RangeInclusive<u64>) -> Result<usize, Wrong> {
    let help = "write a whole number with B, KiB, MiB or GiB, as in `16KiB`";
    let read = quantity(text, SIZES, help)?;
    let (least, most) = (shown_size(*range.start()), shown_size(*range.end()));
    let bytes = within(text, read, range, least, most)?;
    usize::try_from(bytes)
        .map_err(|_| Wrong::new(format!("`{text}` is more than this machine can address"), "write less"))
}

/// A whole number within a range.
pub(crate) fn count(text: &str, range: RangeInclusive<u64>) -> Result<u64, Wrong> {
    let (least, most) = (*range.start(), *range.end());
    let help = || format!("write a whole number from {least} to {most}");
    let read = text.parse().map_err(|_| Wrong::new(format!("`{text}` is not a whole number"), help()))?;
    within(text, read, range, least, most)
}

fn quantity(text: &str, units: &[(&str, u64)], help: &str) -> Result<u64, Wrong> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = &text[..text.len() - unit.len()];
    let unit = unit.trim();
    let (false, Ok(number)) = (digits.is_empty(), digits.parse::<u64>()) else {
        return Err(Wrong::new(format!("`{text}` cannot be read"), help));
    };
    match units.iter().find(|(name, _)| *name == unit) {
        Some((_, factor)) => {
            number.checked_mul(*factor).ok_or_else(|| Wrong::new(format!("`{text}` is out of range"), help))
        }
        None if unit.starts_with(['.', ',']) => {
            Err(Wrong::new(format!("`{text}` is not a whole number of a unit"), help))
        }
        None if unit.is_empty() => Err(Wrong::new(format!("`{text}` has no unit"), help)),
        None => Err(Wrong::new(format!("`{text}` has the unknown unit `{unit}`"), help)),
    }
}

fn within<T: PartialOrd>(
    text: &str,
    read: T,
    range: RangeInclusive<T>,
    least: impl Display,
    most: impl Display,
) -> Result<T, Wrong> {
    if range.contains(&read) {
        Ok(read)
    } else {
        Err(Wrong::new(format!("`{text}` is out of range"), format!("write something from {least} to {most}")))
    }
}

fn shown_duration(duration: Duration) -> String {
    shown(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), DURATIONS)
}

fn shown_size(bytes: u64) -> String {
    shown(bytes, SIZES)
}

/// A number in the largest unit in which it is whole.
fn shown(number: u64, units: &[(&str, u64)]) -> String {
    let whole = units.iter().rev().find(|(_, factor)| number != 0 && number.is_multiple_of(*factor));
    let (unit, factor) = whole.unwrap_or(&units[0]);
    format!("{}{unit}", number / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: RangeInclusive<Duration> = Duration::ZERO..=Duration::MAX;

    #[test]
    fn duration_has_a_unit() {
        assert_eq!(duration("100ms", ANY), Ok(Duration::from_millis(100)));
        assert_eq!(duration("10m", ANY), Ok(Duration::from_secs(600)));
        assert_eq!(duration("2 d", ANY), Ok(Duration::from_secs(172_800)));
        for (wrong, why) in [("100", "no unit"), ("ms", "cannot be read"), ("1.5s", "not a whole"), ("-1s", "cannot")] {
            let error = duration(wrong, ANY).unwrap_err();
            assert!(error.what.contains(why) && error.help.contains("as in `100ms`"), "{error:?}");
        }
        assert!(duration("99999999999999999999d", ANY).is_err());
        assert!(duration("18446744073709551615d", ANY).unwrap_err().what.contains("out of range"));
    }

    #[test]
    fn size_has_a_unit() {
        assert_eq!(size("16KiB", 0..=u64::MAX), Ok(16_384));
        assert_eq!(size("4MB", 0..=u64::MAX), Ok(4_000_000));
        assert!(size("16", 0..=u64::MAX).unwrap_err().what.contains("no unit"));
        assert!(size("16k", 0..=u64::MAX).unwrap_err().what.contains("unknown unit"));
    }

    #[test]
    fn range_is_told_in_the_same_units() {
        let range = Duration::from_millis(10)..=Duration::from_secs(60);
        let out = |what: &str, help: &str| Wrong::new(format!("`{what}` is out of range"), help);
        assert_eq!(duration("2h", range).unwrap_err(), out("2h", "write something from 10ms to 1m"));
        assert_eq!(size("5MiB", 1..=4 << 20).unwrap_err(), out("5MiB", "write something from 1B to 4MiB"));
        assert_eq!(count("0", 1..=9).unwrap_err(), out("0", "write something from 1 to 9"));
    }
}
