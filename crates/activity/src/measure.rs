//! Measures: pure functions from what is stored of an entity to what it contributes at each as-of bucket.
//!
//! A contribution is a step function over as-of buckets. It is told as its steps: at bucket `b` it goes up or down by `n`.
//! The population's value is the sum over entities; since sums of steps are steps, a change of one entity is its steps
//! before taken off and its steps after put on. [`active`] is the definition; [`activated`] tells the difference at once.

use crate::mask::Mask;
use crate::types::{Bucket, Window};

/// The steps of "was active in the trailing `window`", of a mask of the window's grain: as of bucket `e` the entity counts 1
/// if any bucket of `e-window+1..=e` is in its mask, else 0. Every run of active buckets counts from its first bucket until
/// `window` after its last; runs that meet are one.
pub fn active(mask: &Mask, window: Window, mut step: impl FnMut(Bucket, i64)) {
    let width = i32::from(window.length);
    let mut runs = mask.runs().peekable();
    while let Some((first, mut last)) = runs.next() {
        while let Some((_, end)) = runs.next_if(|(start, _)| *start <= last.plus(width)) {
            last = end;
        }
        step(first, 1);
        step(last.plus(width), -1);
    }
}

/// The steps of what events of `bucket`, of the window's grain, add up to in the trailing `window`: `n` from that bucket on,
/// until it leaves the window.
pub fn additive(bucket: Bucket, window: Window, n: i128, mut step: impl FnMut(Bucket, i128)) {
    step(bucket, n);
    step(bucket.plus(window.length.into()), -n);
}

/// How the steps of [`active`] change when `bucket` comes into a mask: with `around`, the nearest buckets of the mask below
/// and above it ([`Mask::around`]), that takes no look at the rest. The bucket counts for its window's length, less what its
/// neighbours count for already.
pub fn activated(
    around: (Option<Bucket>, Option<Bucket>),
    bucket: Bucket,
    window: Window,
    mut step: impl FnMut(Bucket, i64),
) {
    let width = i32::from(window.length);
    let (below, above) = around;
    let from = below.map_or(bucket, |below| bucket.max(below.plus(width)));
    let until = above.map_or(bucket.plus(width), |above| above.min(bucket.plus(width)));
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
            set in proptest::collection::btree_set(0i32..150, 0..30), width in 1u16..=90,
        ) {
            let mask: Mask = set.iter().map(|bucket| Bucket(*bucket)).collect();
            let mut steps = Vec::new();
            active(&mask, Window::days(width), |bucket, n| steps.push((bucket, n)));
            for as_of in -5..300 {
                let expected = (as_of - i32::from(width) + 1..=as_of).any(|bucket| set.contains(&bucket));
                prop_assert_eq!(value(&steps, as_of), i64::from(expected), "as of {}", as_of);
            }
        }

        #[test]
        fn activated_is_the_difference_that_one_bucket_makes_to_active(
            set in proptest::collection::btree_set(0i32..150, 0..30), bucket in 0i32..150, width in 1u16..=90,
        ) {
            let mut mask: Mask = set.iter().map(|bucket| Bucket(*bucket)).collect();
            let (window, bucket) = (Window::days(width), Bucket(bucket));
            let (mut told, mut difference) = (Vec::new(), Vec::new());
            let around = mask.around(bucket);
            active(&mask, window, |bucket, n| difference.push((bucket, -n)));
            if mask.insert(bucket) {
                activated(around, bucket, window, |bucket, n| told.push((bucket, n)));
            }
            active(&mask, window, |bucket, n| difference.push((bucket, n)));
            for as_of in -5..300 {
                prop_assert_eq!(value(&told, as_of), value(&difference, as_of), "as of {}", as_of);
            }
        }
    }
}
