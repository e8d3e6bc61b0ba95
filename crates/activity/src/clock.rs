//! The clock: log time of a source partition, and shard time as the minimum over all of them.
//!
//! Invariants: a partition's clock never goes back; shard time never goes back, and stays unknown until every partition of
//! every source was heard of. Nothing here reads the wall.

use crate::types::{Millis, Offset, PartitionId, TopicId};
use serde::{Deserialize, Serialize};

/// How far a shard has come in one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceProgress {
    /// The source's topic.
    pub topic: String,
    /// Its partitions by number.
    pub partitions: Vec<PartitionProgress>,
}

/// How far a shard has come in one source partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionProgress {
    /// The identity of the topic that `next` is a position in. Partitions differ in it while a topic that was made again is
    /// taken over, since every worker learns of it by itself.
    pub topic_id: Option<TopicId>,
    /// The position that the next pack has to cover; `None` if no pack has covered any.
    pub next: Option<Offset>,
    /// The partition's clock; `None` if nothing has moved it.
    pub clock: Option<Millis>,
    /// Shard time when the partition joined a shard that had one. Until its own clock gets there it holds nothing back.
    pub joined: Option<Millis>,
}

impl PartitionProgress {
    /// What [`PartitionProgress::joined`] says of a partition that its topic has no more: it holds nothing back.
    const GONE: Millis = Millis(i64::MAX);

    /// Takes note of whether its topic, under the identity that a pack tells, still has it. One that comes back joins anew,
    /// with a clock of its own: nobody goes on where the one that is gone stood.
    pub(crate) fn exists(&mut self, exists: bool, topic_id: TopicId, time: Option<Millis>) {
        let is_gone = self.joined == Some(Self::GONE);
        if exists && is_gone {
            (self.joined, self.clock) = (time, None);
        } else if !exists && self.topic_id.is_some_and(|id| id != topic_id) {
            self.joined = Some(Self::GONE);
        }
    }

    /// How far shard time may go for this partition's sake.
    #[must_use]
    pub fn allows(&self) -> Option<Millis> {
        self.clock.max(self.joined)
    }
}

impl SourceProgress {
    /// A partition's progress.
    #[must_use]
    pub fn partition(&self, id: PartitionId) -> Option<&PartitionProgress> {
        self.partitions.get(usize::try_from(id.0).ok()?)
    }
}

/// The clock of one source partition: the running maximum of log time in offset order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartitionClock(Option<Millis>);

impl PartitionClock {
    /// A clock that stands where an earlier owner left it.
    #[must_use]
    pub fn restored(at: Option<Millis>) -> PartitionClock {
        PartitionClock(at)
    }

    /// Where it stands.
    #[must_use]
    pub fn now(self) -> Option<Millis> {
        self.0
    }

    /// Moves on to `time` if that lies ahead.
    pub fn advance(&mut self, time: Millis) {
        self.0 = self.0.max(Some(time));
    }
}

/// Shard time by these sources: the minimum of what all partitions allow, but never before `before`. `None` if a partition
/// was not heard of yet, or if there is none.
#[must_use]
pub fn shard_time(sources: &[SourceProgress], before: Option<Millis>) -> Option<Millis> {
    let clocks = || sources.iter().flat_map(|source| &source.partitions).map(PartitionProgress::allows);
    let slowest = clocks().min().flatten();
    slowest.max(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(clocks: &[Option<i64>]) -> SourceProgress {
        let partition =
            |clock: &Option<i64>| PartitionProgress { clock: clock.map(Millis), ..PartitionProgress::default() };
        SourceProgress { topic: "usage".into(), partitions: clocks.iter().map(partition).collect() }
    }

    #[test]
    fn shard_time_is_the_slowest_partition_of_all_sources() {
        assert_eq!(shard_time(&[source(&[Some(9), Some(4)]), source(&[Some(7)])], None), Some(Millis(4)));
    }

    #[test]
    fn partition_not_heard_of_holds_shard_time_back() {
        assert_eq!(shard_time(&[source(&[Some(9), None])], None), None);
        assert_eq!(shard_time(&[source(&[Some(9), None])], Some(Millis(3))), Some(Millis(3)));
        assert_eq!(shard_time(&[], None), None);
    }

    #[test]
    fn partition_that_comes_back_joins_with_a_clock_of_its_own() {
        let mut partition = PartitionProgress { topic_id: Some(TopicId([1; 16])), ..PartitionProgress::default() };
        partition.clock = Some(Millis(9));
        partition.exists(false, TopicId([2; 16]), Some(Millis(5)));
        partition.exists(true, TopicId([2; 16]), Some(Millis(7)));
        assert_eq!((partition.clock, partition.joined), (None, Some(Millis(7))));
    }

    #[test]
    fn shard_time_never_goes_back() {
        assert_eq!(shard_time(&[source(&[Some(2)])], Some(Millis(5))), Some(Millis(5)));
    }

    #[test]
    fn partition_clock_is_the_running_maximum() {
        let mut clock = PartitionClock::default();
        for (time, expected) in [(5, 5), (3, 5), (8, 8)] {
            clock.advance(Millis(time));
            assert_eq!(clock.now(), Some(Millis(expected)));
        }
    }
}
