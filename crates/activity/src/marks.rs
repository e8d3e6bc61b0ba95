//! What happened to an entity, and when: values at points in time, for metrics that ask for more than whether it was active.

use crate::types::Millis;
use crate::varint;

/// Values at times, each pair once.
///
/// Invariant: pairs ascend, by time and then by value. Marks commute and are idempotent: they are a set, so an event that comes
/// again, or late, or in another order, leaves the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(Vec<(Millis, i64)>);

/// What is kept of marks that lie before everything that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Keep {
    /// Nothing.
    None,
    /// The last one, however old: it is the state that still holds.
    Last,
}

impl Marks {
    /// Adds a value at a time; `true` if it was not there.
    pub fn insert(&mut self, at: Millis, value: i64) -> bool {
        let place = self.0.binary_search(&(at, value));
        place.map_err(|place| self.0.insert(place, (at, value))).is_err()
    }

    /// Lets go of what lies before `floor`.
    pub fn trim(&mut self, floor: Millis, keep: Keep) {
        let before = self.0.partition_point(|(at, _)| *at < floor);
        self.0.drain(..before.saturating_sub(usize::from(keep == Keep::Last)));
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
            let mut bytes = Vec::new();
            told.encode(&mut bytes);
            bytes.push(7);
            prop_assert_eq!(Marks::take(&bytes), Some((told, &[7][..])));
        }
    }
}
