//! The settings of every kind of client.

use super::config::KafkaConfig;
use super::failure::Site;
use crate::{ISOLATION, Isolation, LogError};
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use std::time::Duration;
use tracing::warn;

/// The largest record that is written, after compression: a pack of 4 MB and what Kafka adds to it. The topics that packs
/// go to need `max.message.bytes` of at least this.
pub const MAX_RECORD_BYTES: u32 = 4_400_000;

/// Settings that trade memory for speed; each may be overruled. Measured: with the default back-off a fast consumer whose
/// queue filled stalls for a second at a time; the fetch settings save a third of the broker's work at a steady rate.
const TUNED: &[(&str, &str)] = &[
    ("queued.min.messages", "20000"),
    ("queued.max.messages.kbytes", "16384"),
    ("fetch.queue.backoff.ms", "5"),
    ("fetch.min.bytes", "65536"),
    ("fetch.wait.max.ms", "25"),
    ("fetch.error.backoff.ms", "100"),
    // What one fetch may bring: of a partition, and of all.
    (FETCH_BYTES, "1048576"),
    (FETCH_ALL_BYTES, "16777216"),
];

/// How much one fetch may bring of a partition.
///
/// A batch that is larger comes only while no partition before it in the request has anything, and librdkafka asks in the same
/// order again and again: beside others that are never silent, the partition was seen to stand still for minutes.
const FETCH_BYTES: &str = "fetch.message.max.bytes";
const FETCH_ALL_BYTES: &str = "fetch.max.bytes";
/// No batch needs more room than this: twice as much is less than what librdkafka takes as an answer.
const MOST_BATCH_BYTES: u32 = 32 << 20;

/// Other names that librdkafka has for settings that are made here. Of two names of one setting it would take either.
const ALIASES: &[(&str, &str)] = &[
    ("compression.codec", "compression.type"),
    ("max.partition.fetch.bytes", FETCH_BYTES),
    ("queue.buffering.max.ms", "linger.ms"),
];

impl KafkaConfig {
    fn base(&self) -> Result<ClientConfig, LogError> {
        self.check()?;
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", format!("nsm-{}", self.instance))
            .set("log.connection.close", "false")
            // The default of 10 s is as long as a transaction may take: a writer would outlast no restart of a broker.
            .set("reconnect.backoff.max.ms", "2000")
            .set_log_level(RDKafkaLogLevel::Info);
        Ok(client)
    }

    fn reading(&self, group: &str) -> Result<ClientConfig, LogError> {
        let mut client = self.base()?;
        for (key, value) in TUNED {
            client.set(*key, *value);
        }
        self.overrule(&mut client);
        client
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", isolation(ISOLATION))
            .set("auto.offset.reset", "error")
            .set("enable.partition.eof", "true")
            .set("allow.auto.create.topics", "false");
        Ok(client)
    }

    /// A member of a group, which owns partitions. `largest` is the largest batch that their topics allow, in bytes.
    pub(super) fn member(&self, group: &str, largest: Option<u32>) -> Result<ClientConfig, LogError> {
        let mut client = self.reading(group)?;
        if let Some(largest) = largest {
            if largest > MOST_BATCH_BYTES {
                warn!(
                    group,
                    "the topics allow batches of {largest} bytes: one of more than {MOST_BATCH_BYTES} may wait"
                );
            }
            let largest = largest.min(MOST_BATCH_BYTES);
            self.raise(&mut client, FETCH_BYTES, largest);
            self.raise(&mut client, FETCH_ALL_BYTES, 2 * largest);
        }
        // A heartbeat is how a member learns of a rebalance.
        let heartbeat = (self.session_timeout / 4).min(Duration::from_secs(1));
        client
            .set("group.instance.id", self.member_name())
            .set("partition.assignment.strategy", "range")
            .set("session.timeout.ms", millis(self.session_timeout))
            .set("heartbeat.interval.ms", millis(heartbeat))
            .set("max.poll.interval.ms", millis(self.poll_interval));
        Ok(client)
    }

    /// A consumer that never joins a group. Reading needs a group name all the same.
    pub(super) fn reader(&self) -> Result<ClientConfig, LogError> {
        self.reading(&format!("{}-read", self.group))
    }

    /// A client that only asks. It has no group at all, so that its answers do not queue behind fetches.
    pub(super) fn asking(&self) -> Result<ClientConfig, LogError> {
        let mut client = self.base()?;
        self.overrule(&mut client);
        client.set("allow.auto.create.topics", "false");
        Ok(client)
    }

    /// A producer outside of transactions.
    pub(super) fn producer(&self) -> Result<ClientConfig, LogError> {
        let mut client = self.base()?;
        client
            .set("compression.type", "lz4")
            .set("linger.ms", "20")
            .set("queue.buffering.max.messages", "100000")
            .set("queue.buffering.max.kbytes", "65536");
        self.overrule(&mut client);
        client
            .set("enable.idempotence", "true")
            .set("delivery.report.only.error", "true")
            .set("allow.auto.create.topics", "false")
            .set("message.max.bytes", MAX_RECORD_BYTES.to_string());
        Ok(client)
    }

    /// The writer of transactions.
    pub(super) fn writer(&self) -> Result<ClientConfig, LogError> {
        let mut client = self.producer()?;
        client
            .set("transactional.id", self.member_name())
            .set("transaction.timeout.ms", millis(self.transaction_timeout))
            // All of a transaction is there at once, and its outcome is waited for.
            .set("linger.ms", "0")
            .set("queue.buffering.max.kbytes", "1048576");
        if !self.properties.contains_key("retry.backoff.ms") {
            // The coordinator is often "not yet done with the last transaction" for a few milliseconds.
            client.set("retry.backoff.ms", "10");
        }
        Ok(client)
    }

    fn overrule(&self, client: &mut ClientConfig) {
        for (key, value) in &self.properties {
            client.set(canonical(key), value);
        }
    }

    /// Sets a number of bytes where it would be less, unless somebody wants it so.
    fn raise(&self, client: &mut ClientConfig, setting: &str, bytes: u32) {
        let is_less = |set: &str| set.parse::<u64>().is_ok_and(|set| set < u64::from(bytes));
        if !client.get(setting).is_some_and(is_less) {
            return;
        }
        if self.properties.keys().any(|key| canonical(key) == setting) {
            warn!("`{setting}` is less than {bytes}: a batch as large as the topics allow may wait for a long time");
        } else {
            client.set(setting, bytes.to_string());
        }
    }

    pub(super) fn site(&self) -> Site {
        Site::new(&self.brokers, &self.instance)
    }
}

/// The name by which a setting is known here.
fn canonical(setting: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == setting).map_or(setting, |(_, name)| name)
}

/// Makes a client; an error names the setting, never its value.
pub(super) fn create<C, T>(client: &ClientConfig, context: C, site: &Site) -> Result<T, LogError>
where
    C: rdkafka::ClientContext,
    T: FromClientConfigAndContext<C>,
{
    client.create_with_context(context).map_err(|e| site.creation(&e))
}

fn isolation(level: Isolation) -> &'static str {
    match level {
        Isolation::Committed => "read_committed",
        Isolation::Uncommitted => "read_uncommitted",
    }
}

fn millis(time: Duration) -> String {
    time.as_millis().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(properties: &[(&str, &str)], largest: Option<u32>) -> [Option<String>; 2] {
        let mut config = KafkaConfig::new("127.0.0.1:9092", "nsm", "0");
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        config.properties = properties.iter().map(own).collect();
        let client = config.member("nsm", largest).unwrap();
        [FETCH_BYTES, FETCH_ALL_BYTES].map(|setting| client.get(setting).map(str::to_owned))
    }

    fn bytes(of: u32, all: u32) -> [Option<String>; 2] {
        [Some(of.to_string()), Some(all.to_string())]
    }

    #[test]
    fn a_fetch_has_room_for_the_largest_batch_within_what_librdkafka_takes() {
        assert_eq!(member(&[], None), bytes(1 << 20, 16 << 20));
        assert_eq!(member(&[], Some(4096)), bytes(1 << 20, 16 << 20));
        assert_eq!(member(&[], Some(12_000_000)), bytes(12_000_000, 24_000_000));
        assert_eq!(member(&[], Some(u32::MAX)), bytes(MOST_BATCH_BYTES, 2 * MOST_BATCH_BYTES));
        assert_eq!(member(&[(FETCH_BYTES, "90000000")], Some(5_000_000)), bytes(90_000_000, 16 << 20));
        assert_eq!(member(&[(FETCH_BYTES, "4096")], Some(5_000_000)), bytes(4_096, 16 << 20), "somebody wants it so");
    }

    #[test]
    fn a_setting_of_two_names_is_one() {
        assert_eq!(member(&[("max.partition.fetch.bytes", "9000")], None), bytes(9_000, 16 << 20));
    }
}
