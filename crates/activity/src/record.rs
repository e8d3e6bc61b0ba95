//! What is stored of one entity.

use crate::mask::Mask;
use crate::tally::Tally;
use crate::timeline::Timeline;
use crate::types::{Bucket, DimensionIndex, Extent, Grain, MetricIndex, Millis, PerGrain, Period, Track, Window};
use crate::varint;
use std::ops::Index;

/// What an entity did, per metric and grain: the buckets in which it was active; what its attributes were; and, for each metric
/// whose slices follow these attributes, how many of its members count, or what its events of each bucket add up to.
///
/// Invariant: each of the four ascends, and no mask, timeline or tally is empty; so records of the same activity and
/// attributes are equal.
///
/// Stored as one byte of version, then for each mask a varint, four times the metric's index plus the grain (day 0, hour 1,
/// minute 2), and the mask: a handful of bytes for most entities, and as many as it takes for any. The varint of a timeline is
/// eight times the dimension's index plus 3; that of members sixteen times the metric's index plus 7, and their window
/// follows as a varint: four times the length plus the grain, or, of a window to date, four times the period (week 0, month 1,
/// quarter 2) plus 3. The varint of events is sixteen times that of a mask plus 15.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    masks: Vec<(Track, Mask)>,
    attributes: Vec<(DimensionIndex, Timeline)>,
    /// As steps over as-of buckets.
    members: Vec<((MetricIndex, Window), Tally)>,
    events: Vec<(Track, Tally)>,
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

const VERSION: u8 = 3;
/// In place of a grain: the varint does not begin a mask.
const NO_MASK: u64 = 3;
/// Behind that: neither does it begin a timeline.
const NO_TIMELINE: u64 = 4;
/// Behind that: it does not begin members, but events.
const EVENTS: u64 = 8;

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

    /// Lets go of everything below the floors.
    pub fn trim(&mut self, floors: &Floors) {
        self.masks.iter_mut().for_each(|(track, mask)| mask.trim(floors.buckets[track.grain]));
        self.masks.retain(|(_, mask)| !mask.is_empty());
        self.attributes.iter_mut().for_each(|(_, timeline)| timeline.trim(floors.time));
        self.members.iter_mut().for_each(|((_, window), members)| members.fold(floors.buckets[window.grain]));
        self.members.retain(|(_, members)| !members.is_empty());
        self.events.iter_mut().for_each(|(track, events)| events.trim(floors.buckets[track.grain]));
        self.events.retain(|(_, events)| !events.is_empty());
    }

    /// Whether nothing is known of the entity.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.masks.is_empty() && self.attributes.is_empty() && self.members.is_empty() && self.events.is_empty()
    }

    /// How many bytes the record takes when stored, about: without going through all of it.
    #[must_use]
    pub fn size(&self) -> usize {
        let masks = self.masks.iter().map(|(_, mask)| 3 + mask.size());
        let attributes = self.attributes.iter().map(|(_, timeline)| 3 + timeline.size());
        let members = self.members.iter().map(|(_, members)| 6 + members.size());
        let events = self.events.iter().map(|(_, events)| 3 + events.size());
        1 + masks.sum::<usize>() + attributes.sum::<usize>() + members.sum::<usize>() + events.sum::<usize>()
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
            varint::put(u64::from(dimension.0) << 3 | NO_MASK, &mut out);
            timeline.encode(&mut out);
        }
        for ((metric, window), members) in &self.members {
            varint::put(u64::from(metric.0) << 4 | NO_TIMELINE | NO_MASK, &mut out);
            varint::put(number_of(*window), &mut out);
            members.encode(&mut out);
        }
        for (track, events) in &self.events {
            varint::put(number_of_track(*track) << 4 | EVENTS | NO_TIMELINE | NO_MASK, &mut out);
            events.encode(&mut out);
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
        let Record { masks, attributes, members, events } = &record;
        let is_whole = ascends(masks) && ascends(attributes) && ascends(members) && ascends(events);
        (*version == VERSION && is_whole).then_some(record)
    }

    /// Takes the piece that a number begins off the front.
    fn take<'b>(&mut self, number: u64, bytes: &'b [u8]) -> Option<&'b [u8]> {
        if let Some(track) = track(number) {
            let (mask, rest) = Mask::take(bytes)?;
            self.masks.push((track, mask));
            Some(rest)
        } else if number & NO_TIMELINE == 0 {
            let (timeline, rest) = Timeline::take(bytes)?;
            self.attributes.push((index(number >> 3).map(DimensionIndex)?, timeline));
            Some(rest)
        } else if number & EVENTS == 0 {
            let (window, rest) = varint::take(bytes)?;
            let window = window_of(window)?;
            let (members, rest) = Tally::take(rest)?;
            self.members.push(((index(number >> 4).map(MetricIndex)?, window), members));
            Some(rest)
        } else {
            let (events, rest) = Tally::take(bytes)?;
            self.events.push((track(number >> 4)?, events));
            Some(rest)
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

fn number_of(window: Window) -> u64 {
    match window.extent {
        Extent::Trailing(length) => u64::from(length) << 2 | number(window.grain),
        Extent::ToDate(period) => (period as u64) << 2 | TO_DATE,
    }
}

fn window_of(number: u64) -> Option<Window> {
    match number & 3 {
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
    fn attributes_members_and_events_read_back_beside_masks() {
        let mut record = Record::default();
        record.mask_mut(Track { metric: MetricIndex(300), grain: Grain::Minute }).insert(Bucket(20_000));
        record.attribute_mut(DimensionIndex(0)).set(Millis(-5), DimensionValue(2));
        record.attribute_mut(DimensionIndex(700)).set(Millis(1_750_000_000_000), DimensionValue(0));
        for (metric, window) in
            [(0, Window::days(28)), (9, Window::trailing(Grain::Minute, 60)), (9, Window::to_date(Period::Quarter))]
        {
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
