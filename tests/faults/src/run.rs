//! The run: a stream under load, faults one after another, and what has to be true at the end.

use std::time::Duration;

use pipeline::{Client, DEADLINE, Installation};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::json;
use services::{Held, Progress, Proxy, wait_until};

use crate::fleet::Fleet;
use crate::flow::Flow;
use crate::generator::{CHANGE_PARTITIONS, Generator, PARTITIONS};
use crate::schedule::{Counts, Fault, Role};
use crate::store::{self, RollBack};
use crate::watch::{Seen, Watch};

pub(crate) const TOPIC: &str = "product.usage";
pub(crate) const ACCOUNTS: &str = "product.accounts";
pub(crate) const ACTIVITY: &str = "nsm.activity";
pub(crate) const DEAD_LETTER: &str = "nsm.dead-letter";
pub(crate) const SHARDS: usize = 8;

const CATALOGUE: &str = include_str!("../catalogue.yaml");
/// What a request to the store contains that writes a batch.
const COMMIT: &str = "nsm_commit";
/// How the answer to one begins that the fence has refused: an array, and a 0.
const REFUSED: &[u8] = b"*3\r\n:0\r\n";
/// How long a recovery may take: sessions, transactions and pauses of restarts run out one after another.
const RECOVERY: Duration = Duration::from_secs(180);
/// How often all pages are looked at between a recovery and the next fault, at least.
const CALM: u64 = 12;

/// What a run is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) events: u64,
    pub(crate) counts: Counts,
}

/// What has happened.
pub(crate) struct Happened {
    pub(crate) faults: Vec<Fault>,
    pub(crate) roll_backs: Vec<RollBack>,
    /// Commits that came to the store after their owner had lost the right to them, and were refused.
    pub(crate) late_refusals: usize,
    pub(crate) seen: Seen,
}

/// A run under way.
pub(crate) struct Run {
    pub(crate) installation: Installation,
    gate: Proxy,
    fleet: Fleet,
    flow: Flow,
    watch: Watch,
    random: SmallRng,
    roll_backs: Vec<RollBack>,
    late_refusals: usize,
}

impl Run {
    /// Starts broker, store, processes, stream and watch.
    pub(crate) fn start(plan: &Plan) -> Run {
        let gate = Proxy::start();
        let settings = json!({
            "shards": SHARDS,
            "kafka": { "session_timeout": "3s", "transaction_timeout": "4s" },
            "ingest": { "transact": "100ms" },
            "state": { "redis": {
                "url": format!("redis://127.0.0.1:{}", gate.port()), "connect_timeout": "1s", "timeout": "1s",
            } },
        });
        let installation = Installation::with_redis(CATALOGUE, settings, &store::ARGUMENTS);
        gate.pass_to(installation.redis.port());
        installation.kafka.create_topic(TOPIC, PARTITIONS, &[]);
        installation.kafka.create_topic(ACCOUNTS, CHANGE_PARTITIONS, &[]);
        let client = Client::connect(&installation.kafka.bootstrap(), "none");
        let flow = Flow::start(client, TOPIC, ACCOUNTS, Generator::new(plan.seed, plan.events));
        let (fleet, watch) = (Fleet::start(&installation), Watch::start());
        let random = SmallRng::seed_from_u64(plan.seed);
        Run { installation, gate, fleet, flow, watch, random, roll_backs: Vec::new(), late_refusals: 0 }
    }

    /// Lets all faults happen, one after another, each amid the stream, and lets the stream end.
    pub(crate) fn suffer(mut self, plan: &Plan, progress: &Progress) -> (Installation, Happened) {
        let faults = plan.counts.schedule(&mut self.random);
        let slice = plan.events / (faults.len() as u64 + 1);
        self.watch.declare(true);
        self.watch_all();
        self.flow.allow(slice);
        self.recovered(progress);
        for (fault, number) in faults.iter().zip(1..) {
            self.flow.allow(slice * number + slice / 2);
            let mark = slice * (number - 1) + self.random.random_range(slice / 2..slice);
            self.calm(mark);
            progress.begin(&format!("{}, {} events sent", fault.kind(), self.flow.sent()));
            self.happen(*fault);
            self.recovered(progress);
        }
        self.flow.flush(plan.events);
        wait_until(RECOVERY, "the rest of the stream", || self.flow.sent() == plan.events || self.flow.is_broken());
        self.fleet.expect_alive();
        self.flow.end();
        self.installation.wait_settled(&[TOPIC, ACCOUNTS]);
        let happened =
            Happened { faults, roll_backs: self.roll_backs, late_refusals: self.late_refusals, seen: self.watch.end() };
        (self.installation, happened)
    }

    fn watch_all(&self) {
        self.watch.look_at(self.places());
    }

    fn places(&self) -> Vec<(Role, u16)> {
        self.fleet.members.iter().map(|member| (member.role, member.port)).collect()
    }

    /// Nothing happens until the stream has come so far, and the pages were looked at some times.
    fn calm(&self, mark: u64) {
        let rounds = self.watch.rounds() + CALM;
        wait_until(DEADLINE, "the stream to go on", || {
            assert!(!self.flow.is_broken(), "the stream has broken off");
            self.flow.sent() >= mark && self.watch.rounds() >= rounds
        });
    }

    /// The recovery is over when every exporter shows gauges that stand behind all that the log held when the fault was.
    fn recovered(&mut self, progress: &Progress) {
        self.fleet.expect_alive();
        let mut ends = Vec::new();
        wait_until(RECOVERY, "the ends of the activity topic", || {
            ends = self.installation.client.ends(ACTIVITY).unwrap_or_default();
            !ends.is_empty()
        });
        let mut asked = 0;
        wait_until(RECOVERY, "all exporters to show gauges again", || {
            asked += 1;
            if asked % 200 == 0 {
                self.fleet.expect_alive();
            }
            if asked % 4_000 == 0 {
                progress.say(&format!("still recovering to {ends:?}: {}", self.watch.told()));
            }
            self.watch.shows(&ends)
        });
        self.fleet.expect_alive();
        self.watch.declare(false);
    }

    /// A recovery is declared from just before the fault.
    fn happen(&mut self, fault: Fault) {
        if let Fault::Kill(role) | Fault::Stop(role) | Fault::Rebalance(role) = fault {
            let at = self.busy(role);
            self.watch.declare(true);
            match fault {
                Fault::Kill(_) => self.kill(at),
                Fault::Stop(_) => self.stop(at),
                _ => self.rebalance(at),
            }
        } else {
            self.busy(Role::Window);
            self.watch.declare(true);
            self.strike(fault);
        }
        self.watch_all();
    }

    /// Waits until some process of the role works, and then for a moment that is drawn.
    fn busy(&mut self, role: Role) -> usize {
        let at = *self.fleet.of(role).choose(&mut self.random).expect("there are some of every role");
        let port = self.fleet.members[at].port;
        let work = match role {
            Role::Ingest => "northstar_ingest_events_total",
            Role::Window => "northstar_window_packs_total",
            Role::Exporter => "northstar_shards_read_timestamp_seconds",
        };
        let before = self.watch.sum(port, work);
        wait_until(DEADLINE, &format!("{} to work", role.name()), || self.watch.sum(port, work) > before);
        let polls = self.random.random_range(0..50);
        let mut polled = 0;
        wait_until(DEADLINE, "a moment", || {
            polled += 1;
            polled > polls
        });
        at
    }

    /// Now and then others take over before it is back.
    fn kill(&mut self, at: usize) {
        let (role, name) = (self.fleet.members[at].role, self.fleet.members[at].name.clone());
        let waits = role != Role::Exporter && self.random.random_bool(0.3);
        let before = self.fleet.taken(role, &name);
        self.fleet.kill(at, &self.installation, |fleet| {
            if waits {
                wait_until(DEADLINE, "others to take over", || fleet.taken(role, &name) > before);
            }
        });
    }

    fn stop(&mut self, at: usize) {
        let member = &self.fleet.members[at];
        let (role, before) = (member.role, self.fleet.taken(member.role, &member.name));
        // Its page would not answer.
        self.watch.look_at(self.places().into_iter().filter(|(_, port)| *port != member.port).collect());
        let held = (role == Role::Window).then(|| self.hold());
        member.pause();
        wait_until(DEADLINE, "others to take over", || self.fleet.taken(role, &member.name) > before);
        // The others go on: what it holds is of the past when it wakes up.
        let rounds = self.watch.rounds() + 3;
        wait_until(DEADLINE, "the others to go on", || self.watch.rounds() >= rounds);
        // What was under way reaches the store before it wakes up, and finds its answer.
        let answers = held.map(Held::release).unwrap_or_default();
        self.late_refusals += answers.iter().filter(|answer| answer.starts_with(REFUSED)).count();
        member.resume();
    }

    /// Holds back the next commit of every owner: it will come to the store when they have given it up, or lost the right to
    /// it.
    fn hold(&self) -> Held {
        let held = self.gate.hold(COMMIT);
        let owners = self.fleet.of(Role::Window).len();
        wait_until(DEADLINE, "every owner to commit", || held.waiting() >= owners);
        held
    }

    fn rebalance(&mut self, at: usize) {
        let role = self.fleet.members[at].role;
        let before = self.fleet.taken(role, "");
        if self.fleet.of(role).len() > 2 {
            let name = self.fleet.members[at].name.clone();
            let before = self.fleet.taken(role, &name);
            self.fleet.leave(at);
            wait_until(DEADLINE, "others to take over", || self.fleet.taken(role, "") > before);
        } else {
            self.fleet.join(&self.installation, role);
            self.watch_all();
            wait_until(DEADLINE, "the new one to take something over", || self.fleet.taken(role, "") > before);
        }
    }

    fn strike(&mut self, fault: Fault) {
        match fault {
            Fault::Broker => {
                self.installation.kafka.kill();
                self.installation.kafka.restart();
            }
            Fault::StoreKill => store::crash(&self.installation, || {}),
            Fault::Snapshot => {
                let watch = &self.watch;
                let rolled = store::restore_older(&self.installation, &self.gate, || wait_on(watch));
                self.roll_backs.push(rolled);
            }
            Fault::Flush => self.roll_backs.push(store::flush(&self.installation)),
            Fault::FailOver => {
                let watch = &self.watch;
                let rolled = store::fail_over(&mut self.installation, &self.gate, || wait_on(watch));
                self.roll_backs.push(rolled);
            }
            Fault::Kill(_) | Fault::Stop(_) | Fault::Rebalance(_) => unreachable!("these are processes' own"),
        }
    }
}

/// Waits until every shard has gone on by some packs.
fn wait_on(watch: &Watch) {
    let mut from = None;
    wait_until(DEADLINE, "every shard to go on", || {
        let Some(stands) = watch.stands() else { return false };
        let from = from.get_or_insert_with(|| stands.clone());
        stands.iter().zip(from.iter()).all(|(now, from)| *now >= from + 6)
    });
}
