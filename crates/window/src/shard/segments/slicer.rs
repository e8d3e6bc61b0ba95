//! Moves the counters of slices, and of metrics that attributes filter, wherever contributions belong by what attributes were.

use super::{Followed, Step};
use crate::counters::Counters;
use activity::record::Record;
use activity::timeline::Values;
use activity::{Bucket, DimensionIndex, Grain, Window};
use catalog::{By, Plan};
use state::CounterKey;

/// The values of attributes that were worked out of one record, by how many buckets before they are taken.
pub(super) type Looked = Vec<((DimensionIndex, Grain, u16), Values)>;

/// Moves the counters of slices.
pub(super) struct Slicer<'s> {
    pub(super) plan: &'s Plan,
    pub(super) counters: &'s mut Counters,
}

impl Slicer<'_> {
    /// Sends steps of one metric and grain where they belong by what a record says of attributes, and keeps what it says.
    pub(super) fn send(&mut self, followed: &Followed, record: &Record, looked: &mut Looked, steps: &[Step]) {
        let Some((key, ..)) = steps.first() else { return };
        match followed.gate(self.plan, *key, record) {
            None => self.slice(followed, record, looked, steps),
            Some(gate) => {
                let [counting, excluded] = followed.cut(&gate, steps);
                counting.iter().chain(&excluded).for_each(|(key, at, n)| self.counters.step(*key, *at, *n));
                self.slice(followed, record, looked, &counting);
            }
        }
    }

    /// Slices steps of one metric and grain that count.
    fn slice(&mut self, followed: &Followed, record: &Record, looked: &mut Looked, steps: &[Step]) {
        for (by, as_of) in &followed.by {
            for (CounterKey { window, .. }, bucket, n) in steps {
                let what = (by.dimension, window.grain, as_of.back(*window));
                let at = looked.iter().position(|(of, _)| *of == what).unwrap_or_else(|| {
                    looked.push((what, self.plan.values(record.attribute(by.dimension), *as_of, *window)));
                    looked.len() - 1
                });
                self.step(*by, *window, &looked[at].1, (*bucket, *n));
            }
        }
    }

    /// Slices one step by the values of a dimension.
    fn step(&mut self, by: By, window: Window, values: &Values, (at, n): (Bucket, i128)) {
        values.slice(at, n, |value, at, n| {
            self.counters.step(CounterKey { metric: by.slice(value), window }, at, n);
        });
    }

    /// Takes steps of one metric in one window out by what was known of attributes before, and puts them in by what is after.
    pub(super) fn exchange(&mut self, followed: &Followed, steps: &[Step], [before, after]: [&Record; 2]) {
        let Some((key, ..)) = steps.first().copied() else { return };
        let gate = followed.gate(self.plan, key, after);
        if gate != followed.gate(self.plan, key, before) {
            let taken_out: Vec<Step> = steps.iter().map(|(key, at, n)| (*key, *at, -n)).collect();
            self.send(followed, before, &mut Looked::new(), &taken_out);
            return self.send(followed, after, &mut Looked::new(), steps);
        }
        let counting = gate.map(|gate| followed.cut(&gate, steps)[0].clone());
        for (by, as_of) in &followed.by {
            let of = |record: &Record| self.plan.values(record.attribute(by.dimension), *as_of, key.window);
            let (before, after) = (of(before), of(after));
            for (_, at, n) in counting.as_deref().unwrap_or(steps).iter().filter(|_| before != after) {
                self.step(*by, key.window, &before, (*at, -n));
                self.step(*by, key.window, &after, (*at, *n));
            }
        }
    }
}
