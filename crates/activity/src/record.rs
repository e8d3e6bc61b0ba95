//! What is stored of one entity.

use crate::mask::Mask;
use crate::types::{Bucket, Grain, MetricIndex, PerGrain, Track};
use crate::varint;

/// What an entity did, per metric and grain: the buckets in which it was active.
///
/// Invariant: tracks ascend, and none has an empty mask; so records of the same activity are equal.
///
/// Stored as one byte of version, then for each track a varint, four times the metric's index plus the grain (day 0, hour 1,
/// minute 2), and its mask: a handful of bytes for most entities, and as many as it takes for any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record(Vec<(Track, Mask)>);

const VERSION: u8 = 1;

impl Record {
    /// The buckets in which the entity was active on a track; `None` if in none.
    #[must_use]
    pub fn mask(&self, track: Track) -> Option<&Mask> {
        let at = self.0.binary_search_by_key(&track, |(of, _)| *of).ok()?;
        Some(&self.0[at].1)
    }

    /// The same, to be written to: whoever asks must put a bucket in.
    pub fn mask_mut(&mut self, track: Track) -> &mut Mask {
        let at = self.0.binary_search_by_key(&track, |(of, _)| *of).unwrap_or_else(|at| {
            self.0.insert(at, (track, Mask::default()));
            at
        });
        &mut self.0[at].1
    }

    /// Lets go of everything below the floor of its grain.
    pub fn trim(&mut self, floors: &PerGrain<Bucket>) {
        self.0.iter_mut().for_each(|(track, mask)| mask.trim(floors[track.grain]));
        self.0.retain(|(_, mask)| !mask.is_empty());
    }

    /// Whether nothing is known of the entity.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The record as it is stored.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        for (track, mask) in &self.0 {
            varint::put(number(*track), &mut out);
            mask.encode(&mut out);
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
            let (mask, tail) = Mask::take(tail)?;
            record.0.push((track(number)?, mask));
            rest = tail;
        }
        let ascends = record.0.windows(2).all(|pair| pair[0].0 < pair[1].0);
        (*version == VERSION && ascends).then_some(record)
    }
}

/// The grains by their stored numbers. The order is part of the stored format.
const GRAINS: [Grain; 3] = [Grain::Day, Grain::Hour, Grain::Minute];

fn number(track: Track) -> u64 {
    let grain = GRAINS.iter().position(|grain| *grain == track.grain).expect("all grains are there");
    u64::from(track.metric.0) << 2 | grain as u64
}

fn track(number: u64) -> Option<Track> {
    let metric = MetricIndex(u16::try_from(number >> 2).ok()?);
    let grain = usize::try_from(number & 3).ok().and_then(|at| GRAINS.get(at))?;
    Some(Track { metric, grain: *grain })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn record_reads_back(
            bits in proptest::collection::vec((0u16..400, 0usize..3, 19_000i32..20_500), 0..50),
            floors in [19_000i32..20_500, 19_000i32..20_500, 19_000i32..20_500],
        ) {
            let track = |metric, grain| Track { metric: MetricIndex(metric), grain: Grain::ALL[grain] };
            let floors = PerGrain::of(|grain| Bucket(floors[grain as usize]));
            let mut record = Record::default();
            bits.iter().for_each(|(metric, grain, bucket)| {
                record.mask_mut(track(*metric, *grain)).insert(Bucket(*bucket));
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
            prop_assert_eq!(record, kept);
        }
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
