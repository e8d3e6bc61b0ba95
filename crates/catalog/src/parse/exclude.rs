//! Traffic that is not counted: `bots: { properties.bot: true }`, `free: { account.plan: [free, trial] }`.

use super::filters::{self, Attributes, Tests};
use crate::cursor::Cursor;
use crate::plan::{Asks, Condition, Literal, Rule};
use crate::suggest;

const MOST: usize = 64;
/// The test of an email's domain, and the property that has the email.
const EMAIL_DOMAIN: &str = "email_domain";
const EMAIL: &str = "email";

/// The rules, each of which says what holds of its events.
pub(super) fn read(cursor: &Cursor, attributes: Attributes<'_>) -> Option<Vec<Rule>> {
    let rules = super::all(cursor.named(|name, cursor| rule(name, cursor, attributes))?)?;
    match rules.len() {
        ..=MOST => Some(rules),
        count => cursor.wrong_at_home(format!("{count} rules are too many"), format!("write at most {MOST}")),
    }
}

fn rule(name: &str, cursor: &Cursor, attributes: Attributes<'_>) -> Option<Rule> {
    let Tests { mut conditions, required } = filters::tests(&cursor.entries()?, None, attributes)?;
    if !conditions.is_empty() && !required.is_empty() {
        let help = "write two rules, one for each: what either of them holds for is left out";
        return cursor.wrong_at_home(format!("`{name}` asks events and attributes of entities at once"), help);
    }
    for condition in conditions.iter_mut().filter(|condition| condition.property == [EMAIL_DOMAIN]) {
        *condition = domain(cursor, condition)?;
    }
    Some(Rule { name: name.to_owned(), conditions, required })
}

fn domain(cursor: &Cursor, condition: &Condition) -> Option<Condition> {
    let domain = |literal: &Literal| match literal {
        Literal::Text(text) if !text.contains('@') => Some(literal.clone()),
        _ => None,
    };
    let domains = match &condition.asks {
        Asks::OneOf(values) => values.iter().map(domain).collect(),
        Asks::Domain(_) | Asks::Key { .. } => None,
    };
    match domains {
        Some(domains) => Some(Condition { property: vec![EMAIL.to_owned()], asks: Asks::Domain(domains) }),
        None => cursor.wrong(
            "the domain of an email is what stands behind the `@`",
            "write domains alone, as in `email_domain: [example.com]`",
        ),
    }
}

/// The rules whose traffic a metric counts all the same.
pub(super) fn include(cursor: &Cursor, rules: Option<&[Rule]>) -> Option<Vec<usize>> {
    cursor.one_or_more(|cursor| {
        let name = cursor.text()?;
        let rules = rules?;
        rules.iter().position(|rule| rule.name == name).or_else(|| {
            let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
            let help = match suggest::nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if names.is_empty() => "remove it: the catalogue excludes nothing".to_owned(),
                None => format!("write {}", suggest::or(&names)),
            };
            cursor.wrong(format!("nothing is excluded as `{name}`"), help)
        })
    })
}
