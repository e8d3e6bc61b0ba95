//! Which source positions a shard's log covers: every one that there is, once and in order, but where it says why not.

use crate::log::{LogPartition, Topic, index, offset};
use activity::pack::{Jump, Pack, Span};
use activity::{Offset, TopicId};
use std::collections::BTreeMap;
use std::ops::Range;

/// The ranges that a shard's log covers, by source topic and partition, in the order in which it does.
pub(crate) struct Covered(BTreeMap<(String, usize), Vec<(TopicId, Span)>>);

impl Covered {
    /// What a shard's log covers by now.
    pub(crate) fn by(log: &LogPartition) -> Covered {
        let mut covered: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (_, entry) in log.committed(0, log.entries.len()) {
            let pack = Pack::decode(&entry.payload).expect("the simulated log holds packs");
            for coverage in pack.sources {
                for span in coverage.spans {
                    let place = (coverage.topic.clone(), usize::try_from(span.partition.0).expect("from 0"));
                    covered.entry(place).or_default().push((coverage.topic_id, span));
                }
            }
        }
        Covered(covered)
    }

    pub(crate) fn spans(&self, topic: &str, partition: usize) -> &[(TopicId, Span)] {
        self.0.get(&(topic.to_owned(), partition)).map_or(&[], Vec::as_slice)
    }

    /// How often the log says of positions why they do not continue.
    pub(crate) fn jumps(&self) -> impl Iterator<Item = Jump> {
        self.0.values().flatten().filter_map(|(_, span)| span.jump)
    }

    /// How often a clock was moved though nothing was read: the partition was idle.
    pub(crate) fn idle_spans(&self) -> u64 {
        let spans = self.0.values().flatten();
        spans.filter(|(_, span)| span.from == span.to && span.to > Offset(0)).count() as u64
    }

    /// The ranges in which a partition of a source topic, as it is now, is covered, up to its end.
    ///
    /// # Errors
    /// If a position that was not deleted is left out or repeated, under the topic's identity or an earlier one.
    pub(crate) fn ranges(&self, topic: &Topic, partition: usize) -> Result<Vec<Range<usize>>, String> {
        let log = &topic.partitions[partition];
        let (mut stands, mut ranges) = (None, Vec::new());
        for (id, span) in self.spans(&topic.name, partition) {
            let is_left = |from: Offset| *id != topic.id || index(from) <= log.start;
            let goes_on = match (stands, span.jump) {
                (None, Some(Jump::FirstStart)) => is_left(span.from),
                (Some((known, _)), Some(Jump::ReplacedTopic)) => known != *id && is_left(span.from),
                (Some((known, next)), Some(Jump::LostRetention)) => {
                    known == *id && span.from > next && is_left(span.from)
                }
                (Some((known, next)), None) => known == *id && span.from == next,
                _ => false,
            };
            if !goes_on || span.to < span.from {
                return Err(format!("{}/{partition} is covered by {span:?} of {id}, after {stands:?}", topic.name));
            }
            stands = Some((*id, span.to));
            if *id == topic.id {
                ranges.push(index(span.from)..index(span.to));
            }
        }
        let end = (topic.id, offset(log.stable_end()));
        if stands != Some(end) {
            return Err(format!("{}/{partition} is covered up to {stands:?} of {end:?}", topic.name));
        }
        Ok(ranges)
    }
}
