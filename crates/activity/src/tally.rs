//! Whole numbers by bucket: what a record keeps of the events of an entity, and of how many of its members count.

use crate::types::Bucket;
use crate::varint;

/// A number for each bucket, 0 for most. It is what events of each bucket add up to, or, read as the steps of a function over
/// as-of buckets, how many members count: what is let go of differs.
///
/// Invariant: buckets ascend, each once, and no number is 0; so equal numbers are equal tallies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(Vec<(Bucket, i128)>);

impl Tally {
    /// Adds `n` to the number of a bucket.
    pub fn add(&mut self, bucket: Bucket, n: i128) {
        match self.0.binary_search_by_key(&bucket, |(of, _)| *of) {
            Ok(at) if self.0[at].1 == -n => drop(self.0.remove(at)),
            Ok(at) => self.0[at].1 += n,
            Err(at) if n != 0 => self.0.insert(at, (bucket, n)),
            Err(_) => {}
        }
    }

    /// Lets go of the numbers below `floor`.
    pub fn trim(&mut self, floor: Bucket) {
        self.0.drain(..self.0.partition_point(|(of, _)| *of < floor));
    }

    /// Lets go of the values below `floor` where the numbers are steps: what stepped until then becomes one step at the last of
    /// these buckets.
    pub fn fold(&mut self, floor: Bucket) {
        let until = self.0.partition_point(|(of, _)| *of <= floor);
        if until > 1 {
            let base = self.0[..until].iter().map(|(_, n)| n).sum();
            let (at, _) = self.0[until - 1];
            self.0.splice(..until, (base != 0).then_some((at, base)));
        }
    }

    /// Whether all numbers are 0.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The numbers that are not 0, by ascending bucket.
    pub fn iter(&self) -> impl Iterator<Item = (Bucket, i128)> {
        self.0.iter().copied()
    }

    /// How many bytes it takes when stored, about.
    pub(crate) fn size(&self) -> usize {
        2 + 6 * self.0.len()
    }

    /// Appends the tally: how many numbers, and for each the buckets since the one before and the number.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        varint::put(self.0.len() as u64, out);
        let mut before = Bucket(0);
        for (bucket, n) in &self.0 {
            varint::put_signed(bucket.since(before), out);
            varint::put_signed(*n, out);
            before = *bucket;
        }
    }

    /// Takes a tally off the front; `None` if the bytes are not one.
    pub(crate) fn take(bytes: &[u8]) -> Option<(Tally, &[u8])> {
        let (count, mut rest) = varint::take(bytes)?;
        let mut tally = Tally::default();
        let mut before = 0i64;
        for _ in 0..count {
            let (since, tail) = varint::take_signed::<i64>(rest)?;
            let (n, tail) = varint::take_signed::<i128>(tail)?;
            before = before.checked_add(since)?;
            tally.0.push((Bucket(i32::try_from(before).ok()?), n));
            rest = tail;
        }
        let is_whole = tally.0.is_sorted_by(|a, b| a.0 < b.0) && tally.0.iter().all(|(_, n)| *n != 0);
        is_whole.then_some((tally, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers() -> impl Strategy<Value = Vec<(i32, i128)>> {
        let n = prop_oneof![-3i128..4, Just(i128::from(i64::MAX) * 3), Just(i128::from(i64::MAX) * -3)];
        proptest::collection::vec((-50i32..50, n), 0..40)
    }

    fn reads_back(tally: &Tally) -> bool {
        let mut bytes = Vec::new();
        tally.encode(&mut bytes);
        bytes.push(7);
        Tally::take(&bytes) == Some((tally.clone(), &[7][..]))
    }

    proptest! {
        #[test]
        fn numbers_from_the_floor_on_are_what_was_added(numbers in numbers(), floor in -50i32..50) {
            let mut tally = Tally::default();
            for (at, n) in &numbers {
                tally.add(Bucket(*at), *n);
                tally.trim(Bucket(floor));
            }
            let sum = |of: i32| numbers.iter().filter(|(at, _)| *at == of).map(|(_, n)| n).sum::<i128>();
            let expected: Vec<_> = (floor..50).map(|at| (Bucket(at), sum(at))).filter(|(_, n)| *n != 0).collect();
            prop_assert_eq!(tally.iter().collect::<Vec<_>>(), expected);
            prop_assert!(reads_back(&tally));
        }

        #[test]
        fn steps_add_up_to_the_same_from_the_floor_on(steps in numbers(), floor in -50i32..50) {
            let mut tally = Tally::default();
            for (at, n) in &steps {
                tally.add(Bucket(*at), *n);
                tally.fold(Bucket(floor));
            }
            let value = |until: i32| tally.iter().filter(|(at, _)| at.0 <= until).map(|(_, n)| n).sum::<i128>();
            for at in floor..60 {
                prop_assert_eq!(value(at), steps.iter().filter(|(of, _)| *of <= at).map(|(_, n)| n).sum::<i128>());
            }
            prop_assert!(reads_back(&tally));
        }
    }
}
