//! Numbers that look random and are the same for ever: no library's next version can change the workload.

/// A sequence of numbers (splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// At least 0 and below 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit in a double")]
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Spreads numbers that lie close together over all 64 bits; no two come to the same.
pub(crate) fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Ranks from 0 whose frequency falls with the power `EXPONENT` of the rank.
#[derive(Debug)]
pub(crate) struct Zipf {
    /// The sum of the weights up to each rank.
    cumulative: Vec<f64>,
}

const EXPONENT: f64 = 1.05;

impl Zipf {
    #[expect(clippy::cast_precision_loss, reason = "ranks are few")]
    pub(crate) fn new(ranks: u64) -> Zipf {
        let mut sum = 0.0;
        let weight = |rank: u64| {
            sum += (rank as f64).powf(-EXPONENT);
            sum
        };
        Zipf { cumulative: (1..=ranks).map(weight).collect() }
    }

    pub(crate) fn rank(&self, random: &mut Random) -> u64 {
        let all = self.cumulative.last().copied().unwrap_or(0.0);
        let at = random.fraction() * all;
        let rank = self.cumulative.partition_point(|sum| *sum <= at).min(self.cumulative.len() - 1);
        u64::try_from(rank).expect("ranks are few")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_same_for_ever() {
        let mut random = Random::new(42);
        assert_eq!([random.next(), random.next()], [0xbdd7_3226_2feb_6e95, 0x28ef_e333_b266_f103]);
    }

    #[test]
    fn the_first_rank_is_about_twice_as_frequent_as_the_second() {
        let (zipf, mut random) = (Zipf::new(1000), Random::new(1));
        let ranks: Vec<u64> = (0..100_000).map(|_| zipf.rank(&mut random)).collect();
        let count = |of: u64| ranks.iter().filter(|rank| **rank == of).count();
        assert!(ranks.iter().all(|rank| *rank < 1000));
        assert!((1.8..2.4).contains(&(count(0) as f64 / count(1) as f64)), "{} {}", count(0), count(1));
    }
}
