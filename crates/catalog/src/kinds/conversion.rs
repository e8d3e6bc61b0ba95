//! Who went on to do something else in time: `type: conversion`, and a funnel of several steps.

use super::{Function, Made, MadeFormula, Seen, Step, made};
use crate::cursor::Cursor;
use activity::{Bucket, Grain, Millis, Window};

/// An entity enters on every day on which the first step happens to it, and converts when all further steps have followed, in order
/// and in time. What is not over yet is told apart: a rate of what has matured does not sink whenever many enter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversion {
    /// How many steps there are, at least two.
    pub(crate) steps: u16,
    pub(crate) within: Within,
}

/// How long after the first step the last one may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Within {
    /// On the same calendar day or one of so many after it.
    Days(u16),
    /// So many milliseconds.
    Ms(i64),
}

const DAY_MS: i64 = Grain::Day.nominal_ms();

const STARTED: usize = 0;
const CONVERTED: usize = 1;
const MATURED: usize = 2;
const MATURED_CONVERTED: usize = 3;
const OPEN: usize = 4;
/// The place of the second step of a funnel; the others follow, but for the last, which is the conversion.
const SECOND: usize = 5;

/// An entry: when it began, and when it went how far.
pub(super) struct Entry {
    pub(super) from: Bucket,
    /// The day on which each further step was reached, in order, as far as it came.
    pub(super) reached: Vec<Bucket>,
    /// The first day on which nothing of it can be in time any more.
    matured: Bucket,
}

impl Conversion {
    /// Reports windows that are over before anything that began in them has matured.
    pub(crate) fn check(&self, cursor: &Cursor, windows: &[Window]) -> Option<()> {
        let days = match self.within {
            Within::Days(days) => i64::from(days),
            Within::Ms(ms) => (ms + DAY_MS - 1) / DAY_MS,
        };
        let least = days + 2;
        match windows.iter().find(|window| i64::from(window.longest()) < least) {
            None => Some(()),
            Some(short) => cursor.wrong(
                format!("of what began in `{short}` nothing is over, and the rate is of what is"),
                format!("write windows of at least `{least}d`, or a shorter `within`"),
            ),
        }
    }

    pub(super) fn entries(&self, seen: &Seen<'_>) -> Vec<Entry> {
        let marks: Vec<(Millis, i64)> = seen.marks().collect();
        let mut entries = Vec::<Entry>::new();
        for (at, _) in marks.iter().filter(|(_, step)| *step == 0) {
            let from = seen.bucket(*at);
            if entries.iter().all(|entry| entry.from != from) {
                entries.push(self.entry(seen, &marks, *at));
            }
        }
        entries
    }

    fn entry(&self, seen: &Seen<'_>, marks: &[(Millis, i64)], began: Millis) -> Entry {
        let from = seen.bucket(began);
        let in_time = |at: Millis| match self.within {
            Within::Days(days) => seen.bucket(at) <= from.plus(days.into()),
            Within::Ms(ms) => at.0 - began.0 <= ms,
        };
        let (mut reached, mut after) = (Vec::new(), began);
        for step in 1..i64::from(self.steps) {
            let next = marks.iter().find(|(at, of)| *of == step && *at >= after && in_time(*at));
            let Some((at, _)) = next else { break };
            reached.push(seen.bucket(*at));
            after = *at;
        }
        let last = match self.within {
            Within::Days(days) => from.plus(days.into()),
            Within::Ms(ms) => seen.bucket(Millis(began.0 + ms)),
        };
        Entry { from, reached, matured: last.plus(1) }
    }
}

impl Function for Conversion {
    fn makes(&self, windows: &[Window]) -> Vec<Made> {
        let parts = ["_started", "_converted", "_matured", "_matured_converted", "_open"];
        let steps = (2..self.steps).map(|step| made(&format!("_step_{step}"), windows));
        parts.into_iter().map(|suffix| made(suffix, windows)).chain(steps).collect()
    }

    fn steps(&self, seen: &Seen<'_>, step: Step<'_>) {
        for Entry { from, reached, matured } in self.entries(seen) {
            let end = seen.until(from);
            let mut put = |place, from: Bucket, until: Bucket| {
                if from < until {
                    step(place, from, 1);
                    step(place, until, -1);
                }
            };
            put(STARTED, from, end);
            put(MATURED, matured, end);
            let further = usize::from(self.steps) - 1;
            for (at, day) in reached.iter().enumerate().take(further - 1) {
                put(SECOND + at, *day, end);
            }
            let converted = reached.get(further - 1).copied();
            put(OPEN, from, converted.unwrap_or(matured).min(matured).min(end));
            if let Some(converted) = converted {
                put(CONVERTED, converted, end);
                put(MATURED_CONVERTED, matured, end);
            }
        }
    }

    fn words(&self, place: usize) -> String {
        let time = match self.within {
            Within::Days(1) => "1 day".to_owned(),
            Within::Days(days) => format!("{days} days"),
            Within::Ms(ms) => crate::span(ms),
        };
        match place {
            STARTED => "enters on every day with the first".to_owned(),
            CONVERTED => format!("counts for every day of entry after which all of them came within {time}"),
            MATURED => format!("counts for every day of entry whose time, {time}, is over"),
            MATURED_CONVERTED => {
                format!("counts for every day of entry whose time, {time}, is over, if all of them came in it")
            }
            OPEN => format!("counts for every day of entry whose time, {time}, is not over, unless all of them came"),
            _ => format!(
                "counts for every day of entry after which it came to step {} within {time}",
                place - SECOND + 2
            ),
        }
    }

    fn formulas(&self, name: &str) -> Vec<MadeFormula> {
        let parts = ["_matured_converted", "_matured"].map(|suffix| format!("{name}{suffix}"));
        let words = "Of the entries whose time is over, the share that came through all steps.";
        vec![MadeFormula::share(name, "", parts, words)]
    }

    fn code(&self) -> Vec<u64> {
        let within = match self.within {
            Within::Days(days) => [0, days.into()],
            Within::Ms(ms) => [1, ms.unsigned_abs()],
        };
        [&[u64::from(b'c'), self.steps.into()][..], &within].concat()
    }
}
