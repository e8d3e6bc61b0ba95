//! How one entity stands to a trailing window: whether it counts, since when, and until when if nothing further happens.

use crate::types::Bucket;

/// The last run of as-of buckets in which an entity counts, of those that have begun by some bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// As of when that is.
    pub as_of: Bucket,
    /// The last bucket up to `as_of` in which it was active.
    pub last_active: Bucket,
    /// The first as-of bucket of the run.
    pub from: Bucket,
    /// The first one after it: when the entity falls out, by what is known.
    pub until: Bucket,
}

/// Whether an entity that contributes these steps, in any order, counts as of a bucket.
#[must_use]
pub fn counts(steps: &[(Bucket, i128)], as_of: Bucket) -> bool {
    steps.iter().filter(|(at, _)| *at <= as_of).map(|(_, n)| n).sum::<i128>() > 0
}

impl Standing {
    /// How an entity that was last active in `last_active` stands as of a bucket to a window in which it contributes these steps, in any
    /// order, 1 or 0 at every bucket ([`measure`](crate::measure)); `None` if it did not count until then.
    #[must_use]
    pub fn of(last_active: Bucket, mut steps: Vec<(Bucket, i128)>, as_of: Bucket) -> Option<Standing> {
        steps.sort_unstable_by_key(|(at, _)| *at);
        let (mut runs, mut from) = (Vec::new(), None);
        for of_bucket in steps.chunk_by(|(a, _), (b, _)| a == b) {
            let (at, n) = (of_bucket[0].0, of_bucket.iter().map(|(_, n)| n).sum::<i128>());
            match n {
                0 => {}
                1.. => from = Some(at),
                _ => runs.extend(from.take().map(|from| (from, at))),
            }
        }
        let (from, until) = runs.into_iter().rev().find(|(from, _)| *from <= as_of)?;
        Some(Standing { as_of, last_active, from, until })
    }

    /// Whether it counts.
    #[must_use]
    pub fn is_member(&self) -> bool {
        self.until > self.as_of
    }

    /// Whether it counts, and will no more as of `by`, if nothing further happens.
    #[must_use]
    pub fn falls_out(&self, by: Bucket) -> bool {
        self.is_member() && self.until <= by
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::Mask;
    use crate::measure;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn standing_agrees_with_brute_force(
            set in proptest::collection::btree_set(0i32..80, 0..12), width in 1u16..20, as_of in -5i32..100, then in -10i32..120,
            cut in -5i32..120,
        ) {
            let mask: Mask = set.iter().map(|bucket| Bucket(*bucket)).collect();
            let counts = |at: i32| set.range(at - i32::from(width) + 1..=at).next().is_some();
            let mut steps = Vec::new();
            measure::active(&mask, |bucket| bucket.plus(width.into()), |at, n| steps.push((at, n.into())));
            // As when a step is cut: it ends, and begins anew in the same bucket.
            steps.extend([(Bucket(cut), -1), (Bucket(cut), 1)]);
            prop_assert_eq!(super::counts(&steps, Bucket(then)), counts(then));
            let Some(last) = set.range(..=as_of).next_back() else { return Ok(()) };
            let standing = Standing::of(Bucket(*last), steps, Bucket(as_of));
            prop_assert_eq!(standing.map(|of| of.last_active.0), Some(*last));
            let Some(standing) = standing else { return Ok(()) };
            prop_assert_eq!(standing.is_member(), counts(as_of));
            prop_assert!((standing.from.0..standing.until.0).all(counts));
            prop_assert!(!counts(standing.from.0 - 1) && !counts(standing.until.0));
            if then > as_of {
                let leaves = counts(as_of) && (as_of..=then).any(|at| !counts(at));
                prop_assert_eq!(standing.falls_out(Bucket(then)), leaves);
            }
        }
    }
}
