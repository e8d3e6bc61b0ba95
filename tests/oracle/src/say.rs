//! How a record says what it says: JSON, with every field where its source has it.

use catalog::{Asks, Condition, Literal, Origin, Path, Source, TimeForm};
use jiff::Timestamp;
use jiff::tz::Offset;
use product::Dice;
use serde_json::{Map, Value, json};

use crate::vocabulary::{Number, Values};

/// A record in the making.
pub(crate) struct Event<'s> {
    source: &'s Source,
    object: Value,
}

impl<'s> Event<'s> {
    /// An event of a source, with a name, an id, and the time in milliseconds at which it happened.
    pub(crate) fn new(source: &'s Source, name: &str, id: &str, time: i64, dice: &mut Dice) -> Event<'s> {
        let mut event = Event { source, object: Value::Object(Map::new()) };
        let fields = &source.fields;
        event.put(&fields.event, name.into());
        event.put(&fields.timestamp, moment(time, fields.time_form, dice));
        fields.event_id.iter().for_each(|path| event.say(path, id.into()));
        event
    }

    /// Names an entity by a native field.
    pub(crate) fn name(&mut self, field: &str, id: Option<&String>) {
        let fields = &self.source.fields;
        if let (Some((_, origin)), Some(id)) = (fields.keys.iter().find(|(name, _)| name == field), id) {
            self.put(origin, id.as_str().into());
        }
    }

    /// Says something at a path.
    pub(crate) fn say(&mut self, path: &[String], value: Value) {
        let (last, outer) = path.split_last().expect("a path has a name");
        let mut at = &mut self.object;
        for name in outer {
            at = &mut at[name.as_str()];
        }
        at[last.as_str()] = value;
    }

    pub(crate) fn text(&self) -> String {
        self.object.to_string()
    }

    fn put(&mut self, origin: &Origin, value: Value) {
        if let Origin::Path(path) = origin {
            self.say(path, value);
        }
    }
}

/// A time as a source writes it. Texts are mostly of UTC.
fn moment(time: i64, form: TimeForm, dice: &mut Dice) -> Value {
    let at = Timestamp::from_millisecond(time).expect("a time of our age");
    match form {
        TimeForm::Rfc3339 if dice.chance(50) => at.display_with_offset(Offset::constant(-3)).to_string().into(),
        TimeForm::Rfc3339 => at.to_string().into(),
        TimeForm::Seconds => json!(time.div_euclid(1_000)),
        TimeForm::Millis => json!(time),
        TimeForm::Micros => json!(time * 1_000),
    }
}

/// Some length of time: up to one of these, each by its weight.
pub(crate) fn span(dice: &mut Dice, up_to: &[(i64, u32)]) -> i64 {
    let most = dice.weighted(up_to);
    dice.within(0..most)
}

/// One of the values that something may be; none if it is not mentioned.
pub(crate) fn value(values: &Values, dice: &mut Dice) -> Option<Value> {
    if let Some(form) = values.number {
        return Some(number(form, dice));
    }
    let other = |dice: &mut Dice| match values.others {
        0 => Value::Null,
        count => format!("else-{}", dice.below(count.into())).into(),
    };
    let odd = [json!(""), json!(true), json!(7), json!([]), json!({ "in": 1 })];
    match dice.weighted(&[(0, 82), (1, 8), (2, 4), (3, 4), (4, 2)]) {
        0 if !values.declared.is_empty() => Some(literal(&values.declared[dice.below(values.declared.len())])),
        0 | 1 => Some(other(dice)),
        2 => None,
        4 if !values.is_open => Some(odd[dice.below(odd.len())].clone()),
        _ => Some(Value::Null),
    }
}

/// What an event says of the properties that tell a kind of excluded traffic, which it `is` or is not.
pub(crate) fn flags(conditions: &[Condition], is: bool, dice: &mut Dice) -> Vec<(Path, Value)> {
    let mut said = Vec::new();
    for Condition { property, asks } in conditions {
        let value = match (asks, is || dice.chance(5)) {
            (Asks::OneOf(values), true) => literal(&values[dice.below(values.len())]),
            (Asks::OneOf(_), false) => json!(false),
            (Asks::Domain(domains), true) => literal(&address(&domains[dice.below(domains.len())])),
            (Asks::Domain(_), false) => json!("somebody@elsewhere.example"),
            // Nobody's id.
            (Asks::Key { .. }, _) => json!("nobody"),
        };
        if is || dice.chance(300) {
            said.push((property.clone(), value));
        }
    }
    said
}

/// An address of somebody at a domain.
pub(crate) fn address(domain: &Literal) -> Literal {
    let domain = literal(domain);
    Literal::Text(format!("Somebody@{}", domain.as_str().unwrap_or_default()))
}

fn literal(literal: &Literal) -> Value {
    match literal {
        Literal::Bool(value) => json!(value),
        Literal::Int(value) => json!(value),
        Literal::Float(value) => json!(value),
        Literal::Text(value) => json!(value),
    }
}

/// A number, as one or as text; with more decimals than are asked for, where it may.
fn number(Number { decimals, range }: Number, dice: &mut Dice) -> Value {
    let text = if let Some((least, most)) = range {
        dice.within(least..most + 1).to_string()
    } else {
        let sign = if dice.chance(40) { "-" } else { "" };
        match (dice.weighted(&[(0, 1), (1, 4), (2, 4)]), usize::from(decimals)) {
            (0, _) => "0".to_owned(),
            (1, _) => format!("{sign}{}", 10 * dice.rank(50)),
            (_, decimals) => {
                let digits = (decimals + dice.below(2)).clamp(1, 9);
                let of_ten = 10_i64.pow(u32::try_from(digits).expect("at most nine"));
                format!("{sign}{}.{:0digits$}", dice.rank(400), dice.within(0..of_ten))
            }
        }
    };
    match dice.chance(300) {
        true => text.into(),
        false => serde_json::from_str(&text).expect("it is a number"),
    }
}
