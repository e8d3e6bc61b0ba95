//! Two shards as window would have written them, and a board over them.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
#![allow(dead_code, reason = "no test uses all of it")]

use activity::clock::{PartitionProgress, SourceProgress};
use activity::counter::Counter;
use activity::fence::{FORMAT, Fence};
use activity::header::Header;
use activity::{Bucket, Incarnation, MetricIndex, Millis, Offset, Shard, TopicId, Window};
use catalog::Plan;
use exporter::{Board, Metrics, Settings};
use prometheus::Registry;
use state::{Commit, CounterKey, MemoryStore, Store, Verdict};
use std::sync::Arc;

pub(crate) const CATALOGUE: &str = "
version: 1
product: test
sources: { usage: { topic: usage } }
entities: { user: { key: user_id } }
metrics:
  users:
    type: simple
    description: Users \\ of the product
    measure: { agg: count_distinct, entity: user, events: any }
    windows: [1d, 7d]
";
/// Noon of day 20,000.
pub(crate) const NOW: Millis = Millis(20_000 * 86_400_000 + 43_200_000);

/// Two shards, as window would have written them, and a board over them.
pub(crate) struct Harness {
    pub(crate) plan: Arc<Plan>,
    pub(crate) store: MemoryStore,
    pub(crate) board: Board,
    pub(crate) registry: Registry,
}

impl Harness {
    pub(crate) fn new() -> Harness {
        Harness::of(CATALOGUE)
    }

    pub(crate) fn of(catalogue: &str) -> Harness {
        let plan = Arc::new(catalog::parse(catalogue).unwrap());
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).unwrap();
        let board = Board::new(plan.clone(), Settings { shards: 2, stale_ms: 10_000 }, metrics);
        let mut harness = Harness { plan, store: MemoryStore::default(), board, registry };
        (0..2).for_each(|shard| harness.write(shard, harness.fence(5), &harness.header()));
        harness
    }

    pub(crate) fn fence(&self, next: i64) -> Fence {
        let (topic, incarnation) = (TopicId([3; 16]), Incarnation(1));
        Fence { format: FORMAT, topic, catalogue: self.plan.version, incarnation, next: Offset(next) }
    }

    pub(crate) fn header(&self) -> Header {
        let partitions = vec![PartitionProgress {
            topic_id: Some(TopicId([4; 16])),
            next: Some(Offset(9)),
            clock: Some(NOW),
            joined: None,
        }];
        Header {
            sources: vec![SourceProgress { topic: "usage".into(), partitions }],
            time: Some(NOW),
            sealed_at: NOW,
            ..Header::default()
        }
    }

    /// Writes a shard in which one user was active on day 19,999 and one on day 20,000, over whatever is there.
    pub(crate) fn write(&mut self, shard: u16, next: Fence, header: &Header) {
        let expected = self.store.stored(Shard(shard)).unwrap().map(|stored| stored.state.fence);
        let counter = |days: i32| {
            let mut counter = Counter::default();
            for first in [19_999, 20_000] {
                counter.step(Bucket(first), 1);
                counter.step(Bucket(first + days), -1);
            }
            counter.encode()
        };
        let key = |days| CounterKey { metric: MetricIndex(0), window: Window::days(days) };
        let counters = vec![(key(1), counter(1)), (key(7), counter(7))];
        let commit = Commit { expected, next, header: header.encode(), counters, records: Vec::new() };
        assert_eq!(self.store.commit(Shard(shard), &commit).unwrap(), Verdict::Committed);
    }

    pub(crate) fn text(&mut self, now: Millis) -> Option<Arc<str>> {
        self.board.refresh(&mut self.store, now)?.at(now)
    }

    /// The reason that the pipeline's own gauges give.
    pub(crate) fn withheld(&self) -> Vec<String> {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == "northstar_gauges_withheld").unwrap();
        let set = family.get_metric().iter().filter(|metric| metric.get_gauge().get_value() > 0.0);
        set.map(|metric| metric.get_label()[0].value().to_owned()).collect()
    }

    pub(crate) fn is_absent_for(&mut self, now: Millis, reason: &str) {
        assert_eq!(self.text(now), None);
        assert_eq!(self.withheld(), [reason]);
    }
}
