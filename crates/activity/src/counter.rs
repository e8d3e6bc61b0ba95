//! As-of counters: the population's value at every as-of bucket, stored as differences.

use crate::types::Bucket;
use crate::varint;
use std::collections::VecDeque;

/// The sum of all entities' contributions at every as-of bucket, as the steps between buckets.
///
/// Invariant: the value as of bucket `e` is `base` plus all steps up to and with `e`. Below `origin`, once there is one,
/// values are no longer kept: what stepped there is in `base`.
#[derive(Clone, Debug, Default)]
pub struct Counter {
    origin: Option<Bucket>,
    base: i64,
    /// The bucket of the first of `steps`; of no meaning while there is none.
    start: Bucket,
    steps: VecDeque<i64>,
}

impl Counter {
    /// Adds `n` to the value from `bucket` on; a bucket below the origin means the origin.
    pub fn step(&mut self, bucket: Bucket, n: i64) {
        if self.origin.is_some_and(|origin| bucket <= origin) {
            self.base += n;
            return;
        }
        if self.steps.is_empty() {
            self.start = bucket;
        }
        for _ in 0..self.start.since(bucket) {
            self.steps.push_front(0);
        }
        self.start = self.start.min(bucket);
        let at = usize::try_from(bucket.since(self.start)).expect("the start is not after the bucket");
        if at >= self.steps.len() {
            self.steps.resize(at + 1, 0);
        }
        self.steps[at] += n;
    }

    /// The value as of `bucket`; `None` below the origin.
    #[must_use]
    pub fn value(&self, bucket: Bucket) -> Option<i64> {
        if self.origin.is_some_and(|origin| bucket < origin) {
            return None;
        }
        let until = usize::try_from(bucket.since(self.start) + 1).unwrap_or(0);
        Some(self.base + self.steps.iter().take(until).sum::<i64>())
    }

    /// Lets go of the values below `origin`, which never moves back.
    pub fn slide(&mut self, origin: Bucket) {
        while !self.steps.is_empty() && self.start <= origin {
            self.base += self.steps.pop_front().unwrap_or(0);
            self.start = self.start.plus(1);
        }
        self.origin = self.origin.max(Some(origin));
    }

    /// The counter as it is stored: origin (a flag and a bucket), base, first step's bucket, then the steps.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let zeros = self.steps.iter().take_while(|n| **n == 0).count();
        let used = self.steps.iter().rposition(|n| *n != 0).map_or(zeros, |last| last + 1);
        let start = if used > zeros { self.start.plus(i32::try_from(zeros).unwrap_or(0)) } else { Bucket(0) };
        let mut out = Vec::with_capacity(16 + used - zeros);
        varint::put(u64::from(self.origin.is_some()), &mut out);
        varint::put_signed(i64::from(self.origin.unwrap_or_default().0), &mut out);
        varint::put_signed(self.base, &mut out);
        varint::put_signed(i64::from(start.0), &mut out);
        self.steps.range(zeros..used).for_each(|n| varint::put_signed(*n, &mut out));
        out
    }

    /// The counter of stored bytes; `None` if they are not one.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Counter> {
        let (has_origin, rest) = varint::take(bytes)?;
        let (origin, rest) = varint::take_signed(rest)?;
        let (base, rest) = varint::take_signed(rest)?;
        let (start, mut rest) = varint::take_signed(rest)?;
        let mut steps = VecDeque::new();
        while !rest.is_empty() {
            let (n, tail) = varint::take_signed(rest)?;
            steps.push_back(n);
            rest = tail;
        }
        let origin = (has_origin == 1).then_some(Bucket(i32::try_from(origin).ok()?));
        Some(Counter { origin, base, start: Bucket(i32::try_from(start).ok()?), steps })
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
                let sum = steps.iter().chain(&late).filter(|(bucket, _)| *bucket <= as_of).map(|(_, n)| n).sum::<i64>();
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
    fn cut_bytes_are_no_counter() {
        assert_eq!(Counter::decode(&[1, 2]), None);
    }
}
