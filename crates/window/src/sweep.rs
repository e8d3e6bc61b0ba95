//! The sweep: once a floor has slid past what the shard holds, every stored record is looked at once, a portion at a time, so
//! that entities that never come back do not stay for ever. It changes no value: what lies below the floor contributes
//! nothing.
//!
//! Invariant: nothing that the shard holds lies before `oldest`, but for what is in the portions that are left. What is
//! stored later does not either: deltas below the floor are dropped, and records are trimmed before they are written.

use activity::{Bucket, Grain, PerGrain};

/// Which portions are still to be looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sweep {
    cursor: u32,
    left: u32,
    slid: bool,
    oldest: PerGrain<Bucket>,
}

impl Sweep {
    /// The sweep of a shard that was just opened, and may hold something: a former owner may not have come to the end of its
    /// own.
    pub(crate) fn opened(is_empty: bool) -> Sweep {
        let oldest = Bucket(if is_empty { i32::MAX } else { i32::MIN });
        Sweep { cursor: 0, left: 0, slid: !is_empty, oldest: PerGrain::of(|_| oldest) }
    }

    /// A bucket was set, not below its floor.
    pub(crate) fn hold(&mut self, grain: Grain, bucket: Bucket) {
        self.oldest[grain] = self.oldest[grain].min(bucket);
    }

    /// A floor has slid. If something may lie below it, all portions are to be looked at again, going on from where the sweep
    /// is.
    pub(crate) fn slide(&mut self, grain: Grain, floor: Bucket) {
        if self.oldest[grain] < floor {
            self.oldest[grain] = floor;
            self.slid = true;
        }
    }

    /// The next of so many portions to look at, if any is left.
    pub(crate) fn next(&mut self, portions: u32) -> Option<u32> {
        if std::mem::take(&mut self.slid) {
            self.left = portions;
        }
        self.left = self.left.checked_sub(1)?;
        let portion = self.cursor % portions;
        self.cursor = (portion + 1) % portions;
        Some(portion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked_at(sweep: &mut Sweep) -> Vec<u32> {
        std::iter::from_fn(|| sweep.next(4)).collect()
    }

    #[test]
    fn every_portion_is_looked_at_once_however_often_the_floor_slides() {
        let mut sweep = Sweep::opened(false);
        assert_eq!([sweep.next(4), sweep.next(4)], [Some(0), Some(1)]);
        sweep.slide(Grain::Day, Bucket(7));
        sweep.slide(Grain::Day, Bucket(8));
        assert_eq!(looked_at(&mut sweep), [2, 3, 0, 1]);
    }

    #[test]
    fn nothing_is_looked_at_until_a_floor_passes_what_is_held() {
        let mut sweep = Sweep::opened(true);
        sweep.slide(Grain::Day, Bucket(100));
        sweep.hold(Grain::Day, Bucket(105));
        sweep.hold(Grain::Hour, Bucket(7));
        sweep.slide(Grain::Day, Bucket(105));
        assert!(looked_at(&mut sweep).is_empty());
        sweep.slide(Grain::Day, Bucket(106));
        assert_eq!(looked_at(&mut sweep), [0, 1, 2, 3]);
        sweep.slide(Grain::Day, Bucket(106));
        assert!(looked_at(&mut sweep).is_empty());
        sweep.slide(Grain::Hour, Bucket(8));
        sweep.slide(Grain::Day, Bucket(107));
        assert_eq!(looked_at(&mut sweep), [0, 1, 2, 3]);
    }
}
