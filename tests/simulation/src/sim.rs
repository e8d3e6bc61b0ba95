//! One simulation: nodes that take turns, in an order of chance, in a world of faults.

use crate::admissions::SimAdmissions;
use crate::group::Node;
use crate::ports::{Side, SimLog};
use crate::store::SimStore;
use crate::topics::remake_source;
use crate::truth::IDLE_MARGIN_MS;
use crate::world::{Process, World};
use activity::Millis;
use catalog::Plan;
use ingest::RecoveryError;
use prometheus::Registry;
use rand::Rng;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// A handle on one simulation; clones are the same one.
#[derive(Clone)]
pub(crate) struct Sim(Rc<Inner>);

pub(crate) struct Inner {
    pub(crate) world: RefCell<World>,
    /// The newest process of each node.
    newest: RefCell<Vec<Rc<Member>>>,
    /// Older processes that still live.
    older: RefCell<Vec<Rc<Member>>>,
    sides: Vec<Side>,
    /// How many workers stand still at this moment, each within the turn of the one before.
    standing: Cell<u32>,
}

/// A process of a node, and its worker as long as it lives.
struct Member {
    process: Process,
    worker: RefCell<Option<Worker>>,
}

impl Member {
    /// A worker within its turn is up.
    fn is_up(&self) -> bool {
        self.worker.try_borrow().map_or(true, |worker| worker.is_some())
    }
}

impl std::ops::Deref for Sim {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

enum Worker {
    Ingest(Box<ingest::Worker<SimLog>>),
    Window(Box<window::Worker<SimLog, SimStore>>),
}

impl Sim {
    pub(crate) fn new(world: World, sides: Vec<Side>) -> Sim {
        let (standing, older) = (Cell::new(0), RefCell::default());
        let down = |node: Node| Rc::new(Member { process: (node, 0), worker: RefCell::new(None) });
        let newest = RefCell::new((0..sides.len()).map(down).collect());
        let sim = Sim(Rc::new(Inner { world: RefCell::new(world), newest, older, sides, standing }));
        (0..sim.nodes()).for_each(|node| sim.start(node));
        sim
    }

    pub(crate) fn nodes(&self) -> usize {
        self.sides.len()
    }

    fn newest(&self, node: Node) -> Rc<Member> {
        self.newest.borrow()[node].clone()
    }

    /// Starts a node that is down.
    pub(crate) fn start(&self, node: Node) {
        if !self.newest(node).is_up() {
            self.start_process(node);
        }
    }

    /// Starts a node that is up once more, under the same name: the older process goes on until it learns of it.
    pub(crate) fn start_twice(&self, node: Node) {
        let older = self.newest(node);
        if older.is_up() {
            self.world.borrow_mut().faults.count("instance started twice");
            self.older.borrow_mut().push(older);
            self.start_process(node);
        }
    }

    fn start_process(&self, node: Node) {
        let process = self.world.borrow_mut().succeed(node);
        let worker = RefCell::new(Some(self.worker(process)));
        self.newest.borrow_mut()[node] = Rc::new(Member { process, worker });
    }

    /// Every process dies.
    pub(crate) fn kill_all(&self) {
        let (newest, older) = (self.newest.borrow(), self.older.borrow());
        let processes = newest.iter().chain(older.iter()).map(|member| member.process);
        self.world.borrow_mut().crashed.extend(processes);
    }

    fn worker(&self, process: Process) -> Worker {
        let plan: Arc<Plan> = self.world.borrow().plan.clone();
        let side = self.sides[process.0];
        let log = SimLog::join(self.clone(), process, side);
        let registry = Registry::new();
        match side {
            Side::Ingest => {
                let (shards, idle_margin_ms) = (self.world.borrow().shards(), IDLE_MARGIN_MS);
                let default = ingest::Settings::default();
                let settings = ingest::Settings { shards, idle_margin_ms, cache_entities: 20, ..default };
                let metrics = ingest::Metrics::register(&registry).expect("a fresh registry");
                let admissions = SimAdmissions::new(self.clone(), process);
                Worker::Ingest(Box::new(ingest::Worker::new(
                    log,
                    ingest::Ingest::new(plan, settings, metrics, Box::new(ingest::NoSchemas), Box::new(admissions)),
                )))
            }
            Side::Window => {
                let store = SimStore { sim: self.clone(), process };
                let settings = window::Settings {
                    batch_bytes: 400,
                    gather_bytes: 1_600,
                    gather_ms: 2_000,
                    cache_entities: 4,
                    sweep_ms: 0,
                };
                let metrics = window::Metrics::register(&registry).expect("a fresh registry");
                Worker::Window(Box::new(window::Worker::new(log, store, plan, settings, metrics)))
            }
        }
    }

    /// Lets a node take a turn.
    pub(crate) fn turn(&self, node: Node) {
        self.turn_of(&self.newest(node));
    }

    /// Lets the older processes that still live take a turn each.
    pub(crate) fn turn_older(&self) {
        let older = self.older.borrow().clone();
        older.iter().for_each(|member| self.turn_of(member));
        self.older.borrow_mut().retain(|member| member.is_up());
    }

    /// Lets a process take a turn. One that crashed is gone after it; one that stopped for a reason that restarting would not
    /// mend has found a mistake.
    fn turn_of(&self, member: &Member) {
        let Ok(mut slot) = member.worker.try_borrow_mut() else {
            return;
        };
        let made = self.world.borrow().made();
        let clock = || self.world.borrow().now;
        let ended = match slot.as_mut() {
            None => return,
            Some(Worker::Ingest(worker)) => match worker.turn(&clock, Duration::ZERO) {
                Ok(()) => None,
                Err(ingest::IngestError::Log(_) | ingest::IngestError::Recovery(RecoveryError::Log(_))) => Some(None),
                // It had asked for the topic's identity, and the topic was made again before it asked where it ends.
                Err(ingest::IngestError::Recovery(RecoveryError::Truncated { .. }))
                    if made != self.world.borrow().made() =>
                {
                    self.world.borrow_mut().faults.count("topic made again: seen as truncated");
                    Some(None)
                }
                Err(error) => Some(Some(error.to_string())),
            },
            Some(Worker::Window(worker)) => match worker.turn(clock(), Duration::ZERO) {
                Ok(()) => None,
                Err(window::WindowError::Log(_)) => Some(None),
                Err(error) => Some(Some(error.to_string())),
            },
        };
        let mut world = self.world.borrow_mut();
        if let Some(why) = ended {
            why.into_iter().for_each(|why| world.fail(format!("process {:?} stopped: {why}", member.process)));
            *slot = None;
        } else if world.crashed.contains(&member.process) {
            *slot = None;
        }
    }

    /// Counts the moments at which nobody is there to own the partitions of a side.
    pub(crate) fn count_unowned(&self) {
        for (side, fault) in [(Side::Ingest, "source partitions unowned"), (Side::Window, "shards unowned")] {
            if (0..self.nodes()).all(|node| self.sides[node] != side || !self.is_up(node)) {
                self.world.borrow_mut().faults.count(fault);
            }
        }
    }

    pub(crate) fn is_up(&self, node: Node) -> bool {
        self.newest(node).is_up()
    }

    /// Whether a process has ended, or a newer one has its place.
    pub(crate) fn is_dead(&self, process: Process) -> bool {
        let newest = self.newest(process.0);
        newest.process != process || !newest.is_up()
    }

    /// A node is killed where it stands.
    pub(crate) fn kill(&self, node: Node) {
        let process = self.newest(node).process;
        self.world.borrow_mut().crashed.insert(process);
    }

    /// An effect of a process is about to happen, or has just happened: `false` if the process crashes here.
    pub(crate) fn effect(&self, process: Process, name: &str) -> bool {
        let stands_still = {
            let mut world = self.world.borrow_mut();
            if world.crashed.contains(&process) {
                return false;
            }
            if world.chance(250) {
                world.faults.count(&format!("crash at {name}"));
                world.crashed.insert(process);
                return false;
            }
            self.standing.get() < 2 && world.chance(if name == "commit" { 40 } else { 150 })
        };
        if stands_still {
            self.stand_still(process, name);
        }
        true
    }

    /// The others go on while a process stands still, perhaps past its session, or beside a newer process of its node.
    fn stand_still(&self, (node, _): Process, name: &str) {
        self.standing.set(self.standing.get() + 1);
        self.world.borrow_mut().faults.count(&format!("stall at {name}"));
        let steps = self.world.borrow_mut().rng.random_range(1..25);
        if self.world.borrow_mut().chance(2) {
            self.expire(node);
        }
        for _ in 0..steps {
            let other = self.world.borrow_mut().rng.random_range(0..self.nodes());
            self.turn(other);
            self.pass(2_000);
            if self.world.borrow_mut().chance(200) {
                self.start_twice(node);
            }
            if self.world.borrow_mut().chance(400) {
                let _ = remake_source(&mut self.world.borrow_mut(), true);
            }
        }
        self.standing.set(self.standing.get() - 1);
    }

    /// A member's session runs out: its partitions go to others.
    pub(crate) fn expire(&self, node: Node) {
        let mut world = self.world.borrow_mut();
        let side = self.sides[node];
        let group = if side == Side::Ingest { &mut world.ingest_group } else { &mut world.window_group };
        if group.remove(node) {
            world.faults.count(if side == Side::Ingest {
                "session expired: ingest"
            } else {
                "session expired: window"
            });
        }
    }

    /// Time passes, up to so many milliseconds.
    pub(crate) fn pass(&self, most_ms: i64) {
        let mut world = self.world.borrow_mut();
        let ms = world.rng.random_range(0..=most_ms);
        world.now = Millis(world.now.0 + ms);
        world.time_out_producers();
    }
}
