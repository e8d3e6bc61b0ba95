//! What one event touches.

use activity::additive::Addend;
use activity::pack::Attribute;
use activity::{EventId, MetricIndex};
use std::ops::Range;

/// What one event touches, in the order of the plan's entities: a scratch buffer that is used again for every event, so
/// that it soon needs no more memory.
#[derive(Clone, Debug, Default)]
pub struct Touches {
    spans: Vec<Span>,
    keys: Vec<u8>,
    metrics: Vec<MetricIndex>,
    /// Of the event itself: its id, if it is counted or added up.
    id: Option<EventId>,
    counting: Vec<MetricIndex>,
    values: Vec<i64>,
    /// The entity whose attributes it tells, where in its key the shard key lies, and what it tells.
    owner: Vec<u8>,
    owner_shard: Range<usize>,
    attributes: Vec<Attribute>,
    /// The rules that exclude the event, as bits.
    excluded: u64,
    /// Where a number is written as text.
    pub(crate) digits: String,
}

/// One entity that the event touches, and the metrics for which it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch<'a> {
    /// The bytes of its [`activity::EntityKey`].
    pub key: &'a [u8],
    /// The part of the key that decides the shard, as [`activity::key::push_part`] wrote it.
    pub shard_key: &'a [u8],
    /// The metrics, ascending, at least one.
    pub metrics: &'a [MetricIndex],
}

/// An entity whose attributes a record tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed<'a> {
    /// The bytes of its [`activity::EntityKey`].
    pub key: &'a [u8],
    /// The part of the key that decides the shard, as [`activity::key::push_part`] wrote it.
    pub shard_key: &'a [u8],
    /// Its attributes from the record's time on, at least one; those that are not here stay what they were.
    pub values: &'a [Attribute],
}

/// The event as one that is counted itself, or whose values are added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted<'a> {
    /// Its id, and its value for each metric that adds one up, in units of the metric's last decimal.
    pub event: Addend<'a>,
    /// The metrics that count it, ascending, then those that add a value of it up, ascending.
    pub metrics: &'a [MetricIndex],
}

impl<'a> Counted<'a> {
    /// The metrics that count it, and those that add a value of it up.
    #[must_use]
    pub fn counts_and_sums(&self) -> (&'a [MetricIndex], &'a [MetricIndex]) {
        self.metrics.split_at(self.metrics.len() - self.event.values.len())
    }
}

#[derive(Clone, Debug)]
struct Span {
    key: Range<usize>,
    shard_key: Range<usize>,
    metrics: Range<usize>,
}

impl Touches {
    /// The entities that the event touches, each once.
    pub fn iter(&self) -> impl Iterator<Item = Touch<'_>> {
        self.spans.iter().map(|span| Touch {
            key: &self.keys[span.key.clone()],
            shard_key: &self.keys[span.shard_key.clone()],
            metrics: &self.metrics[span.metrics.clone()],
        })
    }

    /// The event itself, if a metric counts it or adds a value of it up.
    #[must_use]
    pub fn counted(&self) -> Option<Counted<'_>> {
        let event = Addend { id: self.id?, values: &self.values };
        Some(Counted { event, metrics: &self.counting })
    }

    /// The entity whose attributes the record tells, if it tells any that is asked for.
    #[must_use]
    pub fn changed(&self) -> Option<Changed<'_>> {
        let (key, values) = (self.owner.as_slice(), self.attributes.as_slice());
        (!values.is_empty()).then(|| Changed { key, shard_key: &key[self.owner_shard.clone()], values })
    }

    /// The places in the plan of the rules that exclude the event.
    pub fn excluded(&self) -> impl Iterator<Item = usize> + use<> {
        let bits = self.excluded;
        (0..64).filter(move |at| bits >> at & 1 == 1)
    }

    /// Whether it counts nowhere: no metric wants it.
    #[must_use]
    pub fn counts_nowhere(&self) -> bool {
        self.spans.is_empty() && self.id.is_none()
    }

    pub(crate) fn clear(&mut self) {
        self.spans.clear();
        self.keys.clear();
        self.metrics.clear();
        self.id = None;
        self.counting.clear();
        self.values.clear();
        self.owner.clear();
        self.attributes.clear();
        self.excluded = 0;
    }

    /// Sets the rules that exclude the event, as bits.
    pub(crate) fn exclude(&mut self, rules: u64) {
        self.excluded = rules;
    }

    /// Sets the attributes that the record tells. `build` appends the key of their entity to the bytes and says where in them
    /// its shard key lies; `None` if the record does not name it. Whether it does.
    pub(crate) fn change<E>(
        &mut self,
        values: impl Iterator<Item = Attribute>,
        build: impl FnOnce(&mut Vec<u8>, &mut String) -> Result<Option<Range<usize>>, E>,
    ) -> Result<bool, E> {
        let shard_key = build(&mut self.owner, &mut self.digits)?;
        if let Some(shard_key) = &shard_key {
            self.owner_shard = shard_key.clone();
            self.attributes.extend(values);
        }
        Ok(shard_key.is_some())
    }

    /// Sets the metrics that count the event itself, and those that add up a value of it. If there are any, `id` says the
    /// event's id, and `value` its value for each metric that adds up.
    pub(crate) fn count<E>(
        &mut self,
        counts: impl Iterator<Item = MetricIndex>,
        sums: impl Iterator<Item = MetricIndex>,
        id: impl FnOnce(&mut String) -> Result<EventId, E>,
        value: impl Fn(MetricIndex, &mut String) -> Result<i64, E>,
    ) -> Result<(), E> {
        self.counting.extend(counts);
        let count = self.counting.len();
        self.counting.extend(sums);
        if !self.counting.is_empty() {
            self.id = Some(id(&mut self.digits)?);
        }
        for metric in &self.counting[count..] {
            self.values.push(value(*metric, &mut self.digits)?);
        }
        Ok(())
    }

    /// Adds the metrics that want the next entity; whether there are any.
    pub(crate) fn want(&mut self, metrics: impl Iterator<Item = MetricIndex>) -> bool {
        let before = self.metrics.len();
        self.metrics.extend(metrics);
        self.metrics.len() > before
    }

    /// Adds the entity that the metrics last wanted. `build` appends its key to the bytes and says where in them its shard
    /// key lies; `None` if the event does not name it, and then nothing was added.
    pub(crate) fn add<E>(
        &mut self,
        build: impl FnOnce(&mut Vec<u8>, &mut String) -> Result<Option<Range<usize>>, E>,
    ) -> Result<(), E> {
        let (key, metrics) = self.spans.last().map_or((0, 0), |span| (span.key.end, span.metrics.end));
        match build(&mut self.keys, &mut self.digits)? {
            Some(shard_key) => {
                let (key, metrics) = (key..self.keys.len(), metrics..self.metrics.len());
                self.spans.push(Span { key, shard_key, metrics });
            }
            None => {
                self.keys.truncate(key);
                self.metrics.truncate(metrics);
            }
        }
        Ok(())
    }
}
