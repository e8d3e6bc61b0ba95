//! The counters of a shard, each at a place that follows from the plan: they are moved often.

use activity::counter::Counter;
use activity::{Bucket, Track};
use catalog::Plan;
use state::CounterKey;
use std::ops::Range;

/// A counter for every window of every metric and slice.
///
/// Invariant: one that may differ from what was last committed is among the changed ones.
#[derive(Debug)]
pub(crate) struct Counters {
    held: Vec<Held>,
    /// By metric and slice: the place of its first window's; those of the others follow, in the plan's order.
    first: Vec<usize>,
    /// The places of those that have changed, each once.
    changed: Vec<usize>,
}

#[derive(Debug)]
struct Held {
    key: CounterKey,
    counter: Counter,
    is_changed: bool,
}

impl Counters {
    /// The plan's counters, all 0.
    pub(crate) fn of(plan: &Plan) -> Counters {
        let (mut held, mut first) = (Vec::new(), Vec::new());
        for metric in plan.series() {
            first.push(held.len());
            let keys = plan.metric(metric).windows.iter().map(|window| CounterKey { metric, window: *window });
            held.extend(keys.map(|key| Held { key, counter: Counter::default(), is_changed: false }));
        }
        Counters { held, first, changed: Vec::new() }
    }

    /// Takes what is stored of a counter; `false` if the plan has none of this key.
    pub(crate) fn restore(&mut self, key: CounterKey, counter: Counter) -> bool {
        let place = self.place(key);
        place.map(|at| self.held[at].counter = counter).is_some()
    }

    fn place(&self, key: CounterKey) -> Option<usize> {
        let first = *self.first.get(usize::from(key.metric.0))?;
        let windows = self.held[first..].iter().take_while(|held| held.key.metric == key.metric);
        Some(first + windows.map(|held| held.key.window).position(|window| window == key.window)?)
    }

    /// The places of the counters of a track, one for each of its windows.
    pub(crate) fn places(&self, track: Track) -> Range<usize> {
        let is_of_track = |at: &usize| {
            let CounterKey { metric, window } = self.held[*at].key;
            (metric, window.grain) == (track.metric, track.grain)
        };
        let first = self.first[usize::from(track.metric.0)];
        let after = self.first.get(usize::from(track.metric.0) + 1).copied().unwrap_or(self.held.len());
        // The windows of a grain are beside one another.
        let start = (first..after).find(is_of_track).unwrap_or(after);
        start..(start..after).find(|at| !is_of_track(at)).unwrap_or(after)
    }

    /// Which counter is at a place.
    pub(crate) fn key(&self, at: usize) -> CounterKey {
        self.held[at].key
    }

    /// The counter at a place, to be changed.
    pub(crate) fn change(&mut self, at: usize) -> &mut Counter {
        let held = &mut self.held[at];
        if !std::mem::replace(&mut held.is_changed, true) {
            self.changed.push(at);
        }
        &mut held.counter
    }

    /// Adds `n` to a counter of the plan, from a bucket on.
    pub(crate) fn step(&mut self, key: CounterKey, bucket: Bucket, n: impl Into<i128>) {
        let at = self.place(key).expect("what is counted is in the plan");
        self.change(at).step(bucket, n);
    }

    /// Those that have changed, encoded.
    pub(crate) fn writes(&self) -> Vec<(CounterKey, Vec<u8>)> {
        let mut places = self.changed.clone();
        places.sort_unstable();
        places.into_iter().map(|at| (self.held[at].key, self.held[at].counter.encode())).collect()
    }

    /// Those that have changed were written.
    pub(crate) fn committed(&mut self) {
        for at in self.changed.drain(..) {
            self.held[at].is_changed = false;
        }
    }
}
