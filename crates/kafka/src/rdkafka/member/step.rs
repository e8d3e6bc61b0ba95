//! One event of librdkafka, and what it is to a member.

use super::super::handover::Change;
use super::super::positions::Positions;
use super::super::subscriber::{Event, Fetched, Place};
use crate::{Headers, Item, Partition, Position, Record, TopicIndex};
use activity::{Millis, Offset, PartitionId};
use rdkafka::error::RDKafkaErrorCode;

/// What came of one event.
pub(super) enum Step {
    Handed(usize),
    Skipped,
    Changed(Change),
    Failed(Failure),
}

/// A fault that librdkafka has told.
pub(super) struct Failure {
    pub(super) code: RDKafkaErrorCode,
    pub(super) fatal: bool,
    pub(super) reason: String,
    pub(super) place: Option<Place>,
}

/// Which of the topics that is.
pub(super) fn index(topics: &[String], name: &str) -> Option<TopicIndex> {
    let index = topics.iter().position(|topic| topic == name)?;
    u16::try_from(index).ok().map(TopicIndex)
}

/// Takes one event, and hands over what it holds.
pub(super) fn step(
    topics: &[String],
    positions: &mut Positions,
    event: Event<'_>,
    hand_over: &mut dyn FnMut(Item<'_>),
) -> Step {
    match event {
        Event::Record(fetched) => record(topics, positions, &fetched, hand_over),
        Event::End(place) => {
            let Some(topic) = index(topics, &place.topic) else { return Step::Skipped };
            let partition = Partition { topic, id: PartitionId(place.partition) };
            let next = Offset(place.offset);
            if !positions.end(partition, next) {
                return Step::Skipped;
            }
            hand_over(Item::End(Position { partition, next }));
            Step::Handed(0)
        }
        Event::Assigned(places) => {
            let partition =
                |(topic, id): &(String, i32)| Some(Partition { topic: index(topics, topic)?, id: PartitionId(*id) });
            Step::Changed(Change::Assigned(places.iter().filter_map(partition).collect()))
        }
        Event::Revoked => Step::Changed(Change::Revoked),
        Event::Fault { code, fatal, reason, place } => Step::Failed(Failure { code, fatal, reason, place }),
        Event::Other => Step::Skipped,
    }
}

fn record(
    topics: &[String],
    positions: &mut Positions,
    fetched: &Fetched<'_>,
    hand_over: &mut dyn FnMut(Item<'_>),
) -> Step {
    let name = fetched.topic.to_bytes();
    let topic = topics.iter().position(|topic| topic.as_bytes() == name).and_then(|index| u16::try_from(index).ok());
    let Some(topic) = topic.map(TopicIndex) else { return Step::Skipped };
    let partition = Partition { topic, id: PartitionId(fetched.partition) };
    let offset = Offset(fetched.offset);
    if !positions.take(partition, offset) {
        return Step::Skipped;
    }
    hand_over(Item::Record(Record {
        partition,
        offset,
        timestamp: fetched.timestamp.map(Millis),
        key: fetched.key,
        payload: fetched.payload,
        headers: Headers::of(&fetched.headers),
    }));
    Step::Handed(fetched.payload.map_or(0, <[u8]>::len) + fetched.key.map_or(0, <[u8]>::len))
}
