//! As-of counters: the population's value at every as-of bucket, stored as differences.

use crate::types::Bucket;
use crate::varint;
use std::collections::VecDeque;

/// The sum of all contributions at every as-of bucket, as the steps between buckets. A contribution is a whole number: of
/// entities or events, or of the smallest part of a sum that its metric declares.
///
/// Invariant: the value as of bucket `e` is `base` plus all steps up to and with `e`. Below `origin`, once there is one,
/// values are no longer kept: what stepped there is in `base`. Buckets without a step take no room, however many lie between
/// two that have one.
#[derive(Clone, Debug, Default)]
pub struct Counter {
    origin: Option<Bucket>,
    base: i128,
    /// Ascending, each bucket once.
    steps: VecDeque<(Bucket, i128)>,
}

impl Counter {
    /// Adds `n` to the value from `bucket` on; a bucket below the origin means the origin.
    pub fn step(&mut self, bucket: Bucket, n: impl Into<i128>) {
        let n = n.into();
        if self.origin.is_some_and(|origin| bucket <= origin) {
            self.base += n;
            return;
        }
        // In most counters buckets follow one another without a gap.
        let since = self.steps.front().map_or(-1, |(first, _)| bucket.since(*first));
        let guess = usize::try_from(since).ok().and_then(|at| self.steps.get_mut(at)).filter(|(of, _)| *of == bucket);
        if let Some((_, of)) = guess {
            *of += n;
            return;
        }
        match self.steps.binary_search_by_key(&bucket, |(of, _)| *of) {
            Ok(at) => self.steps[at].1 += n,
            Err(at) => self.steps.insert(at, (bucket, n)),
        }
    }

    /// The value as of `bucket`; `None` below the origin.
    #[must_use]
    pub fn value(&self, bucket: Bucket) -> Option<i128> {
        if self.origin.is_some_and(|origin| bucket < origin) {
            return None;
        }
        let until = self.steps.partition_point(|(of, _)| *of <= bucket);
        Some(self.base + self.steps.range(..until).map(|(_, n)| n).sum::<i128>())
    }

    /// Lets go of the values below `origin`, which never moves back.
    pub fn slide(&mut self, origin: Bucket) {
        while let Some((_, n)) = self.steps.pop_front_if(|(of, _)| *of <= origin) {
            self.base += n;
        }
        self.origin = self.origin.max(Some(origin));
    }

    /// The counter as it is stored: origin (a flag and a bucket) and base, then every step that is not 0, as the number of
    /// buckets since the one before (since 1970 for the first) and what is added.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 + 3 * self.steps.len());
        varint::put(u64::from(self.origin.is_some()), &mut out);
        varint::put_signed(self.origin.unwrap_or_default().0, &mut out);
        varint::put_signed(self.base, &mut out);
        let mut before = Bucket(0);
        for (bucket, n) in self.steps.iter().filter(|(_, n)| *n != 0) {
            varint::put_signed(bucket.since(before), &mut out);
            varint::put_signed(*n, &mut out);
            before = *bucket;
        }
        out
    }

    /// The counter of stored bytes; `None` if they are not one.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Counter> {
        let (has_origin, rest) = varint::take(bytes)?;
        let (origin, rest) = varint::take_signed(rest)?;
        let (base, mut rest) = varint::take_signed(rest)?;
        let mut steps = VecDeque::new();
        let mut before = 0i64;
        while !rest.is_empty() {
            let (since, tail) = varint::take_signed::<i64>(rest)?;
            let (n, tail) = varint::take_signed(tail)?;
            if since <= 0 && !steps.is_empty() {
                return None;
            }
            before = before.checked_add(since)?;
            steps.push_back((Bucket(i32::try_from(before).ok()?), n));
            rest = tail;
        }
        Some(Counter { origin: (has_origin == 1).then_some(Bucket(origin)), base, steps })
    }
}

/// Equal if they tell the same value at every bucket from the same origin on.
impl PartialEq for Counter {
    fn eq(&self, other: &Counter) -> bool {
        self.encode() == other.encode()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn value_is_the_sum_of_steps_wherever_the_floor_slides(
            steps in proptest::collection::vec((0i32..200, -9i64..9), 0..40),
            late in proptest::collection::vec((120i32..200, -9i64..9), 0..10),
            origin in 0i32..120,
        ) {
            let mut counter = Counter::default();
            steps.iter().for_each(|(bucket, n)| counter.step(Bucket(*bucket), *n));
            counter.slide(Bucket(origin));
            late.iter().for_each(|(bucket, n)| counter.step(Bucket(*bucket), *n));
            let read = Counter::decode(&counter.encode()).unwrap();
            prop_assert_eq!(&read, &counter);
            for as_of in -3..220 {
                let sum = steps.iter().chain(&late).filter(|(bucket, _)| *bucket <= as_of);
                let sum: i128 = sum.map(|(_, n)| i128::from(*n)).sum();
                prop_assert_eq!(read.value(Bucket(as_of)), (as_of >= origin).then_some(sum));
            }
        }
    }

    #[test]
    fn equal_values_are_equal_counters_however_they_came_about() {
        let mut one = Counter::default();
        [(9, 1), (3, 5), (3, -5), (40, 2), (40, -2)].into_iter().for_each(|(bucket, n)| one.step(Bucket(bucket), n));
        let mut other = Counter::default();
        other.step(Bucket(9), 1);
        assert_eq!(one, other);
    }

    #[test]
    fn buckets_without_a_step_take_no_room() {
        let mut counter = Counter::default();
        counter.step(Bucket(0), 1);
        counter.step(Bucket(29_000_000), 1);
        assert!(counter.encode().len() < 16 && counter.steps.len() == 2);
        assert_eq!(counter.value(Bucket(28_999_999)), Some(1));
    }

    #[test]
    fn sums_past_sixty_four_bits_are_kept() {
        let mut counter = Counter::default();
        (0..4).for_each(|_| counter.step(Bucket(5), i64::MAX));
        let read = Counter::decode(&counter.encode()).unwrap();
        assert_eq!(read.value(Bucket(5)), Some(4 * i128::from(i64::MAX)));
    }

    #[test]
    fn cut_bytes_are_no_counter() {
        assert_eq!(Counter::decode(&[1, 2]), None);
        assert_eq!(Counter::decode(&[1, 2, 2, 4, 2, 0, 2]), None, "a bucket twice");
    }
}
