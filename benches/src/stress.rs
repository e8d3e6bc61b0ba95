//! Stress: what rubbish costs, what a full topic needs of memory, and what is left when far too much has come.

use crate::catchup::{Course, Round, USERS, count};
use crate::fill::{fill, fill_with_rubbish};
use crate::live::sustainable;
use crate::load::Load;
use crate::nsm::{Nsm, SHARDS, Setup};
use crate::report::{Goal, table};
use crate::scrape::{Progress, whole};
use crate::send::{self, Sender};
use crate::stats::median;
use crate::workload::{PARTITIONS, Shape};
use crate::{clock, usage};
use pipeline::Client;
use serde::Serialize;
use serde_json::json;
use services::{Kafka, Progress as Bar, Redis};
use std::path::{Path, PathBuf};
use std::time::Duration;

const CLEAN: &str = "clean";
const ONE_PERCENT: &str = "one-percent";
const RUBBISH: &str = "rubbish";
const BURST: &str = "burst";
/// A record that cannot be read after so many events makes 1%.
const RUBBISH_AFTER: u64 = 99;
/// Of so many events one is sent for the topic of rubbish alone: all of it is read back.
const RUBBISH_SHARE: u64 = 10;
const POLL: Duration = Duration::from_millis(50);
const DEADLINE: Duration = Duration::from_secs(900);
/// What came in a minute takes ten to be got rid of.
const DRAIN: Duration = Duration::from_secs(2400);
/// How many times what is sustained comes in a burst.
const FACTOR: f64 = 10.0;
/// How large batches are of which a pipeline takes one at a time, in bytes, and what Kafka adds to each.
const SMALL_BATCH: u32 = 4096;
const BATCH_HEAD: u32 = 256;
/// Before the burst, the rate that is sustained is looked for this long.
const FULL: Duration = Duration::from_secs(10);

/// What a process may take: of itself and its clients' queues, and for each entity in its caches, the room for more
/// included that they take when they grow.
const BASE_MIB: f64 = 128.0;
const INGEST_ENTITY_BYTES: f64 = 240.0;
const WINDOW_ENTITY_BYTES: f64 = 320.0;
/// `cache_entities` of ingest and of window by default, the latter for each shard.
const DEFAULT_ENTITIES: (u32, u32) = (1_000_000, 100_000);
/// The same where caches are to overflow.
const FEW_ENTITIES: (u32, u32) = (10_000, 500);

/// How much of everything.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many events there are; users and accounts go with them.
    #[arg(long, default_value_t = 5_000_000, value_parser = clap::value_parser!(u64).range(20_000..=100_000_000))]
    events: u64,
    /// How many rounds there are, without rubbish and with it.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=99))]
    rounds: u16,
    /// For how many seconds far too many events come.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Where the report and, while this runs, the services' data lie.
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
}

/// The measurements, by the names that `stress.json` has.
#[derive(Clone, Debug, Serialize)]
struct Stress {
    /// Records a second where 1% cannot be read, over those where all can.
    poison_1pct_rate_ratio: f64,
    /// CPU a record, likewise.
    poison_1pct_cpu_ratio: f64,
    /// Records of a topic of rubbish alone that are in the dead-letter topic not once.
    poison_100pct_lost: u64,
    /// The most memory in catch-up, with caches by default and with small ones.
    backlog_rss_mib: f64,
    backlog_rss_small_mib: f64,
    burst: Burst,
    clean: Vec<Round>,
    one_percent: Vec<Round>,
    small: Round,
}

/// Far too many events for a while.
#[derive(Clone, Copy, Debug, Serialize)]
struct Burst {
    sustainable_rate: f64,
    /// Events a second that were sent meanwhile.
    sent_rate: f64,
    /// How far ahead of ingest the topic was at the end of it.
    backlog: u64,
    /// How long until nothing of it was left.
    drain_s: f64,
    /// Events that were sent and not taken, or rejected.
    lost: u64,
    peak_rss_mib: f64,
}

/// Measures everything, prints a table and writes the report.
pub(crate) fn run(options: &Options) {
    let folder = crate::prepare(&options.folder);
    let stress = measure(options, folder.path());
    println!("{}\n\n{}", stress.burst.words(options.seconds), table(stress.rows()));
    crate::write(&options.folder.join("stress.json"), &stress);
}

fn measure(options: &Options, folder: &Path) -> Stress {
    let rounds = usize::from(options.rounds);
    let bar = Bar::new("stress", rounds * 2 + 6);
    bar.begin("starting a broker");
    let kafka = Kafka::start_for_load();
    let shape = Shape::of(options.events);
    let all_clean = fill(&kafka, CLEAN, shape, None, &bar);
    let with_rubbish = fill(&kafka, ONE_PERCENT, shape, Some(RUBBISH_AFTER), &bar);
    let course = |topic, filled| Course { kafka: &kafka, folder: folder.to_path_buf(), topic, filled };
    let courses = [course(CLEAN, &all_clean), course(ONE_PERCENT, &with_rubbish)];
    let mut taken = [Vec::new(), Vec::new()];
    for round in 1..=rounds {
        for (course, taken) in courses.iter().zip(&mut taken) {
            bar.begin(&format!("{}, round {round} of {rounds}", course.topic));
            taken.push(course.users_and_accounts(round));
        }
    }
    bar.begin("small caches");
    let (ingest, window) = FEW_ENTITIES;
    let settings = json!({ "ingest": { "cache_entities": ingest }, "window": { "cache_entities": window } });
    let small = courses[0].users_and_accounts_with("small", settings);
    bar.begin("rubbish alone");
    let poison_100pct_lost = lost_of_rubbish(&kafka, folder, options.events / RUBBISH_SHARE);
    bar.begin("far too many events");
    let burst = burst(&kafka, folder, shape, Duration::from_secs(options.seconds));
    drop(bar);
    let [clean, one_percent] = taken;
    let ratio = |of: fn(&Round) -> f64| median(one_percent.iter().map(of)) / median(clean.iter().map(of));
    Stress {
        poison_1pct_rate_ratio: ratio(Round::rate),
        poison_1pct_cpu_ratio: ratio(Round::cpu_per_million),
        poison_100pct_lost,
        backlog_rss_mib: clean.iter().map(|round| round.peak_rss_mib).fold(0.0, f64::max),
        backlog_rss_small_mib: small.peak_rss_mib,
        burst,
        clean,
        one_percent,
        small,
    }
}

/// How many records of a topic that holds nothing else are not found again as dead letters, each once.
fn lost_of_rubbish(kafka: &Kafka, folder: &Path, records: u64) -> u64 {
    fill_with_rubbish(kafka, RUBBISH, records);
    let redis = Redis::start(&[]);
    let catalogue = crate::catchup::catalogue(RUBBISH, USERS);
    let (settings, folder) = (json!({}), folder.to_path_buf());
    let nsm = Nsm::start(&Setup { name: RUBBISH, catalogue: &catalogue, settings, kafka, redis: &redis, folder });
    nsm.wait(DEADLINE, POLL, "all rubbish to be rejected", |scrape| {
        whole(Some(scrape.sum("northstar_ingest_rejected_total"))) >= records
    });
    nsm.stop();
    let letters = Client::connect(&kafka.bootstrap(), RUBBISH).dead_letters(&format!("dead-letter.{RUBBISH}"));
    let place = |name: &str, headers: &std::collections::BTreeMap<String, String>| headers[name].clone();
    let origins: std::collections::BTreeSet<_> =
        letters.iter().map(|letter| (place("partition", &letter.headers), place("offset", &letter.headers))).collect();
    assert_eq!(origins.len(), letters.len(), "no record is rejected twice");
    records - origins.len() as u64
}

/// Sends ten times what is sustained for a while, and sees how that is got rid of.
fn burst(kafka: &Kafka, folder: &Path, shape: Shape, length: Duration) -> Burst {
    let most = SMALL_BATCH.to_string();
    kafka.create_topic(BURST, PARTITIONS, &[("max.message.bytes", &most)]);
    let redis = Redis::start(&[]);
    let catalogue = format!(
        "version: 1\nproduct: bench\nsources: {{ burst: {{ topic: {BURST} }} }}\n\
         entities: {{ user: {{ key: user_id }} }}\nmetrics:\n{USERS}"
    );
    // Beside a pipeline in full swing nobody on this machine sends ten times as much: this one takes small portions.
    let small = json!({ "fetch.message.max.bytes": most, "queued.min.messages": "1" });
    let settings = json!({
        "kafka": { "brokers": kafka.bootstrap(), "properties": small },
        "ingest": { "transact": "1ms", "batch": "8KiB" },
    });
    let folder = folder.to_path_buf();
    let nsm = Nsm::start(&Setup { name: BURST, catalogue: &catalogue, settings, kafka, redis: &redis, folder });
    let sender = Sender::of_batches(&kafka.bootstrap(), BURST, send::LIVE, SMALL_BATCH - BATCH_HEAD);
    let load = Load::start(sender, shape);
    load.set_rate(1_000);
    nsm.wait_shown();
    let sustainable_rate = sustainable(&nsm, &load, FULL);

    let (before, begun) = (load.sent(), clock::now());
    load.set_rate(far_too_much(sustainable_rate));
    clock::pause(length);
    load.set_rate(0);
    let (sent, took) = (load.sent() - before, begun.elapsed().as_secs_f64());
    let backlog = load.sent().saturating_sub(nsm.scrape().map_or(0, |scrape| Progress::of(&scrape).events));
    let begun = clock::now();
    let all = load.sent();
    let drained = nsm.wait(DRAIN, POLL, "the backlog to be gone", |scrape| {
        let progress = Progress::of(scrape);
        progress.events >= all && progress.packs_behind(SHARDS) == 0
    });
    let drain_s = begun.elapsed().as_secs_f64();
    let peak_rss_mib = usage::peak_rss_mib(nsm.pid());
    let rejected = whole(Some(drained.sum("northstar_ingest_rejected_total")));
    let lost = Progress::of(&drained).events.abs_diff(load.sent()) + rejected;
    drop(load);
    nsm.stop();
    Burst { sustainable_rate, sent_rate: count(sent) / took, backlog, drain_s, lost, peak_rss_mib }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is small and not negative")]
fn far_too_much(rate: f64) -> u64 {
    (rate * FACTOR * 1.05) as u64
}

impl Burst {
    fn words(&self, seconds: u64) -> String {
        format!(
            "A pipeline of small portions sustains {:.0} events/s. For {seconds} s {:.0} events/s were sent, {:.1} times that. {} \
             of them were left, and gone after {:.1} s.",
            self.sustainable_rate,
            self.sent_rate,
            self.sent_rate / self.sustainable_rate,
            self.backlog,
            self.drain_s
        )
    }
}

/// What a process with such caches may take.
fn bound_mib((ingest, window): (u32, u32)) -> f64 {
    let window = f64::from(window) * count(SHARDS);
    BASE_MIB + (f64::from(ingest) * INGEST_ENTITY_BYTES + window * WINDOW_ENTITY_BYTES) / f64::from(1 << 20)
}

impl Stress {
    fn rows(&self) -> [(&'static str, f64, Goal); 9] {
        let burst = &self.burst;
        [
            ("poison_1pct_rate_ratio", self.poison_1pct_rate_ratio, Goal::AtLeast(0.9)),
            ("poison_1pct_cpu_ratio", self.poison_1pct_cpu_ratio, Goal::None),
            ("poison_100pct_lost", count(self.poison_100pct_lost), Goal::AtMost(0.0)),
            ("backlog_rss_mib", self.backlog_rss_mib, Goal::AtMost(bound_mib(DEFAULT_ENTITIES).round())),
            ("backlog_rss_small_mib", self.backlog_rss_small_mib, Goal::AtMost(bound_mib(FEW_ENTITIES).round())),
            ("burst_factor", burst.sent_rate / burst.sustainable_rate, Goal::AtLeast(FACTOR)),
            ("burst_drain_s", burst.drain_s, Goal::None),
            ("burst_lost", count(burst.lost), Goal::AtMost(0.0)),
            ("burst_rss_mib", burst.peak_rss_mib, Goal::AtMost(bound_mib(DEFAULT_ENTITIES).round())),
        ]
    }
}
