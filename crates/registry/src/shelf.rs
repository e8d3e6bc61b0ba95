//! What is known of schemas, and which to ask for next: no clock, no network.
//!
//! Invariants: what was found stays found; that there is no such schema is believed for a while and never longer; while the
//! registry gives no answers, one question after another is asked, with pauses between them.

use crate::{SchemaId, SchemaText};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long things last.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// For how long it is believed that there is no such schema.
    pub unknown_for: Duration,
    /// The longest pause before a registry that gives no answer is asked again; the first is a sixty-fourth of it.
    pub retry: Duration,
}

/// What is known of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The registry has it.
    Schema(Arc<SchemaText>),
    /// The registry says that it has none of that id.
    Nothing,
    /// The registry has not answered yet.
    Pending,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Ask for this one.
    Ask(SchemaId),
    /// Nothing before that.
    At(Instant),
    /// Nothing before somebody wants something.
    Nothing,
}

/// How many pauses it takes to get to the longest.
const DOUBLINGS: u32 = 6;

#[derive(Debug)]
pub(crate) struct Shelf {
    times: Times,
    found: BTreeMap<SchemaId, Arc<SchemaText>>,
    /// Those that there are not, and until when that is believed.
    missing: BTreeMap<SchemaId, Instant>,
    wanted: BTreeSet<SchemaId>,
    failures: u32,
    not_before: Option<Instant>,
}

impl Shelf {
    pub(crate) fn new(times: Times) -> Shelf {
        let (found, missing, wanted) = Default::default();
        Shelf { times, found, missing, wanted, failures: 0, not_before: None }
    }

    /// What is known of a schema now; it is wanted if that is nothing.
    pub(crate) fn find(&mut self, id: SchemaId, now: Instant) -> Found {
        if let Some(text) = self.found.get(&id) {
            return Found::Schema(text.clone());
        }
        self.missing.retain(|_, until| *until > now);
        if self.missing.contains_key(&id) {
            return Found::Nothing;
        }
        self.wanted.insert(id);
        Found::Pending
    }

    /// What to ask for.
    pub(crate) fn due(&self, now: Instant) -> Due {
        match (self.wanted.first(), self.not_before.filter(|then| *then > now)) {
            (None, _) => Due::Nothing,
            (Some(_), Some(then)) => Due::At(then),
            (Some(id), None) => Due::Ask(*id),
        }
    }

    /// The registry has answered; whether it had not done so the last time.
    pub(crate) fn answered(&mut self, id: SchemaId, found: Option<SchemaText>, now: Instant) -> bool {
        self.wanted.remove(&id);
        match found {
            Some(text) => drop(self.found.insert(id, Arc::new(text))),
            None => drop(self.missing.insert(id, now + self.times.unknown_for)),
        }
        self.not_before = None;
        std::mem::take(&mut self.failures) > 0
    }

    /// The registry has not answered: the pause until it is asked again. Each is twice as long as the one before, up to the
    /// longest, less up to a half of it by `dice`, so that many processes do not ask at once.
    pub(crate) fn failed(&mut self, now: Instant, dice: u32) -> Duration {
        let full = self.times.retry / 2u32.pow(DOUBLINGS - self.failures.min(DOUBLINGS));
        let pause = full - full.mul_f64(f64::from(dice) / f64::from(u32::MAX) / 2.0);
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(now + pause);
        pause
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing depends on which")]
mod tests {
    use super::*;

    const TIMES: Times = Times { unknown_for: Duration::from_secs(30), retry: Duration::from_secs(64) };
    const ID: SchemaId = SchemaId(7);

    fn text() -> SchemaText {
        SchemaText { schema: "\"string\"".into(), references: Vec::new() }
    }

    #[test]
    fn a_schema_is_asked_for_once_and_then_known_for_good() {
        let (mut shelf, start) = (Shelf::new(TIMES), Instant::now());
        assert_eq!(shelf.due(start), Due::Nothing);
        assert_eq!(shelf.find(ID, start), Found::Pending);
        assert_eq!(shelf.find(ID, start), Found::Pending);
        assert_eq!(shelf.due(start), Due::Ask(ID));
        assert!(!shelf.answered(ID, Some(text()), start));
        assert_eq!(shelf.due(start), Due::Nothing);
        let found = shelf.find(ID, start + Duration::from_secs(1_000_000));
        assert_eq!(found, Found::Schema(Arc::new(text())));
    }

    #[test]
    fn that_there_is_none_is_believed_for_a_while() {
        let (mut shelf, start) = (Shelf::new(TIMES), Instant::now());
        assert_eq!(shelf.find(ID, start), Found::Pending);
        shelf.answered(ID, None, start);
        assert_eq!(shelf.find(ID, start + Duration::from_secs(29)), Found::Nothing);
        assert_eq!(shelf.due(start + Duration::from_secs(29)), Due::Nothing);
        assert_eq!(shelf.find(ID, start + Duration::from_secs(30)), Found::Pending);
        assert_eq!(shelf.due(start + Duration::from_secs(30)), Due::Ask(ID));
        shelf.answered(ID, Some(text()), start + Duration::from_secs(30));
        assert_eq!(shelf.find(ID, start + Duration::from_secs(31)), Found::Schema(Arc::new(text())));
    }

    #[test]
    fn pauses_grow_to_the_longest_and_end_with_an_answer() {
        let (mut shelf, start) = (Shelf::new(TIMES), Instant::now());
        assert_eq!(shelf.find(ID, start), Found::Pending);
        let pauses: Vec<u64> = (0..9).map(|_| shelf.failed(start, 0).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 64, 64]);
        assert_eq!(shelf.failed(start, u32::MAX), Duration::from_secs(32), "by chance up to a half less");
        assert_eq!(shelf.due(start), Due::At(start + Duration::from_secs(32)));
        assert_eq!(shelf.due(start + Duration::from_secs(32)), Due::Ask(ID));
        assert_eq!(shelf.find(ID, start), Found::Pending, "silence says nothing about the schema");
        assert!(shelf.answered(ID, Some(text()), start), "it answers again");
        assert_eq!(shelf.find(SchemaId(8), start), Found::Pending);
        assert_eq!(shelf.due(start), Due::Ask(SchemaId(8)));
        assert_eq!(shelf.failed(start, 0).as_secs(), 1);
    }
}
