//! Who does something in a history: some very often and most hardly ever, from a time on, with pauses, for one account
//! or several.

use catalog::Plan;
use product::{DAY, Dice};

/// The field by which a person is told from all others, where entities have it in their keys.
const PERSON: &str = "user_id";
/// So many people are as active as each other: nobody does everything.
const ALIKE: usize = 8;
/// How many people share an id of any other field.
const SHARE: usize = 5;

/// Somebody.
pub(crate) struct Person {
    /// The ids that an event of theirs may have, by field in the order of [`People::fields`]; at least one each.
    pub(crate) ids: Vec<Vec<String>>,
    /// Which excluded traffic they are, by its place in the catalogue.
    pub(crate) rule: Option<usize>,
    /// When they are there, in milliseconds: from, until, and in between a pause that may be empty.
    from: i64,
    until: i64,
    pause: (i64, i64),
}

/// All of them.
pub(crate) struct People {
    /// The native fields of which entities' keys are made, each once.
    pub(crate) fields: Vec<String>,
    people: Vec<Person>,
}

impl People {
    /// So many people in a span of time, in milliseconds; `rules` are the places of the rules that exclude events.
    pub(crate) fn new(plan: &Plan, count: usize, span: (i64, i64), rules: &[usize], dice: &mut Dice) -> People {
        let mut fields: Vec<String> = plan.entities.iter().flat_map(|entity| &entity.key).cloned().collect();
        fields.sort_unstable();
        fields.dedup();
        let person = |number| Person::new(number, count, &fields, span, rules, dice);
        let people = (0..count).map(person).collect();
        People { fields, people }
    }

    /// Somebody who is there at a time, often the `last` one again; after a while of looking in vain, whoever it is.
    pub(crate) fn somebody(&self, at: i64, last: usize, dice: &mut Dice) -> usize {
        if dice.chance(250) {
            return last;
        }
        let rank = |dice: &mut Dice| dice.rank(self.people.len().div_ceil(ALIKE)) * ALIKE + dice.below(ALIKE);
        let mut drawn = || rank(dice).min(self.people.len() - 1);
        let found = (0..20).map(|_| drawn()).find(|person| self.people[*person].is_there(at));
        found.unwrap_or(last)
    }

    /// A person by the number.
    pub(crate) fn person(&self, number: usize) -> &Person {
        &self.people[number]
    }
}

impl Person {
    fn new(
        number: usize,
        count: usize,
        fields: &[String],
        (from, until): (i64, i64),
        rules: &[usize],
        dice: &mut Dice,
    ) -> Person {
        let is_person = |field: &String| field == PERSON || fields.len() == 1;
        let mut ids_of = |field: &String| match is_person(field) {
            true => vec![format!("{}-{number}", field.trim_end_matches("_id"))],
            false => {
                let some = dice.weighted(&[(1, 80), (2, 15), (3, 5)]);
                let mut id = || format!("{}-{}", field.trim_end_matches("_id"), dice.below(count.div_ceil(SHARE)));
                (0..some).map(|_| id()).collect()
            }
        };
        let ids = fields.iter().map(&mut ids_of).collect();
        let rule = if !rules.is_empty() && dice.chance(50) { Some(rules[dice.below(rules.len())]) } else { None };
        // Some are there before it all begins, and some stay beyond its end.
        let begins = if dice.chance(400) { from } else { dice.within(from..until) };
        let ends = if dice.chance(250) { dice.within(begins..until) } else { i64::MAX };
        let pause = dice.within(begins..until);
        let length = if dice.chance(350) { dice.within(5 * DAY..80 * DAY) } else { 0 };
        Person { ids, rule, from: begins, until: ends, pause: (pause, pause + length) }
    }

    fn is_there(&self, at: i64) -> bool {
        (self.from..self.until).contains(&at) && !(self.pause.0..self.pause.1).contains(&at)
    }
}
