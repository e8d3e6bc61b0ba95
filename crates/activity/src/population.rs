//! How many of an account's members count as of every bucket: what a record keeps of those whose slices follow it.

use crate::types::Bucket;
use crate::varint;

/// A step function over as-of buckets.
///
/// Invariant: buckets ascend, each once, and no step is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Population(Vec<(Bucket, i64)>);

impl Population {
    /// Adds `n` to the value from `bucket` on.
    pub fn step(&mut self, bucket: Bucket, n: i64) {
        match self.0.binary_search_by_key(&bucket, |(of, _)| *of) {
            Ok(at) if self.0[at].1 == -n => drop(self.0.remove(at)),
            Ok(at) => self.0[at].1 += n,
            Err(at) if n != 0 => self.0.insert(at, (bucket, n)),
            Err(_) => {}
        }
    }

    /// Lets go of the values below `floor`: what stepped until then becomes one step at the last of these buckets.
    pub fn trim(&mut self, floor: Bucket) {
        let until = self.0.partition_point(|(of, _)| *of <= floor);
        if until > 1 {
            let base = self.0[..until].iter().map(|(_, n)| n).sum();
            let (at, _) = self.0[until - 1];
            self.0.splice(..until, (base != 0).then_some((at, base)));
        }
    }

    /// Whether it is 0 everywhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The steps, ascending.
    pub fn steps(&self) -> impl Iterator<Item = (Bucket, i64)> {
        self.0.iter().copied()
    }

    /// How many bytes the steps take when stored, about.
    pub(crate) fn size(&self) -> usize {
        2 + 6 * self.0.len()
    }

    /// Appends the steps: how many, and for each the buckets since the one before and what is added.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        varint::put(self.0.len() as u64, out);
        let mut before = Bucket(0);
        for (bucket, n) in &self.0 {
            varint::put_signed(bucket.since(before), out);
            varint::put_signed(*n, out);
            before = *bucket;
        }
    }

    /// Takes a population off the front; `None` if the bytes are not one.
    pub(crate) fn take(bytes: &[u8]) -> Option<(Population, &[u8])> {
        let (count, mut rest) = varint::take(bytes)?;
        let mut population = Population::default();
        let mut before = 0i64;
        for _ in 0..count {
            let (since, tail) = varint::take_signed::<i64>(rest)?;
            let (n, tail) = varint::take_signed::<i64>(tail)?;
            before = before.checked_add(since)?;
            population.0.push((Bucket(i32::try_from(before).ok()?), n));
            rest = tail;
        }
        let is_whole = population.0.is_sorted_by(|a, b| a.0 < b.0) && population.0.iter().all(|(_, n)| *n != 0);
        is_whole.then_some((population, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn value_is_the_sum_of_steps_from_the_floor_on(
            steps in proptest::collection::vec((-50i32..50, -3i64..4), 0..40), floor in -50i32..50,
        ) {
            let mut population = Population::default();
            for (at, n) in &steps {
                population.step(Bucket(*at), *n);
                population.trim(Bucket(floor));
            }
            let value = |until: i32| population.steps().filter(|(at, _)| at.0 <= until).map(|(_, n)| n).sum::<i64>();
            for at in floor..60 {
                prop_assert_eq!(value(at), steps.iter().filter(|(of, _)| *of <= at).map(|(_, n)| n).sum::<i64>());
            }
            let mut bytes = Vec::new();
            population.encode(&mut bytes);
            prop_assert_eq!(Population::take(&bytes), Some((population, &[][..])));
        }
    }
}
