//! One simulation: nodes that take turns, in an order of chance, in a world of faults.

use crate::group::Node;
use crate::ports::{Side, SimLog, SimStore};
use crate::world::World;
use activity::Millis;
use catalog::Plan;
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
    nodes: Vec<RefCell<Option<Worker>>>,
    sides: Vec<Side>,
    /// How many workers stand still at this moment, each within the turn of the one before.
    standing: Cell<u32>,
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
        let nodes = sides.iter().map(|_| RefCell::new(None)).collect();
        Sim(Rc::new(Inner { world: RefCell::new(world), nodes, sides, standing: Cell::new(0) }))
    }

    pub(crate) fn nodes(&self) -> usize {
        self.sides.len()
    }

    /// Starts a node that is down.
    pub(crate) fn start(&self, node: Node) {
        let Ok(mut slot) = self.nodes[node].try_borrow_mut() else {
            return;
        };
        if slot.is_none() {
            self.world.borrow_mut().crashed.remove(&node);
            *slot = Some(self.worker(node));
        }
    }

    fn worker(&self, node: Node) -> Worker {
        let plan: Arc<Plan> = self.world.borrow().plan.clone();
        let log = SimLog::join(self.clone(), node, self.sides[node]);
        let registry = Registry::new();
        match self.sides[node] {
            Side::Ingest => {
                let shards = u16::try_from(self.world.borrow().activity.partitions.len()).expect("few");
                let settings = ingest::Settings { shards, cache_entities: 20, ..ingest::Settings::default() };
                let metrics = ingest::Metrics::register(&registry).expect("a fresh registry");
                Worker::Ingest(Box::new(ingest::Worker::new(log, ingest::Ingest::new(plan, settings, metrics))))
            }
            Side::Window => {
                let store = SimStore { sim: self.clone(), node };
                let settings = window::Settings { batch_bytes: 400, cache_entities: 4, sweep_portions: 2 };
                let metrics = window::Metrics::register(&registry).expect("a fresh registry");
                Worker::Window(Box::new(window::Worker::new(log, store, plan, settings, metrics)))
            }
        }
    }

    /// Lets a node take a turn. One that crashed is gone after it; one that stopped for a reason that restarting would not
    /// mend has found a mistake.
    pub(crate) fn turn(&self, node: Node) {
        let Ok(mut slot) = self.nodes[node].try_borrow_mut() else {
            return;
        };
        let clock = || self.world.borrow().now;
        let ended = match slot.as_mut() {
            None => return,
            Some(Worker::Ingest(worker)) => match worker.turn(&clock, Duration::ZERO) {
                Ok(()) => None,
                Err(ingest::IngestError::Log(_) | ingest::IngestError::Recovery(ingest::RecoveryError::Log(_))) => {
                    Some(None)
                }
                Err(error) => Some(Some(error.to_string())),
            },
            Some(Worker::Window(worker)) => match worker.turn(Duration::ZERO) {
                Ok(()) => None,
                Err(window::WindowError::Log(_)) => Some(None),
                Err(error) => Some(Some(error.to_string())),
            },
        };
        let mut world = self.world.borrow_mut();
        if let Some(why) = ended {
            why.into_iter().for_each(|why| world.fail(format!("node {node} stopped: {why}")));
            *slot = None;
        } else if world.crashed.contains(&node) {
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
        self.nodes[node].try_borrow().map_or(true, |slot| slot.is_some())
    }

    /// An effect of a node is about to happen, or has just happened: `false` if the node crashes here.
    pub(crate) fn effect(&self, node: Node, name: &str) -> bool {
        let stands_still = {
            let mut world = self.world.borrow_mut();
            if world.crashed.contains(&node) {
                return false;
            }
            if world.chance(250) {
                world.faults.count(&format!("crash at {name}"));
                world.crashed.insert(node);
                return false;
            }
            self.standing.get() < 2 && world.chance(if name == "commit" { 40 } else { 150 })
        };
        if stands_still {
            self.stand_still(node, name);
        }
        true
    }

    /// The others go on while `node` stands still, perhaps past its session.
    fn stand_still(&self, node: Node, name: &str) {
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
    }
}
