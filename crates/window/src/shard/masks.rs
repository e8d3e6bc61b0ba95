//! Activity: bits that are set in the masks of entities, and what follows from them.
//!
//! A bit that is new moves the counters of every metric that is worked out of its mask, by what the entity contributes after it and
//! did not before. For most metrics that is told at once ([`measure::activated`]); for a family ([`families`]) the kind's function
//! is asked before and after.

use super::segments::Step;
use super::{ShardState, families};
use crate::counters::Counters;
use crate::error::WindowError;
use activity::additive::Place;
use activity::pack::Delta;
use activity::record::Record;
use activity::{Bucket, Offset, Track, measure};
use catalog::{Family, Plan};
use std::ops::Range;
use std::sync::Arc;

impl ShardState {
    pub(super) fn apply_delta(&mut self, offset: Offset, delta: &Delta, behind: bool) -> Result<(), WindowError> {
        let Delta { grain, bucket, .. } = *delta;
        let mut tracks: Vec<Aimed> =
            delta.metrics.iter().map(|metric| self.aim(Track { metric: *metric, grain })).collect();
        let below = self.floors.map(|floors| floors[grain]).filter(|floor| bucket < *floor);
        match below {
            Some(floor) if !behind => {
                let (shard, place) = (self.shard, Place { grain, bucket });
                return Err(WindowError::BelowFloor { shard, offset, place, floor });
            }
            Some(_) => {
                self.metrics.below_floor.inc_by(delta.keys.iter().count() as u64);
                // The bucket is not kept, but who was first seen in it was.
                tracks.retain(|aimed| aimed.asks_first());
                if tracks.is_empty() {
                    return Ok(());
                }
            }
            None => self.sweep.hold(grain, bucket),
        }
        let is_kept = below.is_none();
        let are_followed = tracks.iter().any(|aimed| aimed.is_followed);
        let (mut entities, mut bits, mut steps) = (0, 0, Vec::new());
        for key in delta.keys.iter().flatten() {
            let ShardState { plan, records, counters, floors, .. } = self;
            entities += 1;
            records.change(key, floors.as_ref(), |record| {
                let before = bits;
                bits += tracks
                    .iter()
                    .map(|aimed| u64::from(aimed.set(plan, record, counters, (bucket, is_kept), &mut steps)))
                    .sum::<u64>();
                bits > before
            });
            if are_followed {
                self.slice_steps(key, &steps);
            }
            steps.clear();
        }
        self.metrics.entities.inc_by(entities);
        self.metrics.bits.inc_by(bits);
        Ok(())
    }

    fn aim(&self, track: Track) -> Aimed {
        let (is_followed, is_filtered) = (self.segments.follow(track.metric), self.segments.filter(track.metric));
        let family = self.families.of(track.metric).cloned();
        Aimed { track, counters: self.counters.places(track), family, is_followed, is_filtered }
    }
}

/// A track, and where its counters are.
struct Aimed {
    track: Track,
    counters: Range<usize>,
    /// What is worked out of it, if that is not plainly where the window covers a bucket.
    family: Option<Arc<Family>>,
    /// Whether slices follow what entities contribute to it.
    is_followed: bool,
    /// Whether that counts only where attributes say so.
    is_filtered: bool,
}

impl Aimed {
    /// Sets one bit, unless it is not kept, and moves the counters that follow from it, unless they are filtered, by what the entity
    /// contributes after it and did not before; these are steps that slices, and filtered counters, may follow. Whether the record
    /// has changed.
    fn set(
        &self,
        plan: &Plan,
        record: &mut Record,
        counters: &mut Counters,
        (bucket, is_kept): (Bucket, bool),
        steps: &mut Vec<Step>,
    ) -> bool {
        let Some(family) = &self.family else {
            return self.set_plain(plan, record, counters, bucket, steps);
        };
        let is_new = is_kept && record.mask(self.track).is_none_or(|mask| !mask.contains(bucket));
        let is_first = self.asks_first() && record.first(self.track).is_none_or(|first| bucket < first);
        if !is_new && !is_first {
            return false;
        }
        let before = families::contributed(family, plan, record);
        if is_new {
            record.mask_mut(self.track).insert(bucket);
        }
        if is_first {
            record.seen(self.track, bucket);
        }
        let moved = families::difference(before, families::contributed(family, plan, record));
        for (key, at, n) in moved {
            if !self.is_filtered {
                counters.step(key, at, n);
            }
            steps.extend(self.is_followed.then_some((key, at, n)));
        }
        true
    }

    /// The same of a track from which one metric alone follows, wherever the window covers a bucket of it.
    fn set_plain(
        &self,
        plan: &Plan,
        record: &mut Record,
        counters: &mut Counters,
        bucket: Bucket,
        steps: &mut Vec<Step>,
    ) -> bool {
        let mask = record.mask_mut(self.track);
        let around = mask.around(bucket);
        if !mask.insert(bucket) {
            return false;
        }
        for at in self.counters.clone() {
            let (key, counter) = (counters.key(at), counters.change(at));
            let until = |bucket| plan.until(key.window, bucket);
            measure::activated(around, bucket, until, |at, n| {
                if !self.is_filtered {
                    counter.step(at, n);
                }
                steps.extend(self.is_followed.then_some((key, at, n.into())));
            });
        }
        true
    }

    fn asks_first(&self) -> bool {
        self.family.as_ref().is_some_and(|family| family.kind.asks_first())
    }
}
