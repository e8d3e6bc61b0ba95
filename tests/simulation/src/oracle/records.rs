//! What the records of a shard have to hold.

use super::{ACCOUNT, ShardOracle};
use activity::header::Header;
use activity::marks::{Keep, Marks};
use activity::mask::Mask;
use activity::record::{Floors, Record};
use activity::tally::Tally;
use activity::{Bucket, DimensionIndex, DimensionValue, EntityKey, MetricIndex, Millis, Shard, Track};
use catalog::Plan;
use state::{MemoryStore, Store};
use std::collections::{BTreeMap, BTreeSet};

/// How far apart events of a visit are at most.
const GAP_MS: i64 = 90 * 60_000;

/// What is kept of a track.
type Kept<'r> = (Option<&'r Mask>, Option<&'r Tally>, Option<Bucket>, [Option<&'r Marks>; 3]);

impl ShardOracle {
    pub(super) fn check_records(
        &self,
        mut records: BTreeMap<EntityKey, Record>,
        floors: Option<Floors>,
        next: usize,
    ) -> Result<(), String> {
        let mut expected: BTreeMap<&EntityKey, Record> = BTreeMap::new();
        let bits = self.bits.iter().flat_map(|(track, bits)| bits.iter().map(move |bit| (track, bit)));
        for (track, ((key, bucket), _)) in bits.filter(|(_, (_, (at, _)))| *at < next) {
            if floors.is_none_or(|floors| *bucket >= floors[track.grain]) {
                expected.entry(key).or_default().mask_mut(*track).insert(*bucket);
            }
            if ["comings", "waves", "cohorts_cohort"].contains(&self.plan.metric(track.metric).name.as_str()) {
                expected.entry(key).or_default().seen(*track, *bucket);
            }
        }
        for track in self.tracks() {
            for (key, bucket, n) in self.events.of_owners(track, next) {
                expected.entry(key).or_default().add_events(track, bucket, n);
            }
        }
        for ((metric, keep), key, (_, at, value)) in self.happened(next) {
            let record = expected.entry(key).or_default();
            match keep {
                Keep::Joined => drop(record.join(metric, at, GAP_MS)),
                Keep::None | Keep::Last => drop(record.mark(metric, keep, at, value)),
            }
        }
        for ((key, dimension), told) in &self.changes {
            for ((at, value), _) in told.iter().filter(|(_, (seen, _))| *seen < next) {
                expected.entry(key).or_default().attribute_mut(*dimension).set(*at, *value);
            }
        }
        floors
            .iter()
            .for_each(|floors| records.values_mut().chain(expected.values_mut()).for_each(|of| of.trim(floors)));
        records.retain(|_, record| !record.is_empty());
        let keys: BTreeSet<&EntityKey> = records.keys().chain(expected.keys().copied()).collect();
        let none = Record::default();
        for key in keys {
            let (told, expected) = (records.get(key).unwrap_or(&none), expected.get(key).unwrap_or(&none));
            if self.own(key, told, floors) != self.own(key, expected, floors) {
                return Err(format!("holds {told:?} of {key:?}, its log says {expected:?}"));
            }
            floors.map_or(Ok(()), |floors| self.check_members(key, told, floors, next))?;
        }
        Ok(())
    }

    /// What happened, by metric, and what of it is kept.
    fn happened(&self, next: usize) -> impl Iterator<Item = ((MetricIndex, Keep), &EntityKey, (Bucket, Millis, i64))> {
        let of_metric = |metric: MetricIndex| match self.plan.metric(metric).name.as_str() {
            "funnel_started" | "tastes" => (metric, Keep::None),
            "visits" => (metric, Keep::Joined),
            _ => (metric, Keep::Last),
        };
        self.marks.iter().flat_map(move |(metric, of)| {
            of.iter().flat_map(move |(key, happened)| {
                let known = happened.iter().filter(move |(_, seen)| **seen < next);
                known.map(move |(happened, _)| (of_metric(*metric), key, *happened))
            })
        })
    }

    /// The grains at which each series has windows.
    fn tracks(&self) -> impl Iterator<Item = Track> {
        let grains =
            |metric| self.plan.metric(metric).windows.iter().map(|window| window.grain).collect::<BTreeSet<_>>();
        self.plan.series().flat_map(move |metric| grains(metric).into_iter().map(move |grain| Track { metric, grain }))
    }

    /// What a record says of its entity itself: its masks, what its events add up to, and its attributes as of every bucket that
    /// something was told of and that is kept. Which changes say so is the record's own affair.
    fn own<'r>(
        &self,
        key: &EntityKey,
        record: &'r Record,
        floors: Option<Floors>,
    ) -> (Vec<Kept<'r>>, Vec<Option<DimensionValue>>) {
        let mut values = Vec::new();
        for dimension in (0..).map(DimensionIndex).take(self.plan.dimensions.len()) {
            let timeline = record.attribute(dimension);
            values.push(timeline.map(|timeline| timeline.current().at(Bucket(0))));
            let told = || self.changes.get(&(key.clone(), dimension)).into_iter().flatten();
            for grain in self.plan.grains() {
                let floor = floors.map_or(Bucket(i32::MIN), |floors| floors[grain]);
                let of = timeline.map(|timeline| timeline.by_bucket(|time| self.plan.bucket(grain, time)));
                let buckets = told().map(|(_, (_, buckets))| buckets[grain].max(floor)).chain([floor]);
                values.extend(buckets.map(|bucket| of.as_ref().map(|of| of.at(bucket))));
            }
        }
        (
            self.tracks()
                .map(|track| {
                    let marks = [Keep::None, Keep::Last, Keep::Joined].map(|keep| record.marks(track.metric, keep));
                    (record.mask(track), record.events(track), record.first(track), marks)
                })
                .collect(),
            values,
        )
    }

    /// Whether a record of an account says how many of its pairs count.
    fn check_members(&self, key: &EntityKey, record: &Record, floors: Floors, next: usize) -> Result<(), String> {
        let account = key.parts().next();
        let is_of = |metric: &MetricIndex| {
            let is_kept =
                ["pairs", "keen", "teams", "waves_retained"].contains(&self.plan.metric(*metric).name.as_str());
            is_kept && self.plan.slice(*metric).is_none()
        };
        for metric in self.plan.series().filter(|metric| is_of(metric) && key.kind() == ACCOUNT) {
            for window in &self.plan.metric(metric).windows {
                let origin = self.plan.origin(window.grain, floors[window.grain]);
                for as_of in [origin, origin.plus(i32::from(window.longest()) - 1)] {
                    let known = self.known(metric, window.grain, next);
                    let members = self.counted(metric, &known, *window, (as_of, next)).into_iter();
                    let pairs = members.filter_map(|(pair, _)| pair);
                    let expected = pairs.filter(|pair| pair.parts().next() == account).count();
                    let steps = record.members(metric, *window).into_iter().flat_map(Tally::iter);
                    let told: i128 = steps.filter(|(at, _)| *at <= as_of).map(|(_, n)| n).sum();
                    if usize::try_from(told) != Ok(expected) {
                        return Err(format!(
                            "{key:?} has {told} members in {window} as of {as_of}, its log says {expected}"
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether the store holds nothing of the shard that lies below its floor.
    pub(crate) fn is_swept(plan: &Plan, shard: Shard, store: &mut MemoryStore) -> bool {
        let Some(stored) = store.stored(shard).expect("memory answers") else {
            return true;
        };
        let time = Header::decode(&stored.header).ok().and_then(|header| header.time);
        let floors = time.map(|time| plan.floors(time));
        let mut portions = 0..store.portions();
        floors.is_none_or(|floors| {
            portions.all(|portion| {
                let entities =
                    store.portion(shard, stored.state.fence.incarnation, portion).expect("memory answers").anyway();
                entities.iter().all(|(_, bytes)| {
                    let record = Record::decode(bytes).unwrap_or_default();
                    let mut trimmed = record.clone();
                    trimmed.trim(&floors);
                    trimmed == record && !record.is_empty()
                })
            })
        })
    }
}
