//! Live: events that happen now, sent at a steady rate. How long they take to the gauges, and how long it takes to be back
//! there after a crash.

use crate::clock;
use crate::load::Load;
use crate::nsm::{Nsm, SHARDS, Setup};
use crate::probe::{self, Probes, Seen};
use crate::scrape::Progress;
use crate::send::{self, Sender};
use crate::stats;
use crate::workload::{PARTITIONS, Shape};
use serde::Serialize;
use serde_json::json;
use services::{Kafka, Redis};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const TOPIC: &str = "live";
/// How often the page of metrics is asked for: what a probe takes is rounded up to that.
const POLL: Duration = Duration::from_millis(5);
const DEADLINE: Duration = Duration::from_secs(120);
/// So many events may lie between the producer and ingest while the sustainable rate is looked for.
const BACKLOG: u64 = 100_000;
/// So many packs may lie between ingest and window then: half a second's.
const PACKS: u64 = 5 * SHARDS;
/// Gauges are fresh when a probe takes no longer.
const FRESH: Duration = Duration::from_millis(500);

/// For how long things are measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lengths {
    /// The steady load.
    pub(crate) steady: Duration,
    /// The full load before it.
    pub(crate) full: Duration,
    /// How many times the process is killed.
    pub(crate) kills: usize,
}

/// What was measured of live events.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Live {
    /// Events a second that the pipeline keeps up with while the producer runs on the same machine.
    pub(crate) sustainable_rate: f64,
    /// Events a second of the steady load.
    pub(crate) steady_rate: u64,
    pub(crate) probes: usize,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Seconds from each kill until probes in every partition are as fast as before.
    pub(crate) recover_s: Vec<f64>,
}

/// Measures with a pipeline and a store of its own.
pub(crate) fn measure(kafka: &Kafka, folder: PathBuf, shape: Shape, lengths: Lengths, say: &dyn Fn(&str)) -> Live {
    kafka.create_topic(TOPIC, PARTITIONS, &[]);
    let redis = Redis::start(&[]);
    let catalogue = catalogue();
    let settings = json!({
        // What was read is shown at once, and not up to a second later.
        "exporter": { "refresh": "100ms" },
        // New users come faster here than they do to any product; the cache must not overflow for it.
        "ingest": { "cache_entities": 8_000_000 },
    });
    let setup = Setup { name: "live", catalogue: &catalogue, settings, kafka, redis: &redis, folder };
    let mut nsm = Nsm::start(&setup);
    let load = Load::start(Sender::new(&kafka.bootstrap(), TOPIC, send::LIVE), shape);
    load.set_rate(1_000);
    nsm.wait_shown();

    say("live: looking for the sustainable rate");
    let sustainable_rate = sustainable(&nsm, &load, lengths.full);
    let steady_rate = half(sustainable_rate);
    say(&format!("live: {sustainable_rate:.0} events/s are sustained; {steady_rate} events/s from now on"));
    load.set_rate(steady_rate);
    nsm.wait(DEADLINE, POLL, "the backlog to be gone", |scrape| {
        load.sent() < Progress::of(scrape).events + steady_rate
    });

    let mut probes = Probes::new(&kafka.bootstrap(), TOPIC);
    // What is slow only at first does not count.
    watch(&nsm, &mut probes, Duration::from_secs(2));
    let seen = watch(&nsm, &mut probes, lengths.steady);
    let took = || seen.iter().map(|seen| seen.took().as_secs_f64() * 1_000.0);
    let (p50_ms, p99_ms) = (stats::median(took()), stats::percentile(took(), 99));
    say(&format!("live: {} probes took {p50_ms:.0} ms, 99% of them at most {p99_ms:.0} ms", seen.len()));
    let recover = |kill| {
        let seconds = recover(&mut nsm, &mut probes);
        say(&format!("live: after kill {} of {} fresh again in {seconds:.2} s", kill + 1, lengths.kills));
        watch(&nsm, &mut probes, Duration::from_secs(2));
        seconds
    };
    let recover_s = (0..lengths.kills).map(recover).collect();
    drop(load);
    nsm.stop();
    Live { sustainable_rate, steady_rate, probes: seen.len(), p50_ms, p99_ms, recover_s }
}

fn catalogue() -> String {
    format!(
        "version: 1\nproduct: bench\n\
         sources: {{ live: {{ topic: {TOPIC} }} }}\n\
         entities: {{ user: {{ key: user_id }}, account: {{ key: account_id }} }}\n\
         metrics:\n  \
         users: {{ type: simple, measure: {{ agg: count_distinct, entity: user, events: any }}, windows: [1d, 7d, 28d] }}\n  \
         accounts: {{ type: simple, measure: {{ agg: count_distinct, entity: account, events: any }}, windows: [1d, 7d, 28d] }}\n\
         {}",
        probe::metrics()
    )
}

/// How many events a second come through while the producer sends as fast as the pipeline lets it: no more than
/// [`BACKLOG`] ahead of ingest, and nothing while window is [`PACKS`] behind. A catch-up rate would be too high: there the
/// producer rests.
pub(crate) fn sustainable(nsm: &Nsm, load: &Load, length: Duration) -> f64 {
    let base = load.sent().saturating_sub(nsm.scrape().map_or(0, |scrape| Progress::of(&scrape).events));
    load.set_limit(load.sent());
    load.set_rate(u64::from(u32::MAX));
    let (begun, mut first, mut last) = (clock::now(), None, None);
    while begun.elapsed() < length {
        if let Some(progress) = nsm.scrape().as_ref().map(Progress::of) {
            if progress.packs_behind(SHARDS) < PACKS {
                load.set_limit(base + progress.events + BACKLOG);
            }
            let now = (clock::now(), progress.events);
            // The first quarter warms up.
            if begun.elapsed() > length / 4 {
                first.get_or_insert(now);
            }
            last = Some(now);
        }
        clock::pause(POLL);
    }
    load.set_rate(0);
    load.set_limit(u64::MAX);
    let ((from, before), (to, after)) = first.zip(last).expect("the page was served");
    assert!(after > before, "no event came through while the producer sent as fast as it could");
    crate::catchup::count(after - before) / to.duration_since(from).as_secs_f64()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is small and not negative")]
fn half(rate: f64) -> u64 {
    (rate / 2.0).max(1.0) as u64
}

/// Sends probes for a while: those that were seen.
fn watch(nsm: &Nsm, probes: &mut Probes, length: Duration) -> Vec<Seen> {
    let (begun, mut seen) = (clock::now(), Vec::new());
    while begun.elapsed() < length {
        probes.turn(nsm.scrape().as_ref(), &mut seen);
        clock::pause(POLL);
    }
    seen
}

/// Kills the process and starts it again at once: seconds until, in every partition, a probe that was sent after the kill
/// was as fast as gauges have to be. Then the backlog is gone.
fn recover(nsm: &mut Nsm, probes: &mut Probes) -> f64 {
    let killed = clock::now();
    nsm.kill_and_restart();
    let mut seen = Vec::new();
    loop {
        probes.turn(nsm.scrape().as_ref(), &mut seen);
        if let Some(at) = caught_up(&seen, killed) {
            return at.duration_since(killed).as_secs_f64();
        }
        assert!(killed.elapsed() < DEADLINE, "not caught up {DEADLINE:?} after a kill");
        clock::pause(POLL);
    }
}

/// When the last partition had its first fast probe.
fn caught_up(seen: &[Seen], killed: Instant) -> Option<Instant> {
    let fast = || seen.iter().filter(|seen| seen.sent_at > killed && seen.took() < FRESH);
    let partitions: BTreeSet<i32> = fast().map(|seen| seen.partition).collect();
    let all = usize::try_from(PARTITIONS).is_ok_and(|all| partitions.len() == all);
    let first = |partition: i32| fast().filter(|seen| seen.partition == partition).map(|seen| seen.seen_at).min();
    if all { partitions.into_iter().filter_map(first).max() } else { None }
}
