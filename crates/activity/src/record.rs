//! What is stored of one entity.

use crate::mask::Mask;
use crate::types::{Bucket, MetricIndex};
use crate::varint;

/// What an entity did, per metric: the buckets in which it was active.
///
/// Invariant: metrics ascend, and none has an empty mask; so records of the same activity are equal.
///
/// Stored as one byte of version, then for each metric its index as a varint and its mask: a handful of bytes for most
/// entities, and as many as it takes for any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record(Vec<(MetricIndex, Mask)>);

const VERSION: u8 = 1;

impl Record {
    /// The buckets in which the entity was active for a metric; `None` if in none.
    #[must_use]
    pub fn mask(&self, metric: MetricIndex) -> Option<&Mask> {
        let at = self.0.binary_search_by_key(&metric, |(of, _)| *of).ok()?;
        Some(&self.0[at].1)
    }

    /// The same, to be written to: whoever asks must put a bucket in.
    pub fn mask_mut(&mut self, metric: MetricIndex) -> &mut Mask {
        let at = self.0.binary_search_by_key(&metric, |(of, _)| *of).unwrap_or_else(|at| {
            self.0.insert(at, (metric, Mask::default()));
            at
        });
        &mut self.0[at].1
    }

    /// Lets go of everything below `floor`.
    pub fn trim(&mut self, floor: Bucket) {
        self.0.iter_mut().for_each(|(_, mask)| mask.trim(floor));
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
        for (metric, mask) in &self.0 {
            varint::put(u64::from(metric.0), &mut out);
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
            let (metric, tail) = varint::take(rest)?;
            let (mask, tail) = Mask::take(tail)?;
            record.0.push((MetricIndex(u16::try_from(metric).ok()?), mask));
            rest = tail;
        }
        let ascends = record.0.windows(2).all(|pair| pair[0].0 < pair[1].0);
        (*version == VERSION && ascends).then_some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn record_reads_back(bits in proptest::collection::vec((0u16..400, 19_000i32..20_500), 0..50), floor in 19_000i32..20_500) {
            let mut record = Record::default();
            bits.iter().for_each(|(metric, bucket)| { record.mask_mut(MetricIndex(*metric)).insert(Bucket(*bucket)); });
            prop_assert_eq!(Record::decode(&record.encode()), Some(record.clone()));
            record.trim(Bucket(floor));
            let mut kept = Record::default();
            for (metric, bucket) in bits.iter().filter(|(_, bucket)| *bucket >= floor) {
                kept.mask_mut(MetricIndex(*metric)).insert(Bucket(*bucket));
            }
            prop_assert_eq!(record, kept);
        }
    }

    #[test]
    fn record_of_one_active_day_is_small() {
        let mut record = Record::default();
        record.mask_mut(MetricIndex(0)).insert(Bucket(20_000));
        assert!(record.encode().len() <= 7, "{:?}", record.encode());
    }

    #[test]
    fn record_of_another_version_is_refused() {
        assert_eq!(Record::decode(&[9]), None);
        assert_eq!(Record::decode(&[]), None);
    }
}
