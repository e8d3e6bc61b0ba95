//! What is stored of one entity.

use crate::marks::{Keep, Marks};
use crate::mask::Mask;
use crate::tally::Tally;
use crate::timeline::Timeline;
use crate::types::{Bucket, DimensionIndex, Extent, Grain, MetricIndex, Millis, PerGrain, Period, Track, Window};
use crate::varint;
use std::ops::Index;

/// What an entity did, per metric and grain: the buckets in which it was active; what its attributes were; and, for each metric
/// whose slices follow these attributes, how many of its members count, or what its events of each bucket add up to; and, for
/// each metric that asks for it, the bucket in which the entity was first active, however long ago, or what happened to it when.
///
/// Invariant: each of the six ascends, and no mask, timeline, tally or set of marks is empty; so records of the same activity and
/// attributes are equal.
///
/// Stored as one byte of version, then for each mask a varint, four times the metric's index plus the grain (day 0, hour 1,
/// minute 2), and the mask: a handful of bytes for most entities, and as many as it takes for any. The varint of anything else
/// is 32 times a number, plus 4 times its sort, plus 3: for a timeline the dimension's index and sort 0; for members the metric's
/// index and sort 1, and their window follows as a varint: four times the length plus the grain, or, of a window to date, four times
/// the period (week 0, month 1, quarter 2; 3 for what holds as of the bucket) plus 3; for events what would begin their track's mask and sort 2; for a first bucket
/// the same and sort 3, and the bucket follows as a signed varint; for marks the metric's index and sort 4, or 5 if the last one is
/// kept for ever.
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

const VERSION: u8 = 4;
/// In place of a grain: the varint does not begin a mask.
const NO_MASK: u64 = 3;

/// What a varint begins that begins no mask. The numbers are part of the stored format.
#[derive(Clone, Copy)]
enum Sort {
    Timeline = 0,
    Members = 1,
    Events = 2,
    First = 3,
    Marks = 4,
    States = 5,
}

impl Sort {
    const ALL: [Sort; 6] = [Sort::Timeline, Sort::Members, Sort::Events, Sort::First, Sort::Marks, Sort::States];

    fn of(number: u64) -> Option<Sort> {
        usize::try_from(number).ok().and_then(|at| Sort::ALL.get(at)).copied()
    }

    fn put(self, number: u64, out: &mut Vec<u8>) {
        varint::put(number << 5 | (self as u64) << 2 | NO_MASK, out);
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

    /// The record as it is stored.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.size());
        out.push(VERSION);
        for (track, mask) in &self.masks {
            varint::put(number_of_track(*track), &mut out);
            mask.encode(&mut out);
        }
        for (dimension, timeline) in &self.attributes {
            Sort::Timeline.put(dimension.0.into(), &mut out);
            timeline.encode(&mut out);
        }
        for ((metric, window), members) in &self.members {
            Sort::Members.put(metric.0.into(), &mut out);
            varint::put(number_of(*window), &mut out);
            members.encode(&mut out);
        }
        for (track, events) in &self.events {
            Sort::Events.put(number_of_track(*track), &mut out);
            events.encode(&mut out);
        }
        for (track, first) in &self.firsts {
            Sort::First.put(number_of_track(*track), &mut out);
            varint::put_signed(i64::from(first.0), &mut out);
        }
        for ((metric, keep), marks) in &self.marks {
            let sort = if *keep == Keep::Last { Sort::States } else { Sort::Marks };
            sort.put(metric.0.into(), &mut out);
            marks.encode(&mut out);
        }
        out
    }

    /// The record of stored bytes; `None` if they are not one of this version.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Record> {
        let (version, mut rest) = bytes.split_first()?;
        let mut record = Record::default();
        while !rest.is_empty() && *version == VERSION {
            let (number, tail) = varint::take(rest)?;
            rest = record.take(number, tail)?;
        }
        let Record { masks, attributes, members, events, firsts, marks } = &record;
        let is_whole = ascends(masks)
            && ascends(attributes)
            && ascends(members)
            && ascends(events)
            && ascends(firsts)
            && ascends(marks);
        (*version == VERSION && is_whole).then_some(record)
    }

    /// Takes the piece that a number begins off the front.
    fn take<'b>(&mut self, number: u64, bytes: &'b [u8]) -> Option<&'b [u8]> {
        if let Some(track) = track(number) {
            let (mask, rest) = Mask::take(bytes)?;
            self.masks.push((track, mask));
            return Some(rest);
        }
        let of = number >> 5;
        match Sort::of(number >> 2 & 7)? {
            Sort::Timeline => {
                let (timeline, rest) = Timeline::take(bytes)?;
                self.attributes.push((index(of).map(DimensionIndex)?, timeline));
                Some(rest)
            }
            Sort::Members => {
                let (window, rest) = varint::take(bytes)?;
                let (members, rest) = Tally::take(rest)?;
                self.members.push(((index(of).map(MetricIndex)?, window_of(window)?), members));
                Some(rest)
            }
            Sort::Events => {
                let (events, rest) = Tally::take(bytes)?;
                self.events.push((track(of)?, events));
                Some(rest)
            }
            Sort::First => {
                let (first, rest) = varint::take_signed::<i64>(bytes)?;
                self.firsts.push((track(of)?, Bucket(i32::try_from(first).ok()?)));
                Some(rest)
            }
            sort @ (Sort::Marks | Sort::States) => {
                let keep = if matches!(sort, Sort::States) { Keep::Last } else { Keep::None };
                let (marks, rest) = Marks::take(bytes)?;
                self.marks.push(((index(of).map(MetricIndex)?, keep), marks));
                Some(rest)
            }
        }
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

fn ascends<K: Ord, T>(map: &[(K, T)]) -> bool {
    map.is_sorted_by(|a, b| a.0 < b.0)
}

/// The grains by their stored numbers. The order is part of the stored format.
const GRAINS: [Grain; 3] = [Grain::Day, Grain::Hour, Grain::Minute];

fn number(grain: Grain) -> u64 {
    GRAINS.iter().position(|of| *of == grain).expect("all grains are there") as u64
}

fn grain(number: u64) -> Option<Grain> {
    usize::try_from(number).ok().and_then(|at| GRAINS.get(at)).copied()
}

fn number_of_track(track: Track) -> u64 {
    u64::from(track.metric.0) << 2 | number(track.grain)
}

fn track(number: u64) -> Option<Track> {
    Some(Track { grain: grain(number & 3)?, metric: index(number >> 2).map(MetricIndex)? })
}

/// In place of a grain: the window is one to date.
const TO_DATE: u64 = 3;
/// Of a window that covers no time, behind the periods.
const AS_OF: u64 = (Period::ALL.len() as u64) << 2 | TO_DATE;

fn number_of(window: Window) -> u64 {
    match window.extent {
        Extent::Trailing(length) => u64::from(length) << 2 | number(window.grain),
        Extent::ToDate(period) => (period as u64) << 2 | TO_DATE,
        Extent::AsOf => AS_OF,
    }
}

fn window_of(number: u64) -> Option<Window> {
    match number & 3 {
        _ if number == AS_OF => Some(Window::AS_OF),
        TO_DATE => usize::try_from(number >> 2).ok().and_then(|at| Period::ALL.get(at)).copied().map(Window::to_date),
        of => Some(Window::trailing(grain(of)?, index(number >> 2)?)),
    }
}

fn index(number: u64) -> Option<u16> {
    u16::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::DimensionValue;
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
