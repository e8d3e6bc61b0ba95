//! What entities are compared with: `against: 28d, below: 0.5`.

use super::marks::COMPARED;
use super::values::span;
use crate::cursor::{Cursor, Entries};
use crate::kinds::{Baseline, Limit};
use crate::plan::Literal;

/// How far back the baseline reaches, and from where on an entity counts.
pub(super) fn read(entries: &Entries) -> Option<Baseline> {
    let help = "write how many days before the window are the baseline, as in `against: 28d`";
    let before = entries.require("against", help).and_then(|cursor| span(cursor, "a baseline", COMPARED));
    let limit = match (entries.get("below"), entries.get("above")) {
        (Some(below), None) => share(below).map(Limit::Below),
        (None, Some(above)) => share(above).map(Limit::Above),
        (Some(_), Some(above)) => above.wrong_at_home(
            "`above` stands beside `below`",
            "write a metric for each: who does less, and who does more",
        ),
        (None, None) => {
            let help = "write from which share of the baseline on an entity counts, as in `below: 0.5`, or `above: 2`";
            entries.require("below", help).and(None)
        }
    };
    Some(Baseline { before: before?.longest(), limit: limit? })
}

/// In thousandths.
pub(super) fn share(cursor: &Cursor) -> Option<u32> {
    const HELP: &str = "write a share of the baseline with at most three decimals, as in `0.5`; twice as much is `2`";
    let share = match cursor.literal()? {
        Literal::Int(share) => u32::try_from(share).ok().and_then(|share| share.checked_mul(1_000)),
        // The thousandths of a short decimal are a whole number, but for what a double cannot hold.
        Literal::Float(share) => {
            let thousandths = share * 1_000.0;
            let is_whole = (thousandths - thousandths.round()).abs() < 1e-6 && (0.0..1e9).contains(&thousandths);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in range")]
            is_whole.then_some(thousandths.round() as u32)
        }
        Literal::Bool(_) | Literal::Text(_) => None,
    };
    share.filter(|share| *share > 0).or_else(|| cursor.mismatch("a number above 0", HELP))
}
