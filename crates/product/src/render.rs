//! How records are written: native events, and records of accounts. By hand, so that no two programs write them differently.

use crate::company::Company;
use crate::decimal::Decimal;
use crate::population::UserId;
use crate::world::{Account, AccountId, FUNDING};
use activity::Millis;
use jiff::Timestamp;

/// One user in so many is of the company itself.
const USERS_A_STAFF: u32 = 40;

/// A usage event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// The event's number, and chance: streams of different seeds have no ids in common.
    pub(crate) id: (u64, u32),
    pub(crate) event: &'static str,
    pub(crate) user: UserId,
    pub(crate) account: AccountId,
    /// What the account had at the time of the event.
    pub(crate) plan: &'static str,
    pub(crate) surface: &'static str,
    pub(crate) quantity: Option<(&'static str, Decimal)>,
    pub(crate) is_bot: bool,
    /// Where the company's own people have their email, if events tell emails.
    pub(crate) staff_of: Option<&'static str>,
    pub(crate) time: Millis,
}

pub(crate) fn user_id(user: UserId) -> String {
    format!("u-{:07}", user.0)
}

pub(crate) fn account_id(account: AccountId) -> String {
    format!("a-{:06}", account.0)
}

pub(crate) fn usage(usage: &Usage) -> String {
    let (number, chance) = usage.id;
    let quantity = usage.quantity.map(|(property, of)| format!(",\"{property}\":{of}")).unwrap_or_default();
    let bot = if usage.is_bot { ",\"bot\":true" } else { "" };
    let email = usage.staff_of.map(|domain| format!(",\"email\":\"{}\"", email(usage, domain))).unwrap_or_default();
    format!(
        "{{\"event_id\":\"{number:08x}{chance:08x}\",\"event\":\"{}\",\"timestamp\":\"{}\",\"user_id\":\"{}\",\
         \"account_id\":\"{}\",\"properties\":{{\"plan\":\"{}\",\"surface\":\"{}\"{quantity}{bot}{email}}}}}",
        usage.event,
        time(usage.time),
        user_id(usage.user),
        account_id(usage.account),
        usage.plan,
        usage.surface,
    )
}

pub(crate) fn account(company: &Company, id: AccountId, account: &Account, at: Millis) -> String {
    format!(
        "{{\"account_id\":\"{}\",\"timestamp\":\"{}\",\"attributes\":{{\"industry\":\"{}\",\"size\":{},\"plan\":\"{}\",\
         \"status\":\"{}\",\"crm\":\"{}\",\"funding\":\"{}\"}}}}",
        account_id(id),
        time(at),
        account.industry,
        account.size,
        company.plan(account.plan()),
        account.status().name(),
        account.crm,
        FUNDING[account.funding],
    )
}

/// The company's own people work in accounts of others, too.
fn email(usage: &Usage, domain: &str) -> String {
    let (user, account) = (user_id(usage.user), account_id(usage.account));
    if usage.user.0 % USERS_A_STAFF == USERS_A_STAFF - 1 {
        format!("{user}@{domain}")
    } else {
        format!("{user}@{account}.example")
    }
}

/// RFC 3339 with milliseconds.
pub(crate) fn time(time: Millis) -> String {
    let time = Timestamp::from_millisecond(time.0).expect("spans lie within the years that have a number");
    format!("{time:.3}")
}

/// The date of a day of UTC, by its number since 1970-01-01.
pub(crate) fn date(day: i64) -> String {
    time(Millis(day * crate::DAY))[..10].to_owned()
}
