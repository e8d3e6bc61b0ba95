//! What one event touches.

use crate::admitted::Undecided;
use activity::additive::Addend;
use activity::pack::{Attribute, Marked};
use activity::{EventId, MetricIndex, Shard, key};
use std::ops::Range;

/// What one event touches, in the order of the plan's entities: a scratch buffer that is used again for every event, so
/// that it soon needs no more memory.
#[derive(Clone, Debug, Default)]
pub struct Touches {
    spans: Vec<Span>,
    keys: Vec<u8>,
    metrics: Vec<MetricIndex>,
    /// Of the event itself, if it is counted or added up.
    counted: Vec<Group>,
    /// Its values for those that add up, group by group.
    values: Vec<i64>,
    /// The entities to which it happens, and what is kept of it for them, one after the other.
    marked: Vec<MarkedSpan>,
    marks: Vec<Marked>,
    /// The entity whose attributes it tells, where in its key the shard key lies, and what it tells.
    owner: Vec<u8>,
    owner_shard: Range<usize>,
    attributes: Vec<Attribute>,
    /// The rules that exclude the event, as bits.
    excluded: u64,
    undecided: Vec<Undecided>,
    /// Where a number is written as text, and where one is of which a fact is asked.
    pub(crate) digits: String,
    pub(crate) digits_of_facts: String,
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

/// With which time an event is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    /// Its own.
    Moment,
    /// The beginning of its day.
    Day,
}

/// One entity to which the event happens, for metrics that keep that with a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Happened<'a> {
    /// With which.
    pub at: At,
    /// The bytes of its [`activity::EntityKey`].
    pub key: &'a [u8],
    /// The part of the key that decides the shard, as [`activity::key::push_part`] wrote it.
    pub shard_key: &'a [u8],
    /// What is kept, for each metric, at least one.
    pub values: &'a [Marked],
}

/// The event as one that is counted itself, or whose values are added up, for metrics whose slices follow the same owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted<'a> {
    /// Its id under that owner, and its value for each metric that adds one up, in units of the metric's last decimal.
    pub event: Addend<'a>,
    /// The metrics that count it, ascending, then those that add a value of it up, ascending.
    pub metrics: &'a [MetricIndex],
    /// The bytes of the owner's [`activity::EntityKey`]; empty if the slices follow none, or if the event does not name it.
    pub owner: &'a [u8],
    shard_key: &'a [u8],
}

impl<'a> Counted<'a> {
    /// The metrics that count it, and those that add a value of it up.
    #[must_use]
    pub fn counts_and_sums(&self) -> (&'a [MetricIndex], &'a [MetricIndex]) {
        self.metrics.split_at(self.metrics.len() - self.event.values.len())
    }

    /// The shard in which all copies of it meet: its owner's, or that of its id.
    ///
    /// # Panics
    /// If `shards` is 0.
    #[must_use]
    pub fn shard(&self, shards: u16) -> Shard {
        if self.owner.is_empty() { self.event.id.shard(shards) } else { key::shard_of(self.shard_key, shards) }
    }
}

#[derive(Clone, Debug)]
struct Span {
    key: Range<usize>,
    shard_key: Range<usize>,
    metrics: Range<usize>,
}

#[derive(Clone, Debug)]
struct MarkedSpan {
    at: At,
    key: Range<usize>,
    shard_key: Range<usize>,
    values: Range<usize>,
}

/// Places of what metrics of the same owner count; `owner` is empty if it is nobody.
#[derive(Clone, Debug)]
struct Group {
    id: EventId,
    owner: Range<usize>,
    shard_key: Range<usize>,
    metrics: Range<usize>,
    values: Range<usize>,
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

    /// The entities to which the event happens for metrics that keep that, each once with each time.
    pub fn happened(&self) -> impl Iterator<Item = Happened<'_>> {
        self.marked.iter().map(|span| Happened {
            at: span.at,
            key: &self.keys[span.key.clone()],
            shard_key: &self.keys[span.shard_key.clone()],
            values: &self.marks[span.values.clone()],
        })
    }

    /// The event itself, if metrics count it or add a value of it up: once for each owner of theirs.
    pub fn counted(&self) -> impl Iterator<Item = Counted<'_>> {
        self.counted.iter().map(|group| Counted {
            event: Addend { id: group.id, values: &self.values[group.values.clone()] },
            metrics: &self.metrics[group.metrics.clone()],
            owner: &self.keys[group.owner.clone()],
            shard_key: &self.keys[group.shard_key.clone()],
        })
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

    /// The values of dimensions that it needs and that have no number yet. Until they do, nothing else here is true.
    #[must_use]
    pub fn undecided(&self) -> &[Undecided] {
        &self.undecided
    }

    /// Whether it counts nowhere: no metric wants it.
    #[must_use]
    pub fn counts_nowhere(&self) -> bool {
        self.spans.is_empty() && self.counted.is_empty() && self.marked.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.spans.clear();
        self.keys.clear();
        self.metrics.clear();
        self.counted.clear();
        self.values.clear();
        self.marked.clear();
        self.marks.clear();
        self.owner.clear();
        self.attributes.clear();
        self.excluded = 0;
        self.undecided.clear();
    }

    /// Sets the rules that exclude the event, as bits.
    pub(crate) fn exclude(&mut self, rules: u64) {
        self.excluded = rules;
    }

    /// Adds values that have no number yet.
    pub(crate) fn leave_undecided(&mut self, values: Vec<Undecided>) {
        self.undecided.extend(values);
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

    /// Adds metrics whose slices follow the same owner: those that count the event itself, and those that add up a value of it.
    /// If there are any, `build` appends the owner's key to the bytes, and says under which id the event counts and where in the
    /// bytes the key's shard key lies; `None` if the slices follow no owner or the event does not name it. `value` says its value
    /// for each metric that adds up. Entities come before.
    pub(crate) fn count<E>(
        &mut self,
        counts: impl Iterator<Item = MetricIndex>,
        sums: impl Iterator<Item = MetricIndex>,
        build: impl FnOnce(&mut Vec<u8>, &mut String) -> Result<(EventId, Option<Range<usize>>), E>,
        value: impl Fn(MetricIndex, &mut String) -> Result<i64, E>,
    ) -> Result<(), E> {
        let (first, owner, values) = (self.metrics.len(), self.keys.len(), self.values.len());
        self.metrics.extend(counts);
        let first_sum = self.metrics.len();
        self.metrics.extend(sums);
        if self.metrics.len() == first {
            return Ok(());
        }
        let (id, shard_key) = build(&mut self.keys, &mut self.digits)?;
        if shard_key.is_none() {
            self.keys.truncate(owner);
        }
        for metric in &self.metrics[first_sum..] {
            self.values.push(value(*metric, &mut self.digits)?);
        }
        let (owner, metrics) = (owner..self.keys.len(), first..self.metrics.len());
        let (shard_key, values) = (shard_key.unwrap_or_default(), values..self.values.len());
        self.counted.push(Group { id, owner, shard_key, metrics, values });
        Ok(())
    }

    /// Adds what is kept of the event for metrics of one entity, with a time: `say` appends it for one of them, and `build`, if there is any, the key
    /// of the entity to the bytes, and says where in them its shard key lies; `None` if the event does not name it. Entities that
    /// count come before. Whether anything is kept if it names one.
    pub(crate) fn mark<E>(
        &mut self,
        at: At,
        metrics: impl Iterator<Item = MetricIndex>,
        build: impl FnOnce(&mut Vec<u8>, &mut String) -> Result<Option<Range<usize>>, E>,
        say: impl Fn(MetricIndex, &mut Vec<Marked>, &mut String) -> Result<(), E>,
    ) -> Result<bool, E> {
        let (key, values) = (self.keys.len(), self.marks.len());
        for metric in metrics {
            say(metric, &mut self.marks, &mut self.digits)?;
        }
        if self.marks.len() == values {
            return Ok(false);
        }
        match build(&mut self.keys, &mut self.digits)? {
            Some(shard_key) => {
                let (key, values) = (key..self.keys.len(), values..self.marks.len());
                self.marked.push(MarkedSpan { at, key, shard_key, values });
            }
            None => {
                self.keys.truncate(key);
                self.marks.truncate(values);
            }
        }
        Ok(true)
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
