//! Where each started partition stands, so that a record is handed over once and in order.

use crate::{Partition, Position, TopicIndex};
use activity::{Offset, PartitionId};

/// The next offset of every started partition, by topic and partition number.
#[derive(Debug)]
pub(super) struct Positions {
    next: Vec<Vec<Option<i64>>>,
}

impl Positions {
    pub(super) fn new(topics: usize) -> Positions {
        Positions { next: vec![Vec::new(); topics] }
    }

    /// These partitions are started, and no others.
    pub(super) fn start(&mut self, at: &[Position]) {
        self.clear();
        for position in at {
            let Ok(id) = usize::try_from(position.partition.id.0) else { continue };
            let Some(topic) = self.next.get_mut(usize::from(position.partition.topic.0)) else { continue };
            if topic.len() <= id {
                topic.resize(id + 1, None);
            }
            topic[id] = Some(position.next.0);
        }
    }

    pub(super) fn clear(&mut self) {
        self.next.iter_mut().for_each(Vec::clear);
    }

    /// Whether this record is to be handed over. It is not if its partition was not started, or if it lies before the
    /// position.
    pub(super) fn take(&mut self, partition: Partition, offset: Offset) -> bool {
        match self.slot(partition) {
            Some(next) if offset.0 >= *next => {
                *next = offset.0 + 1;
                true
            }
            _ => false,
        }
    }

    /// Whether this end is to be told; the position moves there, past what lies between that is not a record.
    pub(super) fn end(&mut self, partition: Partition, end: Offset) -> bool {
        match self.slot(partition) {
            Some(next) if end.0 >= *next => {
                *next = end.0;
                true
            }
            _ => false,
        }
    }

    /// Where every started partition stands.
    pub(super) fn all(&self) -> impl Iterator<Item = Position> {
        (0..).map(TopicIndex).zip(&self.next).flat_map(|(topic, partitions)| {
            let position = move |(id, next): (i32, &Option<i64>)| {
                Some(Position { partition: Partition { topic, id: PartitionId(id) }, next: Offset((*next)?) })
            };
            (0..).zip(partitions).filter_map(position)
        })
    }

    pub(super) fn is_started(&self, topic: TopicIndex, id: PartitionId) -> bool {
        let Ok(id) = usize::try_from(id.0) else { return false };
        self.next.get(usize::from(topic.0)).and_then(|topic| topic.get(id)).is_some_and(Option::is_some)
    }

    fn slot(&mut self, partition: Partition) -> Option<&mut i64> {
        let id = usize::try_from(partition.id.0).ok()?;
        self.next.get_mut(usize::from(partition.topic.0))?.get_mut(id)?.as_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(topic: u16, id: i32) -> Partition {
        Partition { topic: TopicIndex(topic), id: PartitionId(id) }
    }

    fn started() -> Positions {
        let mut positions = Positions::new(2);
        positions.start(&[Position { partition: partition(1, 3), next: Offset(10) }]);
        positions
    }

    #[test]
    fn only_started_partitions_are_handed_over() {
        let mut positions = started();
        assert!(positions.is_started(TopicIndex(1), PartitionId(3)));
        for other in [partition(0, 3), partition(1, 2), partition(1, 4), partition(2, 0), partition(1, -1)] {
            assert!(!positions.take(other, Offset(10)));
            assert!(!positions.end(other, Offset(10)));
            assert!(!positions.is_started(other.topic, other.id));
        }
        positions.clear();
        assert!(!positions.take(partition(1, 3), Offset(10)));
    }

    #[test]
    fn nothing_from_before_the_position_is_handed_over() {
        let mut positions = started();
        assert!(!positions.take(partition(1, 3), Offset(9)));
        assert!(positions.take(partition(1, 3), Offset(10)));
        assert!(!positions.take(partition(1, 3), Offset(10)));
        assert!(positions.take(partition(1, 3), Offset(14)));
    }

    #[test]
    fn an_end_moves_the_position_past_markers() {
        let mut positions = started();
        assert!(positions.end(partition(1, 3), Offset(12)));
        assert!(!positions.take(partition(1, 3), Offset(11)));
        assert!(!positions.end(partition(1, 3), Offset(11)));
        assert!(positions.take(partition(1, 3), Offset(12)));
    }
}
