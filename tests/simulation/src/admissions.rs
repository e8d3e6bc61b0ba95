//! The topic of proposals over the simulated world: a process learns late what is in it, and may be told nothing at all.

use crate::sim::Sim;
use crate::world::{Process, World};
use activity::TopicId;
use activity::admission::{Admitted, Proposal};
use catalog::Plan;
use ingest::{Admissions, Register, Undecided};
use rand::Rng;
use std::fmt;

/// The topic as a process sees it.
pub(crate) struct SimAdmissions {
    sim: Sim,
    process: Process,
    register: Register,
    read: usize,
}

impl SimAdmissions {
    pub(crate) fn new(sim: Sim, process: Process) -> SimAdmissions {
        let register = Register::new(sim.world.borrow().plan.clone());
        SimAdmissions { sim, process, register, read: 0 }
    }

    /// Reads on, to wherever it comes.
    fn read(&mut self, world: &mut World) {
        let end = world.proposals.len();
        let to = if world.chance(3) { world.rng.random_range(self.read..=end) } else { end };
        for payload in &world.proposals[self.read..to] {
            self.register.take(payload).expect("only proposals are put there");
        }
        self.read = to;
    }
}

impl Admissions for SimAdmissions {
    fn topic(&self) -> Option<TopicId> {
        Some(TopicId([0xad; 16]))
    }

    fn decide(&mut self, wanted: &[Undecided], known: usize) -> Vec<Admitted> {
        let (sim, process) = (self.sim.clone(), self.process);
        let is_alive = sim.effect(process, "decide");
        let world = &mut *sim.world.borrow_mut();
        if is_alive && !world.chance(4) {
            self.read(world);
            for proposal in self.register.proposals(wanted) {
                let payload = proposal.encode();
                if world.proposals.contains(&payload) {
                    world.faults.count("value proposed twice");
                }
                world.proposals.push(payload);
            }
            if world.chance(4) {
                world.faults.count("reply lost: value proposed");
            } else {
                self.read(world);
            }
        }
        let news = self.register.admitted()[known..].to_vec();
        if news.is_empty() {
            world.faults.count("value waited for");
            world.waiting.insert(process);
        }
        news
    }
}

impl fmt::Debug for SimAdmissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimAdmissions").finish_non_exhaustive()
    }
}

/// What the values of a dimension are called that were admitted, in order: the first in the topic, up to the dimension's limit.
pub(crate) fn labels(proposals: &[Vec<u8>], plan: &Plan, name: &str, room: usize) -> Vec<String> {
    let mut labels: Vec<String> = Vec::new();
    for payload in proposals {
        let Proposal { catalogue, dimension, value } = Proposal::decode(payload).expect("a proposal");
        if catalogue == plan.version && dimension == name && !labels.contains(&value) && labels.len() < room {
            labels.push(value);
        }
    }
    labels
}
