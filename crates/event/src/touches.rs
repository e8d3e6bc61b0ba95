//! What one event touches.

use activity::MetricIndex;
use std::ops::Range;

/// What one event touches, in the order of the plan's entities: a scratch buffer that is used again for every event, so
/// that it soon needs no more memory.
#[derive(Clone, Debug, Default)]
pub struct Touches {
    spans: Vec<Span>,
    keys: Vec<u8>,
    metrics: Vec<MetricIndex>,
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

    /// Whether it touches nothing: no metric wants it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.spans.clear();
        self.keys.clear();
        self.metrics.clear();
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
