//! How values of dimensions are admitted, and how partitions wait for it.
//!
//! Invariant: which number a value has follows from the order of the topic of proposals alone, and a record that needs a number
//! nobody knows yet is not taken. So the same record always counts in the same slice, whoever reads it, and whenever. A dimension
//! makes partitions wait at most once for each value that it may admit, and never once it is full.

use crate::judge::Judge;
use activity::admission::{Admitted, Proposal};
use activity::{DimensionIndex, TopicId, WireError};
use catalog::Plan;
use catalog::dimension::{NONE, OTHER, label};
use event::Undecided;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// Where it is decided which values are admitted.
pub trait Admissions: fmt::Debug {
    /// The topic whose order decides; `None` if there is nothing to decide.
    fn topic(&self) -> Option<TopicId>;

    /// Wants these values to have numbers, and tells what was admitted after the first `known`, in the topic's order. May wait
    /// a little for the answer, but not for a broker that is down: who still waits then has to ask again.
    fn decide(&mut self, wanted: &[Undecided], known: usize) -> Vec<Admitted>;
}

/// For catalogues that declare all values.
#[derive(Clone, Copy, Debug)]
pub struct NoAdmissions;

impl Admissions for NoAdmissions {
    fn topic(&self) -> Option<TopicId> {
        None
    }

    fn decide(&mut self, _: &[Undecided], _: usize) -> Vec<Admitted> {
        Vec::new()
    }
}

/// What the topic of proposals says, record by record.
#[derive(Debug)]
pub struct Register {
    plan: Arc<Plan>,
    admitted: Vec<Admitted>,
}

impl Register {
    /// What an empty topic says.
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Register {
        Register { plan, admitted: Vec::new() }
    }

    /// Takes the next record of the topic.
    ///
    /// # Errors
    /// If it is no proposal.
    pub fn take(&mut self, payload: &[u8]) -> Result<(), WireError> {
        let proposal = Proposal::decode(payload)?;
        if let Some(admitted) = self.admits(&proposal) {
            self.admitted.push(admitted);
        }
        Ok(())
    }

    /// What the proposal gets, if it is of this catalogue, the first of its value, and there is room left.
    fn admits(&self, proposal: &Proposal) -> Option<Admitted> {
        let plan = &self.plan;
        let mut dimensions = (0..).map(DimensionIndex).zip(&plan.dimensions);
        let (index, dimension) = dimensions.find(|(_, of)| of.name == proposal.dimension)?;
        let is_declared = || dimension.values.iter().any(|value| label(value) == proposal.value);
        if proposal.catalogue != plan.version || [NONE, OTHER].contains(&proposal.value.as_str()) || is_declared() {
            return None;
        }
        let of_dimension = || self.admitted.iter().filter(|admitted| admitted.dimension == index);
        if of_dimension().any(|admitted| admitted.value == proposal.value) {
            return None;
        }
        let number = dimension.admissible().nth(of_dimension().count())?;
        Some(Admitted { dimension: index, number, value: proposal.value.clone() })
    }

    /// What was admitted, in order.
    #[must_use]
    pub fn admitted(&self) -> &[Admitted] {
        &self.admitted
    }

    /// What has to be put into the topic so that it decides on these values, each once.
    #[must_use]
    pub fn proposals(&self, wanted: &[Undecided]) -> BTreeSet<Proposal> {
        let proposal = |wanted: &Undecided| Proposal {
            catalogue: self.plan.version,
            dimension: self.plan.dimension(wanted.dimension).name.clone(),
            value: wanted.value.clone(),
        };
        wanted.iter().map(proposal).filter(|proposal| self.admits(proposal).is_some()).collect()
    }
}

/// What ingest knows of admitted values, and what packs have told of it.
#[derive(Debug)]
pub(crate) struct Admission {
    plan: Arc<Plan>,
    port: Box<dyn Admissions>,
    known: Vec<Admitted>,
    /// How many of them committed packs have told, to all shards of the activity topic.
    told: usize,
    /// How many will have once the transaction under way is committed.
    telling: usize,
}

impl Admission {
    pub(crate) fn new(plan: Arc<Plan>, port: Box<dyn Admissions>) -> Admission {
        Admission { plan, port, known: Vec::new(), told: 0, telling: 0 }
    }

    pub(crate) fn topic(&self) -> Option<TopicId> {
        self.port.topic()
    }

    /// Asks for these values, and teaches the judges what was decided. Whether all of them are.
    pub(crate) fn decide(&mut self, wanted: &[Undecided], judges: &mut [Judge]) -> bool {
        while !wanted.iter().all(|wanted| self.is_decided(wanted)) {
            let news = self.port.decide(wanted, self.known.len());
            if news.is_empty() {
                return false;
            }
            for admitted in news {
                judges.iter_mut().for_each(|judge| judge.learn_value(&admitted));
                self.known.push(admitted);
            }
        }
        true
    }

    /// Whether a value has a number, or never will.
    fn is_decided(&self, wanted: &Undecided) -> bool {
        let of_dimension = || self.known.iter().filter(|known| known.dimension == wanted.dimension);
        let room = self.plan.dimension(wanted.dimension).admissible().count();
        of_dimension().any(|known| known.value == wanted.value) || of_dimension().count() >= room
    }

    /// What the next pack has to tell.
    pub(crate) fn untold(&mut self) -> &[Admitted] {
        self.telling = self.known.len();
        &self.known[self.told..]
    }

    /// It was committed.
    pub(crate) fn told(&mut self) {
        self.told = self.telling;
    }

    /// Whoever reads the packs may know nothing of what earlier ones told.
    pub(crate) fn tell_anew(&mut self) {
        self.told = 0;
    }
}

#[cfg(test)]
mod tests;
