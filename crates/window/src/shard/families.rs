//! Families: metrics that a kind works out together of one record. What a change of the record makes of them is the difference of
//! what the entity contributes before and after.

use super::segments::Step;
use activity::MetricIndex;
use activity::record::Record;
use catalog::{Family, Plan};
use state::CounterKey;
use std::sync::Arc;

/// The families of the plan, by the metric or the slice whose activity they read.
#[derive(Debug)]
pub(crate) struct Families(Vec<Option<Arc<Family>>>);

impl Families {
    pub(crate) fn of_plan(plan: &Plan) -> Families {
        let read_by = |index: MetricIndex| plan.family(index).filter(|family| family.reads == index);
        Families(plan.series().map(|index| read_by(index).map(Arc::new)).collect())
    }

    pub(super) fn of(&self, reads: MetricIndex) -> Option<&Arc<Family>> {
        self.0.get(usize::from(reads.0)).and_then(Option::as_ref)
    }
}

/// What an entity contributes to the metrics of a family, in all windows.
pub(super) fn contributed(family: &Family, plan: &Plan, record: &Record) -> Vec<Step> {
    let mut steps = Vec::new();
    for window in &plan.metric(family.reads).windows {
        plan.steps_of_family(family, *window, record, |metric, at, n| {
            steps.push((CounterKey { metric, window: *window }, at, n));
        });
    }
    steps
}

/// The steps that lead from some to others, those of each counter beside one another.
pub(super) fn difference(before: Vec<Step>, after: Vec<Step>) -> Vec<Step> {
    let mut steps: Vec<Step> = before.into_iter().map(|(key, at, n)| (key, at, -n)).chain(after).collect();
    steps.sort_unstable_by_key(|(key, at, _)| (*key, *at));
    let sums = steps.chunk_by(|(a, at, _), (b, other, _)| (a, at) == (b, other));
    let sums = sums.map(|of| (of[0].0, of[0].1, of.iter().map(|(.., n)| n).sum::<i128>()));
    sums.filter(|(.., n)| *n != 0).collect()
}
