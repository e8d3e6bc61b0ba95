//! What is drawn by chance. Whole numbers only, so that a seed gives the same on every machine.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::ops::Range;

/// A stream of chance that its seed determines.
#[derive(Clone, Debug)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Dice {
        Dice(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Any number of the range, each as likely; its start if it is empty.
    pub fn within(&mut self, range: Range<i64>) -> i64 {
        if range.is_empty() { range.start } else { self.0.random_range(range) }
    }

    /// A number below `count`, which is not 0, each as likely.
    pub fn below(&mut self, count: usize) -> usize {
        self.0.random_range(0..count)
    }

    /// Whether something comes true that does so in `per_mille` of 1,000 cases.
    pub fn chance(&mut self, per_mille: u32) -> bool {
        self.0.random_range(0..1_000) < per_mille
    }

    /// One of them by its weight.
    ///
    /// # Panics
    /// If the weights add up to nothing.
    pub fn weighted<T: Copy>(&mut self, of: &[(T, u32)]) -> T {
        let total: u32 = of.iter().map(|(_, weight)| weight).sum();
        let mut drawn = self.0.random_range(0..total);
        for (value, weight) in of {
            match drawn.checked_sub(*weight) {
                Some(left) => drawn = left,
                None => return *value,
            }
        }
        unreachable!("the weights add up to the total")
    }

    /// A rank below `count`, which is not 0, as by Zipf's law with exponent 1: each of the ranges 0, 1..3, 3..7, 7..15 and so on
    /// is as likely as any other, and within it every rank. What lies past `count` is drawn again.
    pub fn rank(&mut self, count: usize) -> usize {
        let octaves = usize::BITS - count.leading_zeros();
        loop {
            let octave = self.0.random_range(0..octaves);
            let rank = (1 << octave) + self.0.random_range(0..1_usize << octave) - 1;
            if rank < count {
                return rank;
            }
        }
    }

    /// 32 random bits.
    pub fn bits(&mut self) -> u32 {
        self.0.random()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubling_the_rank_halves_its_share() {
        let mut dice = Dice::new(1);
        let mut octaves = [0_u32; 10];
        for _ in 0..100_000 {
            octaves[(dice.rank(1_023) + 1).ilog2() as usize] += 1;
        }
        assert!(octaves.iter().all(|count| (9_500..10_500).contains(count)), "{octaves:?}");
    }

    #[test]
    fn every_rank_is_below_the_count() {
        let mut dice = Dice::new(2);
        for count in 1..40 {
            let mut seen = vec![false; count];
            (0..4_000).for_each(|_| seen[dice.rank(count)] = true);
            assert!(seen.iter().all(|seen| *seen), "{count}");
        }
    }

    #[test]
    fn weights_are_shares() {
        let mut dice = Dice::new(3);
        let drawn = (0..10_000).filter(|_| dice.weighted(&[('a', 1), ('b', 3)]) == 'b').count();
        assert!((7_300..7_700).contains(&drawn), "{drawn}");
    }
}
