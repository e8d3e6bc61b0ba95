//! Goals in plain words.

use crate::plan::Plan;
use crate::tree::{Better, Goal, NorthStar, Pair, Target, Way};
use activity::{Grain, Window};

impl Plan {
    /// What a goal of a tree is, in a sentence that an analyst can check.
    #[must_use]
    pub fn aims(&self, tree: &NorthStar, at: usize) -> String {
        let goal = &tree.goals[at];
        let input = match tree.parent(at) {
            Some(parent) if parent.depth > 0 => format!(", an input of {},", self.called(parent)),
            _ => String::new(),
        };
        let aim = goal.target.as_ref().map_or_else(|| "has no target.".to_owned(), |target| self.aim(target));
        let notes: Vec<String> = goal.notes().map(|(key, note)| format!("{key} {note}")).collect();
        let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
        format!("{}{notes}{input} {aim}", self.called(goal))
    }

    fn aim(&self, Target { value, better, way }: &Target) -> String {
        let least = if *better == Better::Higher { "least" } else { "most" };
        match way {
            None => format!("is to be at {least} {value}."),
            Some(Way { from, start, by }) => {
                let [start, by] = [start, by].map(|day| self.shown(Grain::Day, *day));
                format!("is to be at {least} {value} when {by} ends, from {from} when {start} begins.")
            }
        }
    }

    /// Which goals a pair holds together, in a sentence.
    #[must_use]
    pub fn holds(&self, tree: &NorthStar, pair: &Pair) -> String {
        let [volume, efficiency] = [pair.volume, pair.efficiency].map(|at| self.called(&tree.goals[at]));
        format!("{volume} and {efficiency} are on target only together.")
    }

    /// A goal's metric and its window, as in `active_users in 7d`.
    fn called(&self, goal: &Goal) -> String {
        let name = self.gauge(goal.of).name();
        if goal.window == Window::AS_OF { name.to_owned() } else { format!("{name} in {}", goal.window) }
    }
}
