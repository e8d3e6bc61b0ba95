//! A member of a consumer group.

mod silence;
mod step;

use super::closing::Closing;
use super::config::KafkaConfig;
use super::failure::{Site, is_fenced, is_missing, is_permanent};
use super::faults::Faults;
use super::handover::{Handover, Next};
use super::lookup::Lookup;
use super::positions::Positions;
use super::subscriber::{Place, Subscriber};
use super::topics;
use super::wait::Deadline;
use crate::{Bounds, Consumer, Item, LogError, Ownership, Partition, Patience, Position, TopicIndex, TopicInfo};
use activity::{Offset, PartitionId};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerGroupMetadata};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{self, TopicPartitionList};
use std::collections::BTreeSet;
use std::time::Duration;
use step::{Failure, Step, index, step};
use tracing::{debug, info};

/// How much one poll hands over at most: it is what may be lost to a transaction that is aborted.
const BATCH_ITEMS: usize = 4096;
const BATCH_BYTES: usize = 1 << 20;

/// A member of a consumer group.
///
/// Dropping it leaves the group's membership in place, so that a restart of the same instance gets its partitions back at
/// once.
pub struct RdConsumer {
    subscriber: Closing<Subscriber>,
    topics: Vec<String>,
    positions: Positions,
    paused: BTreeSet<Partition>,
    handover: Handover,
    /// As whom the present assignment was given. Asked for later, librdkafka may have lost the session, and would let a
    /// transaction through unchecked that carries no membership.
    membership: Option<ConsumerGroupMetadata>,
    faults: Faults,
    /// When to find out why nothing is heard.
    silent_until: Deadline,
    lookup: Lookup,
    site: Site,
}

impl RdConsumer {
    /// Joins the group `<group>-window`, which shares the shards of the activity topic out; their positions are kept in the
    /// state store.
    ///
    /// # Errors
    /// If a setting is refused, the topic does not exist, or the broker does not answer.
    pub fn of_activity(config: &KafkaConfig, activity_topic: &str) -> Result<RdConsumer, LogError> {
        RdConsumer::join(config, &format!("{}-window", config.group), &[activity_topic.to_owned()])
    }

    /// Joins the group. A topic that does not exist is an error: librdkafka would wait for it for ever.
    pub(super) fn join(config: &KafkaConfig, group: &str, topics: &[String]) -> Result<RdConsumer, LogError> {
        let site = config.site();
        let mut lookup = Lookup::new(config)?;
        for topic in topics {
            lookup.topic(topic, Patience::Long)?;
        }
        let largest = topics::largest_batch(config, topics)?;
        let subscriber = Subscriber::new(&config.member(group, largest)?).map_err(|e| site.creation(&e))?;
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        subscriber.consumer().subscribe(&names).map_err(|e| site.broker(format!("subscribing to {names:?}"), e))?;
        info!(group, member = config.member_name(), topics = ?names, "joining");
        Ok(RdConsumer {
            subscriber: Closing::new("member", subscriber),
            topics: topics.to_vec(),
            positions: Positions::new(topics.len()),
            paused: BTreeSet::new(),
            handover: Handover::default(),
            membership: None,
            faults: Faults::default(),
            silent_until: Deadline::after(silence::JOINING),
            lookup,
            site,
        })
    }

    pub(super) fn consumer(&self) -> &BaseConsumer<super::context::Quiet> {
        self.subscriber.consumer()
    }

    pub(super) fn site(&self) -> &Site {
        &self.site
    }

    pub(super) fn lookup(&mut self) -> &mut Lookup {
        &mut self.lookup
    }

    /// As whom the present assignment was given, if there is one.
    pub(super) fn membership(&self) -> Option<&ConsumerGroupMetadata> {
        self.membership.as_ref()
    }

    /// The topic's name.
    pub(super) fn name(&self, topic: TopicIndex) -> Result<&str, LogError> {
        name(&self.topics, topic)
    }

    /// A list for librdkafka.
    pub(super) fn list<'a, T: 'a>(
        &self,
        elements: impl IntoIterator<Item = &'a T>,
        place: impl Fn(&'a T) -> (Partition, Option<Offset>),
    ) -> Result<TopicPartitionList, LogError> {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in elements.into_iter().map(place) {
            let topic = self.name(partition.topic)?;
            let mut element = list.add_partition(topic, partition.id.0);
            if let Some(offset) = offset {
                element.set_offset(topic_partition_list::Offset::Offset(offset.0)).map_err(|e| {
                    self.site.broker(format!("naming offset {offset} of `{topic}` [{}]", partition.id), e)
                })?;
            }
        }
        Ok(list)
    }

    fn refused(&self, doing: &str, result: KafkaResult<()>) -> Result<(), LogError> {
        result.map_err(|e| self.fatal().unwrap_or_else(|| self.site.broker(doing, e)))
    }

    /// Why this member is of no more use, if it is.
    fn fatal(&self) -> Option<LogError> {
        let (code, reason) = self.consumer().client().fatal_error()?;
        Some(if is_fenced(code) { self.fenced(&reason) } else { self.site.broker("consuming", reason) })
    }

    /// Once its session has run out, librdkafka has forgotten this member's name, but until its partitions are let go of it
    /// still sends heartbeats. A broker that was away, and so has not ended the session, takes those for a stranger's under this
    /// instance's name. Whether there is one is found out by joining anew.
    fn fenced(&self, reason: &str) -> LogError {
        match self.subscriber.is_nameless() {
            true => self.site.broker("consuming", format!("{reason}, after the session had run out")),
            false => self.site.fenced(reason),
        }
    }

    /// Takes what has come beside the records of partitions that are read. As long as none is, nothing else can come, and it is
    /// waited for.
    fn events(
        &mut self,
        deadline: &Deadline,
        hand_over: &mut dyn FnMut(Item<'_>),
    ) -> Result<Option<Ownership>, LogError> {
        for _ in 0..BATCH_ITEMS {
            let (topics, positions) = (&self.topics, &mut self.positions);
            let wait = if self.membership.is_none() { deadline.left() } else { Duration::ZERO };
            match self.subscriber.poll(wait, |event| step(topics, positions, event, hand_over)) {
                None => break,
                Some(Step::Handed(_)) => self.listen(),
                Some(Step::Skipped) => {}
                Some(Step::Changed(change)) => {
                    self.handover.push(change);
                    if let Some(ownership) = self.told()? {
                        return Ok(Some(ownership));
                    }
                }
                Some(Step::Failed(failure)) => self.judge(failure)?,
            }
        }
        Ok(None)
    }

    /// What to tell the loop, if anything.
    fn told(&mut self) -> Result<Option<Ownership>, LogError> {
        loop {
            match self.handover.next() {
                Next::Rest => return Ok(None),
                Next::Tell(ownership) => {
                    if let Ownership::Assigned(_) = ownership {
                        self.membership = self.subscriber.membership();
                    }
                    self.listen();
                    info!(?ownership, "ownership changes");
                    return Ok(Some(ownership));
                }
                Next::LetGo => {
                    let result = self.consumer().unassign();
                    self.refused("letting partitions go", result)?;
                }
            }
        }
    }

    fn judge(&mut self, failure: Failure) -> Result<(), LogError> {
        let Failure { code, fatal, reason, place } = failure;
        if let Some(error) = self.fatal() {
            return Err(error);
        }
        if is_fenced(code) {
            return Err(self.fenced(&reason));
        }
        let doing = match &place {
            Some(place) => format!("reading `{}` [{}] at offset {}", place.topic, place.partition, place.offset),
            None => "consuming".to_owned(),
        };
        if fatal || is_permanent(code) {
            return Err(self.site.broker(doing, reason));
        }
        if matches!(code, RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) {
            let reason = format!(
                "{reason}: the records at this position are gone (retention, or the topic was made again) or never \
                 were; restart, so that the position is checked against what the partition holds"
            );
            return match place {
                Some(place) if !self.is_started(&place) => Ok(()),
                _ => Err(self.site.broker(doing, reason)),
            };
        }
        if is_missing(code) {
            for topic in &self.topics {
                match self.lookup.topic(topic, Patience::Once) {
                    Err(error @ LogError::NoTopic { .. }) => return Err(error),
                    Err(error) => debug!(%error, "looking for a topic"),
                    Ok(_) => {}
                }
            }
        }
        self.faults.pass(code, &format!("{doing}: {reason}"));
        Ok(())
    }

    /// A pause would outlive the assignment.
    fn resume_all(&mut self) -> Result<(), LogError> {
        if self.paused.is_empty() {
            return Ok(());
        }
        let list = self.list(&self.paused, |partition| (*partition, None))?;
        self.paused.clear();
        let result = self.consumer().resume(&list);
        self.refused("resuming partitions", result)
    }

    fn is_started(&self, place: &Place) -> bool {
        index(&self.topics, &place.topic).is_some_and(|t| self.positions.is_started(t, PartitionId(place.partition)))
    }
}

impl Consumer for RdConsumer {
    fn poll(&mut self, wait: Duration, hand_over: &mut dyn FnMut(Item<'_>)) -> Result<Option<Ownership>, LogError> {
        if let Some(ownership) = self.told()? {
            return Ok(Some(ownership));
        }
        let deadline = Deadline::after(wait);
        if let Some(ownership) = self.events(&deadline, hand_over)? {
            return Ok(Some(ownership));
        }
        let (mut items, mut bytes) = (0, 0);
        let mut failures = Vec::new();
        while items < BATCH_ITEMS && bytes < BATCH_BYTES {
            let (topics, positions) = (&self.topics, &mut self.positions);
            let wait = if items == 0 { deadline.left() } else { Duration::ZERO };
            let room = BATCH_ITEMS - items;
            let is_something =
                self.subscriber.take(wait, room, |event| match step(topics, positions, event, hand_over) {
                    Step::Handed(size) => {
                        items += 1;
                        bytes += size;
                    }
                    Step::Failed(failure) => failures.push(failure),
                    Step::Skipped | Step::Changed(_) => {}
                });
            failures.drain(..).try_for_each(|failure| self.judge(failure))?;
            if !is_something {
                break;
            }
        }
        if items > 0 {
            self.listen();
        } else if self.silent_until.has_passed() {
            self.break_silence()?;
        }
        Ok(None)
    }

    fn start(&mut self, at: &[Position]) -> Result<(), LogError> {
        let list = self.list(at, |position| (position.partition, Some(position.next)))?;
        self.resume_all()?;
        self.positions.start(at);
        let named =
            at.iter().map(|Position { partition, .. }| Ok((name(&self.topics, partition.topic)?, partition.id.0)));
        self.subscriber.read(named.collect::<Result<Vec<_>, LogError>>()?);
        // A whole assignment, also to seek: librdkafka stops every fetch and throws away what it has read ahead.
        let result = self.consumer().assign(&list);
        self.refused("starting partitions", result)
    }

    fn release(&mut self) -> Result<(), LogError> {
        self.resume_all()?;
        self.positions.clear();
        self.handover.released();
        self.membership = None;
        let result = self.consumer().unassign();
        self.refused("letting partitions go", result)
    }

    fn pause(&mut self, partition: Partition, paused: bool) -> Result<(), LogError> {
        // Each only once: librdkafka throws away what it has read ahead, also where nothing changes.
        if self.paused.contains(&partition) == paused {
            return Ok(());
        }
        let list = self.list([&partition], |partition| (*partition, None))?;
        if paused {
            let result = self.consumer().pause(&list);
            self.refused("pausing a partition", result)?;
            self.paused.insert(partition);
        } else {
            let result = self.consumer().resume(&list);
            self.refused("resuming a partition", result)?;
            self.paused.remove(&partition);
        }
        Ok(())
    }

    fn bounds(&mut self, partitions: &[Partition], patience: Patience) -> Result<Vec<Bounds>, LogError> {
        let topics = &self.topics;
        let named = |partition: &Partition| Ok((name(topics, partition.topic)?, partition.id));
        let named = partitions.iter().map(named).collect::<Result<Vec<_>, LogError>>()?;
        self.lookup.bounds(&named, patience)
    }

    fn topics(&mut self, patience: Patience) -> Result<Vec<TopicInfo>, LogError> {
        self.topics.iter().map(|topic| self.lookup.topic(topic, patience)).collect()
    }
}

fn name(topics: &[String], topic: TopicIndex) -> Result<&str, LogError> {
    topics.get(usize::from(topic.0)).map(String::as_str).ok_or_else(|| LogError::Setting {
        setting: "topics".to_owned(),
        reason: format!("there is no topic {} among {topics:?}", topic.0),
    })
}
