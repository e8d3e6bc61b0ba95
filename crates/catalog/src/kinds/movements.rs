//! How what is held moves, as monthly recurring revenue does: `type: movements`.

use super::state::State;
use super::{Function, Made, MadeFormula, Seen, Step, amount, made};
use activity::Window;
use activity::levels::Levels;

/// What entities are worth, against what the same ones were worth a window before: as of every bucket
/// `now = opening + new + expansion - contraction - churned`. Who was worth nothing then is new, also who came back; who is worth
/// nothing now has churned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movements;

const AMOUNTS: [&str; 6] = ["", "_opening", "_new", "_expansion", "_contraction", "_churned"];
const COUNTS: [&str; 4] = ["_logos", "_opening_logos", "_new_logos", "_churned_logos"];

impl Function for Movements {
    fn makes(&self, windows: &[Window]) -> Vec<Made> {
        let amounts = AMOUNTS.into_iter().map(|suffix| amount(suffix, windows));
        amounts.chain(COUNTS.into_iter().map(|suffix| made(suffix, windows))).collect()
    }

    fn reach(&self, window: Window) -> u16 {
        window.longest() + 1
    }

    fn steps(&self, seen: &Seen<'_>, step: Step<'_>) {
        let now = State::Worth.levels(seen).with(&Levels::default(), |now, _| now.max(0));
        let opening = now.later(seen.window.longest().into());
        let of = |level: fn(i128, i128) -> i128| now.with(&opening, level);
        let places = [
            of(|now, _| now),
            of(|_, opening| opening),
            of(|now, opening| if opening == 0 { now } else { 0 }),
            of(|now, opening| if opening == 0 { 0 } else { (now - opening).max(0) }),
            of(|now, opening| if now == 0 { 0 } else { (opening - now).max(0) }),
            of(|now, opening| if now == 0 { opening } else { 0 }),
            of(|now, _| i128::from(now > 0)),
            of(|_, opening| i128::from(opening > 0)),
            of(|now, opening| i128::from(now > 0 && opening == 0)),
            of(|now, opening| i128::from(now == 0 && opening > 0)),
        ];
        for (place, levels) in places.iter().enumerate() {
            levels.steps().for_each(|(at, n)| step(place, at, n));
        }
    }

    fn words(&self, place: usize) -> String {
        let what = match place {
            0 => "adds what the latest of these events says",
            1 => "adds what it was worth a window before",
            2 => "adds what it is worth, if that was nothing a window before",
            3 => "adds by how much it is worth more than a window before, if it was worth something then",
            4 => "adds by how much it is worth less than a window before, if it is worth something now",
            5 => "adds what it was worth a window before, if it is worth nothing now",
            6 => "counts once if it is worth something",
            7 => "counts once if it was worth something a window before",
            8 => "counts once if it is worth something, and was worth nothing a window before",
            _ => "counts once if it is worth nothing, and was worth something a window before",
        };
        what.to_owned()
    }

    fn formulas(&self, name: &str) -> Vec<MadeFormula> {
        let net = "(~_opening + ~_expansion - ~_contraction - ~_churned) / ~_opening";
        let of_net = "Net retention: what those of a window before are worth now, over what they were worth then.";
        let gross = "(~_opening - ~_contraction - ~_churned) / ~_opening";
        let of_gross = "Gross retention: the same without what anyone is worth more than then.";
        vec![MadeFormula::derived(name, "_nrr", net, of_net), MadeFormula::derived(name, "_grr", gross, of_gross)]
    }

    fn code(&self) -> Vec<u64> {
        vec![u64::from(b'm')]
    }
}
