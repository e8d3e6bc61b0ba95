//! What was already forwarded: the cache that keeps repeated activity out of the packs.
//!
//! Invariant: a bucket is known as forwarded only if it is in a committed pack, or in the batch that is under way; an abort
//! forgets the latter. It is an optimisation alone: forgetting all of it costs repetitions, never a count.

use activity::cache::Cache;
use activity::{Bucket, Grain, MetricIndex, Track};
use smallvec::SmallVec;

/// How many words of an entity's track are kept: the present one, and one for what is late.
const WORDS: usize = 2;

/// Which (entity, metric, bucket) were forwarded, for at most `limit` entities, and those of the batch that is under way.
#[derive(Debug)]
pub(crate) struct Forwarded {
    limit: usize,
    entities: Cache<SmallVec<[u8; 24]>, Marks>,
    /// What the batch under way has marked: the entity's place, and where.
    pending: Vec<(usize, Track, Bucket)>,
}

/// What was forwarded of one entity; for most that is one word.
#[derive(Debug, Default)]
struct Marks(SmallVec<[Word; 1]>);

/// 64 buckets of one track.
#[derive(Clone, Copy, Debug)]
struct Word {
    track: Track,
    /// The first bucket divided by 64.
    number: i32,
    bits: u64,
}

fn split(bucket: Bucket) -> (i32, u64) {
    (bucket.0.div_euclid(64), 1 << bucket.0.rem_euclid(64))
}

impl Marks {
    fn bits(&mut self, track: Track, number: i32) -> Option<&mut u64> {
        self.0.iter_mut().find(|word| word.track == track && word.number == number).map(|word| &mut word.bits)
    }

    /// Marks a bucket; `false` if it was marked. If the track has too many words, its oldest is forgotten.
    fn mark(&mut self, track: Track, bucket: Bucket) -> bool {
        let (number, bit) = split(bucket);
        if let Some(bits) = self.bits(track, number) {
            let is_new = *bits & bit == 0;
            *bits |= bit;
            return is_new;
        }
        let new = Word { track, number, bits: bit };
        let of_track = || self.0.iter().enumerate().filter(|(_, word)| word.track == track);
        let oldest = of_track().min_by_key(|(_, word)| word.number).map(|(at, _)| at);
        match oldest.filter(|_| of_track().count() >= WORDS) {
            Some(at) => self.0[at] = new,
            None => self.0.push(new),
        }
        true
    }

    fn forget(&mut self, track: Track, bucket: Bucket) {
        let (number, bit) = split(bucket);
        if let Some(bits) = self.bits(track, number) {
            *bits &= !bit;
        }
    }
}

impl Forwarded {
    pub(crate) fn new(limit: usize) -> Forwarded {
        Forwarded { limit, entities: Cache::default(), pending: Vec::new() }
    }

    /// Keeps of `metrics` those for which the entity was not yet forwarded in `bucket`, and marks them as pending.
    pub(crate) fn keep_new(
        &mut self,
        key: &[u8],
        grain: Grain,
        bucket: Bucket,
        metrics: impl IntoIterator<Item = MetricIndex>,
        new: &mut Vec<MetricIndex>,
    ) {
        new.clear();
        let at = self.entities.find(key).unwrap_or_else(|| self.entities.add(key.into(), Marks::default()));
        let marks = &mut self.entities[at];
        new.extend(metrics.into_iter().filter(|metric| marks.mark(Track { metric: *metric, grain }, bucket)));
        self.pending.extend(new.iter().map(|metric| (at, Track { metric: *metric, grain }, bucket)));
    }

    /// The batch was committed: what was pending is known.
    pub(crate) fn committed(&mut self) {
        self.pending.clear();
        self.entities.shrink(self.limit);
    }

    /// The batch was thrown away: what was pending was never said.
    pub(crate) fn aborted(&mut self) {
        for (at, track, bucket) in self.pending.drain(..) {
            self.entities[at].forget(track, bucket);
        }
        self.entities.shrink(self.limit);
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.pending.clear();
        self.entities.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(cache: &mut Forwarded, key: &str, bucket: i32, metrics: &[u16]) -> Vec<u16> {
        let metrics = metrics.iter().map(|metric| MetricIndex(*metric));
        let mut new = Vec::new();
        cache.keep_new(key.as_bytes(), Grain::Day, Bucket(bucket), metrics, &mut new);
        new.iter().map(|metric| metric.0).collect()
    }

    #[test]
    fn only_what_was_not_forwarded_is_new() {
        let mut cache = Forwarded::new(10);
        assert_eq!(new(&mut cache, "ada", 63, &[0, 1]), [0, 1]);
        assert_eq!(new(&mut cache, "ada", 63, &[0, 2]), [2]);
        assert_eq!(new(&mut cache, "ada", 64, &[0]), [0]);
        assert_eq!(new(&mut cache, "grace", 63, &[0]), [0]);
        cache.committed();
        assert!(new(&mut cache, "ada", 64, &[0]).is_empty());
    }

    #[test]
    fn an_aborted_batch_teaches_nothing() {
        let mut cache = Forwarded::new(10);
        assert_eq!(new(&mut cache, "ada", 5, &[0]), [0]);
        cache.committed();
        assert_eq!(new(&mut cache, "ada", 6, &[0]), [0]);
        cache.aborted();
        assert_eq!(new(&mut cache, "ada", 6, &[0]), [0]);
        assert!(new(&mut cache, "ada", 5, &[0]).is_empty());
    }

    #[test]
    fn what_is_pending_stays_and_the_rest_is_bounded() {
        let mut cache = Forwarded::new(2);
        let keys = ["ada", "grace", "edsger"];
        keys.iter().for_each(|key| assert_eq!(new(&mut cache, key, 5, &[0]), [0]));
        keys.iter().for_each(|key| assert!(new(&mut cache, key, 5, &[0]).is_empty()));
        cache.committed();
        assert_eq!(keys.iter().filter(|key| cache.entities.contains(key.as_bytes())).count(), 2);
    }

    #[test]
    fn the_marks_of_an_entity_that_never_rests_are_bounded() {
        let mut cache = Forwarded::new(2);
        for bucket in 0..1000 {
            assert_eq!(new(&mut cache, "ada", bucket, &[0, 1]), [0, 1]);
            assert!(new(&mut cache, "ada", bucket - 64, &[0, 1]).is_empty() || bucket < 64);
        }
        let at = cache.entities.find(b"ada").unwrap();
        assert_eq!(cache.entities[at].0.len(), 2 * WORDS);
    }
}
