//! How a metric follows, by its type: what types have to say beside what they measure.

use super::measure::Wanted;
use super::metrics::Type;
use super::{baseline, values};
use crate::cursor::{Cursor, Entries};
use crate::kinds::{self, AGAINST, Against, Frequency, Growth, Kind, Recency, Retention};
use crate::plan::{Literal, Measure};
use activity::{Grain, Period, Window};

/// How the metric follows, if not in the plainest way.
pub(super) fn read(
    of: Type,
    entries: &Entries,
    wanted: Option<&Wanted>,
    windows: Option<&[Window]>,
) -> Option<Option<Kind>> {
    let [measure, spans] = ["measure", "windows"].map(|name| entries.get(name));
    // What they say is read first, so that its mistakes are told beside those of the measure.
    let own = match of {
        Type::Retention => Some(retention(entries).map(Kind::Retention)),
        Type::Baseline => Some(baseline::read(entries).map(Kind::Baseline)),
        Type::Recency => Some(recency(entries, spans.zip(windows)).map(Kind::Recency)),
        _ => None,
    };
    let is_of_activity = [Type::Frequency, Type::Growth, Type::Baseline, Type::Retention, Type::Recency].contains(&of);
    if let (true, Some(cursor), Some(wanted)) = (is_of_activity, measure, wanted) {
        let help = "write `agg: count_distinct` and no `at_least`";
        match (&wanted.measure, &wanted.kind) {
            (Measure::Distinct(_) | Measure::Events(_), None) => {}
            (Measure::Distinct(_) | Measure::Events(_), Some(_)) => {
                return cursor.wrong_at_home("`at_least` is for `type: simple`", help);
            }
            _ => return cursor.wrong_at_home("this type of metric is about who was active", help),
        }
    }
    if let Some(own) = own {
        return own.map(Some);
    }
    let against = entries.read_or("against", Against::Period, |cursor| cursor.choice("a comparison", AGAINST, &[]));
    let (kind, windows) = (wanted?.kind.clone(), windows?);
    match of {
        Type::Frequency => {
            kinds::trail(spans?, "a frequency", windows)?;
            Frequency::of(spans?, windows).map(|of| Some(Kind::Frequency(of)))
        }
        Type::Growth => {
            kinds::trail(spans?, "growth", windows)?;
            Some(Some(Kind::Growth(Growth { against: against? })))
        }
        _ => {
            if let (Some(Kind::AtLeast(at_least)), Some(spans)) = (&kind, spans) {
                at_least.check(spans, windows)?;
            }
            if let (Some(Kind::Conversion(conversion)), Some(spans)) = (&kind, spans) {
                conversion.check(spans, windows)?;
            }
            Some(kind)
        }
    }
}

/// The most periods that cohorts are followed for.
pub(crate) const MOST_PERIODS: i64 = 60;
pub(crate) const EVERY: &[(&str, Period)] =
    &[("week", Period::Week), ("month", Period::Month), ("quarter", Period::Quarter)];

fn retention(entries: &Entries) -> Option<Retention> {
    let every = entries.read_or("every", Period::Week, |cursor| cursor.choice("a period", EVERY, &[]));
    let periods = entries.read_or("periods", 12, |cursor| match cursor.literal()? {
        Literal::Int(periods) if (1..=MOST_PERIODS).contains(&periods) => u16::try_from(periods).ok(),
        _ => cursor.mismatch(
            &format!("a whole number from 1 to {MOST_PERIODS}"),
            "write for how many weeks or months cohorts are followed, as in `periods: 12`",
        ),
    });
    Some(Retention { every: every?, periods: periods? })
}

/// How many parts there are at most.
const MOST_PARTS: usize = 20;

fn recency(entries: &Entries, windows: Option<(&Cursor, &[Window])>) -> Option<Recency> {
    let help = "write from how many days on each further part begins, as in `since: [7d, 14d, 28d]`";
    let since = entries.require("since", help)?;
    let mut from = since.one_or_more(|cursor| values::span(cursor, "a part", SINCE).map(Window::longest))?;
    if from.len() >= MOST_PARTS {
        return since.wrong_at_home("these are too many parts", format!("write at most {}", MOST_PARTS - 1));
    }
    from.sort_unstable();
    let recency = Recency { from };
    windows.map_or(Some(()), |(cursor, windows)| recency.check(cursor, windows))?;
    Some(recency)
}

pub(crate) const SINCE: &values::Units = &[(Grain::Day, 1..=89)];
