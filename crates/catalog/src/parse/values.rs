//! Values that several sections have.

use crate::cursor::Cursor;
use crate::source::Path;
use crate::suggest;
use activity::{Grain, Window};
use std::ops::RangeInclusive;

/// The lengths that a span of time may have in each unit.
pub(crate) type Units = [(Grain, RangeInclusive<u16>)];

/// A span of time: a whole number of one unit, written as in `60m`, `24h` or `7d`.
pub(super) fn span(cursor: &Cursor, noun: &str, units: &Units) -> Option<Window> {
    let help = || {
        let names: Vec<String> = units.iter().map(|(grain, _)| format!("{}s", grain.name())).collect();
        let range = |(grain, range): &(Grain, RangeInclusive<u16>)| {
            let unit = grain.letter();
            format!("from `{}{unit}` to `{}{unit}`", range.start(), range.end())
        };
        let ranges: Vec<String> = units.iter().map(range).collect();
        format!("{noun} is whole {}, {}", suggest::either(&names), suggest::either(&ranges))
    };
    let Some(written) = cursor.written().filter(|written| !written.is_empty()) else {
        return cursor.mismatch("a span of time", &help());
    };
    let unit = written.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = &written[..written.len() - unit.len()];
    let allowed = Grain::of_letter(unit).and_then(|grain| units.iter().find(|(of, _)| *of == grain));
    match (unit, allowed) {
        _ if digits.is_empty() => cursor.wrong(format!("`{written}` is not a span of time"), help()),
        (_, Some((grain, range))) => match digits.parse().ok().filter(|length| range.contains(length)) {
            Some(length) => Some(Window::trailing(*grain, length)),
            None => cursor.wrong(format!("`{written}` is out of range"), help()),
        },
        ("", None) => {
            let meant = |(grain, _): &(Grain, _)| format!("{}s: `{written}{}`", grain.name(), grain.letter());
            let meant: Vec<String> = units.iter().map(meant).collect();
            cursor.wrong(format!("`{written}` has no unit"), format!("write it, to mean {}", suggest::either(&meant)))
        }
        ("w", None) => {
            let instead = digits.parse::<u16>().ok().and_then(|weeks| weeks.checked_mul(7));
            let instead = instead.map_or_else(help, |days| format!("write `{days}d`"));
            cursor.wrong(format!("`{written}` is in weeks, which are not a unit here"), instead)
        }
        _ => cursor.wrong(format!("`{written}` is not a span of time that fits here"), help()),
    }
}

/// How long a span is, days taken as 24 hours each.
pub(super) fn millis(span: Window) -> i64 {
    i64::from(span.longest()) * span.grain.nominal_ms()
}

/// The path that `a.b.c` stands for.
pub(super) fn path(cursor: &Cursor) -> Option<Path> {
    if cursor.written().is_none() {
        return cursor.mismatch("a path", PATH_HELP);
    }
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
