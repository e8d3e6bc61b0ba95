//! How much state a metric costs, by the formats in which state is kept.

use crate::plan::{Marks, Measure, Metric, Plan};
use activity::record::Record;
use activity::{Bucket, Grain, MetricIndex, Millis, Track};

/// A recent time. Bytes are the same at any other, within decades.
const ANY_TIME: Millis = Millis(1_800_000_000_000);

/// What a metric adds to the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Bytes in the record of an entity that was active once, or of the owner of one event that adds 1; `None` if the metric
    /// keeps no records.
    pub once: Option<usize>,
    /// The same of one that was active, or had such an event, in every bucket that is kept.
    pub always: Option<usize>,
    /// How many counters every shard has of it: one for each window, of the whole and of each slice.
    pub counters: usize,
    /// How many steps such a counter has at most, of a few bytes each: one for each bucket of which it can be asked, and for
    /// each in which what is counted now will fall out of the window.
    pub steps: usize,
}

impl Plan {
    /// What a metric adds to the state: the part of an entity's record that it takes, encoded as it would be stored.
    #[must_use]
    pub fn footprint(&self, index: MetricIndex) -> Footprint {
        let (metric, family) = (self.metric(index), self.family(index));
        let grains = || Grain::ALL.into_iter().filter(|grain| metric.windows_of(*grain).next().is_some());
        let bytes = |first: &dyn Fn(Grain) -> Bucket| {
            let mut record = Record::default();
            for grain in grains() {
                let track = Track { metric: index, grain };
                for bucket in (first(grain).0..=self.bucket(grain, ANY_TIME).0).map(Bucket) {
                    if metric.entity().is_none() || matches!(metric.measure, Measure::Events(_)) {
                        record.add_events(track, bucket, 1);
                        continue;
                    }
                    if let Measure::Marks(Marks { keep, .. }) = metric.measure {
                        record.mark(index, keep, Millis(i64::from(bucket.0) * grain.nominal_ms()), 1);
                        continue;
                    }
                    record.mask_mut(track).insert(bucket);
                    if family.as_ref().is_some_and(|family| family.kind.asks_first()) {
                        record.seen(track, bucket);
                    }
                }
            }
            record.encode().len() - Record::default().encode().len()
        };
        let slices = metric.by.iter().map(|by| self.dimension(by.dimension).all_values().count()).sum::<usize>();
        let is_recorded = family.as_ref().is_none_or(|family| family.reads == index);
        let has_events = metric.events.as_ref().is_none_or(|names| !names.is_empty());
        let keeps_records = is_recorded && has_events && metric.entity().or_else(|| self.owner(metric)).is_some();
        Footprint {
            once: keeps_records.then(|| bytes(&|grain| self.bucket(grain, ANY_TIME))),
            always: keeps_records.then(|| bytes(&|grain| self.floor(grain, ANY_TIME))),
            counters: metric.windows.len() * (1 + slices),
            steps: grains().map(|grain| self.steps_of_counter(metric, grain)).max().unwrap_or(0),
        }
    }

    /// From the first as-of bucket that is kept to the one where the longest window lets go of the present.
    fn steps_of_counter(&self, metric: &Metric, grain: Grain) -> usize {
        let now = self.bucket(grain, ANY_TIME);
        let kept = now.since(self.origin(grain, self.floor(grain, ANY_TIME)));
        let ahead = metric.windows_of(grain).map(|window| i64::from(window.longest())).max().unwrap_or(0);
        usize::try_from(kept + ahead).expect("the origin is not after the present")
    }
}
