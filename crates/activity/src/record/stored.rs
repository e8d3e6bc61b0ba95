//! A record as it is stored: an array of bytes that says of what version it is.
//!
//! It is one byte of version, then for each mask a varint, four times the metric's index plus the grain (day 0, hour 1,
//! minute 2), and the mask: a handful of bytes for most entities, and as many as it takes for any. The varint of anything else
//! is 32 times a number, plus 4 times its sort, plus 3: for a timeline the dimension's index and sort 0; for members the metric's
//! index and sort 1, and their window follows as a varint: four times the length plus the grain, or, of a window to date, four times
//! the period (week 0, month 1, quarter 2; 3 for what holds as of the bucket) plus 3; for events what would begin their track's mask and sort 2; for a first bucket
//! the same and sort 3, and the bucket follows as a signed varint; for marks the metric's index and sort 4, or 5 if the last one is
//! kept for ever, or 6 if they are joined.

use super::Record;
use crate::marks::{Keep, Marks};
use crate::mask::Mask;
use crate::tally::Tally;
use crate::timeline::Timeline;
use crate::types::{Bucket, DimensionIndex, Extent, Grain, MetricIndex, Period, Track, Window};
use crate::varint;

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
    Stretches = 6,
}

impl Sort {
    const ALL: [Sort; 7] =
        [Sort::Timeline, Sort::Members, Sort::Events, Sort::First, Sort::Marks, Sort::States, Sort::Stretches];

    fn of(number: u64) -> Option<Sort> {
        usize::try_from(number).ok().and_then(|at| Sort::ALL.get(at)).copied()
    }

    fn put(self, number: u64, out: &mut Vec<u8>) {
        varint::put(number << 5 | (self as u64) << 2 | NO_MASK, out);
    }
}

impl Record {
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
            let sort = match keep {
                Keep::None => Sort::Marks,
                Keep::Last => Sort::States,
                Keep::Joined => Sort::Stretches,
            };
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
            sort @ (Sort::Marks | Sort::States | Sort::Stretches) => {
                let keep = match sort {
                    Sort::States => Keep::Last,
                    Sort::Stretches => Keep::Joined,
                    _ => Keep::None,
                };
                let (marks, rest) = Marks::take(bytes)?;
                self.marks.push(((index(of).map(MetricIndex)?, keep), marks));
                Some(rest)
            }
        }
    }
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
