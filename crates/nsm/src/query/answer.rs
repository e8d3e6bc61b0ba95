//! The values, and what they stand for.

use super::wanted::{Series, Wanted};
use crate::failure::Failure;
use activity::{Bucket, Grain, Millis, Window};
use catalog::{Cut, Moment, Plan};
use exporter::{Told, Totals, Withheld};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// What `--format json` prints, by the same names.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
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
    /// What tells it from others that are called the same: a label's name and value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) label: Option<(String, String)>,
    /// The slice: a dimension's name and the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) slice: Option<(String, String)>,
    pub(super) window: String,
    /// The bucket as of which the value is: a day, or when a minute or an hour begins.
    pub(super) as_of: String,
    /// `None` if the bucket is not kept any more, or if there is none: a formula has none where it divides by 0. A JSON number with
    /// all its decimals.
    #[serde(serialize_with = "number")]
    pub(super) value: Option<Told>,
    /// Whether the bucket is kept.
    #[serde(skip)]
    pub(super) is_kept: bool,
    /// Whether the bucket is over.
    pub(super) complete: bool,
}

impl Answer {
    /// # Errors
    /// If shard time is not known, or nothing that is asked for is kept.
    pub(super) fn of(plan: &Plan, totals: &Totals, wanted: &Wanted) -> Result<Answer, Failure> {
        let time = totals.time().ok_or_else(|| Failure::new(Withheld::NoTime))?;
        let as_of = wanted.as_of.unwrap_or(Moment::Time(time));
        let value = |(gauge, cut): Series, window: Window, bucket: Bucket| {
            let grain = window.grain;
            let slice = match cut {
                Some(Cut { dimension, value }) => {
                    // Of a value that was not admitted yet there is nothing to tell.
                    let label = plan.label(totals.names(), dimension, value)?;
                    Some((plan.dimension(dimension).name.clone(), label.into_owned()))
                }
                None => None,
            };
            Some(Value {
                metric: gauge.name().to_owned(),
                label: gauge.label().map(|(name, value)| (name.to_owned(), value.to_owned())),
                slice,
                window: window.to_string(),
                as_of: plan.shown(grain, bucket),
                value: totals.told(plan, gauge, cut, window, bucket),
                is_kept: totals.keeps(grain, bucket),
                complete: bucket < plan.bucket(grain, time),
            })
        };
        let values = wanted.counts.iter().flat_map(|(series, window)| {
            let buckets = buckets(plan, totals, window.grain, wanted.since, as_of);
            buckets.filter_map(move |bucket| value(*series, *window, bucket))
        });
        let values: Vec<Value> = values.collect();
        if values.is_empty() {
            return Err(Failure::new("there is nothing from --since on: it lies after --as-of, or after shard time"));
        }
        if !values.iter().any(|value| value.is_kept) {
            return Err(Failure::new(out_of_history(plan, totals, wanted, as_of)));
        }
        let stands = totals.stands().map(|(shard, stands)| ShardStands {
            shard: shard.0,
            topic_id: stands.topic.to_string(),
            incarnation: stands.incarnation.0,
            next_offset: stands.next.0,
        });
        Ok(Answer {
            time_zone: plan.calendar.zone_name().to_owned(),
            shard_time: timestamp(time),
            catalogue: plan.version.to_string(),
            shards: stands.collect(),
            values,
        })
    }
}

/// As it is shown: going through a double would lose digits.
pub(crate) fn number<S: Serializer>(value: &Option<Told>, serializer: S) -> Result<S::Ok, S::Error> {
    let raw = |value: &Told| RawValue::from_string(value.to_string()).expect("a decimal number is JSON");
    value.as_ref().map(raw).serialize(serializer)
}

/// The buckets as of which values are asked for: the one of a moment, and all that are kept from that of `since` on.
fn buckets(
    plan: &Plan,
    totals: &Totals,
    grain: Grain,
    since: Option<Moment>,
    as_of: Moment,
) -> impl Iterator<Item = Bucket> + use<> {
    let last = as_of.bucket(plan, grain);
    let first = since.map_or(last, |since| {
        let first = since.start(plan).map_or(Bucket(i32::MAX), |start| plan.bucket(grain, start));
        totals.first_as_of(grain).map_or(first, |kept| kept.max(first))
    });
    (first.0..=last.0).map(Bucket)
}

fn out_of_history(plan: &Plan, totals: &Totals, wanted: &Wanted, as_of: Moment) -> String {
    let grain = wanted.counts.iter().map(|(_, window)| window.grain).max().unwrap_or(Grain::Day);
    let asked = plan.shown(grain, as_of.bucket(plan, grain));
    match totals.first_as_of(grain) {
        Some(first) => {
            format!("{asked} is not kept any more: the first {} is {}", grain.name(), plan.shown(grain, first))
        }
        None => format!("{asked} is not kept"),
    }
}

/// A time for people and programs.
pub(crate) fn timestamp(time: Millis) -> String {
    Timestamp::from_millisecond(time.0).map_or_else(|_| format!("{time} ms"), |time| time.to_string())
}
