//! What was already forwarded: the cache that keeps repeated activity out of the packs.
//!
//! Invariant: a bucket is known as forwarded only if it is in a committed pack, or in the batch that is under way; an abort
//! forgets the latter. It is an optimisation alone: forgetting all of it costs repetitions, never a count.

use activity::{Bucket, Grain, MetricIndex, Track};
use hashbrown::HashMap;

/// Which (entity, metric, bucket) were forwarded, for at most about `limit` entities.
#[derive(Debug)]
pub(crate) struct Forwarded {
    limit: usize,
    index: HashMap<Box<[u8]>, usize>,
    entities: Vec<Vec<Marks>>,
    /// Entities with pending marks, some of them more than once.
    pending: Vec<usize>,
}

/// 64 buckets of one metric and grain.
#[derive(Clone, Copy, Debug)]
struct Marks {
    track: Track,
    /// The first bucket divided by 64.
    word: i32,
    committed: u64,
    pending: u64,
}

impl Forwarded {
    pub(crate) fn new(limit: usize) -> Forwarded {
        Forwarded { limit, index: HashMap::new(), entities: Vec::new(), pending: Vec::new() }
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
        let at = match self.index.get(key) {
            Some(at) => *at,
            None => {
                self.entities.push(Vec::with_capacity(1));
                self.index.insert(key.into(), self.entities.len() - 1);
                self.entities.len() - 1
            }
        };
        let (word, bit) = (bucket.0.div_euclid(64), 1 << bucket.0.rem_euclid(64));
        let entity = &mut self.entities[at];
        for metric in metrics {
            let track = Track { metric, grain };
            let found = entity.iter_mut().find(|marks| marks.track == track && marks.word == word);
            match found {
                Some(marks) if (marks.committed | marks.pending) & bit != 0 => continue,
                Some(marks) => marks.pending |= bit,
                None => entity.push(Marks { track, word, committed: 0, pending: bit }),
            }
            new.push(metric);
        }
        if !new.is_empty() {
            self.pending.push(at);
        }
    }

    /// The batch was committed: what was pending is known.
    pub(crate) fn committed(&mut self) {
        for at in self.pending.drain(..) {
            for marks in &mut self.entities[at] {
                marks.committed |= std::mem::take(&mut marks.pending);
            }
        }
        if self.entities.len() > self.limit {
            self.clear();
        }
    }

    /// The batch was thrown away: what was pending was never said.
    pub(crate) fn aborted(&mut self) {
        for at in self.pending.drain(..) {
            self.entities[at].iter_mut().for_each(|marks| marks.pending = 0);
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.index.clear();
        self.entities.clear();
        self.pending.clear();
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
    fn the_cache_is_bounded() {
        let mut cache = Forwarded::new(2);
        for key in ["ada", "grace", "edsger"] {
            new(&mut cache, key, 5, &[0]);
        }
        cache.committed();
        assert!(cache.entities.is_empty() && cache.index.is_empty());
    }
}
