//! Where a new owner goes on: decided from what the group has committed, or else from the tail of the activity topic.

use crate::note::Note;
use crate::partition::{Progress, Standing};
use activity::clock::PartitionClock;
use activity::pack::{Jump, Pack, PackError, Span};
use activity::{CatalogVersion, Offset, PartitionId, Shard, TopicId};
use catalog::Plan;
use kafka::{Bounds, Committed, LogError, Partition, SourceLog, TopicIndex, TopicInfo};
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

/// What is known of the topics when partitions are taken over.
pub(crate) struct Taking<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) topics: &'a [TopicInfo],
    pub(crate) activity: TopicId,
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
        let mut taken = Vec::with_capacity(owned.len());
        for partition in owned {
            let standing = self.standing(*partition, left.get(partition), log.bounds(*partition)?)?;
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
        let first = if self.from_latest { bounds.stable_end } else { bounds.start };
        let Some(Left { next, note }) = left.filter(|left| left.note.activity == self.activity) else {
            return Ok(Standing { next: first, clock: PartitionClock::default(), jump: Some(Jump::FirstStart) });
        };
        if note.catalogue != self.plan.version {
            return Err(RecoveryError::OtherCatalogue { found: note.catalogue, known: self.plan.version });
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
        const CHUNK: i64 = 2_000;
        let shard = Shard(0);
        let bounds = log.settled_activity(shard)?;
        let (mut found, mut end) = (BTreeMap::new(), bounds.stable_end);
        while end > bounds.start && found.len() < wanted.len() {
            let from = bounds.start.max(Offset(end.0 - CHUNK));
            for (offset, payload) in log.activity(shard, from, end)?.into_iter().rev() {
                let pack = Pack::decode(&payload).map_err(|source| RecoveryError::Pack { offset, source })?;
                for (partition, left) in self.last_words(&pack) {
                    if wanted.contains(&partition) {
                        found.entry(partition).or_insert(left);
                    }
                }
            }
            end = from;
        }
        Ok(found)
    }

    fn last_words(&self, pack: &Pack) -> Vec<(Partition, Left)> {
        let mut words = Vec::new();
        for coverage in &pack.sources {
            let Some(topic) = self.plan.sources.iter().position(|source| source.topic == coverage.topic) else {
                continue;
            };
            let topic = TopicIndex(u16::try_from(topic).expect("a catalogue has few sources"));
            words.extend(coverage.spans.iter().map(|span: &Span| {
                let (source, activity) = (coverage.topic_id, self.activity);
                let note = Note { catalogue: pack.catalogue, source, activity, clock: span.clock };
                (Partition { topic, id: span.partition }, Left { next: span.to, note })
            }));
        }
        words
    }

    fn topic(&self, partition: Partition) -> &str {
        &self.plan.sources[usize::from(partition.topic.0)].topic
    }
}
