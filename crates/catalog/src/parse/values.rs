//! Values that several sections have.

use crate::cursor::Cursor;
use crate::plan::Path;
use std::ops::RangeInclusive;

/// A whole number of days within a range, written as in `7d`.
pub(super) fn days(cursor: &Cursor, noun: &str, range: RangeInclusive<u16>) -> Option<u16> {
    let (shortest, longest) = (range.start(), range.end());
    let help = format!("{noun} is whole days, from `{shortest}d` to `{longest}d`");
    let Some(written) = cursor.written().filter(|written| !written.is_empty()) else {
        return cursor.mismatch("a number of days", &help);
    };
    let unit = written.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = &written[..written.len() - unit.len()];
    match unit {
        _ if digits.is_empty() => cursor.wrong(format!("`{written}` is not a number of days"), help),
        "d" => match digits.parse().ok().filter(|days| range.contains(days)) {
            Some(days) => Some(days),
            None => cursor.wrong(format!("`{written}` is out of range"), help),
        },
        "" => cursor.wrong(format!("`{written}` has no unit"), format!("to mean days, write `{written}d`")),
        "w" => {
            let instead = digits.parse::<u16>().ok().and_then(|weeks| weeks.checked_mul(7));
            let instead = instead.map_or(help, |days| format!("write `{days}d`"));
            cursor.wrong(format!("`{written}` is in weeks, which are not a unit here"), instead)
        }
        "s" | "m" | "h" => cursor.wrong(format!("`{written}` is not supported yet in this version"), help),
        _ => cursor.wrong(format!("`{written}` is not a number of days"), help),
    }
}

/// The path that `a.b.c` stands for.
pub(super) fn path(cursor: &Cursor) -> Option<Path> {
    let text = cursor.text()?;
    split(text).or_else(|| cursor.wrong(format!("`{text}` is not a path"), PATH_HELP))
}

pub(super) const PATH_HELP: &str =
    "write the names of the objects and of the field with a `.` between them, as in `a.b.c`";

/// The names between the dots, unless one is empty.
pub(super) fn split(text: &str) -> Option<Path> {
    let names: Path = text.split('.').map(str::to_owned).collect();
    names.iter().all(|name| !name.trim().is_empty()).then_some(names)
}
