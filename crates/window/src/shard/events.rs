//! Events that count by themselves, each id once.

use super::ShardState;
use super::segments::Step;
use crate::error::WindowError;
use crate::seen::Seen;
use activity::additive::{Additive, Place, Total};
use activity::pack::Pack;
use activity::{MetricIndex, Millis, Offset, measure};
use state::CounterKey;

/// The events that a shard knows, and up to where its log was read for that: they hold whatever becomes of the store.
#[derive(Debug)]
pub(crate) struct Known {
    seen: Seen,
    pub(crate) next: Offset,
}

impl ShardState {
    /// Goes on with what is known already, if that is of this shard's log and not from after what is stored: less of the log
    /// has to be read again.
    pub(crate) fn adopt(&mut self, known: Known) {
        if (self.reads..=self.next).contains(&known.next) {
            (self.seen, self.reads) = (known.seen, known.next);
        }
    }

    /// What is known of events whatever the store holds: what packs that were not committed have told is taken back.
    pub(crate) fn known(mut self) -> Known {
        self.seen.undo();
        Known { seen: self.seen, next: self.reads.min(self.stored.next) }
    }

    /// Counts the events whose ids are not known, and adds their values up, by each grain for itself: a copy that is late for
    /// its hour may come before one that is not.
    pub(super) fn apply_additive(
        &mut self,
        offset: Offset,
        events: &Additive,
        behind: bool,
    ) -> Result<(), WindowError> {
        let (place, until, now) = (events.place(), self.until(events), self.header.time);
        // Nobody knows whether an event from before this was counted.
        match now.filter(|now| until <= *now) {
            Some(now) if !behind => {
                let first = Millis(now.0 - self.plan.lateness_ms(place.grain));
                let (shard, floor) = (self.shard, self.plan.bucket(place.grain, first));
                return Err(WindowError::BelowFloor { shard, offset, place, floor });
            }
            Some(_) => {
                self.metrics.below_floor.inc_by(events.ids().len() as u64);
                return Ok(());
            }
            None => {}
        }
        for place in &events.buckets {
            let total = events.add_up(|id| self.seen.insert(id.in_grain(place.grain), until, offset, now));
            if *place == events.place() {
                self.metrics.events.inc_by(total.events);
                self.metrics.duplicates.inc_by(events.ids().len() as u64 - total.events);
            }
            if total.events > 0 {
                self.add_total(events, *place, total);
            }
        }
        Ok(())
    }

    /// Adds what events add up to in a bucket.
    fn add_total(&mut self, events: &Additive, place: Place, total: Total) {
        let counts = events.counts.iter().map(|metric| (*metric, i128::from(total.events)));
        let added: Vec<_> = counts.chain(events.sums.iter().copied().zip(total.sums)).collect();
        let mut steps = Vec::new();
        let counting = added.iter().filter(|(metric, _)| self.families.of(*metric).is_none());
        let counting: Vec<(MetricIndex, i128)> = counting.copied().collect();
        counting.into_iter().for_each(|(metric, n)| self.add(place, metric, n, &mut steps));
        match events.owner() {
            Some(owner) => {
                self.slice_steps(owner, &steps);
                let moved = self.keep_events(owner, place, &added);
                self.slice_steps(owner, &moved);
            }
            None => self.slice_steps_of_nobody(&steps),
        }
    }

    /// Adds what events in a bucket add to a metric. The steps are those that its slices follow.
    fn add(&mut self, Place { grain, bucket }: Place, metric: MetricIndex, n: i128, steps: &mut Vec<Step>) {
        let (is_followed, is_filtered) = (self.segments.follow(metric), self.segments.filter(metric));
        for window in self.plan.metric(metric).windows_of(grain) {
            let key = CounterKey { metric, window };
            measure::additive(bucket, self.plan.until(window, bucket), n, |at, n| {
                if !is_filtered {
                    self.counters.step(key, at, n);
                }
                steps.extend(is_followed.then_some((key, at, n)));
            });
        }
    }

    /// Takes in the ids alone of a pack whose positions were applied before.
    pub(super) fn remember(&mut self, offset: Offset, pack: &Pack) {
        for events in &pack.additive {
            let until = self.until(events);
            for place in &events.buckets {
                events.ids().for_each(|id| {
                    self.seen.insert(id.in_grain(place.grain), until, offset, self.header.time);
                });
            }
        }
    }

    /// The shard time until which copies of the events may come.
    fn until(&self, events: &Additive) -> Millis {
        let place = events.place();
        self.plan.in_time_until(place.grain, place.bucket)
    }

    /// What was told of events until now holds.
    pub(super) fn settle_events(&mut self) {
        self.seen.settle(self.header.time);
    }

    /// Shows how many events are known.
    pub(super) fn show_events(&self) {
        let seen = i64::try_from(self.seen.len()).unwrap_or(i64::MAX);
        self.metrics.event_ids.with_label_values(&[&self.shard.to_string()]).set(seen);
    }
}
