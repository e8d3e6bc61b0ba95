//! A stretch of one partition of the activity topic, read once.

use super::closing::Closing;
use super::config::KafkaConfig;
use super::failure::is_permanent;
use super::subscriber::{Event, Subscriber};
use super::wait::Deadline;
use crate::LogError;
use activity::{Offset, PartitionId};
use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::{self, TopicPartitionList};

/// What came of one event.
enum Step {
    Record(Offset, Vec<u8>),
    End(Offset),
    Failed(String),
    Other,
}

/// The payloads of committed records in `from..to`, or up to the last stable offset if that is before `to`. Each stretch of
/// silence is bounded, not the whole: it may be long.
pub(super) fn read(
    config: &KafkaConfig,
    topic: &str,
    id: PartitionId,
    from: Offset,
    to: Offset,
) -> Result<Vec<(Offset, Vec<u8>)>, LogError> {
    let mut found = Vec::new();
    if from >= to {
        return Ok(found);
    }
    let site = config.site();
    let doing = || format!("reading `{topic}` [{id}] from {from} to {to}");
    let subscriber = Subscriber::new(&config.reader()?).map_err(|e| site.creation(&e))?;
    let mut subscriber = Closing::new("tail", subscriber);
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, id.0, topic_partition_list::Offset::Offset(from.0))
        .and_then(|()| subscriber.consumer().assign(&list))
        .map_err(|e| site.broker(doing(), e))?;
    let mut deadline = Deadline::after(config.request_timeout);
    let mut last = String::from("no record came");
    loop {
        match subscriber.poll(deadline.left(), step) {
            Some(Step::Record(offset, payload)) => {
                if offset < to {
                    found.push((offset, payload));
                }
                if offset.next() >= to {
                    return Ok(found);
                }
                deadline = Deadline::after(config.request_timeout);
            }
            Some(Step::End(end)) if end >= from => return Ok(found),
            Some(Step::Failed(reason)) => return Err(site.broker(doing(), reason)),
            Some(Step::End(_) | Step::Other) => {}
            None => {}
        }
        if deadline.has_passed() {
            last.push_str(&format!(" within {:?}", config.request_timeout));
            return Err(site.broker(doing(), last));
        }
    }
}

fn step(event: Event<'_>) -> Step {
    match event {
        Event::Record(fetched) => Step::Record(Offset(fetched.offset), fetched.payload.unwrap_or_default().to_vec()),
        Event::End(place) => Step::End(Offset(place.offset)),
        Event::Fault { code, fatal, reason, place } if fatal || is_permanent(code) || place.is_some() => {
            Step::Failed(reason)
        }
        Event::Fault { code, reason, .. } => {
            tracing::debug!(%code, reason, "reading activity");
            Step::Other
        }
        Event::Assigned(_) | Event::Revoked | Event::Other => Step::Other,
    }
}
