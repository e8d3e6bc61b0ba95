//! Where a new owner goes on: decided from what the group has committed, or else from the tail of the activity topic.

use crate::note::Note;
use crate::partition::{Progress, Standing};
use activity::clock::PartitionClock;
use activity::pack::{Jump, Pack, PackError, Span};
use activity::{CatalogVersion, Offset, PartitionId, Shard, TopicId};
use catalog::{Plan, Start};
use kafka::{Bounds, Committed, Consumer, LogError, Partition, Patience, SourceLog, TopicIndex, TopicInfo};
use std::collections::BTreeMap;
use thiserror::Error;

/// Why a partition cannot be taken over.
#[derive(Debug, Error)]
pub enum RecoveryError {
    /// The log does not answer.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The packs so far were made by another catalogue.
    #[error(
        "the catalogue changed: everything so far was read by version {found}, this one is {known}, and packs cannot \
         rebuild metrics that they never held. Go back to the old catalogue, or set a new `group` and a new \
         `topics.activity` to build new state from the source topics"
    )]
    OtherCatalogue {
        /// The version that wrote what is there.
        found: CatalogVersion,
        /// The version that runs.
        known: CatalogVersion,
    },
    /// What numbers of values mean was decided by another topic.
    #[error(
        "the topic of admitted values was made again: numbers in the state mean what the topic with id {} has decided, \
         the one that there is now has id {}, and would give them to other values. Set a new `group` and a new `topics.activity` to build new \
         state from the source topics",
        told(*found), told(*known)
    )]
    OtherAdmissions {
        /// The topic that decided so far.
        found: Option<TopicId>,
        /// The one that there is now.
        known: Option<TopicId>,
    },
    /// The broker has lost records that were counted.
    #[error(
        "{topic}/{partition} was read up to offset {next}, but ends at {end}: the broker has lost records. Restore the \
         topic, or set a new `group` and a new `topics.activity` to build new state from what is left"
    )]
    Truncated {
        /// The source topic.
        topic: String,
        /// Its partition.
        partition: PartitionId,
        /// Where it was left.
        next: Offset,
        /// Where it ends.
        end: Offset,
    },
    /// The group's position was committed by something else.
    #[error(
        "the consumer group holds a position of {topic}/{partition} that nsm did not write (its note is `{note}`): give \
         nsm a `group` of its own"
    )]
    ForeignPosition {
        /// The source topic.
        topic: String,
        /// Its partition.
        partition: PartitionId,
        /// What stands beside the position.
        note: String,
    },
    /// The activity topic holds something that is no pack.
    #[error("the activity topic cannot be read at offset {offset} of partition 0: {source}")]
    Pack {
        /// Where.
        offset: Offset,
        /// Why.
        source: PackError,
    },
}

fn told(topic: Option<TopicId>) -> String {
    topic.map_or_else(|| "(none)".to_owned(), |id| id.to_string())
}

/// What is known of the topics when partitions are taken over.
pub(crate) struct Taking<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) topics: &'a [TopicInfo],
    pub(crate) activity: TopicId,
    pub(crate) admitted: Option<TopicId>,
    pub(crate) from_latest: bool,
}

/// Where a partition was left, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Left {
    next: Offset,
    note: Note,
}

impl Taking<'_> {
    /// Finds out where each of these partitions goes on.
    pub(crate) fn recover<L: SourceLog>(
        &self,
        log: &mut L,
        owned: &[Partition],
    ) -> Result<Vec<Progress>, RecoveryError> {
        let committed = log.committed(owned)?;
        let mut left = BTreeMap::new();
        for (partition, committed) in owned.iter().zip(committed) {
            if let Some(known) = committed.map(|committed| self.parse(*partition, &committed)).transpose()? {
                left.insert(*partition, known);
            }
        }
        let unknown: Vec<Partition> = owned.iter().filter(|partition| !left.contains_key(partition)).copied().collect();
        if !unknown.is_empty() {
            left.extend(self.find_in_activity(log, &unknown)?);
        }
        let bounds = log.consumer().bounds(owned, Patience::Long)?;
        let mut taken = Vec::with_capacity(owned.len());
        for (partition, bounds) in owned.iter().zip(bounds) {
            let standing = self.standing(*partition, left.get(partition), bounds)?;
            taken.push(Progress::new(*partition, self.topics[usize::from(partition.topic.0)].id, standing));
        }
        Ok(taken)
    }

    fn parse(&self, partition: Partition, committed: &Committed) -> Result<Left, RecoveryError> {
        let note = committed.note.parse().map_err(|()| RecoveryError::ForeignPosition {
            topic: self.topic(partition).to_owned(),
            partition: partition.id,
            note: committed.note.clone(),
        })?;
        Ok(Left { next: committed.next, note })
    }

    /// Decides where a partition goes on. A position in packs that are gone, with their topic, is none.
    fn standing(&self, partition: Partition, left: Option<&Left>, bounds: Bounds) -> Result<Standing, RecoveryError> {
        let source = &self.plan.sources[usize::from(partition.topic.0)];
        let first = match source.from {
            Some(Start::Latest) => bounds.stable_end,
            Some(Start::Earliest) => bounds.start,
            None if self.from_latest => bounds.stable_end,
            None => bounds.start,
        };
        let Some(Left { next, note }) = left.filter(|left| left.note.activity == self.activity) else {
            return Ok(Standing { next: first, clock: PartitionClock::default(), jump: Some(Jump::FirstStart) });
        };
        if note.catalogue != self.plan.version {
            return Err(RecoveryError::OtherCatalogue { found: note.catalogue, known: self.plan.version });
        }
        if note.admitted != self.admitted {
            return Err(RecoveryError::OtherAdmissions { found: note.admitted, known: self.admitted });
        }
        let clock = PartitionClock::restored(note.clock);
        let topic = self.topics[usize::from(partition.topic.0)].id;
        if note.source != topic {
            return Ok(Standing { next: bounds.start, clock, jump: Some(Jump::ReplacedTopic) });
        }
        if *next > bounds.stable_end {
            return Err(RecoveryError::Truncated {
                topic: self.topic(partition).to_owned(),
                partition: partition.id,
                next: *next,
                end: bounds.stable_end,
            });
        }
        let jump = (*next < bounds.start).then_some(Jump::LostRetention);
        Ok(Standing { next: bounds.start.max(*next), clock, jump })
    }

    /// Searches one shard of the activity topic from its end for the last words on these partitions: every transaction
    /// writes to every shard, so any shard knows them all.
    fn find_in_activity<L: SourceLog>(
        &self,
        log: &mut L,
        wanted: &[Partition],
    ) -> Result<BTreeMap<Partition, Left>, RecoveryError> {
        const CHUNK: i64 = 200;
        let shard = Shard(0);
        let bounds = log.settled_activity(shard)?;
        let (mut found, mut end) = (BTreeMap::new(), bounds.stable_end);
        let mut wanted: Vec<Partition> = wanted.to_vec();
        while end > bounds.start && !wanted.is_empty() {
            let from = bounds.start.max(Offset(end.0 - CHUNK));
            for (offset, payload) in log.activity(shard, from, end)?.into_iter().rev() {
                let pack = Pack::decode(&payload).map_err(|source| RecoveryError::Pack { offset, source })?;
                for (partition, left) in self.last_words(&pack) {
                    if wanted.contains(&partition) {
                        found.insert(partition, left);
                        wanted.retain(|of| *of != partition);
                    }
                }
                wanted.retain(|partition| self.existed(*partition, &pack));
            }
            end = from;
        }
        Ok(found)
    }

    /// Whether the partition was there when the pack was written. If not, no earlier pack knows of it.
    fn existed(&self, partition: Partition, pack: &Pack) -> bool {
        let coverage = pack.sources.iter().find(|coverage| coverage.topic == self.topic(partition));
        coverage.is_some_and(|coverage| partition.id.0 < coverage.partitions)
    }

    fn last_words(&self, pack: &Pack) -> Vec<(Partition, Left)> {
        let mut words = Vec::new();
        for coverage in &pack.sources {
            let Some(topic) = self.plan.sources.iter().position(|source| source.topic == coverage.topic) else {
                continue;
            };
            let topic = TopicIndex(u16::try_from(topic).expect("a catalogue has few sources"));
            words.extend(coverage.spans.iter().map(|span: &Span| {
                let (source, activity, admitted) = (coverage.topic_id, self.activity, pack.admitted_by);
                let note = Note { catalogue: pack.catalogue, source, activity, admitted, clock: span.clock };
                (Partition { topic, id: span.partition }, Left { next: span.to, note })
            }));
        }
        words
    }

    fn topic(&self, partition: Partition) -> &str {
        &self.plan.sources[usize::from(partition.topic.0)].topic
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity::Millis;

    const SOURCE: TopicId = TopicId([1; 16]);
    const ACTIVITY: TopicId = TopicId([2; 16]);
    const ADMITTED: Option<TopicId> = Some(TopicId([3; 16]));

    fn plan() -> Plan {
        let text = "
version: 1
product: test
sources: { usage: { topic: usage } }
entities: { user: { key: user_id } }
metrics:
  users: { type: simple, measure: { agg: count_distinct, entity: user, events: any }, windows: [1d] }
";
        catalog::parse(text).unwrap_or_else(|mistakes| panic!("{}", mistakes.render("test", text)))
    }

    /// Where a partition goes on that holds 10..50 and was left like this.
    fn goes_on(left: Option<(i64, Note)>, from_latest: bool) -> Result<(i64, Option<Jump>), RecoveryError> {
        goes_on_in(&plan(), left, from_latest)
    }

    fn goes_on_in(
        plan: &Plan,
        left: Option<(i64, Note)>,
        from_latest: bool,
    ) -> Result<(i64, Option<Jump>), RecoveryError> {
        let topics = [TopicInfo { id: SOURCE, partitions: 1 }];
        let taking = Taking { plan, topics: &topics, activity: ACTIVITY, admitted: ADMITTED, from_latest };
        let bounds = Bounds { start: Offset(10), stable_end: Offset(50) };
        let left = left.map(|(next, note)| Left { next: Offset(next), note });
        let standing = taking.standing(Partition::default(), left.as_ref(), bounds)?;
        Ok((standing.next.0, standing.jump))
    }

    fn note() -> Note {
        Note {
            catalogue: plan().version,
            source: SOURCE,
            activity: ACTIVITY,
            admitted: ADMITTED,
            clock: Some(Millis(7)),
        }
    }

    #[test]
    fn a_partition_goes_on_where_it_was_left() {
        assert_eq!(goes_on(Some((30, note())), false).unwrap(), (30, None));
        assert_eq!(goes_on(Some((50, note())), true).unwrap(), (50, None));
    }

    #[test]
    fn a_partition_that_nobody_has_read_begins_at_its_first_record_unless_told_otherwise() {
        assert_eq!(goes_on(None, false).unwrap(), (10, Some(Jump::FirstStart)));
        assert_eq!(goes_on(None, true).unwrap(), (50, Some(Jump::FirstStart)));
    }

    #[test]
    fn a_source_that_says_where_to_begin_overrules_the_configuration() {
        for (from, begins) in [(Start::Earliest, 10), (Start::Latest, 50)] {
            let mut plan = plan();
            plan.sources[0].from = Some(from);
            for from_latest in [false, true] {
                assert_eq!(goes_on_in(&plan, None, from_latest).unwrap(), (begins, Some(Jump::FirstStart)));
                assert_eq!(goes_on_in(&plan, Some((30, note())), from_latest).unwrap(), (30, None));
            }
        }
    }

    #[test]
    fn what_was_read_into_an_activity_topic_that_is_gone_is_read_again() {
        let gone = Note { activity: TopicId([9; 16]), ..note() };
        assert_eq!(goes_on(Some((30, gone)), false).unwrap(), (10, Some(Jump::FirstStart)));
    }

    #[test]
    fn lost_retention_and_a_topic_made_again_are_said() {
        assert_eq!(goes_on(Some((5, note())), false).unwrap(), (10, Some(Jump::LostRetention)));
        let replaced = Note { source: TopicId([9; 16]), ..note() };
        assert_eq!(goes_on(Some((30, replaced)), false).unwrap(), (10, Some(Jump::ReplacedTopic)));
    }

    #[test]
    fn another_catalogue_or_a_log_that_lost_its_end_stops_ingest_with_the_way_out() {
        let other = Note { catalogue: CatalogVersion(1), ..note() };
        let told = goes_on(Some((30, other)), false).unwrap_err().to_string();
        assert!(told.contains("Go back to the old catalogue"), "{told}");
        let other = Note { admitted: Some(TopicId([9; 16])), ..note() };
        let told = goes_on(Some((30, other)), false).unwrap_err().to_string();
        assert!(
            told.contains("0909 has decided, the one that there is now has id 0303") && told.contains("a new `group`"),
            "{told}"
        );
        let told = goes_on(Some((51, note())), false).unwrap_err().to_string();
        assert!(told.contains("usage/0 was read up to offset 51, but ends at 50"), "{told}");
    }
}
