//! The ids of events that were counted and may come again: what keeps a duplicate from counting twice, whichever
//! partition it comes by.

use activity::{EventId, Millis, Offset};
use hashbrown::HashSet;
use std::collections::BTreeMap;

/// Ids, by when they may be forgotten.
///
/// Invariant: a pure function of the log's prefix up to a position. It is not stored: whoever opens the shard reads the log
/// again from [`Seen::from`]. An id is known until no copy of it that was seen can be in time any more.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    generations: BTreeMap<Hour, Generation>,
    /// What was added since [`Seen::settle`], last last.
    unsettled: Vec<(Hour, EventId)>,
}

/// Hours since 1970. Ids that can be forgotten within an hour are forgotten together: there are few places to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Hour(i64);

const HOUR_MS: i64 = 3_600_000;

/// Ids that can be forgotten at the same hour.
#[derive(Debug)]
struct Generation {
    /// The first record of the log that had one of them.
    from: Offset,
    ids: HashSet<EventId>,
}

impl Hour {
    /// The first hour that begins no earlier than a time.
    fn from(time: Millis) -> Hour {
        Hour(time.0.div_euclid(HOUR_MS) + i64::from(time.0.rem_euclid(HOUR_MS) > 0))
    }

    fn is_past(self, time: Option<Millis>) -> bool {
        time.is_some_and(|time| self.0.saturating_mul(HOUR_MS) <= time.0)
    }
}

impl Seen {
    /// Remembers an event of the record at `at`, copies of which may come until shard time is `until`; `false` if its id was
    /// known at shard time `now`.
    pub(crate) fn insert(&mut self, id: EventId, until: Millis, at: Offset, now: Option<Millis>) -> bool {
        let hour = Hour::from(until);
        if hour.is_past(now) {
            return false;
        }
        let of_hour = |generation: &Generation| generation.ids.contains(&id);
        let latest = self.generations.iter().rev().find(|(_, generation)| of_hour(generation)).map(|(of, _)| *of);
        if latest.is_none_or(|latest| latest < hour) {
            let none = || Generation { from: at, ids: HashSet::new() };
            self.generations.entry(hour).or_insert_with(none).ids.insert(id);
            self.unsettled.push((hour, id));
        }
        latest.is_none_or(|latest| latest.is_past(now))
    }

    /// What was added until now stays, and what can be forgotten at shard time `now` is.
    pub(crate) fn settle(&mut self, now: Option<Millis>) {
        self.unsettled.clear();
        self.generations.retain(|hour, _| !hour.is_past(now));
    }

    /// Takes back what was added since it last settled.
    pub(crate) fn undo(&mut self) {
        for (hour, id) in self.unsettled.drain(..).rev() {
            if let Some(generation) = self.generations.get_mut(&hour) {
                generation.ids.remove(&id);
            }
        }
        self.generations.retain(|_, generation| !generation.ids.is_empty());
    }

    /// From where on the log has to be read to know all that are known at shard time `now`; `None` if there are none.
    pub(crate) fn from(&self, now: Option<Millis>) -> Option<Offset> {
        let known = self.generations.iter().filter(|(hour, _)| !hour.is_past(now));
        known.map(|(_, generation)| generation.from).min()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.generations.values().map(|generation| generation.ids.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: EventId = EventId(1);

    fn hours(hours: i64) -> Millis {
        Millis(hours * HOUR_MS)
    }

    #[test]
    fn an_id_is_new_once_until_none_of_its_copies_can_be_in_time() {
        let mut seen = Seen::default();
        assert!(seen.insert(X, hours(7), Offset(3), None));
        assert!(!seen.insert(X, hours(7), Offset(4), Some(hours(6))));
        assert!(!seen.insert(X, hours(9), Offset(5), Some(hours(6))), "the id decides, not the time");
        seen.settle(Some(hours(7)));
        assert!(!seen.insert(X, hours(8), Offset(6), Some(hours(7))), "it was sent again with a later time");
        seen.settle(Some(hours(9)));
        assert_eq!(seen.len(), 0);
        assert!(seen.insert(X, hours(10), Offset(7), Some(hours(9))));
    }

    #[test]
    fn what_is_past_is_not_known_whether_it_was_forgotten_or_not() {
        for forgets in [false, true] {
            let mut seen = Seen::default();
            seen.insert(X, hours(7), Offset(3), None);
            if forgets {
                seen.settle(Some(hours(7)));
            }
            assert_eq!(seen.from(Some(hours(7))), None);
            assert!(seen.insert(X, hours(8), Offset(4), Some(hours(7))));
        }
    }

    #[test]
    fn the_log_is_read_again_from_the_first_record_of_what_is_known() {
        let mut seen = Seen::default();
        assert_eq!(seen.from(None), None);
        seen.insert(EventId(1), hours(8), Offset(3), None);
        seen.insert(EventId(2), hours(7), Offset(2), None);
        seen.insert(EventId(3), Millis(hours(6).0 + 1), Offset(5), None);
        assert_eq!((seen.from(None), seen.from(Some(hours(7)))), (Some(Offset(2)), Some(Offset(3))));
    }

    #[test]
    fn what_did_not_settle_can_be_taken_back() {
        let mut seen = Seen::default();
        seen.insert(X, hours(7), Offset(3), None);
        seen.settle(None);
        seen.insert(X, hours(8), Offset(4), None);
        seen.insert(EventId(2), hours(7), Offset(4), None);
        seen.undo();
        assert_eq!((seen.len(), seen.from(None)), (1, Some(Offset(3))));
        assert!(seen.insert(EventId(2), hours(7), Offset(6), None));
    }
}
