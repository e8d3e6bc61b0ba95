//! The stream: usage events of some weeks, many out of order, some late, some twice, some broken; and beside them what accounts
//! become, some of it told late, some of it taken away.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// How many partitions the source topic has.
pub(crate) const PARTITIONS: i32 = 6;

/// How many partitions the accounts' topic has.
pub(crate) const CHANGE_PARTITIONS: i32 = 2;

/// 2025-02-19T00:00:00Z. Casablanca changed its clocks on 2025-02-23 and on 2025-04-06.
pub(crate) const START_MS: i64 = 1_739_923_200_000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const NAMES: [&str; 5] = ["report_viewed", "report_exported", "invite", "purchase", "purchase"];
const TIERS: [&str; 5] = [r#""trial""#, r#""team""#, r#""team""#, r#""gone""#, "null"];
const OWNERS: [&str; 4] = [r#""ada""#, r#""bob""#, r#""cyd""#, "null"];
const PLANS: [&str; 4] = ["free", "free", "team", "pro"];

/// A record to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) partition: i32,
    /// The record's timestamp, in milliseconds since 1970.
    pub(crate) stamp: i64,
    pub(crate) payload: String,
    /// A record about an account that is sent beside it.
    pub(crate) change: Option<Change>,
}

/// A record about an account; one without a payload says that it has no attributes any more.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) partition: i32,
    pub(crate) stamp: i64,
    pub(crate) account: String,
    pub(crate) payload: Option<String>,
}

/// Gives the records one after another: the same for the same seed and number.
#[derive(Debug)]
pub(crate) struct Generator {
    random: SmallRng,
    events: u64,
    span_ms: i64,
    next: u64,
    /// Records that come again, by the number from which on they do.
    again: BTreeMap<u64, Sent>,
}

impl Generator {
    pub(crate) fn new(seed: u64, events: u64) -> Generator {
        // As dense as a million in 60 days, or denser: the fewer days, the less apart are shards that catch up.
        let days = i64::try_from(events / 16_000).expect("few").clamp(10, 60);
        Generator {
            random: SmallRng::seed_from_u64(seed),
            events,
            span_ms: days * DAY,
            next: 0,
            again: BTreeMap::new(),
        }
    }

    /// The next record; `None` after the last.
    pub(crate) fn next(&mut self) -> Option<Sent> {
        if self.next == self.events {
            return None;
        }
        let number = self.next;
        self.next += 1;
        if let Some(due) = self.again.first_entry().filter(|due| *due.key() <= number) {
            return Some(due.remove());
        }
        let since = i128::from(self.span_ms) * i128::from(number) / i128::from(self.events);
        let now = START_MS + i64::try_from(since).expect("below the span");
        let (partition, payload) = (self.random.random_range(0..PARTITIONS), self.payload(number, now));
        let sent = Sent { partition, stamp: now, payload, change: None };
        if self.random.random_bool(0.03) {
            // On another partition: at once, or after many others.
            let partition = (sent.partition + self.random.random_range(1..PARTITIONS)) % PARTITIONS;
            let wait = if self.random.random_bool(0.5) { 1 } else { self.random.random_range(1..=self.events / 20) };
            self.again.insert(number + wait, Sent { partition, ..sent.clone() });
        }
        Some(Sent { change: self.change(now), ..sent })
    }

    /// Now and then an account changes. Most changes are told at once, which moves the clock of their partition; some are of
    /// days ago, or of before all that is kept.
    fn change(&mut self, now: i64) -> Option<Change> {
        if !self.random.random_bool(0.03) {
            return None;
        }
        let partition = self.random.random_range(0..CHANGE_PARTITIONS);
        // As many as events have accounts; any of them alike, so that no account changes all the time.
        let accounts = ((self.events * 3 / 50).max(10) / 15).max(1);
        let account = format!("a-{:04}", self.random.random_range(0..accounts));
        let ago = match self.random.random_range(0..10) {
            0..7 => 0..MINUTE,
            7..9 => 0..5 * DAY,
            _ => 0..200 * DAY,
        };
        let time = now - self.random.random_range(ago);
        if self.random.random_bool(0.1) {
            return Some(Change { partition, stamp: time, account, payload: None });
        }
        let (written, tier) = (self.written(time), TIERS[self.random.random_range(0..TIERS.len())]);
        let owner = OWNERS[self.random.random_range(0..OWNERS.len())];
        let attributes = match self.random.random_range(0..3) {
            0 => format!("\"tier\":{tier}"),
            1 => format!("\"owner\":{owner},\"size\":7"),
            _ => format!("\"tier\":{tier},\"owner\":{owner}"),
        };
        let payload =
            format!("{{\"account_id\":\"{account}\",\"timestamp\":\"{written}\",\"attributes\":{{{attributes}}}}}");
        Some(Change { partition, stamp: now, account, payload: Some(payload) })
    }

    fn payload(&mut self, number: u64, now: i64) -> String {
        let id = format!("{number:x}-{:08x}", self.random.random::<u32>());
        if self.random.random_bool(0.002) {
            return self.bad(&id, now);
        }
        let users = (self.events * 3 / 50).max(10);
        let (user, rare) = (self.zipf(users), self.zipf(users / 15));
        let account = if rare == 0 { user } else { user % rare } % (users / 15).max(1);
        let name = NAMES[self.random.random_range(0..NAMES.len())];
        let time = now - self.delay();
        let (time, plan, amount) = (self.written(time), PLANS[self.random.random_range(0..PLANS.len())], self.amount());
        format!(
            "{{\"event_id\":\"{id}\",\"event\":\"{name}\",\"user_id\":\"u-{user:05}\",\"account_id\":\"a-{account:04}\",\
             \"timestamp\":\"{time}\",\"properties\":{{\"plan\":\"{plan}\",\"amount\":{amount}}}}}"
        )
    }

    /// How far the event lies behind the stream: mostly in time for its minute; else for its hour, its day, or nothing.
    fn delay(&mut self) -> i64 {
        let (most, of) = match self.random.random_range(0..1_000) {
            0..840 => (0, MINUTE / 2),
            840..920 => (0, 20 * MINUTE),
            920..970 => (0, 4 * HOUR),
            970..995 => (0, 3 * DAY),
            _ => (3 * DAY, 5 * DAY),
        };
        self.random.random_range(most..of)
    }

    /// A number below `count`: the lower, the more often, as by Zipf's law.
    fn zipf(&mut self, count: u64) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "below the count, and not negative"
        )]
        let rank = ((count as f64 + 1.0).ln() * self.random.random::<f64>()).exp() as u64;
        rank.saturating_sub(1).min(count.saturating_sub(1))
    }

    fn written(&mut self, millis: i64) -> String {
        let time = Timestamp::from_millisecond(millis).expect("a time of our millennium");
        match self.random.random_range(0..3) {
            0 => format!("{time:.3}"),
            hours => {
                let zone = TimeZone::fixed(Offset::from_hours(hours * 3 - 5).expect("few hours"));
                time.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S.%3f%:z").to_string()
            }
        }
    }

    /// An amount with at most two decimals, as a number or as text; a refund now and then.
    fn amount(&mut self) -> String {
        let cents: i64 = self.random.random_range(-500..20_000);
        let sign = if cents < 0 { "-" } else { "" };
        let text = format!("{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100);
        match self.random.random_range(0..4) {
            0 => format!("\"{text}\""),
            1 => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            _ => text,
        }
    }

    /// A record that cannot be counted.
    fn bad(&mut self, id: &str, now: i64) -> String {
        let time = self.written(now);
        match self.random.random_range(0..6) {
            0 => format!("{{\"event_id\":\"{id}\",\"event\":"),
            1 => format!("{{\"event_id\":\"{id}\",\"event\":\"report_viewed\",\"user_id\":\"u-00001\"}}"),
            2 => format!("{{\"event_id\":\"{id}\",\"event\":\"report_viewed\",\"timestamp\":\"{time}\"}}"),
            3 => format!(
                "{{\"event\":\"purchase\",\"user_id\":\"u-00001\",\"timestamp\":\"{time}\",\"properties\":{{\"amount\":1}}}}"
            ),
            4 => format!(
                "{{\"event_id\":\"{id}\",\"event\":\"purchase\",\"user_id\":\"u-00001\",\"timestamp\":\"{time}\",\
                 \"properties\":{{\"amount\":\"free\"}}}}"
            ),
            _ => format!(
                "{{\"event_id\":\"{id}\",\"event\":\"report_viewed\",\"user_id\":\"u-00001\",\
                 \"timestamp\":\"2999-12-31T23:59:59Z\"}}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(seed: u64) -> Vec<String> {
        let mut generator = Generator::new(seed, 20_000);
        std::iter::from_fn(|| generator.next()).map(|sent| format!("{} {}", sent.partition, sent.payload)).collect()
    }

    #[test]
    fn stream_is_what_its_seed_says() {
        let stream = all(1);
        assert_eq!(stream.len(), 20_000);
        assert_eq!(stream, all(1));
        assert_ne!(stream, all(2));
    }

    #[test]
    fn duplicates_are_on_other_partitions() {
        let stream = all(3);
        let mut places: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (partition, payload) in stream.iter().map(|line| line.split_once(' ').unwrap()) {
            places.entry(payload).or_default().push(partition);
        }
        let twice: Vec<_> = places.values().filter(|partitions| partitions.len() > 1).collect();
        assert!((400..700).contains(&twice.len()), "{}", twice.len());
        assert!(twice.iter().all(|partitions| partitions[0] != partitions[1]));
    }
}
