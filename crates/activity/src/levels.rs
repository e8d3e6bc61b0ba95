//! Functions over as-of buckets that hold a level until the next one: what a state is worth.

use crate::types::Bucket;

/// A level from each of some buckets on; 0 before the first.
///
/// Invariant: buckets ascend, and no level equals the one before it; so equal functions are equal levels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels(Vec<(Bucket, i128)>);

impl Levels {
    /// What values tell one after the other, each from a bucket on. Of those of a bucket the last one holds; one that comes later may
    /// be of an earlier bucket, where clocks are set back over midnight, and holds from there on.
    pub fn of(told: impl IntoIterator<Item = (Bucket, i128)>) -> Levels {
        let mut levels = Levels::default();
        for (at, level) in told {
            levels.0.truncate(levels.0.partition_point(|(of, _)| *of < at));
            levels.push(at, level);
        }
        levels
    }

    /// What steps add up to, in whichever order they come.
    pub fn of_steps(steps: impl IntoIterator<Item = (Bucket, i128)>) -> Levels {
        let mut steps: Vec<(Bucket, i128)> = steps.into_iter().collect();
        steps.sort_unstable_by_key(|(at, _)| *at);
        let (mut levels, mut level) = (Levels::default(), 0);
        for of_bucket in steps.chunk_by(|(a, _), (b, _)| a == b) {
            level += of_bucket.iter().map(|(_, n)| n).sum::<i128>();
            levels.push(of_bucket[0].0, level);
        }
        levels
    }

    fn push(&mut self, at: Bucket, level: i128) {
        if self.0.last().map_or(0, |(_, held)| *held) != level {
            self.0.push((at, level));
        }
    }

    /// The level as of a bucket.
    #[must_use]
    pub fn at(&self, bucket: Bucket) -> i128 {
        let until = self.0.partition_point(|(of, _)| *of <= bucket);
        until.checked_sub(1).map_or(0, |at| self.0[at].1)
    }

    /// The same function, every bucket `n` later.
    #[must_use]
    pub fn later(&self, n: i32) -> Levels {
        Levels(self.0.iter().map(|(at, level)| (at.plus(n), *level)).collect())
    }

    /// What `level` makes of this and another function at every bucket; where both are 0, it must make 0.
    #[must_use]
    pub fn with(&self, other: &Levels, level: impl Fn(i128, i128) -> i128) -> Levels {
        let mut places: Vec<Bucket> = self.0.iter().chain(&other.0).map(|(at, _)| *at).collect();
        places.sort_unstable();
        places.dedup();
        let mut both = Levels::default();
        places.into_iter().for_each(|at| both.push(at, level(self.at(at), other.at(at))));
        both
    }

    /// Its steps, up or down.
    pub fn steps(&self) -> impl Iterator<Item = (Bucket, i128)> {
        let before = std::iter::once(0).chain(self.0.iter().map(|(_, level)| *level));
        self.0.iter().zip(before).map(|((at, level), before)| (*at, level - before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told() -> impl Strategy<Value = Vec<(i32, i128)>> {
        proptest::collection::vec((0i32..60, 0i128..4), 0..20)
    }

    fn levels(told: &[(i32, i128)]) -> Levels {
        Levels::of(told.iter().map(|(at, level)| (Bucket(*at), *level)))
    }

    /// The last one told of those that hold at a bucket, or of those that hold before.
    fn expected(told: &[(i32, i128)], at: i32) -> i128 {
        told.iter().rev().find(|(of, _)| *of <= at).map_or(0, |(_, level)| *level)
    }

    proptest! {
        #[test]
        fn levels_agree_with_brute_force_at_every_bucket(a in told(), b in told(), n in 0i32..70) {
            let (of_a, of_b) = (levels(&a), levels(&b));
            let least = of_a.with(&of_b, i128::min);
            for at in -5..140 {
                prop_assert_eq!(of_a.at(Bucket(at)), expected(&a, at), "at {}", at);
                prop_assert_eq!(of_a.later(n).at(Bucket(at)), expected(&a, at - n));
                prop_assert_eq!(least.at(Bucket(at)), expected(&a, at).min(expected(&b, at)));
                prop_assert_eq!(&Levels::of_steps(of_a.steps()), &of_a);
                let value = of_a.steps().filter(|(of, _)| of.0 <= at).map(|(_, n)| n).sum::<i128>();
                prop_assert_eq!(value, expected(&a, at));
            }
        }
    }
}
