//! What an attribute of an entity was, and from when on.

use crate::types::{Bucket, DimensionValue, Grain, Millis, PerGrain};
use crate::varint;
use smallvec::SmallVec;

/// The values of one attribute, each from a time on. Before the first there is none.
///
/// Invariant: times ascend, each once. Changes commute and are idempotent: of two at the same time the greater value holds,
/// whichever came first, so a timeline depends on the set of its changes alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline(Vec<(Millis, DimensionValue)>);

impl Timeline {
    /// The value is this from `time` on, until the next change.
    pub fn set(&mut self, time: Millis, value: DimensionValue) {
        match self.0.binary_search_by_key(&time, |(at, _)| *at) {
            Ok(at) => self.0[at].1 = self.0[at].1.max(value),
            Err(at) => self.0.insert(at, (time, value)),
        }
    }

    /// Lets go of what held only before `floor`. The last change until then stays, however old: it is the base value.
    pub fn trim(&mut self, floor: Millis) {
        let until = self.0.partition_point(|(at, _)| *at <= floor);
        self.0.drain(..until.saturating_sub(1));
    }

    /// Lets go of every change that is the last one of no bucket, and so tells nothing as of the end of any: another follows
    /// that lies in no later bucket. `buckets` says in which ones a time lies; those before a floor are as good as the floor.
    pub fn thin(&mut self, buckets: impl Fn(Millis) -> PerGrain<Bucket>) {
        let mut after: Option<PerGrain<Bucket>> = None;
        self.0.reverse();
        self.0.retain(|(time, _)| {
            let of = buckets(*time);
            let is_last = after.is_none_or(|after| Grain::ALL.into_iter().any(|grain| of[grain] < after[grain]));
            if is_last {
                after = Some(of);
            }
            is_last
        });
        self.0.reverse();
    }

    /// The value as of the end of every bucket: that of the latest change in it or before it. `bucket` says in which one a
    /// time lies; where clocks are set back over midnight, a later time may lie in an earlier day.
    pub fn by_bucket(&self, bucket: impl Fn(Millis) -> Bucket) -> Values {
        let mut values = SmallVec::<[(Bucket, DimensionValue); 4]>::new();
        for (time, value) in &self.0 {
            let at = bucket(*time);
            values.truncate(values.partition_point(|(of, _)| *of < at));
            values.push((at, *value));
        }
        Values(values)
    }

    /// The latest value, at every bucket.
    #[must_use]
    pub fn current(&self) -> Values {
        Values(self.0.last().map(|(_, value)| (Bucket(i32::MIN), *value)).into_iter().collect())
    }

    /// How many bytes the timeline takes when stored, about.
    pub(crate) fn size(&self) -> usize {
        2 + 8 * self.0.len()
    }

    /// Appends the timeline: how many changes, and for each the time since the one before in milliseconds and the value.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        varint::put(self.0.len() as u64, out);
        let mut before = 0;
        for (Millis(time), DimensionValue(value)) in &self.0 {
            varint::put_signed(time.wrapping_sub(before), out);
            varint::put((*value).into(), out);
            before = *time;
        }
    }

    /// Takes a timeline off the front; `None` if the bytes are not one.
    pub(crate) fn take(bytes: &[u8]) -> Option<(Timeline, &[u8])> {
        let (count, mut rest) = varint::take(bytes)?;
        let mut timeline = Timeline::default();
        let mut before = 0i64;
        for _ in 0..count {
            let (since, tail) = varint::take_signed::<i64>(rest)?;
            let (value, tail) = varint::take(tail)?;
            before = before.wrapping_add(since);
            timeline.0.push((Millis(before), DimensionValue(u16::try_from(value).ok()?)));
            rest = tail;
        }
        timeline.0.is_sorted_by(|a, b| a.0 < b.0).then_some((timeline, rest))
    }
}

/// The value of an attribute as of every bucket of some grain: a step function. Before the first step it has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values(SmallVec<[(Bucket, DimensionValue); 4]>);

impl Values {
    /// What follows from the values of several attributes: `value` is asked what it is as of each bucket in which one of them
    /// changes, and before all of these.
    pub fn derived(attributes: &[Values], value: impl Fn(Bucket) -> DimensionValue) -> Values {
        let mut changes: Vec<Bucket> = attributes.iter().flat_map(|of| of.0.iter().map(|(at, _)| *at)).collect();
        changes.push(Bucket(i32::MIN));
        changes.sort_unstable();
        changes.dedup();
        Values(changes.into_iter().map(|at| (at, value(at))).collect())
    }

    /// The same, every change `n` buckets later.
    #[must_use]
    pub fn later(mut self, n: i32) -> Values {
        self.0.iter_mut().for_each(|(at, _)| *at = at.plus(n));
        self
    }

    /// The value as of a bucket.
    #[must_use]
    pub fn at(&self, bucket: Bucket) -> DimensionValue {
        let until = self.0.partition_point(|(of, _)| *of <= bucket);
        until.checked_sub(1).map_or(DimensionValue::NONE, |at| self.0[at].1)
    }

    /// Slices what goes up by `n` at bucket `from` and stays there: the value that holds has it, so it moves from one value to
    /// the next wherever they change. `step` is told which value goes up or down, where, and by how much.
    pub fn slice(&self, from: Bucket, n: i128, mut step: impl FnMut(DimensionValue, Bucket, i128)) {
        let mut held = self.at(from);
        step(held, from, n);
        for (at, value) in self.0.iter().filter(|(at, _)| *at > from) {
            if *value != held {
                step(held, *at, -n);
                step(*value, *at, n);
                held = *value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn timeline(changes: &[(i64, u16)]) -> Timeline {
        let mut timeline = Timeline::default();
        changes.iter().for_each(|(time, value)| timeline.set(Millis(*time), DimensionValue(*value)));
        timeline
    }

    /// Ten milliseconds a bucket, but of every fourth bucket's end a piece belongs to the one before.
    fn bucket(time: Millis) -> Bucket {
        let bucket = i32::try_from(time.0.div_euclid(10)).unwrap();
        Bucket(if time.0.rem_euclid(40) == 3 { bucket - 1 } else { bucket })
    }

    fn changes() -> impl Strategy<Value = Vec<(i64, u16)>> {
        proptest::collection::vec((-200i64..400, 0u16..4), 0..20)
    }

    proptest! {
        #[test]
        fn changes_commute_and_the_base_stays_whatever_is_trimmed_when(
            changes in changes(), order in any::<u64>(), floor in -100i64..300,
        ) {
            let whole = timeline(&changes);
            let mut shuffled = changes.clone();
            shuffled.sort_by_key(|(time, value)| (time * 7919 + i64::from(*value)).wrapping_mul(order.cast_signed() | 1));
            let mut trimmed = Timeline::default();
            for (time, value) in &shuffled {
                trimmed.set(Millis(*time), DimensionValue(*value));
                trimmed.trim(Millis(floor));
            }
            let (whole, told) = (whole.by_bucket(bucket), trimmed.by_bucket(bucket));
            for at in bucket(Millis(floor)).0 + 1..60 {
                prop_assert_eq!(whole.at(Bucket(at)), told.at(Bucket(at)), "at {}", at);
            }
            prop_assert_eq!(timeline(&changes).current(), trimmed.current());
        }

        #[test]
        fn thinned_timeline_tells_the_same_as_of_every_bucket_that_is_kept(changes in changes(), floor in -20i32..40) {
            let coarse = |time| Bucket(bucket(time).0.div_euclid(3));
            let floors = [Bucket(floor), Bucket(floor.div_euclid(3) - 4)];
            let mut thinned = Timeline::default();
            for (time, value) in &changes {
                thinned.set(Millis(*time), DimensionValue(*value));
                thinned.thin(|time| PerGrain::of(|grain| match grain {
                    Grain::Minute => bucket(time).max(floors[0]),
                    Grain::Hour => coarse(time).max(floors[1]),
                    Grain::Day => Bucket(0),
                }));
            }
            let whole = timeline(&changes);
            prop_assert_eq!(whole.current(), thinned.current());
            let (fine, told) = (whole.by_bucket(bucket), thinned.by_bucket(bucket));
            prop_assert!((floors[0].0..60).all(|at| fine.at(Bucket(at)) == told.at(Bucket(at))));
            let (fine, told) = (whole.by_bucket(coarse), thinned.by_bucket(coarse));
            prop_assert!((floors[1].0..20).all(|at| fine.at(Bucket(at)) == told.at(Bucket(at))));
        }

        #[test]
        fn the_value_of_a_bucket_is_the_latest_until_its_end(changes in changes(), at in -30i32..50) {
            let until = changes.iter().filter(|(time, _)| bucket(Millis(*time)) <= Bucket(at)).max();
            let expected = until.map_or(DimensionValue::NONE, |(_, value)| DimensionValue(*value));
            prop_assert_eq!(timeline(&changes).by_bucket(bucket).at(Bucket(at)), expected);
        }

        #[test]
        fn slices_add_up_to_the_whole_at_every_bucket(changes in changes(), from in -30i32..50, n in -3i128..4) {
            let values = timeline(&changes).by_bucket(bucket);
            let mut steps = Vec::new();
            values.slice(Bucket(from), n, |value, at, n| steps.push((value, at, n)));
            for at in -40..60 {
                for value in (0..4).map(DimensionValue) {
                    let told: i128 = steps.iter().filter(|(of, from, _)| *of == value && from.0 <= at).map(|(.., n)| n).sum();
                    let expected = if at >= from && values.at(Bucket(at)) == value { n } else { 0 };
                    prop_assert_eq!(told, expected, "value {:?} at {}", value, at);
                }
            }
        }

        #[test]
        fn derived_values_follow_from_the_values_of_every_bucket(one in changes(), other in changes(), at in -40i32..60) {
            let all = [timeline(&one).by_bucket(bucket), timeline(&other).current()];
            let sum = |at| DimensionValue(all.iter().map(|of| 1 + of.at(at).0).sum());
            prop_assert_eq!(Values::derived(&all, sum).at(Bucket(at)), sum(Bucket(at)));
        }

        #[test]
        fn timeline_reads_back(changes in changes()) {
            let mut bytes = Vec::new();
            timeline(&changes).encode(&mut bytes);
            bytes.push(7);
            prop_assert_eq!(Timeline::take(&bytes), Some((timeline(&changes), &[7][..])));
        }
    }
}
