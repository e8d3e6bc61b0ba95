//! The truth: what is to be counted in the records that were handed out. It is counted the simplest way, and shares nothing with
//! whoever is judged by it.

mod days;

use crate::company::Company;
use crate::decimal::Decimal;
use crate::product::{Launch, Record};
use crate::render::{self, Usage, date, time};
use crate::world::{Account, AccountId, FUNDING, Status};
use crate::{DAY, HOUR, MINUTE, day_of};
use activity::Millis;
use days::Days;
use serde::Serialize;
use std::collections::BTreeMap;

/// A property that an event has, and what it is.
type Quantity = Option<(&'static str, Decimal)>;

/// What a record adds to the truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    Event { event: &'static str, user: u32, account: u32, is_bot: bool, quantity: Quantity, delay_ms: i64 },
    Copy,
    Account { id: AccountId, line: AccountLine },
}

impl Fact {
    pub(crate) fn event(usage: &Usage, at: Millis) -> Fact {
        Fact::Event {
            event: usage.event,
            user: usage.user.0,
            account: usage.account.0,
            is_bot: usage.is_bot,
            quantity: usage.quantity,
            delay_ms: at.0 - usage.time.0,
        }
    }

    pub(crate) fn account(company: &Company, id: AccountId, account: &Account, at: Millis) -> Fact {
        let change = Change {
            from: time(at),
            at,
            plan: company.plan(account.plan()),
            status: account.status(),
            size: account.size,
            funding: FUNDING[account.funding],
        };
        let line = AccountLine {
            account_id: render::account_id(id),
            industry: account.industry,
            crm: account.crm,
            changes: vec![change],
        };
        Fact::Account { id, line }
    }
}

/// How many are active in the trailing 1, 7 and 28 days of UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Of {
    /// In the day itself.
    #[serde(rename = "1d")]
    pub d1: u64,
    /// In the seven days that end with it.
    #[serde(rename = "7d")]
    pub d7: u64,
    /// In the 28 days that end with it.
    #[serde(rename = "28d")]
    pub d28: u64,
}

impl Of {
    /// One more, who was active for the last time so many days ago.
    fn add(&mut self, since: usize) {
        self.d1 += u64::from(since < 1);
        self.d7 += u64::from(since < 7);
        self.d28 += u64::from(since < 28);
    }
}

/// Events that arrived late, each under the largest unit that it was late by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Late {
    /// By a minute or more.
    pub minutes: u64,
    /// By an hour or more.
    pub hours: u64,
    /// By a day or more.
    pub days: u64,
}

/// The truth about a day of UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DayLine {
    /// The date.
    pub day: String,
    /// Events that happened in the day, each once.
    pub events: u64,
    /// The same by name.
    pub by_event: BTreeMap<&'static str, u64>,
    /// What their quantities add up to, by property.
    pub sums: BTreeMap<&'static str, Decimal>,
    /// How many records repeat an event of the day.
    pub copies: u64,
    /// How many of the events arrived late.
    pub late: Late,
    /// Active users, bots included.
    pub users: Of,
    /// Accounts whose users were active, bots included.
    pub accounts: Of,
    /// Active users that are no bots.
    pub people: Of,
    /// Accounts whose users that are no bots were active.
    pub people_accounts: Of,
    /// Of `accounts`, those that had each plan at the end of the day.
    pub accounts_active_by_plan: BTreeMap<&'static str, Of>,
    /// Users of each launched feature, by its event.
    pub launched: BTreeMap<&'static str, Of>,
    /// How many accounts were what at the end of the day: by plan, or `former`.
    pub accounts_by_plan: BTreeMap<&'static str, u64>,
}

/// What an account was, and from when on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountLine {
    /// Its id.
    pub account_id: String,
    /// Its industry, which never changes.
    pub industry: &'static str,
    /// Its CRM, which never changes.
    pub crm: &'static str,
    /// What changes, in the order of time.
    pub changes: Vec<Change>,
}

/// What an account is from a time on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The time, as it is written in the record.
    pub from: String,
    #[serde(skip)]
    at: Millis,
    /// Its plan.
    pub plan: &'static str,
    /// Whether it tries, pays, or does so no more.
    pub status: Status,
    /// How many people work there.
    pub size: i64,
    /// Its funding stage.
    pub funding: &'static str,
}

impl Change {
    /// What it is counted as.
    fn plan_name(&self) -> &'static str {
        if self.status == Status::Former { Status::Former.name() } else { self.plan }
    }
}

/// The truth about the stream as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Usage records, copies included.
    pub usage_records: u64,
    /// How many of them repeat another one.
    pub copies: u64,
    /// Records of accounts.
    pub account_records: u64,
    /// Users that were active.
    pub users: u64,
    /// Accounts that were heard of.
    pub accounts: u64,
    /// When the last record was to be sent; the start, if there is none.
    pub until: String,
    /// What was launched.
    pub launches: Vec<LaunchLine>,
}

/// The truth about a launch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LaunchLine {
    /// The event's name.
    pub event: &'static str,
    /// When the first accounts had the feature.
    pub from: String,
    /// When all had it.
    pub everywhere: String,
    /// How many events there were, each once.
    pub events: u64,
    /// How many users.
    pub users: u64,
}

#[derive(Clone, Debug, Default)]
struct Tally {
    by_event: BTreeMap<&'static str, u64>,
    sums: BTreeMap<&'static str, Decimal>,
    copies: u64,
    late: Late,
}

/// What is to be counted in all that was handed out.
#[derive(Clone, Debug)]
pub struct Truth {
    /// The day of the start: there are no events before it.
    first: i64,
    tallies: Vec<Tally>,
    users: Days,
    accounts: Days,
    people: Days,
    people_accounts: Days,
    launched: Vec<(Launch, Days)>,
    lines: BTreeMap<AccountId, AccountLine>,
    account_records: u64,
    until: Millis,
}

impl Truth {
    pub(crate) fn new(start: Millis, launches: &[Launch]) -> Truth {
        Truth {
            first: day_of(start),
            tallies: Vec::new(),
            users: Days::default(),
            accounts: Days::default(),
            people: Days::default(),
            people_accounts: Days::default(),
            launched: launches.iter().map(|launch| (*launch, Days::default())).collect(),
            lines: BTreeMap::new(),
            account_records: 0,
            until: start,
        }
    }

    pub(crate) fn note(&mut self, record: &Record) {
        self.until = record.at;
        match &record.fact {
            Fact::Account { id, line } => {
                self.account_records += 1;
                let known =
                    self.lines.entry(*id).or_insert_with(|| AccountLine { changes: Vec::new(), ..line.clone() });
                known.changes.extend_from_slice(&line.changes);
            }
            Fact::Copy => self.tally(record.time).1.copies += 1,
            Fact::Event { event, user, account, is_bot, quantity, delay_ms } => {
                let (day, tally) = self.tally(record.time);
                *tally.by_event.entry(event).or_default() += 1;
                if let Some((property, of)) = quantity {
                    tally.sums.entry(property).or_insert(Decimal { units: 0, ..*of }).units += of.units;
                }
                match *delay_ms {
                    DAY.. => tally.late.days += 1,
                    HOUR.. => tally.late.hours += 1,
                    MINUTE.. => tally.late.minutes += 1,
                    _ => {}
                }
                self.users.mark(*user, day);
                self.accounts.mark(*account, day);
                if !is_bot {
                    self.people.mark(*user, day);
                    self.people_accounts.mark(*account, day);
                }
                let launched = self.launched.iter_mut().filter(|(launch, _)| launch.event == *event);
                launched.for_each(|(_, days)| days.mark(*user, day));
            }
        }
    }

    fn tally(&mut self, time: Millis) -> (usize, &mut Tally) {
        let day = usize::try_from(day_of(time) - self.first).expect("nothing happens before the start");
        if self.tallies.len() <= day {
            self.tallies.resize_with(day + 1, Tally::default);
        }
        (day, &mut self.tallies[day])
    }

    /// The truth about every day from the start to that of the last record's sending.
    #[must_use]
    pub fn days(&self) -> Vec<DayLine> {
        let days = usize::try_from(day_of(self.until) - self.first + 1).unwrap_or(0);
        let of = |active: &Days| active.trailing(days);
        let (users, accounts) = (of(&self.users), of(&self.accounts));
        let (people, people_accounts) = (of(&self.people), of(&self.people_accounts));
        let launched: Vec<_> = self.launched.iter().map(|(launch, days)| (launch.event, of(days))).collect();
        let by_plan = self.active_by_plan(days);
        let none = Tally::default();
        let line = |day: usize| {
            let tally = self.tallies.get(day).unwrap_or(&none);
            DayLine {
                day: date(self.day(day)),
                events: tally.by_event.values().sum(),
                by_event: tally.by_event.clone(),
                sums: tally.sums.clone(),
                copies: tally.copies,
                late: tally.late,
                users: users[day],
                accounts: accounts[day],
                people: people[day],
                people_accounts: people_accounts[day],
                accounts_active_by_plan: by_plan[day].clone(),
                launched: launched.iter().map(|(event, of)| (*event, of[day])).collect(),
                accounts_by_plan: self.by_plan(Millis((self.day(day) + 1) * DAY)),
            }
        };
        (0..days).map(line).collect()
    }

    fn day(&self, day: usize) -> i64 {
        self.first + i64::try_from(day).unwrap_or(i64::MAX)
    }

    /// For each of the first days: how many accounts of which plan were active.
    fn active_by_plan(&self, days: usize) -> Vec<BTreeMap<&'static str, Of>> {
        let mut found = vec![BTreeMap::new(); days];
        self.accounts.each(days, |account, day, since| {
            let end = Millis((self.day(day) + 1) * DAY);
            let line = self.lines.get(&AccountId(account)).expect("an account is told before its users do anything");
            let change = line.changes.iter().rev().find(|change| change.at < end).unwrap_or(&line.changes[0]);
            found[day].entry(change.plan).or_insert_with(Of::default).add(since);
        });
        found
    }

    /// How many accounts are what just before a time.
    fn by_plan(&self, end: Millis) -> BTreeMap<&'static str, u64> {
        let mut count = BTreeMap::new();
        for line in self.lines.values() {
            if let Some(change) = line.changes.iter().rev().find(|change| change.at < end) {
                *count.entry(change.plan_name()).or_default() += 1;
            }
        }
        count
    }

    /// Every account that was heard of, by its id.
    pub fn accounts(&self) -> impl Iterator<Item = &AccountLine> {
        self.lines.values()
    }

    /// The truth about the stream as a whole.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let copies = self.tallies.iter().map(|tally| tally.copies).sum();
        let events = |event: &str| self.tallies.iter().filter_map(|tally| tally.by_event.get(event)).sum();
        let all: u64 = self.tallies.iter().flat_map(|tally| tally.by_event.values()).sum();
        let launch = |(launch, days): &(Launch, Days)| LaunchLine {
            event: launch.event,
            from: time(launch.from),
            everywhere: time(Millis(launch.from.0 + launch.rollout_ms)),
            events: events(launch.event),
            users: days.ever(),
        };
        Summary {
            usage_records: all + copies,
            copies,
            account_records: self.account_records,
            users: self.users.ever(),
            accounts: self.lines.len() as u64,
            until: time(self.until),
            launches: self.launched.iter().map(launch).collect(),
        }
    }
}
