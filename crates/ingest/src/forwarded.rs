//! What was already forwarded: the cache that keeps repeated activity out of the packs.
//!
//! Invariant: a bucket is known as forwarded only if it is in a committed pack, or in the batch that is under way; an abort
//! forgets the latter. It is an optimisation alone: forgetting all of it costs repetitions, never a count.

use activity::cache::Cache;
use activity::{Bucket, EntityKind, Grain, MetricIndex, PerGrain};
use catalog::{Measure, Plan, Slice};
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// How many bits a word has.
const BITS: u16 = 64;
/// How many words of a block are kept at least: the present one, and one for what is late.
const WORDS: u16 = 2;
/// How many buckets are kept at least, so that there are some for what is late.
const BUCKETS: u16 = 8;

/// Which (entity, metric, bucket) were forwarded, for at most `limit` entities, and those of the batch that is under way.
#[derive(Debug)]
pub(crate) struct Forwarded {
    limit: usize,
    /// By metric and slice; `None` for one without windows of the grain, and for one that no event touches.
    lanes: PerGrain<Vec<Option<Lane>>>,
    entities: Cache<SmallVec<[u8; 24]>, Marks>,
    /// What the batch under way has marked: the entity's place, and where.
    pending: Vec<(usize, Place, u64)>,
}

/// Where the bits of a metric are among those of its entity. The metrics of an entity lie beside one another, up to 64 in a
/// block, so that one word says what is new for all of them: a word has 64 buckets of a single metric, 32 of two, 1 of 64.
#[derive(Clone, Copy, Debug)]
struct Lane {
    block: u16,
    at: u16,
    /// How many metrics a word of the block has room for: a power of two.
    width: u16,
}

/// Names a word of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    grain: Grain,
    block: u16,
    /// Its first bucket divided by how many it has.
    number: i32,
}

/// What was forwarded of one entity; for most that is one word.
#[derive(Debug, Default)]
struct Marks(SmallVec<[(Place, u64); 1]>);

impl Lane {
    /// The lanes of all metrics and slices in a grain.
    fn all(plan: &Plan, grain: Grain) -> Vec<Option<Lane>> {
        let mut counts: BTreeMap<EntityKind, u16> = BTreeMap::new();
        let is_at_event = |slice: Slice| plan.dimension(slice.dimension).is_said();
        let mut number = |series: MetricIndex| {
            let metric = plan.metric(series);
            let is_touched = plan.is_recorded(series) && plan.slice(series).is_none_or(is_at_event);
            let Measure::Distinct(entity) = metric.measure else { return None };
            let entity = Some(entity).filter(|_| is_touched && metric.windows_of(grain).next().is_some())?;
            let count = counts.entry(entity).or_default();
            *count += 1;
            Some((entity, *count - 1))
        };
        let numbers: Vec<_> = plan.series().map(&mut number).collect();
        let lane = |(entity, number): (EntityKind, u16)| Lane {
            block: number / BITS,
            at: number % BITS,
            width: counts[&entity].min(BITS).next_power_of_two(),
        };
        numbers.into_iter().map(|number| number.map(lane)).collect()
    }

    /// The word in which a bucket lies, and its bit there.
    fn split(self, grain: Grain, bucket: Bucket) -> (Place, u64) {
        let buckets = i32::from(BITS / self.width);
        let bit = bucket.0.rem_euclid(buckets) * i32::from(self.width) + i32::from(self.at);
        (Place { grain, block: self.block, number: bucket.0.div_euclid(buckets) }, 1 << bit)
    }

    /// How many words of its block are kept.
    fn words(self) -> usize {
        WORDS.max(BUCKETS * self.width / BITS).into()
    }
}

impl Marks {
    fn find(&self, place: Place) -> Option<usize> {
        self.0.iter().position(|(of, _)| *of == place)
    }

    /// The word of a place. If its block has as many `words` as are kept, the oldest is forgotten for it.
    fn find_or_add(&mut self, place: Place, words: usize) -> usize {
        if let Some(at) = self.find(place) {
            return at;
        }
        let is_beside = |of: &Place| (of.grain, of.block) == (place.grain, place.block);
        let of_block = || self.0.iter().enumerate().filter(|(_, (of, _))| is_beside(of));
        let oldest = of_block().min_by_key(|(_, (of, _))| of.number).map(|(at, _)| at);
        match oldest.filter(|_| of_block().count() >= words) {
            Some(at) => {
                self.0[at] = (place, 0);
                at
            }
            None => {
                self.0.push((place, 0));
                self.0.len() - 1
            }
        }
    }

    fn forget(&mut self, place: Place, bit: u64) {
        if let Some(at) = self.find(place) {
            self.0[at].1 &= !bit;
        }
    }
}

impl Forwarded {
    pub(crate) fn new(limit: usize, plan: &Plan) -> Forwarded {
        let lanes = PerGrain::of(|grain| Lane::all(plan, grain));
        Forwarded { limit, lanes, entities: Cache::default(), pending: Vec::new() }
    }

    /// Keeps of `metrics`, which ascend, those with windows of the grain for which the entity was not yet forwarded in `bucket`,
    /// and marks them as pending.
    pub(crate) fn keep_new(
        &mut self,
        key: &[u8],
        grain: Grain,
        bucket: Bucket,
        metrics: &[MetricIndex],
        new: &mut Vec<MetricIndex>,
    ) {
        new.clear();
        let at = self.entities.find(key).unwrap_or_else(|| self.entities.add(key.into(), Marks::default()));
        let marks = &mut self.entities[at];
        let lane = |metric: &MetricIndex| Some((*metric, self.lanes[grain][usize::from(metric.0)]?));
        // Metrics that ascend are in blocks that ascend: most are in the word of the one before.
        let mut word = None;
        for (metric, lane) in metrics.iter().filter_map(lane) {
            let (place, bit) = lane.split(grain, bucket);
            let word = match word {
                Some((of, word)) if of == place => word,
                _ => word.insert((place, marks.find_or_add(place, lane.words()))).1,
            };
            let bits = &mut marks.0[word].1;
            if *bits & bit == 0 {
                *bits |= bit;
                new.push(metric);
                self.pending.push((at, place, bit));
            }
        }
    }

    /// The batch was committed: what was pending is known.
    pub(crate) fn committed(&mut self) {
        self.pending.clear();
        self.entities.shrink(self.limit);
    }

    /// The batch was thrown away: what was pending was never said.
    pub(crate) fn aborted(&mut self) {
        for (at, place, bit) in self.pending.drain(..) {
            self.entities[at].forget(place, bit);
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

    /// Room for so many entities, of which so many metrics count users, and the last of these by the hour, too.
    fn cache(limit: usize, metrics: u16) -> Forwarded {
        let metric = |at: u16| {
            let windows = if at + 1 == metrics { "24h, 1d" } else { "1d" };
            format!(
                "  m{at}: {{ type: simple, measure: {{ agg: count_distinct, entity: user, events: any }}, windows: [{windows}] }}\n"
            )
        };
        let metrics: String = (0..metrics).map(metric).collect();
        let text = format!(
            "version: 1\nproduct: test\nsources: {{ usage: {{ topic: usage }} }}\nentities: {{ user: {{ key: user_id }} }}\nmetrics:\n{metrics}"
        );
        let plan = catalog::parse(&text).unwrap_or_else(|mistakes| panic!("{}", mistakes.render("test", &text)));
        Forwarded::new(limit, &plan)
    }

    fn new_of(cache: &mut Forwarded, key: &str, (grain, bucket): (Grain, i32), metrics: &[u16]) -> Vec<u16> {
        let metrics: Vec<_> = metrics.iter().map(|metric| MetricIndex(*metric)).collect();
        let mut new = Vec::new();
        cache.keep_new(key.as_bytes(), grain, Bucket(bucket), &metrics, &mut new);
        new.iter().map(|metric| metric.0).collect()
    }

    fn new(cache: &mut Forwarded, key: &str, day: i32, metrics: &[u16]) -> Vec<u16> {
        new_of(cache, key, (Grain::Day, day), metrics)
    }

    #[test]
    fn only_what_was_not_forwarded_is_new() {
        for count in [3, 60, 200] {
            let (mut cache, last) = (cache(10, count), count - 1);
            assert_eq!(new(&mut cache, "ada", 63, &[0, 1]), [0, 1]);
            assert_eq!(new(&mut cache, "ada", 63, &[0, last]), [last]);
            assert_eq!(new(&mut cache, "ada", 64, &[0]), [0]);
            assert_eq!(new(&mut cache, "ada", 62, &[1, last]), [1, last]);
            assert_eq!(new(&mut cache, "grace", 63, &[0]), [0]);
            cache.committed();
            assert!(new(&mut cache, "ada", 64, &[0]).is_empty());
            assert!(new(&mut cache, "ada", 63, &[0, 1, last]).is_empty());
        }
    }

    #[test]
    fn only_metrics_with_windows_of_the_grain_are_new_in_it() {
        let mut cache = cache(10, 3);
        assert_eq!(new_of(&mut cache, "ada", (Grain::Hour, 63), &[0, 1, 2]), [2]);
        assert_eq!(new_of(&mut cache, "ada", (Grain::Day, 63), &[0, 1, 2]), [0, 1, 2]);
    }

    #[test]
    fn an_aborted_batch_teaches_nothing() {
        let mut cache = cache(10, 100);
        assert_eq!(new(&mut cache, "ada", 5, &[0]), [0]);
        cache.committed();
        assert_eq!(new(&mut cache, "ada", 6, &[0]), [0]);
        assert_eq!(new(&mut cache, "ada", 5, &[0, 1, 99]), [1, 99]);
        cache.aborted();
        assert_eq!(new(&mut cache, "ada", 6, &[0]), [0]);
        assert_eq!(new(&mut cache, "ada", 5, &[0, 1, 99]), [1, 99]);
    }

    #[test]
    fn what_is_pending_stays_and_the_rest_is_bounded() {
        let mut cache = cache(2, 1);
        let keys = ["ada", "grace", "edsger"];
        keys.iter().for_each(|key| assert_eq!(new(&mut cache, key, 5, &[0]), [0]));
        keys.iter().for_each(|key| assert!(new(&mut cache, key, 5, &[0]).is_empty()));
        cache.committed();
        assert_eq!(keys.iter().filter(|key| cache.entities.contains(key.as_bytes())).count(), 2);
    }

    #[test]
    fn the_marks_of_an_entity_that_never_rests_are_bounded_and_tell_what_is_late() {
        for (metrics, words, kept) in [(1, 2, 64), (2, 2, 32), (60, 8, 7), (100, 16, 7)] {
            let (mut cache, last) = (cache(2, metrics), metrics - 1);
            for bucket in 0..1000 {
                assert_eq!(new(&mut cache, "ada", bucket, &[last]), [last]);
                new(&mut cache, "ada", bucket, &[0]);
                assert!(bucket < kept || new(&mut cache, "ada", bucket - kept, &[last]).is_empty());
            }
            let at = cache.entities.find(b"ada").unwrap();
            assert_eq!(cache.entities[at].0.len(), words, "of {metrics} metrics");
        }
    }
}
