//! The workload: usage events of 40 days in time order, always the same ones, and what has to be counted in them.

use crate::random::{Random, Zipf, mix};
use jiff::Timestamp;
use std::io::Write;

/// Over how many days the events are spread.
pub(crate) const DAYS: u64 = 40;
/// How many partitions the source topics have.
pub(crate) const PARTITIONS: i32 = 4;

const SEED: u64 = 42;
/// 2025-01-01T00:00:00Z: past, wherever and whenever this runs.
const START_MS: i64 = 1_735_689_600_000;
const DAY_MS: u64 = 86_400_000;
/// When the last of these days begins, in seconds since 1970.
pub(crate) const LAST_DAY_SECONDS: u64 = START_MS.cast_unsigned() / 1_000 + (DAYS - 1) * DAY_MS / 1_000;
pub(crate) const NAMES: [&str; 8] = ["play", "click", "search", "export", "invite", "upload", "comment", "page_view"];
const PLANS: [&str; 4] = ["free", "free", "team", "pro"];

/// How much of everything. Users and accounts go with the events, so that the same share of events is news.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) events: u64,
    pub(crate) users: u64,
    pub(crate) accounts: u64,
    /// Whether events have a number from 0 to 10.
    pub(crate) has_numbers: bool,
}

impl Shape {
    /// 300,000 users and 20,000 accounts for 5,000,000 events.
    pub(crate) fn of(events: u64) -> Shape {
        Shape { events, users: (events * 3 / 50).max(1), accounts: (events / 250).max(1), has_numbers: false }
    }
}

/// An event as it is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event<'a> {
    pub(crate) partition: i32,
    /// The user's id.
    pub(crate) key: &'a [u8],
    pub(crate) payload: &'a [u8],
    /// Milliseconds since 1970.
    pub(crate) timestamp: i64,
}

/// Writes events as JSON of the native form, about 170 bytes each, and what accounts are.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    key: Vec<u8>,
    payload: Vec<u8>,
    has_numbers: bool,
}

impl Writer {
    /// The event of a user and an account, each named by a number: ids are 16 hexadecimal digits, which do not compress.
    pub(crate) fn write(&mut self, user: u64, account: u64, name: &str, timestamp: i64, salt: u64) -> Event<'_> {
        let (user, account) = (mix(user), mix(account | 1 << 62));
        let at = Timestamp::from_millisecond(timestamp).expect("a time of our millennium");
        let plan = PLANS[usize::try_from(user % 4).expect("one of four")];
        let number = if self.has_numbers { format!(",\"n\":{}", (salt >> 8) % 11) } else { String::new() };
        self.key.clear();
        self.payload.clear();
        let written = write!(self.key, "{user:016x}").and_then(|()| {
            write!(
                self.payload,
                "{{\"event_id\":\"{salt:016x}\",\"event\":\"{name}\",\"user_id\":\"{user:016x}\",\
                 \"account_id\":\"{account:016x}\",\"timestamp\":\"{at:.3}\",\"properties\":{{\"plan\":\"{plan}\"{number}}}}}"
            )
        });
        written.expect("memory takes what is written");
        self.event(user, timestamp)
    }

    /// What an account is from the start of a day on: JSON of the native form.
    pub(crate) fn write_account(&mut self, account: u64, day: u64, attributes: &serde_json::Value) -> Event<'_> {
        let account = mix(account | 1 << 62);
        let timestamp = START_MS + i64::try_from(day * DAY_MS).expect("40 days are few");
        let at = Timestamp::from_millisecond(timestamp).expect("a time of our millennium");
        self.key.clear();
        self.payload.clear();
        let written = write!(self.key, "{account:016x}").and_then(|()| {
            write!(
                self.payload,
                "{{\"account_id\":\"{account:016x}\",\"timestamp\":\"{at:.3}\",\"attributes\":{attributes}}}"
            )
        });
        written.expect("memory takes what is written");
        self.event(account, timestamp)
    }

    /// What was written, in the partition of an id.
    fn event(&self, id: u64, timestamp: i64) -> Event<'_> {
        let partition = i32::try_from(id >> 32 & 3).expect("one of four");
        Event { partition, key: &self.key, payload: &self.payload, timestamp }
    }
}

/// Gives the events one after another, and keeps what has to be counted.
#[derive(Debug)]
pub(crate) struct Generator {
    shape: Shape,
    zipf: Zipf,
    random: Random,
    writer: Writer,
    next: u64,
    truth: Truth,
}

/// What has to be counted in the events given so far: the days of every user and account, a bit each.
#[derive(Debug)]
pub(crate) struct Truth {
    users: Vec<u64>,
    accounts: Vec<u64>,
    /// How many events told something new of their user or account.
    pub(crate) changes: u64,
    pub(crate) payload_bytes: u64,
}

impl Generator {
    pub(crate) fn new(shape: Shape) -> Generator {
        let none = |count: u64| vec![0; usize::try_from(count).expect("few enough for memory")];
        Generator {
            shape,
            zipf: Zipf::new(shape.users),
            random: Random::new(SEED),
            writer: Writer { has_numbers: shape.has_numbers, ..Writer::default() },
            next: 0,
            truth: Truth { users: none(shape.users), accounts: none(shape.accounts), changes: 0, payload_bytes: 0 },
        }
    }

    pub(crate) fn next(&mut self) -> Option<Event<'_>> {
        if self.next == self.shape.events {
            return None;
        }
        let since = u128::from(DAYS * DAY_MS) * u128::from(self.next) / u128::from(self.shape.events);
        let since = u64::try_from(since).expect("below the span");
        self.next += 1;
        let user = self.zipf.rank(&mut self.random);
        let account = account_of(user, self.shape.accounts);
        let salt = self.random.next();
        let name = NAMES[usize::try_from(salt % 8).expect("one of eight")];
        self.truth.note(user, account, since / DAY_MS);
        let timestamp = START_MS + i64::try_from(since).expect("40 days are few");
        let event = self.writer.write(user, account, name, timestamp, salt);
        self.truth.payload_bytes += event.payload.len() as u64;
        Some(event)
    }

    /// A record that cannot be read, like the event that was given last: half of it.
    pub(crate) fn rubbish(&self) -> Event<'_> {
        let Writer { key, payload, .. } = &self.writer;
        let partition = i32::try_from(self.next % 4).expect("one of four");
        Event { partition, key, payload: &payload[..payload.len() / 2], timestamp: START_MS }
    }

    pub(crate) fn truth(self) -> Truth {
        self.truth
    }
}

/// Every user belongs to one account.
pub(crate) fn account_of(user: u64, accounts: u64) -> u64 {
    mix(user ^ 0x5eed) % accounts
}

impl Truth {
    fn note(&mut self, user: u64, account: u64, day: u64) {
        let mut is_new = false;
        for (days, of) in [(&mut self.users, user), (&mut self.accounts, account)] {
            let days = &mut days[usize::try_from(of).expect("few enough for memory")];
            is_new |= *days & 1 << day == 0;
            *days |= 1 << day;
        }
        self.changes += u64::from(is_new);
    }

    /// How many users were active on any of the last `days` days.
    pub(crate) fn users(&self, days: u64) -> u64 {
        active(&self.users, days)
    }

    /// How many accounts were active on any of the last `days` days.
    pub(crate) fn accounts(&self, days: u64) -> u64 {
        active(&self.accounts, days)
    }
}

fn active(of: &[u64], days: u64) -> u64 {
    let trailing = u64::MAX << (DAYS - days);
    of.iter().filter(|active| **active & trailing != 0).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_of_the_size_and_news_that_the_workload_promises() {
        let events = 500_000;
        let mut generator = Generator::new(Shape::of(events));
        let (mut last, mut first) = (0, String::new());
        while let Some(event) = generator.next() {
            assert!(event.timestamp >= last, "events are in time order");
            last = event.timestamp;
            if first.is_empty() {
                first = String::from_utf8(event.payload.to_vec()).unwrap();
            }
        }
        assert!(first.contains("\"timestamp\":\"2025-01-01T00:00:00.000Z\""), "{first}");
        let truth = generator.truth();
        assert_eq!((last - START_MS) / 86_400_000, 39);
        assert!((160..185).contains(&(truth.payload_bytes / events)), "{}", truth.payload_bytes / events);
        assert!((20..=30).contains(&(truth.changes * 100 / events)), "{}", truth.changes);
        assert!(truth.users(1) < truth.users(7) && truth.users(28) <= 30_000 && truth.accounts(28) <= 2_000);
    }
}
