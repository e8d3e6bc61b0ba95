//! The simulated world: what outlives the workers, and the faults that befall them.

use crate::faults::Faults;
use crate::group::{Group, Node};
use crate::log::{Fate, LogPartition, Topic, index, offset};
use crate::oracle::ShardOracle;
use activity::{MetricIndex, Millis, Shard, TopicId};
use catalog::Plan;
use exporter::{Board, Totals};
use kafka::{Committed, DeadLetter, Partition, Transaction};
use prometheus::Registry;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use state::MemoryStore;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Where each shard's log ended when the shard was last begun anew.
pub(crate) type Claims = BTreeMap<Shard, usize>;

pub(crate) struct World {
    pub(crate) rng: SmallRng,
    pub(crate) plan: Arc<Plan>,
    pub(crate) now: Millis,
    pub(crate) sources: Vec<Topic>,
    pub(crate) activity: Topic,
    pub(crate) dead_letters: Vec<DeadLetter>,
    pub(crate) positions: BTreeMap<Partition, Committed>,
    pub(crate) ingest_group: Group,
    pub(crate) window_group: Group,
    open: BTreeMap<Node, Open>,
    pub(crate) store: MemoryStore,
    /// Older states of the store, to go back to, each with what was claimed by then.
    pub(crate) snapshots: Vec<(MemoryStore, Claims)>,
    pub(crate) store_down: bool,
    pub(crate) crashed: BTreeSet<Node>,
    /// No more faults: the world comes to rest.
    pub(crate) calm: bool,
    pub(crate) faults: Faults,
    pub(crate) oracles: Vec<ShardOracle>,
    /// The exporter's view.
    pub(crate) board: Board,
    pub(crate) claimed_at: Claims,
    /// Where each shard's log ended when a node last asked.
    pub(crate) asked: BTreeMap<(Node, Shard), usize>,
    /// The first thing that is wrong.
    pub(crate) failure: Option<String>,
}

fn board(plan: Arc<Plan>, shards: usize) -> Board {
    let settings = exporter::Settings { shards: u16::try_from(shards).expect("few"), stale_ms: 60_000 };
    let metrics = exporter::Metrics::register(&Registry::new()).expect("a fresh registry");
    Board::new(plan, settings, metrics)
}

/// A transaction that is open.
struct Open {
    entries: Vec<(usize, usize)>,
    positions: Vec<(Partition, Committed)>,
    dead_letters: Vec<DeadLetter>,
}

impl World {
    pub(crate) fn new(seed: u64, plan: Arc<Plan>, source_partitions: &[usize], shards: usize, start: Millis) -> World {
        let topic = |name: &str, id: u8, partitions: usize| Topic {
            name: name.to_owned(),
            id: TopicId([id; 16]),
            partitions: vec![LogPartition::default(); partitions],
        };
        let named = plan.sources.iter().zip(source_partitions).zip(1..);
        let sources: Vec<Topic> = named.map(|((source, count), id)| topic(&source.topic, id, *count)).collect();
        let partitions_of = |(at, topic): (usize, &Topic)| {
            let topic_index = kafka::TopicIndex(u16::try_from(at).expect("few"));
            let ids = (0..topic.partitions.len()).map(|id| i32::try_from(id).expect("few"));
            ids.map(move |id| Partition { topic: topic_index, id: activity::PartitionId(id) }).collect::<Vec<_>>()
        };
        let source_partitions = sources.iter().enumerate().flat_map(partitions_of).collect();
        let activity = topic("activity", 99, shards);
        World {
            rng: SmallRng::seed_from_u64(seed),
            now: start,
            ingest_group: Group::new(source_partitions),
            window_group: Group::new(partitions_of((0, &activity))),
            oracles: (0..shards).map(|_| ShardOracle::new(plan.clone())).collect(),
            board: board(plan.clone(), shards),
            claimed_at: BTreeMap::new(),
            asked: BTreeMap::new(),
            plan,
            sources,
            activity,
            dead_letters: Vec::new(),
            positions: BTreeMap::new(),
            open: BTreeMap::new(),
            store: MemoryStore::default(),
            snapshots: Vec::new(),
            store_down: false,
            crashed: BTreeSet::new(),
            calm: false,
            faults: Faults::default(),
            failure: None,
        }
    }

    /// Whether something that happens `one_in` times happens now. In a calm world nothing does.
    pub(crate) fn chance(&mut self, one_in: u32) -> bool {
        !self.calm && self.rng.random_ratio(1, one_in)
    }

    pub(crate) fn fail(&mut self, what: String) {
        self.failure.get_or_insert(what);
    }

    /// Appends a transaction's records, undecided, and takes its positions in.
    pub(crate) fn begin(&mut self, node: Node, transaction: &Transaction) {
        self.abort(node);
        let mut entries = Vec::new();
        for (shard, pack) in transaction.packs.iter().enumerate() {
            let at = self.activity.partitions[shard].append(Fate::Open, self.now, pack.clone());
            entries.push((shard, at));
        }
        let (positions, dead_letters) = (transaction.positions.clone(), transaction.dead_letters.clone());
        self.open.insert(node, Open { entries, positions, dead_letters });
    }

    /// Ends a node's transaction. `false` if it has none any more: it was aborted over its head.
    pub(crate) fn commit(&mut self, node: Node) -> bool {
        let Some(open) = self.open.remove(&node) else {
            return false;
        };
        self.decide(&open.entries, Fate::Committed);
        self.positions.extend(open.positions);
        self.dead_letters.extend(open.dead_letters);
        true
    }

    pub(crate) fn abort(&mut self, node: Node) {
        if let Some(open) = self.open.remove(&node) {
            self.faults.count("transaction aborted");
            self.decide(&open.entries, Fate::Aborted);
        }
    }

    fn decide(&mut self, entries: &[(usize, usize)], fate: Fate) {
        for (shard, at) in entries {
            let partition = &mut self.activity.partitions[*shard];
            partition.entries[*at].fate = fate;
            partition.append(Fate::Marker, self.now, Vec::new());
        }
    }

    /// Whoever asks for committed positions waits for open transactions on them; in this world the wait is over at once,
    /// since the broker aborts them for taking too long.
    pub(crate) fn settle(&mut self, partitions: &[Partition]) {
        let touches = |open: &Open| open.positions.iter().any(|(partition, _)| partitions.contains(partition));
        let pending: Vec<Node> = self.open.iter().filter(|(_, open)| touches(open)).map(|(node, _)| *node).collect();
        for node in pending {
            self.faults.count("open transaction timed out");
            self.abort(node);
        }
    }

    /// A dead node's transaction runs into its time-out.
    pub(crate) fn time_out_transactions(&mut self, dead: impl Fn(Node) -> bool) {
        let nodes: Vec<Node> = self.open.keys().copied().filter(|node| dead(*node)).collect();
        nodes.into_iter().for_each(|node| self.abort(node));
    }

    /// Compares what is stored of a shard with what its log says it has to be.
    pub(crate) fn check(&mut self, shard: Shard) {
        let at = usize::from(shard.0);
        let partition = &self.activity.partitions[at];
        if let Err(difference) = self.oracles[at].check(shard, partition, &mut self.store) {
            self.fail(difference);
        }
    }

    /// A node begins a shard anew: until it has come to where the log ended when the node asked, nobody may believe it.
    pub(crate) fn claimed(&mut self, node: Node, shard: Shard) {
        let end = self.asked.get(&(node, shard)).copied().unwrap_or(usize::MAX);
        self.claimed_at.insert(shard, end);
    }

    /// Reads the board, and compares what it shows with what the logs say as of where the shards stand.
    pub(crate) fn look_at_board(&mut self) {
        let now = self.now;
        let Some(text) = self.board.refresh(&mut self.store, now).and_then(|shown| shown.at(now)) else {
            self.faults.count("gauges absent");
            return;
        };
        self.faults.count("gauges shown");
        let shards = u16::try_from(self.oracles.len()).expect("few");
        let plan = self.plan.clone();
        let totals = Totals::read(&mut self.store, &plan, shards).expect("the board has just read the same");
        let stands: Vec<usize> = totals.stands().map(|(_, stands)| index(stands.next)).collect();
        if let Err(why) = self.compare_board(&text, &stands) {
            self.fail(format!("the board, of shards at {stands:?}: {why}"));
        }
    }

    fn compare_board(&mut self, text: &str, stands: &[usize]) -> Result<(), String> {
        for ((shard, next), log) in (0..).map(Shard).zip(stands).zip(&self.activity.partitions) {
            let claimed_at = self.claimed_at.get(&shard).copied().unwrap_or(0);
            if log.committed(*next, claimed_at).next().is_some() {
                return Err(format!("shard {shard} is shown before its rebuild came to {claimed_at}"));
            }
        }
        let times = self.oracles.iter_mut().zip(&self.activity.partitions).zip(stands);
        let times: Vec<_> = times.map(|((oracle, log), next)| oracle.time(log, *next)).collect();
        let time = times.into_iter().min().flatten().ok_or("it is shown without a shard time")?;
        let today = self.plan.calendar.day(time);
        let mut expected = String::new();
        for (at, metric) in (0..).map(MetricIndex).zip(&self.plan.metrics) {
            for window in &metric.windows {
                for (complete, as_of) in [("false", today), ("true", today.plus(-1))] {
                    let values = self.oracles.iter().zip(stands);
                    let value: usize = values.map(|(oracle, next)| oracle.active(at, *window, as_of, *next)).sum();
                    let name = &metric.name;
                    expected += &format!("nsm_{name}{{window=\"{window}\",complete=\"{complete}\"}} {value}\n");
                }
            }
        }
        let told: String = text.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
        if told == expected { Ok(()) } else { Err(format!("it shows\n{told}the logs say\n{expected}")) }
    }

    pub(crate) fn activity_end(&self, shard: usize) -> activity::Offset {
        offset(self.activity.partitions[shard].stable_end())
    }
}
