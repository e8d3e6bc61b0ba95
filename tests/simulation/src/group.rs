//! A simulated consumer group with the eager protocol: everything is given up before anything is given out.

use kafka::Partition;
use std::collections::BTreeMap;

pub(crate) type Node = usize;

#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    partitions: Vec<Partition>,
    members: BTreeMap<Node, Phase>,
    rebalancing: bool,
    /// How many of the partitions were there when they were dealt out last.
    dealt: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// It has joined and owns nothing.
    Waiting,
    /// It was given partitions and has not been told.
    Given(Vec<Partition>),
    Owning,
    /// It has to give up what it owns.
    ToRevoke,
}

/// What a member is told when it polls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Nothing,
    Assigned(Vec<Partition>),
    Revoked,
    /// The group does not know it any more.
    Unknown,
}

impl Group {
    pub(crate) fn new(partitions: Vec<Partition>) -> Group {
        Group { partitions, ..Group::default() }
    }

    /// A topic has grown: the partition is dealt out with the next rebalance.
    pub(crate) fn add(&mut self, partition: Partition) {
        self.partitions.push(partition);
    }

    pub(crate) fn join(&mut self, node: Node) {
        self.members.insert(node, Phase::Waiting);
        self.rebalance();
    }

    pub(crate) fn knows(&self, node: Node) -> bool {
        self.members.contains_key(&node)
    }

    /// Removes a member that left or was not heard of for too long.
    pub(crate) fn remove(&mut self, node: Node) -> bool {
        let was_known = self.members.remove(&node).is_some();
        if was_known {
            self.rebalance();
        }
        was_known
    }

    pub(crate) fn tell(&mut self, node: Node) -> Told {
        match self.members.get_mut(&node) {
            None => Told::Unknown,
            Some(Phase::ToRevoke) => Told::Revoked,
            Some(Phase::Waiting | Phase::Owning) => Told::Nothing,
            Some(phase @ Phase::Given(_)) => match std::mem::replace(phase, Phase::Owning) {
                Phase::Given(partitions) => Told::Assigned(partitions),
                _ => unreachable!("matched above"),
            },
        }
    }

    pub(crate) fn released(&mut self, node: Node) {
        if let Some(phase @ Phase::ToRevoke) = self.members.get_mut(&node) {
            *phase = Phase::Waiting;
            self.complete();
        }
    }

    /// Whether there are partitions that were never dealt out.
    pub(crate) fn is_behind(&self) -> bool {
        self.dealt < self.partitions.len()
    }

    /// Everybody's share is dealt out anew.
    pub(crate) fn rebalance(&mut self) {
        self.rebalancing = true;
        for phase in self.members.values_mut() {
            match phase {
                Phase::Owning => *phase = Phase::ToRevoke,
                Phase::Given(_) => *phase = Phase::Waiting,
                Phase::Waiting | Phase::ToRevoke => {}
            }
        }
        self.complete();
    }

    fn complete(&mut self) {
        if !self.rebalancing || self.members.values().any(|phase| *phase != Phase::Waiting) {
            return;
        }
        self.rebalancing = false;
        self.dealt = self.partitions.len();
        let count = self.members.len();
        for (at, phase) in self.members.values_mut().enumerate() {
            let mine = self.partitions.iter().enumerate().filter(|(number, _)| number % count == at);
            *phase = Phase::Given(mine.map(|(_, partition)| *partition).collect());
        }
    }
}
