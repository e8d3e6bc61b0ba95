//! What would count, before attributes are asked.

use super::{ACCOUNT, Happened, ShardOracle};
use crate::kinds::{self, Once};
use activity::{Bucket, EntityKey, Grain, MetricIndex, Window};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of entities for a metric.
pub(super) enum Known<'o> {
    /// The buckets in which each was active, ascending.
    Active(Vec<(&'o EntityKey, Vec<Bucket>)>),
    /// What happened to each, by day and time.
    Happened(Vec<(&'o EntityKey, Vec<Once>)>),
    /// Those of which anything was ever told.
    Told(Vec<&'o EntityKey>),
    /// Owners, of whose members shares are told.
    Owners,
    /// Events count, and not entities.
    Events,
}

impl ShardOracle {
    /// What is known of entities for a metric, by the log up to an offset.
    pub(super) fn known(&self, metric: MetricIndex, grain: Grain, next: usize) -> Known<'_> {
        let track = self.plan.track(metric, grain);
        let of = self.plan.metric(metric);
        if of.entity().is_none() || kinds::is_of_events(of) {
            return Known::Events;
        }
        if !self.parts(metric).is_empty() {
            return Known::Owners;
        }
        if of.name == "customers" {
            return Known::Told(self.changes.keys().map(|(key, _)| key).collect::<BTreeSet<_>>().into_iter().collect());
        }
        if kinds::is_of_marks(of) {
            let known =
                |happened: &Happened| happened.iter().filter(|(_, seen)| **seen < next).map(|(of, _)| *of).collect();
            let marks = self.marks.get(&track.metric).into_iter().flatten();
            return Known::Happened(marks.map(|(key, happened)| (key, known(happened))).collect());
        }
        let mut active = Vec::<(&EntityKey, Vec<Bucket>)>::new();
        for ((key, at), _) in self.bits.get(&track).into_iter().flatten().filter(|(_, (seen, _))| *seen < next) {
            match active.last_mut().filter(|(of, _)| *of == key) {
                Some((_, buckets)) => buckets.push(*at),
                None => active.push((key, vec![*at])),
            }
        }
        Known::Active(active)
    }

    /// The metrics of which a metric tells shares.
    pub(super) fn parts(&self, metric: MetricIndex) -> Vec<MetricIndex> {
        self.plan.family(metric).map_or_else(Vec::new, |family| family.kind.parts())
    }

    /// What would count in the window up to `as_of` but for filters, and for how much, by the log up to an offset: entities, or
    /// events with the one that they follow.
    pub(super) fn counted<'o>(
        &'o self,
        metric: MetricIndex,
        known: &Known<'o>,
        window: Window,
        (as_of, next): (Bucket, usize),
    ) -> Vec<(Option<&'o EntityKey>, i128)> {
        let of = self.plan.metric(metric);
        match known {
            Known::Events if kinds::is_of_events(of) => {
                let mut sums = BTreeMap::<&EntityKey, [i128; 2]>::new();
                let before = Window::days(2);
                let spans = [(window, as_of), (before, as_of.plus(-i32::from(window.longest())))];
                for (at, (window, as_of)) in
                    spans.into_iter().enumerate().filter(|(at, _)| *at == 0 || of.name == "fading")
                {
                    let events = self.events.in_window(metric, window, as_of, next);
                    for (owner, n) in events.into_iter().filter_map(|(owner, n)| Some((owner?, n))) {
                        sums.entry(owner).or_default()[at] += n;
                    }
                }
                let counts = |[now, before]: [i128; 2]| match of.name.as_str() {
                    "heavy" => now >= 2,
                    // Less than 0.8 of a day's share of two days.
                    _ => before > 0 && 10 * 2 * now < 8 * before,
                };
                sums.into_iter().filter(|(_, of)| counts(*of)).map(|(owner, _)| (Some(owner), 1)).collect()
            }
            Known::Events => self.events.in_window(metric, window, as_of, next),
            Known::Owners => {
                let mut shares = BTreeMap::<&EntityKey, [i128; 2]>::new();
                for (at, part) in self.parts(metric).into_iter().enumerate() {
                    let known = self.known(part, window.grain, next);
                    for (pair, n) in self.counted(part, &known, window, (as_of, next)) {
                        let account = pair.and_then(|pair| pair.parts().next()).expect("a pair has an account");
                        let owner = self.accounts.get(&EntityKey::of(ACCOUNT, &[&account])).expect("it was told");
                        shares.entry(owner).or_default()[at] += n;
                    }
                }
                let shares = shares.into_iter().map(|(owner, parts)| (Some(owner), kinds::share(of, parts)));
                shares.filter(|(_, share)| *share != 0).collect()
            }
            Known::Told(keys) => keys.iter().map(|key| (Some(*key), 1)).collect(),
            Known::Happened(all) => {
                let amount = |(key, happened): &(_, Vec<_>)| {
                    (Some(*key), kinds::amount(&self.plan, of, happened, window, as_of))
                };
                all.iter().map(amount).filter(|(_, amount)| *amount != 0).collect()
            }
            Known::Active(all) => {
                let counting = all.iter().filter(|(_, buckets)| kinds::counts(of, buckets, window, as_of));
                counting.map(|(key, _)| (Some(*key), 1)).collect()
            }
        }
    }
}
