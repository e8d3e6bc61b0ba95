//! Which change of ownership is to be told next.
//!
//! The group knows only "assigned" and "revoked". The loop above must see every assignment end before the next begins, also
//! where the group skips the revocation (a static member that rejoins), and nothing that it cannot answer.

use crate::{Ownership, Partition};
use std::collections::VecDeque;

/// What the group said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Assigned(Vec<Partition>),
    Revoked,
}

/// What is to be done about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Tell the loop, which will answer.
    Tell(Ownership),
    /// The loop owns nothing: let go in its place.
    LetGo,
    /// Nothing.
    Rest,
}

/// Changes that were not told yet.
#[derive(Debug, Default)]
pub(super) struct Handover {
    /// Whether an assignment was told and not released since.
    owning: bool,
    changes: VecDeque<Change>,
}

impl Handover {
    pub(super) fn push(&mut self, change: Change) {
        self.changes.push_back(change);
    }

    pub(super) fn next(&mut self) -> Next {
        match self.changes.front() {
            None => Next::Rest,
            // The assignment stays in the queue until what was owned before is released.
            Some(Change::Assigned(_)) if self.owning => Next::Tell(Ownership::Revoked),
            Some(Change::Revoked) if self.owning => {
                self.changes.pop_front();
                Next::Tell(Ownership::Revoked)
            }
            Some(Change::Revoked) => {
                self.changes.pop_front();
                Next::LetGo
            }
            Some(Change::Assigned(_)) => {
                let Some(Change::Assigned(partitions)) = self.changes.pop_front() else {
                    return Next::Rest;
                };
                self.owning = true;
                Next::Tell(Ownership::Assigned(partitions))
            }
        }
    }

    pub(super) fn released(&mut self) {
        self.owning = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TopicIndex;
    use activity::PartitionId;

    fn partitions(ids: &[i32]) -> Vec<Partition> {
        ids.iter().map(|id| Partition { topic: TopicIndex(0), id: PartitionId(*id) }).collect()
    }

    fn assigned(ids: &[i32]) -> Next {
        Next::Tell(Ownership::Assigned(partitions(ids)))
    }

    const REVOKED: Next = Next::Tell(Ownership::Revoked);

    #[test]
    fn an_assignment_is_told_and_later_its_end() {
        let mut handover = Handover::default();
        assert_eq!(handover.next(), Next::Rest);
        handover.push(Change::Assigned(partitions(&[0, 1])));
        assert_eq!(handover.next(), assigned(&[0, 1]));
        assert_eq!(handover.next(), Next::Rest);
        handover.push(Change::Revoked);
        assert_eq!(handover.next(), REVOKED);
        handover.released();
        assert_eq!(handover.next(), Next::Rest);
    }

    #[test]
    fn an_assignment_over_another_ends_that_one_first() {
        let mut handover = Handover::default();
        handover.push(Change::Assigned(partitions(&[0])));
        assert_eq!(handover.next(), assigned(&[0]));
        handover.push(Change::Assigned(partitions(&[1])));
        assert_eq!(handover.next(), REVOKED);
        handover.released();
        assert_eq!(handover.next(), assigned(&[1]));
    }

    #[test]
    fn a_revocation_of_nothing_is_not_told() {
        let mut handover = Handover::default();
        handover.push(Change::Revoked);
        assert_eq!(handover.next(), Next::LetGo);
        assert_eq!(handover.next(), Next::Rest);
    }

    #[test]
    fn an_empty_assignment_is_told() {
        let mut handover = Handover::default();
        handover.push(Change::Assigned(Vec::new()));
        assert_eq!(handover.next(), assigned(&[]));
    }
}
