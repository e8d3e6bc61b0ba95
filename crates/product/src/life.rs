//! What happens to accounts and users: sign-ups, trials and their ends, changes of plan, churn.

use crate::dice::Dice;
use crate::population::UserId;
use crate::world::{AccountId, FUNDING, Plan, Status, World};
use crate::{DAY, HOUR};
use activity::Millis;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// How long a trial is.
const TRIAL: i64 = 14 * DAY;
/// How long it takes until a customer thinks again.
const TERM: i64 = 30 * DAY;
/// How many users an account has at the start, on average.
const USERS_AN_ACCOUNT: usize = 12;
/// An account in so many signs up each day, and a user joins one in so many.
const ACCOUNTS_A_SIGN_UP: i64 = 150;
const ACCOUNTS_A_JOINING: i64 = 25;

/// What is going to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    SignUp,
    Joining,
    TrialEnds(AccountId),
    TermEnds(AccountId),
}

/// What has happened, for the stream to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// The account is other than it was, or new.
    Changed(AccountId),
    /// A user does what has its own event.
    Did(UserId, &'static str),
}

/// What lies ahead, and the chance that decides it.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    ahead: BinaryHeap<Reverse<(Millis, Happening)>>,
    accounts: i64,
    dice: Dice,
}

impl Life {
    /// Fills the world with `accounts` accounts, at least one, that are there at `start`, and lets it go on from there.
    pub(crate) fn begin(world: &mut World, accounts: u32, start: Millis, mut dice: Dice) -> Life {
        let mut ahead = BinaryHeap::new();
        for _ in 0..accounts.max(1) {
            // The first is a customer who stays: there is always somebody.
            let is_trial = !world.accounts.is_empty() && dice.chance(80);
            let age = if is_trial { dice.within(0..TRIAL) } else { dice.within(TRIAL..720 * DAY) };
            let since = Millis(start.0 - age);
            let (plan, status) = match is_trial {
                true => (Plan::Trial, Status::Trial),
                false => (dice.weighted(&[(Plan::Team, 75), (Plan::Business, 25)]), Status::Customer),
            };
            let account = world.found(since, plan, status, &mut dice);
            world.join(account, since, false, &mut dice);
            let next = match is_trial {
                true => (Millis(since.0 + TRIAL), Happening::TrialEnds(account)),
                false => (Millis(start.0 + dice.within(0..TERM)), Happening::TermEnds(account)),
            };
            ahead.push(Reverse(next));
        }
        let founded = world.accounts.len();
        for more in 0..founded * (USERS_AN_ACCOUNT - 1) {
            let account = AccountId(u32::try_from(dice.rank(founded)).unwrap_or(0));
            let since = Millis(dice.within(world.account(account).since.0..start.0));
            world.join(account, since, more % 100 == 0, &mut dice);
        }
        ahead.push(Reverse((start, Happening::SignUp)));
        ahead.push(Reverse((start, Happening::Joining)));
        Life { ahead, accounts: i64::from(accounts.max(1)), dice }
    }

    /// Lets the next happen if it does so until `now`: when, and what there is to tell.
    pub(crate) fn next(&mut self, world: &mut World, now: Millis) -> Option<(Millis, Vec<Told>)> {
        let Reverse((at, _)) = self.ahead.peek().filter(|Reverse((at, _))| *at <= now)?;
        let at = *at;
        let Reverse((_, happening)) = self.ahead.pop().expect("it has just been seen");
        let told = match happening {
            Happening::SignUp => self.sign_up(world, at),
            Happening::Joining => self.joining(world, at),
            Happening::TrialEnds(account) => self.trial_ends(world, at, account),
            Happening::TermEnds(account) => self.term_ends(world, at, account),
        };
        Some((at, told))
    }

    fn later(&mut self, at: Millis, after: i64, happening: Happening) {
        self.ahead.push(Reverse((Millis(at.0 + after), happening)));
    }

    /// Until it happens again, if it does so once a day in `accounts` accounts.
    fn gap(&mut self, accounts: i64) -> i64 {
        let mean = (DAY * accounts / self.accounts).max(1);
        self.dice.within(0..2 * mean) + 1
    }

    fn sign_up(&mut self, world: &mut World, at: Millis) -> Vec<Told> {
        let gap = self.gap(ACCOUNTS_A_SIGN_UP);
        self.later(at, gap, Happening::SignUp);
        let account = world.found(at, Plan::Trial, Status::Trial, &mut self.dice);
        self.later(at, TRIAL, Happening::TrialEnds(account));
        let mut told = vec![Told::Changed(account)];
        for is_first in std::iter::once(true).chain((0..self.dice.within(0..4)).map(|_| false)) {
            let user = world.join(account, at, false, &mut self.dice);
            told.push(Told::Did(user, "signed_up"));
            told.extend(is_first.then_some(Told::Did(user, "trial_started")));
        }
        told
    }

    fn joining(&mut self, world: &mut World, at: Millis) -> Vec<Told> {
        let gap = self.gap(ACCOUNTS_A_JOINING);
        self.later(at, gap, Happening::Joining);
        // Whoever is active invites.
        let Some(host) = world.people.draw(&mut self.dice) else { return Vec::new() };
        let account = world.user(host).account;
        let user = world.join(account, at, false, &mut self.dice);
        vec![Told::Did(user, "signed_up")]
    }

    fn trial_ends(&mut self, world: &mut World, at: Millis, account: AccountId) -> Vec<Told> {
        if !self.dice.chance(350) {
            return leave(world, at, account);
        }
        let plan = self.dice.weighted(&[(Plan::Team, 80), (Plan::Business, 20)]);
        self.later(at, TERM, Happening::TermEnds(account));
        change(world, at, account, plan, Status::Customer);
        vec![Told::Changed(account), Told::Did(owner(world, account), "subscription_started")]
    }

    fn term_ends(&mut self, world: &mut World, at: Millis, account: AccountId) -> Vec<Told> {
        let is_first = account == AccountId(0);
        if self.dice.chance(40) && !is_first {
            let who = Told::Did(owner(world, account), "subscription_cancelled");
            let mut told = leave(world, at, account);
            told.push(who);
            return told;
        }
        // Not all at the same hour of the same day of the month.
        let drift = self.dice.within(-12 * HOUR..12 * HOUR);
        self.later(at, TERM + drift, Happening::TermEnds(account));
        let plan = world.account(account).plan();
        let other = match plan {
            Plan::Business => self.dice.chance(20).then_some(Plan::Team),
            _ => self.dice.chance(60).then_some(Plan::Business),
        };
        let mut told = Vec::new();
        if let Some(other) = other {
            change(world, at, account, other, Status::Customer);
            told.push(Told::Did(owner(world, account), "plan_changed"));
        }
        let grows = self.grow(world, account);
        if grows || other.is_some() {
            told.insert(0, Told::Changed(account));
        }
        told
    }

    /// The company gets larger, or richer, now and then.
    fn grow(&mut self, world: &mut World, account: AccountId) -> bool {
        let account = world.account_mut(account);
        let is_larger = self.dice.chance(150);
        if is_larger {
            account.size += account.size / 5 + 1;
        }
        let is_richer = self.dice.chance(30) && account.funding + 1 < FUNDING.len();
        account.funding += usize::from(is_richer);
        is_larger || is_richer
    }
}

fn leave(world: &mut World, at: Millis, account: AccountId) -> Vec<Told> {
    let plan = world.account(account).plan();
    change(world, at, account, plan, Status::Former);
    world.part(account);
    vec![Told::Changed(account)]
}

fn change(world: &mut World, at: Millis, account: AccountId, plan: Plan, status: Status) {
    world.account_mut(account).plans.push((at, plan, status));
}

/// Whoever came first.
fn owner(world: &World, account: AccountId) -> UserId {
    world.account(account).users[0]
}
