//! Brute force about events that count by themselves: what a shard's log says that they add up to.

use activity::additive::{Additive, Place};
use activity::pack::Pack;
use activity::{Bucket, EntityKey, EventId, Grain, MetricIndex, Millis, Track, Window};
use catalog::Plan;
use std::collections::BTreeMap;

const HOUR: i64 = 3_600_000;

/// The events of a shard's log, each id once by each grain: it remembers every copy for ever, and until when each was to be
/// remembered.
#[derive(Default)]
pub(crate) struct Events {
    copies: BTreeMap<(EventId, Grain), Vec<Copy>>,
    counted: Vec<Event>,
    /// How many were not counted because of their ids.
    pub(crate) duplicates: u64,
    /// How many were not counted because they are of partitions that joined late, from before what may be a duplicate.
    pub(crate) unjudged: u64,
}

/// A copy of an event: the record that holds it, and until which shard time its id has to be known.
struct Copy {
    at: usize,
    until: Millis,
}

struct Event {
    /// The record that holds it.
    at: usize,
    /// Whose attributes it follows, if it follows any and names whose.
    owner: Option<EntityKey>,
    place: Place,
    /// What it adds, by metric.
    values: BTreeMap<MetricIndex, i128>,
}

impl Events {
    /// Takes in the pack at an offset, before which shard time was `time`.
    pub(crate) fn read(&mut self, plan: &Plan, at: usize, pack: &Pack, time: Option<Millis>) {
        for events in &pack.additive {
            let Place { grain, bucket } = events.place();
            let until = plan.in_time_until(grain, bucket);
            if time.is_some_and(|time| until <= time) {
                self.unjudged += events.ids().len() as u64;
                continue;
            }
            let until = Millis((until.0 + HOUR - 1).div_euclid(HOUR) * HOUR);
            events.buckets.iter().for_each(|place| self.read_place(at, events, *place, (until, time)));
        }
    }

    /// Takes in the events of a pack in one of their buckets.
    fn read_place(&mut self, at: usize, events: &Additive, place: Place, (until, time): (Millis, Option<Millis>)) {
        for id in events.ids() {
            let copies = self.copies.entry((id, place.grain)).or_default();
            let is_known = copies.iter().any(|copy| time.is_none_or(|time| copy.until > time));
            copies.push(Copy { at, until });
            if is_known {
                self.duplicates += u64::from(place == events.place());
                continue;
            }
            let mut is_first = true;
            let own = events.add_up(|of| of == id && std::mem::take(&mut is_first));
            let counts = events.counts.iter().map(|metric| (*metric, 1));
            let values = counts.chain(events.sums.iter().copied().zip(own.sums)).collect();
            let owner = events.owner().map(|key| EntityKey::parse(key).expect("whole"));
            self.counted.push(Event { at, owner, place, values });
        }
    }

    /// From where on the log has to be read again at the latest by who wants to know every id that is known at an offset,
    /// before which shard time was `time`; `None` if there is none.
    pub(crate) fn ids_from(&self, next: usize, time: Option<Millis>) -> Option<usize> {
        let known_by = |copies: &Vec<Copy>| {
            let copies = || copies.iter().filter(|copy| copy.at < next);
            let longest =
                copies().map(|copy| copy.until).max().filter(|until| time.is_none_or(|time| *until > time))?;
            copies().find(|copy| copy.until == longest).map(|copy| copy.at)
        };
        self.copies.values().filter_map(known_by).min()
    }

    /// The first and last bucket of a grain, in which an event before an offset counts for a metric.
    pub(crate) fn span(&self, metric: MetricIndex, grain: Grain, next: usize) -> Option<(Bucket, Bucket)> {
        let buckets = || self.of(metric, grain, next).map(|(bucket, ..)| bucket);
        Some((buckets().min()?, buckets().max()?))
    }

    /// What the events add to a metric in the window up to `as_of`, by the log up to an offset, each with its owner.
    pub(crate) fn in_window(
        &self,
        metric: MetricIndex,
        window: Window,
        as_of: Bucket,
        next: usize,
    ) -> Vec<(Option<&EntityKey>, i128)> {
        let range = as_of.plus(1 - i32::from(window.longest()))..=as_of;
        let of = self.of(metric, window.grain, next).filter(|(bucket, ..)| range.contains(bucket));
        of.map(|(_, owner, value)| (owner, value)).collect()
    }

    /// What the events of owners, before an offset, add to a metric at a grain, each with its bucket.
    pub(crate) fn of_owners(&self, track: Track, next: usize) -> impl Iterator<Item = (&EntityKey, Bucket, i128)> {
        self.of(track.metric, track.grain, next).filter_map(|(bucket, owner, value)| Some((owner?, bucket, value)))
    }

    fn of(
        &self,
        metric: MetricIndex,
        grain: Grain,
        next: usize,
    ) -> impl Iterator<Item = (Bucket, Option<&EntityKey>, i128)> {
        let before = self.counted.iter().filter(move |event| event.at < next);
        before.filter_map(move |event| {
            let is_of_grain = event.place.grain == grain;
            Some((event.place.bucket, event.owner.as_ref(), *event.values.get(&metric).filter(|_| is_of_grain)?))
        })
    }
}
