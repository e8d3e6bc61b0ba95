//! Accounts and users: what they are, and what they were.

use crate::dice::Dice;
use crate::population::{Population, UserId};
use activity::Millis;
use serde::Serialize;

/// The number of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AccountId(pub(crate) u32);

impl AccountId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// What an account has bought, or tries; [`Company::plan`](crate::company::Company::plan) says what it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Fourteen days for nothing.
    Trial,
    /// The smaller one.
    Team,
    /// The larger one.
    Business,
}

/// What an account is to the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It tries.
    Trial,
    /// It pays.
    Customer,
    /// It does so no more; its plan is the last one that it had.
    Former,
}

impl Status {
    /// As it is written in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Status::Trial => "trial",
            Status::Customer => "customer",
            Status::Former => "former",
        }
    }
}

pub(crate) const FUNDING: [&str; 4] = ["bootstrapped", "seed", "series_a", "series_b"];
const INDUSTRIES: [(&str, u32); 4] = [("software", 45), ("finance", 20), ("health", 15), ("other", 20)];
const CRMS: [(&str, u32); 3] = [("salesforce", 40), ("hubspot", 35), ("none", 25)];
const FIRST_FUNDING: [(usize, u32); 4] = [(0, 40), (1, 30), (2, 20), (3, 10)];

/// An account at present.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) industry: &'static str,
    pub(crate) crm: &'static str,
    /// An index into [`FUNDING`].
    pub(crate) funding: usize,
    /// How many people work there.
    pub(crate) size: i64,
    pub(crate) since: Millis,
    /// From when on it was what, in order. Never empty.
    pub(crate) plans: Vec<(Millis, Plan, Status)>,
    pub(crate) users: Vec<UserId>,
}

impl Account {
    pub(crate) fn plan(&self) -> Plan {
        self.now().1
    }

    pub(crate) fn status(&self) -> Status {
        self.now().2
    }

    fn now(&self) -> &(Millis, Plan, Status) {
        self.plans.last().expect("an account has a plan from its beginning")
    }

    /// The plan that it had at a time; before its beginning, the first.
    pub(crate) fn plan_at(&self, time: Millis) -> Plan {
        let at = self.plans.iter().rev().find(|(from, ..)| *from <= time);
        at.unwrap_or(&self.plans[0]).1
    }
}

/// A user.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User {
    pub(crate) account: AccountId,
    pub(crate) is_bot: bool,
    pub(crate) since: Millis,
}

/// Everybody, past and present.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) accounts: Vec<Account>,
    pub(crate) users: Vec<User>,
    pub(crate) people: Population,
    pub(crate) bots: Population,
}

impl World {
    pub(crate) fn account(&self, account: AccountId) -> &Account {
        &self.accounts[account.index()]
    }

    pub(crate) fn account_mut(&mut self, account: AccountId) -> &mut Account {
        &mut self.accounts[account.index()]
    }

    pub(crate) fn user(&self, user: UserId) -> &User {
        &self.users[user.index()]
    }

    /// An account comes, without users.
    pub(crate) fn found(&mut self, since: Millis, plan: Plan, status: Status, dice: &mut Dice) -> AccountId {
        let account = AccountId(number(self.accounts.len()));
        self.accounts.push(Account {
            industry: dice.weighted(&INDUSTRIES),
            crm: dice.weighted(&CRMS),
            funding: dice.weighted(&FIRST_FUNDING),
            size: dice.within(2..40) * dice.within(1..60),
            since,
            plans: vec![(since, plan, status)],
            users: Vec::new(),
        });
        account
    }

    /// A user comes to an account.
    pub(crate) fn join(&mut self, account: AccountId, since: Millis, is_bot: bool, dice: &mut Dice) -> UserId {
        let user = UserId(number(self.users.len()));
        self.users.push(User { account, is_bot, since });
        self.account_mut(account).users.push(user);
        let population = if is_bot { &mut self.bots } else { &mut self.people };
        population.add(user, dice);
        user
    }

    /// The account's users are active no more.
    pub(crate) fn part(&mut self, account: AccountId) {
        for user in &self.accounts[account.index()].users {
            self.people.remove(*user);
            self.bots.remove(*user);
        }
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("a world has fewer than 4 billion accounts and users")
}
