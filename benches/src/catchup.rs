//! Catch-up: a topic that is full is read from its beginning, by the floor and by the pipeline in turn.

use crate::clock;
use crate::floor::Floor;
use crate::nsm::{Nsm, SHARDS, Setup};
use crate::scrape::{Progress, whole};
use crate::store::{Asker, Calls};
use crate::usage;
use crate::workload::{LAST_DAY_SECONDS, Truth};
use pipeline::Client;
use serde::Serialize;
use serde_json::{Value, json};
use services::Scrape;
use services::{Kafka, Redis};
use std::path::PathBuf;
use std::time::Duration;

const WINDOWS: [u64; 3] = [1, 7, 28];
const DEADLINE: Duration = Duration::from_secs(900);
/// How often the page of metrics is asked for, which costs the pipeline a little: what a round takes is rounded up to that.
const POLL: Duration = Duration::from_millis(50);
/// How long the exporter may take to show what window has stored.
const SETTLE: Duration = Duration::from_secs(30);

pub(crate) const USERS: &str =
    "  users: { type: simple, measure: { agg: count_distinct, entity: user, events: any }, windows: [1d, 7d, 28d] }\n";
const ACCOUNTS: &str = "  accounts: { type: simple, measure: { agg: count_distinct, entity: account, events: any }, windows: [1d, 7d, 28d] }\n";

/// What one round of the pipeline took.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Round {
    /// Events from the first that was seen to be committed to the last that was applied.
    pub(crate) timed_events: u64,
    /// The time in between.
    pub(crate) seconds: f64,
    /// All events.
    pub(crate) events: u64,
    pub(crate) rejected: u64,
    /// Entities that were put into packs.
    pub(crate) deltas: u64,
    pub(crate) transactions: u64,
    pub(crate) nsm_cpu_seconds: f64,
    pub(crate) redis_cpu_seconds: f64,
    pub(crate) broker_cpu_seconds: f64,
    pub(crate) peak_rss_mib: f64,
    /// On the broker's disk.
    pub(crate) activity_bytes: u64,
    pub(crate) redis_commands: u64,
    /// Commands that Redis' functions have called.
    pub(crate) redis_inner_calls: u64,
    /// What the server's memory has grown by.
    pub(crate) redis_bytes: u64,
}

impl Round {
    pub(crate) fn rate(&self) -> f64 {
        count(self.timed_events) / self.seconds
    }

    /// CPU of ingest, window and Redis, in seconds per million events.
    pub(crate) fn cpu_per_million(&self) -> f64 {
        (self.nsm_cpu_seconds + self.redis_cpu_seconds) / count(self.events) * 1e6
    }
}

impl Floor {
    pub(crate) fn rate(&self) -> f64 {
        count(self.events) / self.seconds
    }

    pub(crate) fn cpu_per_million(&self) -> f64 {
        self.cpu_seconds / count(self.events) * 1e6
    }
}

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "counts are below 2^53")]
pub(crate) fn count(of: u64) -> f64 {
    of as f64
}

/// What all rounds share.
pub(crate) struct Course<'a> {
    pub(crate) kafka: &'a Kafka,
    pub(crate) folder: PathBuf,
    pub(crate) topic: &'a str,
    /// What the topic holds.
    pub(crate) filled: &'a Filled,
}

/// What was sent to a topic.
pub(crate) struct Filled {
    /// Events that count.
    pub(crate) events: u64,
    /// Records beside them that cannot be read.
    pub(crate) rubbish: u64,
    pub(crate) truth: Truth,
}

impl Filled {
    fn records(&self) -> u64 {
        self.events + self.rubbish
    }
}

/// Where the CPU of the three processes stood.
struct Cpu {
    nsm: f64,
    redis: f64,
    broker: f64,
}

impl Course<'_> {
    /// Users and accounts, with a store and topics of this round's own.
    pub(crate) fn users_and_accounts(&self, round: usize) -> Round {
        self.users_and_accounts_with(&format!("{}-{round}", self.topic), json!({}))
    }

    /// The same, under a name, with settings beside the defaults.
    pub(crate) fn users_and_accounts_with(&self, name: &str, settings: Value) -> Round {
        let (taken, shown) = self.run(name, settings, &catalogue(self.topic, &[USERS, ACCOUNTS].concat()), 0);
        self.check(&shown, &["users", "accounts"]);
        taken
    }

    /// Users alone.
    pub(crate) fn users_alone(&self, round: usize) -> Round {
        let (taken, shown) = self.run(&format!("users-{round}"), json!({}), &catalogue(self.topic, USERS), 0);
        self.check(&shown, &["users"]);
        taken
    }

    /// Runs a catalogue, which has other topics with `beside` records. With the page that shows what was counted.
    pub(crate) fn run(&self, name: &str, settings: Value, catalogue: &str, beside: u64) -> (Round, Scrape) {
        let redis = Redis::start(&[]);
        let mut asker = Asker::new(&redis);
        let (calls, memory) = (asker.calls(), asker.used_memory());
        let (folder, records) = (self.folder.clone(), self.filled.records() + beside);
        let setup = Setup { name, catalogue, settings, kafka: self.kafka, redis: &redis, folder };
        let before = Cpu { nsm: 0.0, redis: usage::cpu_seconds(redis.pid()), broker: self.broker_cpu() };
        let nsm = Nsm::start(&setup);
        let first = nsm.wait(DEADLINE, POLL, "the first events", |scrape| Progress::of(scrape).events > 0);
        let first = Progress::of(&first);
        let begun = clock::now();
        let last = nsm.wait(DEADLINE, POLL, "all events to be applied", |scrape| is_applied(scrape, records));
        let seconds = begun.elapsed().as_secs_f64();
        let after = self.cpu(&nsm, &redis);
        let (Calls { commands, inner }, peak_rss_mib) = (asker.calls(), usage::peak_rss_mib(nsm.pid()));
        let shown = self.wait_stored(&nsm);
        assert_eq!(Progress::of(&shown).events, records, "every record is taken once");
        let activity_bytes = usage::topic_bytes(&self.kafka.data_folder(), &nsm.activity());
        nsm.stop();
        let progress = Progress::of(&last);
        let round = Round {
            timed_events: records - first.events,
            seconds,
            events: progress.events,
            rejected: whole(Some(shown.sum("northstar_ingest_rejected_total"))),
            deltas: whole(last.get("northstar_ingest_deltas_total")),
            transactions: progress.transactions,
            nsm_cpu_seconds: after.nsm - before.nsm,
            redis_cpu_seconds: after.redis - before.redis,
            broker_cpu_seconds: after.broker - before.broker,
            peak_rss_mib,
            activity_bytes,
            redis_commands: commands - calls.commands,
            redis_inner_calls: inner - calls.inner,
            redis_bytes: asker.used_memory().saturating_sub(memory),
        };
        (round, shown)
    }

    /// Waits until the gauges stand for all packs, and are as of the last day: a source that has nothing more to say holds shard
    /// time back until it is found to be idle.
    fn wait_stored(&self, nsm: &Nsm) -> Scrape {
        let client = Client::connect(&self.kafka.bootstrap(), "ends");
        let ends = client.ends(&nsm.activity()).expect("the broker knows the activity topic");
        // The last offset of all is a transaction's marker, which no pack follows yet.
        let stands = |scrape: &Scrape, shard: usize, end: i64| {
            let next = scrape.get(&format!("northstar_gauges_next_offset{{shard=\"{shard}\"}}"));
            next.is_some_and(|next| next >= count(u64::try_from(end - 1).unwrap_or(0)))
        };
        let is_last_day = |scrape: &Scrape| {
            let as_of = scrape.get("northstar_gauges_as_of_timestamp_seconds");
            as_of.is_some_and(|as_of| as_of >= count(LAST_DAY_SECONDS))
        };
        nsm.wait(SETTLE, POLL, "the gauges to stand where the packs end, as of the last day", |scrape| {
            let stand = ends.iter().enumerate().all(|(shard, end)| stands(scrape, shard, *end));
            stand && !scrape.gauges().is_empty() && is_last_day(scrape)
        })
    }

    /// Exact, or no measurement at all.
    pub(crate) fn check(&self, scrape: &Scrape, metrics: &[&str]) {
        let rejected = whole(Some(scrape.sum("northstar_ingest_rejected_total")));
        assert_eq!(rejected, self.filled.rubbish, "what cannot be read is rejected, and nothing else");
        let truth = &self.filled.truth;
        for (name, days) in metrics.iter().flat_map(|name| WINDOWS.map(|days| (*name, days))) {
            let expected = if name == "users" { truth.users(days) } else { truth.accounts(days) };
            let gauge = scrape.get(&format!("nsm_{name}{{window=\"{days}d\",complete=\"false\"}}"));
            assert_eq!(gauge, Some(count(expected)), "{name} of {days} days");
        }
    }

    fn cpu(&self, nsm: &Nsm, redis: &Redis) -> Cpu {
        Cpu { nsm: usage::cpu_seconds(nsm.pid()), redis: usage::cpu_seconds(redis.pid()), broker: self.broker_cpu() }
    }

    fn broker_cpu(&self) -> f64 {
        usage::cpu_seconds(self.kafka.pid())
    }
}

/// Whether all records are in committed transactions, and window has applied every pack that was written until then: both
/// counts are of one page, and a transaction writes a pack to every shard.
fn is_applied(scrape: &Scrape, records: u64) -> bool {
    let progress = Progress::of(scrape);
    progress.events >= records && progress.packs_behind(SHARDS) == 0
}

pub(crate) fn catalogue(topic: &str, metrics: &str) -> String {
    catalogue_of(topic, "", metrics)
}

/// The same, with a section of dimensions.
pub(crate) fn catalogue_of(topic: &str, dimensions: &str, metrics: &str) -> String {
    format!(
        "version: 1\nproduct: bench\n\
         sources: {{ bench: {{ topic: {topic}, clock: event, lateness: {{ day: 3d }} }} }}\n\
         entities: {{ user: {{ key: user_id }}, account: {{ key: account_id }}, \
         member: {{ key: [account_id, user_id], shard_by: account_id }} }}\n\
         {dimensions}metrics:\n{metrics}"
    )
}
