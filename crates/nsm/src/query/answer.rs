//! The values, and what they stand for.

use super::wanted::Wanted;
use crate::failure::Failure;
use activity::{Bucket, Millis};
use catalog::Plan;
use exporter::{Totals, Withheld};
use jiff::Timestamp;
use serde::Serialize;

/// What `--format json` prints, by the same names.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    /// The day as of which the values are.
    pub(super) as_of: String,
    /// Whether that day is over: no event in time can change its values.
    pub(super) complete: bool,
    /// The time zone whose days are meant.
    pub(super) time_zone: String,
    /// How far all shards have come.
    pub(super) shard_time: String,
    /// The catalogue by which the values were counted.
    pub(super) catalogue: String,
    /// What the values stand for.
    pub(super) shards: Vec<ShardStands>,
    pub(super) values: Vec<Value>,
}

/// Where a shard stood when it was read.
#[derive(Debug, Serialize)]
pub(super) struct ShardStands {
    pub(super) shard: u16,
    pub(super) topic_id: String,
    pub(super) incarnation: u64,
    pub(super) next_offset: i64,
}

/// One value.
#[derive(Debug, Serialize)]
pub(super) struct Value {
    pub(super) metric: String,
    pub(super) window: String,
    pub(super) value: i64,
}

impl Answer {
    /// # Errors
    /// If shard time is not known, or the day is not kept.
    pub(super) fn of(plan: &Plan, totals: &Totals, wanted: &Wanted) -> Result<Answer, Failure> {
        let time = totals.time().ok_or_else(|| Failure::new(Withheld::NoTime))?;
        let today = plan.calendar.day(time);
        let as_of = wanted.as_of.unwrap_or(today);
        let out_of_history = || match totals.first_as_of(plan) {
            Some(first) => {
                format!("{} is not kept any more: the first day is {}", shown(plan, as_of), shown(plan, first))
            }
            None => format!("{} is not kept", shown(plan, as_of)),
        };
        if totals.first_as_of(plan).is_some_and(|first| as_of < first) {
            return Err(Failure::new(out_of_history()));
        }
        let value = |(metric, window)| {
            let value = totals.value(metric, window, as_of).ok_or_else(|| Failure::new(out_of_history()))?;
            Ok(Value { metric: plan.metric(metric).name.clone(), window: window.to_string(), value })
        };
        let stands = totals.stands().map(|(shard, stands)| ShardStands {
            shard: shard.0,
            topic_id: stands.topic.to_string(),
            incarnation: stands.incarnation.0,
            next_offset: stands.next.0,
        });
        Ok(Answer {
            as_of: shown(plan, as_of),
            complete: as_of < today,
            time_zone: plan.calendar.zone_name().to_owned(),
            shard_time: timestamp(time),
            catalogue: plan.version.to_string(),
            shards: stands.collect(),
            values: wanted.counts.iter().copied().map(value).collect::<Result<_, Failure>>()?,
        })
    }
}

fn shown(plan: &Plan, day: Bucket) -> String {
    plan.calendar.date(day).map_or_else(|| format!("day {day}"), |date| date.to_string())
}

fn timestamp(time: Millis) -> String {
    Timestamp::from_millisecond(time.0).map_or_else(|_| format!("{time} ms"), |time| time.to_string())
}
