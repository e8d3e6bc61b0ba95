//! What is stored of one entity.

mod stored;

use crate::marks::{Keep, Marks};
use crate::mask::Mask;
use crate::tally::Tally;
use crate::timeline::Timeline;
use crate::types::{Bucket, DimensionIndex, Grain, MetricIndex, Millis, PerGrain, Track, Window};
use std::ops::Index;

/// What an entity did, per metric and grain: the buckets in which it was active; what its attributes were; for each metric whose slices
/// follow these attributes, or that is part of a share, how many of its members count, or what its events of each bucket add up to; and,
/// for each metric that asks for it, the bucket in which the entity was first active, however long ago, or what happened to it when.
///
/// Invariant: each of the six ascends, and no mask, timeline, tally or set of marks is empty; so records of the same activity and
/// attributes are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    masks: Vec<(Track, Mask)>,
    attributes: Vec<(DimensionIndex, Timeline)>,
    /// As steps over as-of buckets.
    members: Vec<((MetricIndex, Window), Tally)>,
    events: Vec<(Track, Tally)>,
    firsts: Vec<(Track, Bucket)>,
    marks: Vec<((MetricIndex, Keep), Marks)>,
}

/// Below what nothing is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floors {
    /// The first bucket of which activity is kept.
    pub buckets: PerGrain<Bucket>,
    /// No later than the start of any of these buckets: what an attribute was since then is kept.
    pub time: Millis,
}

impl Index<Grain> for Floors {
    type Output = Bucket;

    fn index(&self, grain: Grain) -> &Bucket {
        &self.buckets[grain]
    }
}

impl Record {
    /// The buckets in which the entity was active on a track; `None` if in none.
    #[must_use]
    pub fn mask(&self, track: Track) -> Option<&Mask> {
        get(&self.masks, &track)
    }

    /// The same, to be written to: whoever asks must put a bucket in.
    pub fn mask_mut(&mut self, track: Track) -> &mut Mask {
        get_or_new(&mut self.masks, track)
    }

    /// What an attribute was; `None` if it was never told.
    #[must_use]
    pub fn attribute(&self, dimension: DimensionIndex) -> Option<&Timeline> {
        get(&self.attributes, &dimension)
    }

    /// The same, to be written to: whoever asks must set a value.
    pub fn attribute_mut(&mut self, dimension: DimensionIndex) -> &mut Timeline {
        get_or_new(&mut self.attributes, dimension)
    }

    /// By how many more or fewer of the entity's members count for a metric in a window from a bucket on; `None` if none ever
    /// does.
    #[must_use]
    pub fn members(&self, metric: MetricIndex, window: Window) -> Option<&Tally> {
        get(&self.members, &(metric, window))
    }

    /// So many members more count from a bucket on.
    pub fn step_members(&mut self, metric: MetricIndex, window: Window, at: Bucket, n: i128) {
        let members = get_or_new(&mut self.members, (metric, window));
        members.add(at, n);
        if members.is_empty() {
            self.members.retain(|(_, members)| !members.is_empty());
        }
    }

    /// What the entity's events of each bucket add up to on a track; `None` if there are none.
    #[must_use]
    pub fn events(&self, track: Track) -> Option<&Tally> {
        get(&self.events, &track)
    }

    /// Events of a bucket add so much.
    pub fn add_events(&mut self, track: Track, bucket: Bucket, n: i128) {
        let events = get_or_new(&mut self.events, track);
        events.add(bucket, n);
        if events.is_empty() {
            self.events.retain(|(_, events)| !events.is_empty());
        }
    }

    /// The first bucket in which the entity was ever active on a track, also if that is not kept any more; `None` if it never was,
    /// or if nobody asked.
    #[must_use]
    pub fn first(&self, track: Track) -> Option<Bucket> {
        get(&self.firsts, &track).copied()
    }

    /// The entity was active on a track in a bucket, perhaps earlier than ever. Whether it was.
    pub fn seen(&mut self, track: Track, bucket: Bucket) -> bool {
        match self.firsts.binary_search_by(|(of, _)| of.cmp(&track)) {
            Ok(at) if self.firsts[at].1 <= bucket => return false,
            Ok(at) => self.firsts[at].1 = bucket,
            Err(at) => self.firsts.insert(at, (track, bucket)),
        }
        true
    }

    /// What happened to the entity for a metric, as far as it is kept.
    #[must_use]
    pub fn marks(&self, metric: MetricIndex, keep: Keep) -> Option<&Marks> {
        get(&self.marks, &(metric, keep))
    }

    /// Something happened to the entity at a time. Whether that was not known.
    pub fn mark(&mut self, metric: MetricIndex, keep: Keep, at: Millis, value: i64) -> bool {
        get_or_new(&mut self.marks, (metric, keep)).insert(at, value)
    }

    /// Something happened to the entity at a time, no further than a gap, in milliseconds, from what belongs to it: what is no more, and
    /// what is in place of it, as records of nothing else. Nothing if that made no difference.
    pub fn join(&mut self, metric: MetricIndex, at: Millis, gap: i64) -> Option<[Record; 2]> {
        let key = (metric, Keep::Joined);
        let joined = get_or_new(&mut self.marks, key).join(at, gap)?;
        Some(joined.map(|marks| Record { marks: vec![(key, marks)], ..Record::default() }))
    }

    /// Lets go of everything below the floors, but of what was first and what still holds.
    pub fn trim(&mut self, floors: &Floors) {
        self.masks.iter_mut().for_each(|(track, mask)| mask.trim(floors.buckets[track.grain]));
        self.masks.retain(|(_, mask)| !mask.is_empty());
        self.attributes.iter_mut().for_each(|(_, timeline)| timeline.trim(floors.time));
        self.members.iter_mut().for_each(|((_, window), members)| members.fold(floors.buckets[window.grain]));
        self.members.retain(|(_, members)| !members.is_empty());
        self.events.iter_mut().for_each(|(track, events)| events.trim(floors.buckets[track.grain]));
        self.events.retain(|(_, events)| !events.is_empty());
        self.marks.iter_mut().for_each(|((_, keep), marks)| marks.trim(floors.time, *keep));
        self.marks.retain(|(_, marks)| !marks.is_empty());
    }

    /// Whether nothing is known of the entity.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Record::default()
    }

    /// How many bytes the record takes when stored, about: without going through all of it.
    #[must_use]
    pub fn size(&self) -> usize {
        let masks = self.masks.iter().map(|(_, mask)| 3 + mask.size());
        let attributes = self.attributes.iter().map(|(_, timeline)| 3 + timeline.size());
        let members = self.members.iter().map(|(_, members)| 6 + members.size());
        let events = self.events.iter().map(|(_, events)| 3 + events.size());
        let others = attributes.sum::<usize>() + members.sum::<usize>() + events.sum::<usize>();
        let marks = self.marks.iter().map(|(_, marks)| 3 + marks.size()).sum::<usize>();
        1 + masks.sum::<usize>() + others + 7 * self.firsts.len() + marks
    }
}

fn get<'m, K: Ord, T>(map: &'m [(K, T)], key: &K) -> Option<&'m T> {
    let at = map.binary_search_by(|(of, _)| of.cmp(key)).ok()?;
    Some(&map[at].1)
}

fn get_or_new<K: Ord, T: Default>(map: &mut Vec<(K, T)>, key: K) -> &mut T {
    let at = map.binary_search_by(|(of, _)| of.cmp(&key)).unwrap_or_else(|at| {
        map.insert(at, (key, T::default()));
        at
    });
    &mut map[at].1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{DimensionValue, Period};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn record_reads_back(
            bits in proptest::collection::vec((0u16..400, 0usize..3, 19_000i32..20_500), 0..50),
            events in proptest::collection::vec((0u16..400, 0usize..3, 19_000i32..20_500, -9i128..9), 0..20),
            floors in [19_000i32..20_500, 19_000i32..20_500, 19_000i32..20_500],
        ) {
            let track = |metric, grain| Track { metric: MetricIndex(metric), grain: Grain::ALL[grain] };
            let buckets = PerGrain::of(|grain| Bucket(floors[grain as usize]));
            let floors = Floors { buckets, time: Millis(0) };
            let mut record = Record::default();
            bits.iter().for_each(|(metric, grain, bucket)| {
                record.mask_mut(track(*metric, *grain)).insert(Bucket(*bucket));
            });
            events.iter().for_each(|(metric, grain, bucket, n)| {
                record.add_events(track(*metric, *grain), Bucket(*bucket), *n);
            });
            prop_assert_eq!(Record::decode(&record.encode()), Some(record.clone()));
            record.trim(&floors);
            let mut kept = Record::default();
            for (metric, grain, bucket) in bits {
                let track = track(metric, grain);
                if Bucket(bucket) >= floors[track.grain] {
                    kept.mask_mut(track).insert(Bucket(bucket));
                }
            }
            for (metric, grain, bucket, n) in events {
                let track = track(metric, grain);
                if Bucket(bucket) >= floors[track.grain] {
                    kept.add_events(track, Bucket(bucket), n);
                }
            }
            prop_assert_eq!(record, kept);
        }
    }

    #[test]
    fn what_was_first_stays_first_whatever_is_let_go_of() {
        let track = |metric, grain| Track { metric: MetricIndex(metric), grain };
        let (day, hour) = (track(3, Grain::Day), track(3, Grain::Hour));
        let mut record = Record::default();
        assert!(record.seen(day, Bucket(20_000)) && record.seen(hour, Bucket(480_000)));
        assert!(!record.seen(day, Bucket(20_000)) && !record.seen(day, Bucket(20_001)) && record.seen(day, Bucket(-7)));
        record.trim(&Floors { buckets: PerGrain::of(|_| Bucket(1_000_000)), time: Millis(0) });
        assert_eq!((record.first(day), record.first(hour)), (Some(Bucket(-7)), Some(Bucket(480_000))));
        assert_eq!(record.first(track(4, Grain::Day)), None);
        assert!(!record.is_empty());
        assert_eq!(Record::decode(&record.encode()), Some(record));
    }

    #[test]
    fn attributes_members_events_and_marks_read_back_beside_masks() {
        let mut record = Record::default();
        for (metric, gap) in [(8, 0), (9, 5)] {
            assert!(record.join(MetricIndex(metric), Millis(1_750_000_000_000), gap).is_some());
            assert!(record.join(MetricIndex(metric), Millis(1_750_000_000_005), gap).is_some());
        }
        for (metric, keep) in [(9, Keep::Last), (9, Keep::None), (700, Keep::Last)] {
            assert!(record.mark(MetricIndex(metric), keep, Millis(1_750_000_000_000), -7));
            assert!(!record.mark(MetricIndex(metric), keep, Millis(1_750_000_000_000), -7));
        }
        record.mask_mut(Track { metric: MetricIndex(300), grain: Grain::Minute }).insert(Bucket(20_000));
        record.attribute_mut(DimensionIndex(0)).set(Millis(-5), DimensionValue(2));
        record.attribute_mut(DimensionIndex(700)).set(Millis(1_750_000_000_000), DimensionValue(0));
        for (metric, window) in [
            (0, Window::days(28)),
            (9, Window::trailing(Grain::Minute, 60)),
            (9, Window::to_date(Period::Quarter)),
            (9, Window::AS_OF),
        ] {
            record.step_members(MetricIndex(metric), window, Bucket(20_000), 1);
        }
        record.step_members(MetricIndex(7), Window::days(1), Bucket(3), 2);
        record.step_members(MetricIndex(7), Window::days(1), Bucket(3), -2);
        assert_eq!(record.members(MetricIndex(7), Window::days(1)), None);
        let track = |metric, grain| Track { metric: MetricIndex(metric), grain };
        for (of, n) in [(0, 3), (700, -1_000_000_000_000_000_000_000)] {
            record.add_events(track(of, Grain::Day), Bucket(20_000), n);
            record.add_events(track(of, Grain::Minute), Bucket(29_000_000), n);
        }
        record.add_events(track(7, Grain::Hour), Bucket(3), 2);
        record.add_events(track(7, Grain::Hour), Bucket(3), -2);
        assert_eq!(record.events(track(7, Grain::Hour)), None);
        assert_eq!(Record::decode(&record.encode()), Some(record));
    }

    #[test]
    fn record_of_one_active_day_is_small() {
        let mut record = Record::default();
        record.mask_mut(Track { metric: MetricIndex(0), grain: Grain::Day }).insert(Bucket(20_000));
        assert!(record.encode().len() <= 7, "{:?}", record.encode());
    }

    #[test]
    fn record_of_another_version_is_refused() {
        assert_eq!(Record::decode(&[9]), None);
        assert_eq!(Record::decode(&[]), None);
    }
}
