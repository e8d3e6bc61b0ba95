//! What holds: `measure: { agg: state, entity: account, from: [subscribed], until: [cancelled] }`.

use super::{Function, Made, Seen, Step, made};
use activity::levels::Levels;
use activity::{Bucket, Window};

/// What the latest event of each entity says, as of every bucket: that a state has begun or ended, or what it is worth. Or, where
/// attributes say it, every entity of which they hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Attributes alone say it: filters cut what always counts.
    Attributes,
    /// Events begin it (0) and end it (1).
    Begun,
    /// Events say what it is worth.
    Worth,
}

impl State {
    /// The levels of an entity.
    pub(super) fn levels(&self, seen: &Seen<'_>) -> Levels {
        let worth = |value: i64| match self {
            State::Attributes | State::Begun => i128::from(value == 0),
            State::Worth => value.into(),
        };
        Levels::of(seen.marks().map(|(at, value)| (seen.bucket(at), worth(value))))
    }
}

impl Function for State {
    fn makes(&self, windows: &[Window]) -> Vec<Made> {
        vec![Made { is_amount: *self == State::Worth, ..made("", windows) }]
    }

    fn reach(&self, _: Window) -> u16 {
        1
    }

    fn steps(&self, seen: &Seen<'_>, step: Step<'_>) {
        match self {
            State::Attributes => step(0, Bucket(i32::MIN), 1),
            State::Begun | State::Worth => self.levels(seen).steps().for_each(|(at, n)| step(0, at, n)),
        }
    }

    fn words(&self, _: usize) -> String {
        match self {
            State::Attributes => "counts".to_owned(),
            State::Begun => "counts from the former until the next of the latter".to_owned(),
            State::Worth => "adds what the latest of these events says".to_owned(),
        }
    }

    fn code(&self) -> Vec<u64> {
        vec![
            u64::from(b'h'),
            match self {
                State::Attributes => 0,
                State::Begun => 1,
                State::Worth => 2,
            },
        ]
    }
}
