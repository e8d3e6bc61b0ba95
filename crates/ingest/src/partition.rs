//! How far ingest has come in a source partition that it owns.

use activity::clock::PartitionClock;
use activity::pack::{Jump, Span};
use activity::{Millis, Offset, TopicId};
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

/// A partition that is owned.
#[derive(Clone, Copy, Debug)]
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
}

impl Progress {
    pub(crate) fn new(partition: Partition, topic_id: TopicId, standing: Standing) -> Progress {
        let (committed, current) = (standing, standing);
        Progress { partition, topic_id, committed, current, at_end: false, paused: false }
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
        Position { partition: self.partition, next: self.committed.next }
    }
}
