//! Marks: what happened to entities, and when, kept in their records for kinds that ask for that.
//!
//! A mark is never refused: one from before the floor still says what held there, and is let go of if nobody asks.

use super::segments::Step;
use super::{ShardState, families};
use activity::pack::{Mark, Marked};
use activity::{Bucket, Grain};
use catalog::{Marks, Measure, Said};

impl ShardState {
    /// Applies what an event says happened to an entity, which must be at hand.
    pub(super) fn apply_mark(&mut self, mark: &Mark) {
        let ShardState { plan, records, counters, floors, segments, families, sweep, metrics, .. } = self;
        let mut steps = Vec::<Step>::new();
        let floor = floors.map_or(Bucket(i32::MIN), |floors| floors[Grain::Day]);
        sweep.hold(Grain::Day, plan.bucket(Grain::Day, mark.at).max(floor));
        records.change(&mark.key, floors.as_ref(), |record| {
            let mut is_changed = false;
            for Marked { metric, value } in &mark.values {
                let (Some(family), Measure::Marks(Marks { said, keep, .. })) =
                    (families.of(*metric), &plan.metric(*metric).measure)
                else {
                    continue;
                };
                if record.marks(*metric, *keep).is_some_and(|marks| marks.has(mark.at, *value)) {
                    continue;
                }
                let contributed = |record: &_| families::contributed(family, plan, record);
                let (before, after) = match said {
                    // What one stretch contributes has nothing to do with the others.
                    Said::Moment { gap_ms } => match record.join(*metric, mark.at, *gap_ms) {
                        None => continue,
                        Some([old, new]) => (contributed(&old), contributed(&new)),
                    },
                    Said::Value { .. } | Said::Steps(_) | Said::Label(_) => {
                        let before = contributed(record);
                        record.mark(*metric, *keep, mark.at, *value);
                        (before, contributed(record))
                    }
                };
                is_changed = true;
                floors.iter().filter(|floors| mark.at < floors.time).for_each(|floors| record.trim(floors));
                let moved = families::difference(before, after);
                if !segments.filter(*metric) {
                    moved.iter().for_each(|(key, at, n)| counters.step(*key, *at, *n));
                }
                steps.extend(moved.into_iter().filter(|_| segments.follow(*metric)));
            }
            is_changed
        });
        metrics.marks.inc_by(mark.values.len() as u64);
        self.slice_steps(&mark.key, &steps);
    }
}
