//! Events that count by themselves, each id once.

use super::ShardState;
use crate::error::WindowError;
use activity::additive::Additive;
use activity::pack::Pack;
use activity::{Bucket, MetricIndex, Millis, Offset, PerGrain, measure};
use state::CounterKey;

impl ShardState {
    /// Counts the events whose ids were not seen, and adds their values up.
    pub(super) fn apply_additive(
        &mut self,
        offset: Offset,
        events: &Additive,
        behind: bool,
    ) -> Result<(), WindowError> {
        if let Some(floor) = self.is_forgotten(events) {
            let (shard, place) = (self.shard, events.place());
            if !behind {
                return Err(WindowError::BelowFloor { shard, offset, place, floor });
            }
            self.metrics.below_floor.inc_by(events.ids().len() as u64);
            return Ok(());
        }
        let place = events.place();
        let total = events.add_up(|id| self.seen.insert(id, place, offset));
        self.metrics.events.inc_by(total.events);
        self.metrics.duplicates.inc_by(events.ids().len() as u64 - total.events);
        if total.events > 0 {
            events.counts.iter().for_each(|metric| self.add(events, *metric, total.events.into()));
            events.sums.iter().zip(total.sums).for_each(|(metric, sum)| self.add(events, *metric, sum));
        }
        Ok(())
    }

    fn add(&mut self, events: &Additive, metric: MetricIndex, n: i128) {
        for place in &events.buckets {
            for window in self.plan.metric(metric).windows_of(place.grain) {
                let key = CounterKey { metric, window };
                let counter = self.counters.entry(key).or_default();
                measure::additive(place.bucket, window, n, |at, n| counter.step(at, n));
                self.changed_counters.insert(key);
            }
        }
    }

    /// Remembers the events of a pack that was applied before.
    pub(super) fn remember(&mut self, offset: Offset, pack: &Pack) {
        for events in &pack.additive {
            if self.is_forgotten(events).is_none() {
                events.ids().for_each(|id| {
                    self.seen.insert(id, events.place(), offset);
                });
            }
        }
    }

    /// The first bucket from which events may still come, if these are from before: nobody remembers whether they were
    /// counted.
    fn is_forgotten(&self, events: &Additive) -> Option<Bucket> {
        let place = events.place();
        let first = self.plan.first_in_time(place.grain, self.header.time?);
        Some(first).filter(|first| place.bucket < *first)
    }

    /// Forgets the events from before what may still come at a shard time.
    pub(super) fn forget_events(&mut self, time: Millis) {
        let plan = &self.plan;
        self.seen.forget(PerGrain::of(|grain| plan.first_in_time(grain, time)));
    }

    /// Shows how many events are remembered.
    pub(super) fn show_events(&self) {
        let seen = i64::try_from(self.seen.len()).unwrap_or(i64::MAX);
        self.metrics.event_ids.with_label_values(&[&self.shard.to_string()]).set(seen);
    }
}
