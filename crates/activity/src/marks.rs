//! What happened to an entity, and when: values at points in time, for metrics that ask for more than whether it was active.

use crate::types::Millis;
use crate::varint;

/// Values at times, each pair once.
///
/// Invariant: pairs ascend, by time and then by value. Marks commute and are idempotent, so an event that comes again, or late, or in
/// another order, leaves the same: they are a set; or, if they are joined, the stretches of moments of which each is no further than a
/// gap from the next, each as when it begins and how long it lasts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(Vec<(Millis, i64)>);

/// What is kept of marks that lie before everything that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Keep {
    /// Nothing.
    None,
    /// The last one, however old: it is the state that still holds.
    Last,
    /// Nothing; marks are joined, and what lies before is cut off.
    Joined,
}

impl Marks {
    /// Adds a value at a time; `true` if it was not there.
    pub fn insert(&mut self, at: Millis, value: i64) -> bool {
        let place = self.0.binary_search(&(at, value));
        place.map_err(|place| self.0.insert(place, (at, value))).is_err()
    }

    /// Joins a moment with the stretches that are no further from it than `gap`, in milliseconds: those, and the one that is there in
    /// place of them. Nothing if it lay in one.
    pub fn join(&mut self, at: Millis, gap: i64) -> Option<[Marks; 2]> {
        let near = self.0.partition_point(|stretch| end(stretch) + gap < at.0)
            ..self.0.partition_point(|(from, _)| from.0 - gap <= at.0);
        let of = &self.0[near.clone()];
        let from = of.first().map_or(at, |(from, _)| at.min(*from));
        let joined = (from, of.last().map_or(at.0, |last| at.0.max(end(last))) - from.0);
        if of == [joined] {
            return None;
        }
        let replaced = self.0.splice(near, [joined]).collect();
        Some([Marks(replaced), Marks(vec![joined])])
    }

    /// Whether there is this value at this time.
    #[must_use]
    pub fn has(&self, at: Millis, value: i64) -> bool {
        self.0.binary_search(&(at, value)).is_ok()
    }

    /// Lets go of what lies before `floor`.
    pub fn trim(&mut self, floor: Millis, keep: Keep) {
        let until = match keep {
            Keep::None => self.0.partition_point(|(at, _)| *at < floor),
            Keep::Last => self.0.partition_point(|(at, _)| *at < floor).saturating_sub(1),
            Keep::Joined => self.0.partition_point(|stretch| end(stretch) < floor.0),
        };
        self.0.drain(..until);
        if let (Keep::Joined, Some((from, length))) = (keep, self.0.first_mut().filter(|(from, _)| *from < floor)) {
            (*from, *length) = (floor, from.0 + *length - floor.0);
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Times and values, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Millis, i64)> {
        self.0.iter().copied()
    }

    /// How many bytes they take when stored, about.
    pub(crate) fn size(&self) -> usize {
        2 + 9 * self.0.len()
    }

    /// Appends the marks: how many, and for each the milliseconds since the one before and the value.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        varint::put(self.0.len() as u64, out);
        let mut before = 0;
        for (Millis(at), value) in &self.0 {
            varint::put_signed(at.wrapping_sub(before), out);
            varint::put_signed(*value, out);
            before = *at;
        }
    }

    /// Takes marks off the front; `None` if the bytes are none.
    pub(crate) fn take(bytes: &[u8]) -> Option<(Marks, &[u8])> {
        let (count, mut rest) = varint::take(bytes)?;
        let (mut marks, mut before) = (Marks::default(), 0i64);
        for _ in 0..count {
            let (since, tail) = varint::take_signed::<i64>(rest)?;
            let (value, tail) = varint::take_signed::<i64>(tail)?;
            before = before.wrapping_add(since);
            marks.0.push((Millis(before), value));
            rest = tail;
        }
        marks.0.is_sorted_by(|a, b| a < b).then_some((marks, rest))
    }
}

fn end((from, length): &(Millis, i64)) -> i64 {
    from.0 + length
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn marks_are_a_set_that_reads_back(
            marks in proptest::collection::vec((-40i64..40, -3i64..3), 0..40), floor in -40i64..40, keeps_last in any::<bool>(),
        ) {
            let (mut told, mut all) = (Marks::default(), BTreeSet::new());
            for (at, value) in &marks {
                prop_assert_eq!(told.insert(Millis(*at), *value), all.insert((Millis(*at), *value)));
            }
            prop_assert!(told.iter().eq(all.iter().copied()));
            told.trim(Millis(floor), if keeps_last { Keep::Last } else { Keep::None });
            let last = all.range(..(Millis(floor), i64::MIN)).next_back().filter(|_| keeps_last);
            let kept: Vec<_> = last.into_iter().chain(all.range((Millis(floor), i64::MIN)..)).copied().collect();
            prop_assert!(told.iter().eq(kept));
            prop_assert!((-40..40).all(|at| told.has(Millis(at), 0) == told.iter().any(|of| of == (Millis(at), 0))));
            let mut bytes = Vec::new();
            told.encode(&mut bytes);
            bytes.push(7);
            prop_assert_eq!(Marks::take(&bytes), Some((told, &[7][..])));
        }

        #[test]
        fn moments_join_whatever_their_order(
            moments in proptest::collection::vec(-200i64..200, 0..40), gap in 0i64..20, floor in -200i64..200,
        ) {
            let mut told = Marks::default();
            let mut expected: Vec<(i64, i64)> = Vec::new();
            for at in &moments {
                let before = told.clone();
                let Some([old, new]) = told.join(Millis(*at), gap) else {
                    prop_assert_eq!(&told, &before);
                    continue;
                };
                let others = |all: &Marks, but: &Marks| {
                    all.iter().filter(|of| but.iter().all(|other| other != *of)).collect::<Vec<_>>()
                };
                prop_assert_eq!(others(&told, &new), others(&before, &old));
                prop_assert!(old.iter().all(|of| before.iter().any(|other| other == of)) && old != new);
            }
            for at in moments.iter().collect::<BTreeSet<_>>() {
                match expected.last_mut() {
                    Some((from, length)) if at - (*from + *length) <= gap => *length = at - *from,
                    _ => expected.push((*at, 0)),
                }
            }
            prop_assert!(told.iter().map(|(at, length)| (at.0, length)).eq(expected.iter().copied()));
            told.trim(Millis(floor), Keep::Joined);
            expected.retain(|(from, length)| from + length >= floor);
            let cut = |(from, length): (i64, i64)| (from.max(floor), from + length - from.max(floor));
            let expected = expected.into_iter().map(cut);
            prop_assert!(told.iter().map(|(at, length)| (at.0, length)).eq(expected));
        }
    }
}
