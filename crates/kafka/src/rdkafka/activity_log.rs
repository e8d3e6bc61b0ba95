//! The activity topic, as window reads it.

use super::config::KafkaConfig;
use super::member::Member;
use crate::{ActivityLog, Bounds, Consumer, Item, LogError, Ownership, Partition, Position, TopicIndex, TopicInfo};
use std::time::Duration;

/// A member of the group `<group>-window` that reads the activity topic. Its positions are kept in the state store; the
/// group only shares the shards out.
///
/// Dropping it leaves the group's membership in place, so that a restart of the same instance gets its shards back at once.
pub struct RdActivityLog {
    member: Member,
}

impl RdActivityLog {
    /// Joins the group.
    ///
    /// # Errors
    /// If a setting is refused, the topic does not exist, or the broker does not answer.
    pub fn new(config: &KafkaConfig, activity_topic: &str) -> Result<RdActivityLog, LogError> {
        let group = format!("{}-window", config.group);
        let member = Member::join(config, &group, &[activity_topic.to_owned()])?;
        Ok(RdActivityLog { member })
    }
}

impl ActivityLog for RdActivityLog {}

impl Consumer for RdActivityLog {
    fn poll(&mut self, wait: Duration, hand_over: &mut dyn FnMut(Item<'_>)) -> Result<Option<Ownership>, LogError> {
        self.member.poll(wait, hand_over)
    }

    fn start(&mut self, at: &[Position]) -> Result<(), LogError> {
        self.member.start(at)
    }

    fn release(&mut self) -> Result<(), LogError> {
        self.member.release()
    }

    fn pause(&mut self, partition: Partition, paused: bool) -> Result<(), LogError> {
        self.member.pause(partition, paused)
    }

    fn bounds(&mut self, partition: Partition) -> Result<Bounds, LogError> {
        self.member.bounds(partition)
    }

    fn topic(&mut self, topic: TopicIndex) -> Result<TopicInfo, LogError> {
        self.member.topic(topic)
    }
}
