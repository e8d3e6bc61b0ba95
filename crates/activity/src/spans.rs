//! Sets of as-of buckets, and their algebra: from it every kind of metric is made that follows from when an entity was active.

use crate::mask::Mask;
use crate::types::Bucket;

/// A set of buckets as spans, each from its first bucket until one that is in it no more.
///
/// Invariant: spans ascend, none is empty, and no two meet; so equal sets are equal spans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans(Vec<(Bucket, Bucket)>);

impl Spans {
    /// The buckets `from..until`; none if that is empty.
    #[must_use]
    pub fn one(from: Bucket, until: Bucket) -> Spans {
        Spans::of([(from, until)])
    }

    /// The union of spans that ascend by their first bucket.
    pub fn of(ascending: impl IntoIterator<Item = (Bucket, Bucket)>) -> Spans {
        let mut spans: Vec<(Bucket, Bucket)> = Vec::new();
        for (from, until) in ascending.into_iter().filter(|(from, until)| from < until) {
            match spans.last_mut() {
                Some((_, end)) if *end >= from => *end = until.max(*end),
                _ => spans.push((from, until)),
            }
        }
        Spans(spans)
    }

    /// As of which buckets a window covers at least `count` (1 or more) buckets of a mask. `until` is as for
    /// [`crate::measure::active`].
    pub fn of_at_least(count: usize, mask: &Mask, until: impl Fn(Bucket) -> Bucket) -> Spans {
        let buckets: Vec<Bucket> = mask.buckets().collect();
        let enough = buckets.iter().zip(buckets.iter().skip(count - 1));
        Spans::of(enough.map(|(first, last)| (*last, until(*first))))
    }

    /// The same set, every bucket `n` later.
    #[must_use]
    pub fn later(&self, n: i32) -> Spans {
        Spans(self.0.iter().map(|(from, until)| (from.plus(n), until.plus(n))).collect())
    }

    /// What is in both.
    #[must_use]
    pub fn and(&self, other: &Spans) -> Spans {
        self.merged(other, |own, others| own && others)
    }

    /// What is in this set and not in the other.
    #[must_use]
    pub fn minus(&self, other: &Spans) -> Spans {
        self.merged(other, |own, others| own && !others)
    }

    /// What is in one of them.
    #[must_use]
    pub fn or(&self, other: &Spans) -> Spans {
        self.merged(other, |own, others| own || others)
    }

    /// The buckets that are in the result by whether they are in the one and in the other; those in neither are not.
    fn merged(&self, other: &Spans, is_in: impl Fn(bool, bool) -> bool) -> Spans {
        let ends = |spans: &Spans| spans.0.iter().flat_map(|(from, until)| [*from, *until]).collect::<Vec<_>>();
        let (own, others) = (ends(self), ends(other));
        let mut places: Vec<Bucket> = own.iter().chain(&others).copied().collect();
        places.sort_unstable();
        places.dedup();
        // Behind an odd number of ends one is within a span.
        let within = |ends: &[Bucket], at: Bucket| ends.partition_point(|end| *end <= at) % 2 == 1;
        let pieces = places.windows(2).filter(|piece| is_in(within(&own, piece[0]), within(&others, piece[0])));
        Spans::of(pieces.map(|piece| (piece[0], piece[1])))
    }

    /// The steps of the function that is 1 in the set and 0 elsewhere.
    pub fn steps(&self) -> impl Iterator<Item = (Bucket, i128)> {
        self.0.iter().flat_map(|(from, until)| [(*from, 1), (*until, -1)])
    }

    /// Whether a bucket is in the set.
    #[must_use]
    pub fn contains(&self, bucket: Bucket) -> bool {
        self.0.iter().any(|(from, until)| (*from..*until).contains(&bucket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn set() -> impl Strategy<Value = BTreeSet<i32>> {
        proptest::collection::btree_set(0i32..60, 0..30)
    }

    fn spans(of: &BTreeSet<i32>) -> Spans {
        Spans::of(of.iter().map(|at| (Bucket(*at), Bucket(at + 1))))
    }

    fn back(spans: &Spans) -> BTreeSet<i32> {
        (-10..200).filter(|at| spans.contains(Bucket(*at))).collect()
    }

    proptest! {
        #[test]
        fn algebra_is_that_of_sets(a in set(), b in set(), n in -5i32..70) {
            let [of_a, of_b] = [spans(&a), spans(&b)];
            for (told, expected) in [(of_a.and(&of_b), &a & &b), (of_a.minus(&of_b), &a - &b), (of_a.or(&of_b), &a | &b)] {
                prop_assert_eq!(&told, &spans(&expected));
                prop_assert_eq!(back(&told), expected);
            }
            prop_assert_eq!(back(&of_a.later(n)), a.iter().map(|at| at + n).collect::<BTreeSet<_>>());
            let value = |at: i32| of_a.steps().filter(|(from, _)| from.0 <= at).map(|(_, n)| n).sum::<i128>();
            prop_assert!((-10..200).all(|at| value(at) == i128::from(a.contains(&at))));
        }

        #[test]
        fn at_least_counts_the_buckets_in_the_window(a in set(), count in 1usize..9, length in 1i32..40, to_date in any::<bool>()) {
            let first = |as_of: i32| if to_date { as_of.div_euclid(length) * length } else { as_of - length + 1 };
            let until = |bucket: Bucket| match to_date {
                true => Bucket((bucket.0.div_euclid(length) + 1) * length),
                false => bucket.plus(length),
            };
            let told = Spans::of_at_least(count, &a.iter().map(|at| Bucket(*at)).collect(), until);
            let expected = (-10..200).filter(|as_of| a.range(first(*as_of)..=*as_of).count() >= count);
            prop_assert_eq!(back(&told), expected.collect::<BTreeSet<i32>>());
        }
    }
}
