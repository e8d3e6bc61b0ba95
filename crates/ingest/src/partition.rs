//! How far ingest has come in a source partition that it owns.

use activity::clock::PartitionClock;
use activity::pack::{Jump, Span};
use activity::{Millis, Offset, TopicId};
use event::{SchemaId, Undecided};
use kafka::{Partition, Position};

/// Where a partition stands: at a moment, or as the last transaction left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The position of the next record.
    pub(crate) next: Offset,
    /// The running maximum of log time before it.
    pub(crate) clock: PartitionClock,
    /// Why the position does not continue where the partition was left, until that was said in a committed pack.
    pub(crate) jump: Option<Jump>,
}

/// What has to be known before the record at a partition's position can be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// What this schema is.
    Schema(SchemaId),
    /// Which numbers these values have.
    Values(Vec<Undecided>),
}

/// A partition that is owned.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub(crate) partition: Partition,
    /// The identity of its topic.
    pub(crate) topic_id: TopicId,
    /// As of the last committed transaction.
    pub(crate) committed: Standing,
    /// As of the batch that is under way.
    pub(crate) current: Standing,
    /// A fetch has found nothing at or after the current position.
    pub(crate) at_end: bool,
    /// It runs ahead of the others and is not fetched.
    pub(crate) paused: bool,
    /// The record at the current position cannot be judged yet: nothing is taken before it is.
    pub(crate) waiting: Option<Waiting>,
}

impl Progress {
    pub(crate) fn new(partition: Partition, topic_id: TopicId, standing: Standing) -> Progress {
        let (committed, current) = (standing, standing);
        Progress { partition, topic_id, committed, current, at_end: false, paused: false, waiting: None }
    }

    /// A record at `offset` was taken.
    pub(crate) fn taken(&mut self, offset: Offset) {
        self.current.next = offset.next();
        self.at_end = false;
    }

    /// A fetch has confirmed that nothing lies at or after `end`. Markers may lie before it: they are behind us now.
    pub(crate) fn reached(&mut self, end: Offset) {
        self.current.next = self.current.next.max(end);
        self.at_end = true;
    }

    /// The record at the current position has to wait.
    pub(crate) fn wait(&mut self, waiting: Waiting) {
        self.waiting = Some(waiting);
        self.at_end = false;
    }

    /// It was confirmed at `at` that the partition holds nothing that was not taken.
    pub(crate) fn idle(&mut self, at: Millis) {
        self.current.clock.advance(at);
    }

    /// What a pack has to say of the partition; `None` if nothing changed.
    pub(crate) fn span(&self) -> Option<Span> {
        (self.current != self.committed || self.current.jump.is_some()).then_some(Span {
            partition: self.partition.id,
            from: self.committed.next,
            to: self.current.next,
            clock: self.current.clock.now(),
            jump: self.current.jump,
        })
    }

    /// The batch was committed.
    pub(crate) fn commit(&mut self) {
        self.current.jump = None;
        self.committed = self.current;
    }

    /// The batch was thrown away: the position to start from again.
    pub(crate) fn abort(&mut self) -> Position {
        self.current = self.committed;
        self.at_end = false;
        // Starting again resumes what was paused.
        self.paused = false;
        self.waiting = None;
        Position { partition: self.partition, next: self.committed.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress() -> Progress {
        let standing = Standing { next: Offset(5), clock: PartitionClock::default(), jump: Some(Jump::FirstStart) };
        Progress::new(Partition::default(), TopicId::default(), standing)
    }

    #[test]
    fn a_jump_is_said_until_it_is_committed() {
        let mut progress = progress();
        assert_eq!(progress.span().map(|span| span.jump), Some(Some(Jump::FirstStart)));
        let _ = progress.abort();
        assert_eq!(progress.span().map(|span| span.jump), Some(Some(Jump::FirstStart)));
        progress.commit();
        assert_eq!(progress.span(), None);
    }

    #[test]
    fn a_span_begins_where_the_last_one_ended_whatever_gaps_lie_between() {
        let mut progress = progress();
        progress.commit();
        progress.taken(Offset(9));
        progress.reached(Offset(12));
        let span = progress.span().unwrap();
        assert_eq!((span.from, span.to), (Offset(5), Offset(12)));
        assert_eq!(progress.abort().next, Offset(5));
    }

    #[test]
    fn an_idle_partition_moves_its_clock_and_never_back() {
        let mut progress = progress();
        progress.idle(Millis(9));
        progress.idle(Millis(4));
        assert_eq!(progress.span().unwrap().clock, Some(Millis(9)));
    }
}
