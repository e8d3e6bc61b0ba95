//! The North Star tree: metrics that are to get somewhere, and whether they do.
//!
//! Invariant: a goal has no state. How it stands follows from its target, a value of its metric, and the day as of whose end the
//! value is; so it is as exact as the value, and as absent.

use crate::formula::Operand;
use crate::plan::Plan;
use activity::{Bucket, Grain, Millis, Window};

/// A North Star Metric, and what it depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct NorthStar {
    /// Its name, and no other one's.
    pub name: String,
    /// The metric itself, then its inputs, each followed by its own. A metric stands in a tree once with each window.
    pub goals: Vec<Goal>,
    /// What is on target only together; each name once.
    pub pairs: Vec<Pair>,
}

/// A metric in a tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// The metric: one that no label tells from others.
    pub of: Operand,
    /// One of its windows.
    pub window: Window,
    /// How deep it stands in the tree: 0 is the North Star Metric itself, 1 an input, 2 an input of that.
    pub depth: usize,
    /// Whether it is the one metric that matters to its team, until its way ends. It has a team, an owner, and a target with a way,
    /// and no other one of its team overlaps it.
    pub is_omtm: bool,
    /// Which team works on it.
    pub team: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Where in the funnel it is.
    pub stage: Option<Stage>,
    /// Where it is to get.
    pub target: Option<Target>,
}

/// A stage of the funnel of acquisition, activation, retention, referral and revenue (McClure, 2007).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// They come.
    Acquisition,
    /// They find what they came for.
    Activation,
    /// They come back.
    Retention,
    /// They bring others.
    Referral,
    /// They pay.
    Revenue,
}

/// Two goals of a tree, a volume and the efficiency by which it comes: whoever buys one with the other is not on target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Its name.
    pub name: String,
    /// The place of the one in [`NorthStar::goals`]. It has a target.
    pub volume: usize,
    /// The place of the other, which is not the same. It has a target, too.
    pub efficiency: usize,
}

/// Where a metric is to get.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The value; finite.
    pub value: f64,
    /// On which side of it the target is met.
    pub better: Better,
    /// How it is to get there; without one it is to be there always.
    pub way: Option<Way>,
}

/// Which values are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Those above.
    Higher,
    /// Those below.
    Lower,
}

/// A straight line, from a value when a day begins to the target when another one ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// Where it begins: finite, and on the side of the target that is not better.
    pub from: f64,
    /// The first day.
    pub start: Bucket,
    /// The last day, on which the target expires; not before the first.
    pub by: Bucket,
}

/// How a goal stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// Whether the target is met.
    pub is_met: bool,
    /// Which share of the way is behind it: 0 where it begins, 1 at the target, and less or more beyond. Of a target without a way it
    /// is that from 0 up to it; there is none down to one.
    pub progress: Option<f64>,
    /// Where it is to be on this day.
    pub expected: Option<f64>,
    /// Whether it is there, or further.
    pub is_on_path: Option<bool>,
    /// Which share of the way that is to be behind it by now is so: 1 on the path. None is to be before the first day ends.
    pub of_path: Option<f64>,
}

impl NorthStar {
    /// The goal of which one is an input; that of the North Star Metric is none.
    #[must_use]
    pub fn parent(&self, at: usize) -> Option<&Goal> {
        let (before, depth) = (&self.goals[..at], self.goals[at].depth);
        before.iter().rev().find(|goal| goal.depth < depth)
    }
}

impl Goal {
    /// What it is in the tree, in a word.
    #[must_use]
    pub fn role(&self) -> &'static str {
        match (self.depth, self.is_omtm) {
            (0, _) => "north_star",
            (_, true) => "omtm",
            (_, false) => "input",
        }
    }

    /// Whose it is and where in the funnel: each thing that is said, by its key in the catalogue.
    pub fn notes(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let stage = self.stage.map(Stage::name);
        let notes = [("team", self.team.as_deref()), ("owner", self.owner.as_deref()), ("stage", stage)];
        notes.into_iter().filter_map(|(key, note)| Some((key, note?)))
    }
}

impl Pair {
    /// Whether both are on target; `None` if that is not known of one of them.
    #[must_use]
    pub fn is_met(&self, of: impl Fn(usize) -> Option<bool>) -> Option<bool> {
        let (volume, efficiency) = (of(self.volume)?, of(self.efficiency)?);
        Some(volume && efficiency)
    }
}

impl Stage {
    /// All of them in order, by name.
    pub const ALL: [(&'static str, Stage); 5] = [
        ("acquisition", Stage::Acquisition),
        ("activation", Stage::Activation),
        ("retention", Stage::Retention),
        ("referral", Stage::Referral),
        ("revenue", Stage::Revenue),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Stage::ALL[self as usize].0
    }
}

impl Target {
    /// How a value stands that is as of the end of a day.
    #[must_use]
    pub fn judge(&self, value: f64, day: Bucket) -> Standing {
        let expected = self.way.as_ref().map(|way| way.expected(self.value, day));
        let from = self.way.as_ref().map(|way| way.from);
        let from = from.or((self.better == Better::Higher && self.value > 0.0).then_some(0.0));
        let share = |until: f64| from.map(|from| (value - from) / (until - from)).filter(|share| share.is_finite());
        Standing {
            is_met: self.better.reaches(value, self.value),
            progress: share(self.value),
            expected,
            is_on_path: expected.map(|expected| self.better.reaches(value, expected)),
            of_path: expected.and_then(share),
        }
    }
}

impl Better {
    fn reaches(self, value: f64, bound: f64) -> bool {
        match self {
            Better::Higher => value >= bound,
            Better::Lower => value <= bound,
        }
    }
}

impl Way {
    /// Where it is at the end of a day: it never leaves the way between its ends, and never goes back.
    fn expected(&self, target: f64, day: Bucket) -> f64 {
        let days = |from: Bucket, until: Bucket| f64::from(until.0) - f64::from(from.0) + 1.0;
        let (behind, all) = (days(self.start, day), days(self.start, self.by));
        if behind <= 0.0 {
            return self.from;
        }
        if behind >= all {
            return target;
        }
        // Multiplied first, it is rounded least: whole numbers stay exact.
        let expected = self.from + (target - self.from) * behind / all;
        expected.clamp(self.from.min(target), self.from.max(target))
    }

    /// Whether it has ended before a day.
    #[must_use]
    pub fn is_over(&self, day: Bucket) -> bool {
        day > self.by
    }
}

impl Plan {
    /// How a goal stands with a value of its metric as of a bucket of its window's grain; `None` if it has no target.
    #[must_use]
    pub fn judge(&self, goal: &Goal, value: f64, as_of: Bucket) -> Option<Standing> {
        goal.target.as_ref().map(|target| target.judge(value, self.day_of(goal.window.grain, as_of)))
    }

    /// The day in which a bucket begins.
    #[must_use]
    pub fn day_of(&self, grain: Grain, bucket: Bucket) -> Bucket {
        match grain {
            Grain::Day => bucket,
            Grain::Minute | Grain::Hour => self.calendar.day(Millis(i64::from(bucket.0) * grain.nominal_ms())),
        }
    }
}
