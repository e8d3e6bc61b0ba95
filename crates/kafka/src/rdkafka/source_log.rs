//! The source topics, as ingest reads them, and the transactions that it writes.

use super::config::KafkaConfig;
use super::member::RdConsumer;
use super::tail;
use super::wait::Deadline;
use super::writer::Writer;
use crate::{Bounds, Committed, LogError, Outcome, Partition, Patience, SourceLog, TopicInfo, Transaction};
use activity::{Offset, PartitionId, Shard};
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{self, TopicPartitionList};
use std::time::Duration;

/// A member of the group that reads the source topics, and the writer of its transactions.
///
/// Dropping it leaves the group's membership in place, so that a restart of the same instance gets its partitions back at
/// once, and fences off whatever the former one had under way.
pub struct RdSourceLog {
    config: KafkaConfig,
    member: RdConsumer,
    writer: Writer,
    activity_topic: String,
}

impl RdSourceLog {
    /// Takes over from an older process of the same instance, and joins the group.
    ///
    /// # Errors
    /// If a setting is refused, a topic does not exist, or the broker does not answer.
    pub fn new(
        config: &KafkaConfig,
        source_topics: &[String],
        activity_topic: &str,
        dead_letter_topic: &str,
    ) -> Result<RdSourceLog, LogError> {
        // First the fence: what this member reads as committed must not change by another hand any more.
        let writer = Writer::new(config, activity_topic, dead_letter_topic)?;
        let member = RdConsumer::join(config, &config.group, source_topics)?;
        Ok(RdSourceLog { config: config.clone(), member, writer, activity_topic: activity_topic.to_owned() })
    }

    fn positions(&self, transaction: &Transaction) -> Result<TopicPartitionList, LogError> {
        let list = self.member.list(&transaction.positions, |(partition, at)| (*partition, Some(at.next)))?;
        for (partition, committed) in &transaction.positions {
            let topic = self.member.name(partition.topic)?;
            // `find_partition` gives the list's own element.
            let mut element = list.find_partition(topic, partition.id.0).expect("it has just been added");
            if !committed.note.is_empty() {
                element.set_metadata(&committed.note);
            }
        }
        Ok(list)
    }
}

impl SourceLog for RdSourceLog {
    type Consumer = RdConsumer;

    fn consumer(&mut self) -> &mut RdConsumer {
        &mut self.member
    }

    fn committed(&mut self, partitions: &[Partition]) -> Result<Vec<Option<Committed>>, LogError> {
        let deadline = Deadline::after(self.undecided());
        let asked = self.member.list(partitions, |partition| (*partition, None))?;
        loop {
            let wait = deadline.left().min(Duration::from_secs(5));
            // Read committed makes it ask for stable offsets only.
            let error = match self.member.consumer().committed_offsets(asked.clone(), wait) {
                Ok(list) => match first_error(&list) {
                    None => return self.read(partitions, &list),
                    Some(error) => error,
                },
                Err(error) => error,
            };
            let code = error.rdkafka_error_code();
            if deadline.has_passed() || code.is_some_and(super::failure::is_permanent) {
                let open = code == Some(RDKafkaErrorCode::UnstableOffsetCommit);
                let reason = if open { "a transaction is still open on them" } else { "no answer" };
                let doing = "asking for the committed positions";
                return Err(self.member.site().broker(doing, format!("{reason}: {error}")));
            }
            tracing::debug!(%error, "committed positions: trying again");
            self.member.lookup().pause();
        }
    }

    fn transact(&mut self, transaction: &Transaction) -> Result<Outcome, LogError> {
        let positions = self.positions(transaction)?;
        let membership = self.member.membership();
        if membership.is_none() && !transaction.positions.is_empty() {
            tracing::warn!("a transaction of positions that are not owned any more is not begun");
            return Ok(Outcome::Aborted);
        }
        self.writer.write(transaction, membership.map(|group| (&positions, group)))
    }

    fn activity(&mut self, shard: Shard, from: Offset, to: Offset) -> Result<Vec<(Offset, Vec<u8>)>, LogError> {
        tail::read(&self.config, &self.activity_topic, PartitionId(i32::from(shard.0)), from, to)
    }

    fn activity_topic(&mut self) -> Result<TopicInfo, LogError> {
        self.member.lookup().topic(&self.activity_topic, Patience::Long)
    }

    fn settled_activity(&mut self, shard: Shard) -> Result<Bounds, LogError> {
        let id = PartitionId(i32::from(shard.0));
        let deadline = Deadline::after(self.undecided());
        let place = (self.activity_topic.as_str(), id);
        let written = self.member.lookup().written(place.0, id)?;
        loop {
            // A commit is answered before its markers are written; until they are, its records lie behind the stable end.
            let bounds = self.member.lookup().bounds(&[place], Patience::Long)?[0];
            if bounds.stable_end >= written {
                return Ok(bounds);
            }
            if deadline.has_passed() {
                let doing = format!("waiting for the transactions on `{}` [{id}]", self.activity_topic);
                let reason = format!(
                    "after {:?} one is still open between offset {} and {written}: has its writer a longer time-out?",
                    self.undecided(),
                    bounds.stable_end
                );
                return Err(self.member.site().broker(doing, reason));
            }
            self.member.lookup().pause();
        }
    }
}

impl RdSourceLog {
    /// How long a transaction may stay undecided: until it times out, and a little longer if the broker is busy.
    fn undecided(&self) -> Duration {
        self.config.transaction_timeout + self.config.request_timeout
    }

    fn read(&self, partitions: &[Partition], list: &TopicPartitionList) -> Result<Vec<Option<Committed>>, LogError> {
        let mut found = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let topic = self.member.name(partition.topic)?;
            let element = list.find_partition(topic, partition.id.0);
            found.push(element.and_then(|element| match element.offset() {
                topic_partition_list::Offset::Offset(next) => {
                    Some(Committed { next: Offset(next), note: element.metadata().to_owned() })
                }
                _ => None,
            }));
        }
        Ok(found)
    }
}

fn first_error(list: &TopicPartitionList) -> Option<KafkaError> {
    list.elements().iter().find_map(|element| element.error().err())
}
