//! Measures: pure functions from what is stored of an entity to what it contributes at each as-of bucket.
//!
//! A contribution is a step function over as-of buckets. It is told as its steps: at bucket `b` it goes up or down by `n`.
//! The population's value is the sum over entities; since sums of steps are steps, a change of one entity is its steps
//! before taken off and its steps after put on. [`active`] is the definition; [`activated`] tells the difference at once.
//!
//! What a window covers is told by `until`: the first as-of bucket of which the window no longer covers a bucket. That never
//! goes back from one bucket to the next: it is so many buckets later for a trailing window, and the start of the next period for
//! one to date.

use crate::mask::Mask;
use crate::types::Bucket;

/// The steps of "was active in the window", of a mask of the window's grain: as of bucket `e` the entity counts 1 if the window
/// covers any bucket of its mask, else 0. Every run of active buckets counts from its first bucket until its last is no longer
/// covered; runs that meet are one.
pub fn active(mask: &Mask, until: impl Fn(Bucket) -> Bucket, mut step: impl FnMut(Bucket, i64)) {
    let mut runs = mask.runs().map(|(first, last)| (first, until(last))).peekable();
    while let Some((first, mut end)) = runs.next() {
        while let Some((_, later)) = runs.next_if(|(start, _)| *start <= end) {
            end = later;
        }
        step(first, 1);
        step(end, -1);
    }
}

/// The steps of what events of a bucket add up to: `n` from that bucket on, until the window no longer covers it.
pub fn additive(bucket: Bucket, until: Bucket, n: i128, mut step: impl FnMut(Bucket, i128)) {
    step(bucket, n);
    step(until, -n);
}

/// How the steps of [`active`] change when `bucket` comes into a mask: with `around`, the nearest buckets of the mask below
/// and above it ([`Mask::around`]), that takes no look at the rest. The bucket counts until it is no longer covered, less what
/// its neighbours count for already.
pub fn activated(
    around: (Option<Bucket>, Option<Bucket>),
    bucket: Bucket,
    until: impl Fn(Bucket) -> Bucket,
    mut step: impl FnMut(Bucket, i64),
) {
    let (below, above) = around;
    let from = below.map_or(bucket, |below| bucket.max(until(below)));
    let until = above.map_or(until(bucket), |above| above.min(until(bucket)));
    if from < until {
        step(from, 1);
        step(until, -1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What steps add up to as of a bucket.
    fn value(steps: &[(Bucket, i64)], as_of: i32) -> i64 {
        steps.iter().filter(|(bucket, _)| bucket.0 <= as_of).map(|(_, n)| n).sum()
    }

    proptest! {
        #[test]
        fn active_agrees_with_brute_force_at_every_as_of(
            set in proptest::collection::btree_set(0i32..150, 0..30), window in window(),
        ) {
            let mask: Mask = set.iter().map(|bucket| Bucket(*bucket)).collect();
            let mut steps = Vec::new();
            active(&mask, |bucket| window.until(bucket), |bucket, n| steps.push((bucket, n)));
            for as_of in -5..300 {
                let expected = (window.first(as_of)..=as_of).any(|bucket| set.contains(&bucket));
                prop_assert_eq!(value(&steps, as_of), i64::from(expected), "as of {}", as_of);
            }
        }

        #[test]
        fn activated_is_the_difference_that_one_bucket_makes_to_active(
            set in proptest::collection::btree_set(0i32..150, 0..30), bucket in 0i32..150, window in window(),
        ) {
            let mut mask: Mask = set.iter().map(|bucket| Bucket(*bucket)).collect();
            let (until, bucket) = (|bucket| window.until(bucket), Bucket(bucket));
            let (mut told, mut difference) = (Vec::new(), Vec::new());
            let around = mask.around(bucket);
            active(&mask, until, |bucket, n| difference.push((bucket, -n)));
            if mask.insert(bucket) {
                activated(around, bucket, until, |bucket, n| told.push((bucket, n)));
            }
            active(&mask, until, |bucket, n| difference.push((bucket, n)));
            for as_of in -5..300 {
                prop_assert_eq!(value(&told, as_of), value(&difference, as_of), "as of {}", as_of);
            }
        }
    }

    /// A trailing window of some length, or one to date in periods of some length.
    #[derive(Clone, Copy, Debug)]
    enum Covers {
        Last(i32),
        Since(i32),
    }

    fn window() -> impl Strategy<Value = Covers> {
        prop_oneof![(1i32..=90).prop_map(Covers::Last), (2i32..=40).prop_map(Covers::Since)]
    }

    impl Covers {
        /// The first bucket that it covers as of one.
        fn first(self, as_of: i32) -> i32 {
            match self {
                Covers::Last(length) => as_of - length + 1,
                Covers::Since(length) => as_of.div_euclid(length) * length,
            }
        }

        fn until(self, bucket: Bucket) -> Bucket {
            (bucket.0..).find(|as_of| self.first(*as_of) > bucket.0).map(Bucket).expect("it ends")
        }
    }
}
