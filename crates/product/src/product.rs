//! The product itself: gives one record after another.

use crate::company::{Act, Company};
use crate::dice::Dice;
use crate::life::{Life, Told};
use crate::pace::{Moments, Span};
use crate::render::{self, Usage};
use crate::truth::{Fact, Truth};
use crate::usage::{self, Deed};
use crate::world::{AccountId, World};
use activity::Millis;
use std::collections::{BTreeMap, VecDeque};

/// What a product is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The same seed and spans give the same stream.
    pub seed: u64,
    /// Whose product it is.
    pub company: &'static Company,
    /// How many accounts there are at the start, at least 1; each has twelve users on average.
    pub accounts: u32,
    /// The start: nothing happens before it, though accounts are older.
    pub start: Millis,
    /// Features that are launched.
    pub launches: Vec<Launch>,
}

/// A feature that has an event of its own from a time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The event's name.
    pub event: &'static str,
    /// When the first accounts get the feature.
    pub from: Millis,
    /// How long it takes until all accounts have it, in milliseconds.
    pub rollout_ms: i64,
}

impl Launch {
    /// A company's two launches in a span of time, after a third of it and after two thirds, each rolled out over a sixth.
    #[must_use]
    pub fn within(company: &Company, from: Millis, until: Millis) -> Vec<Launch> {
        let length = (until.0 - from.0).max(0);
        let launch = |(event, thirds): (&'static str, i64)| Launch {
            event,
            from: Millis(from.0 + length / 3 * thirds),
            rollout_ms: length / 6,
        };
        company.launches.into_iter().zip(1..).map(launch).collect()
    }
}

/// Where a record belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Usage events.
    Usage,
    /// What accounts are.
    Accounts,
}

/// A record to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When it is to be sent.
    pub at: Millis,
    /// Where it belongs.
    pub stream: Stream,
    /// The user's id, or the account's.
    pub key: String,
    /// JSON.
    pub payload: String,
    /// When it happened: the payload's `timestamp`.
    pub time: Millis,
    /// Whether the same payload was given before: send it to another partition than that.
    pub is_copy: bool,
    pub(crate) fact: Fact,
}

/// Gives the records of the spans that it is told to go on for.
#[derive(Clone, Debug)]
pub struct Product {
    settings: Settings,
    world: World,
    life: Life,
    dice: Dice,
    moments: Option<Moments>,
    /// Records of accounts that come before the next moment.
    changes: VecDeque<Record>,
    /// What happened to users, and waits for a moment to be told.
    waiting: VecDeque<(Millis, Deed)>,
    /// What comes again, by the time from which on it does and the number of the event.
    copies: BTreeMap<(Millis, u64), Record>,
    events: u64,
    truth: Truth,
}

impl Product {
    /// A product at its start.
    #[must_use]
    pub fn new(settings: Settings) -> Product {
        let mut world = World::default();
        // Apart, so that how much is used does not change what happens to accounts.
        let life = Life::begin(&mut world, settings.accounts, settings.start, Dice::new(settings.seed));
        let truth = Truth::new(settings.start, &settings.launches);
        let (dice, start) = (Dice::new(!settings.seed), settings.start);
        let mut product = Product {
            settings,
            world,
            life,
            dice,
            moments: None,
            changes: VecDeque::new(),
            waiting: VecDeque::new(),
            copies: BTreeMap::new(),
            events: 0,
            truth,
        };
        for account in (0..).map(AccountId).take(product.world.accounts.len()) {
            let since = product.world.account(account).since;
            product.changed(account, start, since);
        }
        product
    }

    /// Goes on for a span, which must not begin before the end of the last one. What is left of that one is given up.
    pub fn go_on(&mut self, span: Span) {
        self.moments = Some(Moments::new(span));
    }

    /// The truth about all records that were handed out.
    #[must_use]
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// The first usage record's moment is the next one; what happened to accounts until then comes before it.
    fn prepare(&mut self) -> Option<Record> {
        let at = self.moments.as_mut()?.next(&mut self.dice)?;
        while let Some((when, told)) = self.life.next(&mut self.world, at) {
            for told in told {
                match told {
                    Told::Changed(account) => self.changed(account, when, when),
                    Told::Did(user, event) => self.waiting.push_back((when, Deed { user, act: Act::plain(event) })),
                }
            }
        }
        let usage = self.usage(at);
        self.changes.push_back(usage);
        self.changes.pop_front()
    }

    fn changed(&mut self, id: AccountId, at: Millis, time: Millis) {
        let (account, company) = (self.world.account(id), self.settings.company);
        self.changes.push_back(Record {
            at,
            stream: Stream::Accounts,
            key: render::account_id(id),
            payload: render::account(company, id, account, time),
            time,
            is_copy: false,
            fact: Fact::account(company, id, account, time),
        });
    }

    /// What is sent at a moment: what has waited, what comes again, or what somebody does now.
    fn usage(&mut self, at: Millis) -> Record {
        if let Some((when, deed)) = self.waiting.pop_front() {
            return self.event(at, when, deed);
        }
        if let Some(due) = self.copies.first_entry().filter(|due| due.key().0 <= at) {
            return Record { at, ..due.remove() };
        }
        let deed = usage::deed(&self.world, &self.settings, at, &mut self.dice);
        let deed = deed.expect("the first account stays");
        let since = self.world.user(deed.user).since.max(self.settings.start);
        let time = Millis(at.0 - usage::delay(&mut self.dice)).max(since);
        self.event(at, time, deed)
    }

    fn event(&mut self, at: Millis, time: Millis, deed: Deed) -> Record {
        let Deed { user, act: Act { event, quantity } } = deed;
        let (of, company) = (self.world.user(user), self.settings.company);
        let usage = Usage {
            id: (self.events, self.dice.bits()),
            event,
            user,
            account: of.account,
            plan: company.plan(self.world.account(of.account).plan_at(time)),
            surface: self.dice.weighted(company.surfaces),
            quantity: quantity.map(|quantity| (quantity.property, quantity.draw(&mut self.dice))),
            is_bot: of.is_bot,
            staff_of: company.domain,
            time,
        };
        self.events += 1;
        let record = Record {
            at,
            stream: Stream::Usage,
            key: render::user_id(user),
            payload: render::usage(&usage),
            time,
            is_copy: false,
            fact: Fact::event(&usage, at),
        };
        if let Some(after) = usage::copy_after(&mut self.dice) {
            let copy = Record { is_copy: true, fact: Fact::Copy, ..record.clone() };
            self.copies.insert((Millis(at.0 + after), self.events), copy);
        }
        record
    }
}

impl Iterator for Product {
    type Item = Record;

    /// The next record; `None` when the span is over.
    fn next(&mut self) -> Option<Record> {
        let record = match self.changes.pop_front() {
            Some(record) => record,
            None => self.prepare()?,
        };
        self.truth.note(&record);
        Some(record)
    }
}
