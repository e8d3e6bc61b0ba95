//! The simulated world: what outlives the workers, and the faults that befall them.

use crate::board::board;
use crate::events::Events;
use crate::faults::Faults;
use crate::group::{Group, Node};
use crate::log::{Fate, LogPartition, Topic, offset};
use crate::oracle::ShardOracle;
use crate::produce::{Meant, Produced};
use crate::producers::Producer;
use crate::topics::{identity, partition};
use crate::transcript::{Told, Transcript};
use activity::{Millis, Shard, TopicId};
use catalog::Plan;
use exporter::Board;
use kafka::{Committed, DeadLetter, Partition, Transaction};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use state::{MemoryStore, Store};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Where each shard's log ended when the shard was last begun anew.
pub(crate) type Claims = BTreeMap<Shard, usize>;

/// A node, and which of the processes that were started as it. The newest is the one that the log serves.
pub(crate) type Process = (Node, u32);

/// An activity topic, and what its shards have to be.
pub(crate) struct Activity {
    pub(crate) topic: Topic,
    oracles: Vec<ShardOracle>,
}

pub(crate) struct World {
    pub(crate) rng: SmallRng,
    pub(crate) plan: Arc<Plan>,
    pub(crate) now: Millis,
    pub(crate) sources: Vec<Topic>,
    /// The activity topics, each made when the one before was deleted.
    activities: Vec<Activity>,
    /// How many topics were ever made.
    made: u32,
    pub(crate) produced: Produced,
    /// What was last sent, by source.
    pub(crate) sent: Vec<VecDeque<Meant>>,
    /// The producers' transactions that are open.
    pub(crate) producers: Vec<Producer>,
    pub(crate) transcript: Transcript,
    pub(crate) dead_letters: Vec<DeadLetter>,
    pub(crate) positions: BTreeMap<Partition, Committed>,
    pub(crate) ingest_group: Group,
    pub(crate) window_group: Group,
    /// The newest process of each node.
    newest: BTreeMap<Node, u32>,
    open: BTreeMap<Process, Open>,
    pub(crate) store: MemoryStore,
    /// Older states of the store, to go back to, each with what was claimed by then.
    pub(crate) snapshots: Vec<(MemoryStore, Claims)>,
    pub(crate) store_down: bool,
    pub(crate) crashed: BTreeSet<Process>,
    /// What is in the topic of proposals.
    pub(crate) proposals: Vec<Vec<u8>>,
    /// Processes of which some partition may stand before a record that was handed over.
    pub(crate) waiting: BTreeSet<Process>,
    /// No more faults: the world comes to rest.
    pub(crate) calm: bool,
    pub(crate) faults: Faults,
    /// The exporter's view.
    pub(crate) board: Board,
    pub(crate) claimed_at: Claims,
    /// Where each shard's log ended when a process last asked.
    pub(crate) asked: BTreeMap<(Process, Shard), usize>,
    /// The first thing that is wrong.
    pub(crate) failure: Option<String>,
}

/// A transaction that is open.
struct Open {
    entries: Vec<(usize, usize)>,
    positions: Vec<(Partition, Committed)>,
    dead_letters: Vec<DeadLetter>,
    told: Vec<(Partition, Vec<Told>)>,
}

impl Activity {
    /// What its shards' logs say of events that count by themselves.
    pub(crate) fn events(&self) -> impl Iterator<Item = &Events> {
        self.oracles.iter().map(|oracle| &oracle.events)
    }
}

impl World {
    pub(crate) fn new(seed: u64, plan: Arc<Plan>, source_partitions: &[usize], shards: usize, start: Millis) -> World {
        let mut made = 0;
        let mut topic = |name: &str, partitions: usize| {
            made += 1;
            Topic { name: name.to_owned(), id: identity(made), partitions: vec![LogPartition::default(); partitions] }
        };
        let named = plan.sources.iter().zip(source_partitions);
        let sources: Vec<Topic> = named.map(|(source, count)| topic(&source.topic, *count)).collect();
        let activity = topic("activity", shards);
        let of_source = |(at, topic): (usize, &Topic)| (0..topic.partitions.len()).map(move |id| partition(at, id));
        let mut world = World {
            rng: SmallRng::seed_from_u64(seed),
            now: start,
            ingest_group: Group::new(sources.iter().enumerate().flat_map(of_source).collect()),
            window_group: Group::new((0..shards).map(|shard| partition(0, shard)).collect()),
            board: board(plan.clone(), shards),
            claimed_at: BTreeMap::new(),
            asked: BTreeMap::new(),
            plan,
            sources,
            activities: Vec::new(),
            made,
            produced: BTreeMap::new(),
            sent: vec![VecDeque::new(); source_partitions.len()],
            producers: Vec::new(),
            transcript: Transcript::default(),
            dead_letters: Vec::new(),
            positions: BTreeMap::new(),
            newest: BTreeMap::new(),
            open: BTreeMap::new(),
            store: MemoryStore::default(),
            snapshots: Vec::new(),
            store_down: false,
            crashed: BTreeSet::new(),
            proposals: Vec::new(),
            waiting: BTreeSet::new(),
            calm: false,
            faults: Faults::default(),
            failure: None,
        };
        world.adopt_activity(activity);
        world
    }

    /// Whether something that happens `one_in` times happens now. In a calm world nothing does.
    pub(crate) fn chance(&mut self, one_in: u32) -> bool {
        !self.calm && self.rng.random_ratio(1, one_in)
    }

    pub(crate) fn fail(&mut self, what: String) {
        self.failure.get_or_insert(what);
    }

    pub(crate) fn made(&self) -> u32 {
        self.made
    }

    pub(crate) fn new_identity(&mut self) -> TopicId {
        self.made += 1;
        identity(self.made)
    }

    /// The activity topic that there is now.
    pub(crate) fn activity(&self) -> &Activity {
        self.activities.last().expect("there always is one")
    }

    pub(crate) fn shards(&self) -> u16 {
        u16::try_from(self.activity().topic.partitions.len()).expect("few")
    }

    pub(crate) fn adopt_activity(&mut self, topic: Topic) {
        let oracles = topic.partitions.iter().map(|_| ShardOracle::new(self.plan.clone())).collect();
        self.activities.push(Activity { topic, oracles });
    }

    pub(crate) fn activities(&self) -> impl Iterator<Item = &Activity> {
        self.activities.iter()
    }

    /// A shard's log in an activity topic, present or past, and what the shard has to be.
    pub(crate) fn shard_of(&mut self, topic: TopicId, shard: usize) -> Option<(&LogPartition, &mut ShardOracle)> {
        let activity = self.activities.iter_mut().find(|activity| activity.topic.id == topic)?;
        Some((activity.topic.partitions.get(shard)?, activity.oracles.get_mut(shard)?))
    }

    /// A process starts as a node: an older one is fenced off, and what it left open is aborted.
    pub(crate) fn succeed(&mut self, node: Node) -> Process {
        let newest = self.newest.entry(node).or_default();
        *newest += 1;
        let process = (node, *newest);
        let older: Vec<Process> = self.open.keys().copied().filter(|(of, _)| *of == node).collect();
        older.into_iter().for_each(|older| self.abort(older));
        process
    }

    pub(crate) fn is_newest(&self, (node, number): Process) -> bool {
        self.newest.get(&node) == Some(&number)
    }

    /// Appends a transaction's records, undecided, and takes its positions in, with what its writer was told.
    pub(crate) fn begin(&mut self, process: Process, transaction: &Transaction, told: Vec<(Partition, Vec<Told>)>) {
        self.abort(process);
        let (now, mut entries) = (self.now, Vec::new());
        let logs = &mut self.activities.last_mut().expect("there always is one").topic.partitions;
        for (shard, pack) in transaction.packs.iter().enumerate() {
            entries.push((shard, logs[shard].append(Fate::Open, now, pack.clone())));
        }
        let (positions, dead_letters) = (transaction.positions.clone(), transaction.dead_letters.clone());
        self.open.insert(process, Open { entries, positions, dead_letters, told });
    }

    /// Ends a process's transaction. `false` if it has none any more: it was aborted over its head.
    pub(crate) fn commit(&mut self, process: Process) -> bool {
        let Some(open) = self.open.remove(&process) else {
            return false;
        };
        self.decide(&open.entries, Fate::Committed);
        self.positions.extend(open.positions);
        self.dead_letters.extend(open.dead_letters);
        self.transcript.commit(self.activity().topic.id, open.told);
        true
    }

    pub(crate) fn abort(&mut self, process: Process) {
        if let Some(open) = self.open.remove(&process) {
            self.faults.count("transaction aborted");
            self.decide(&open.entries, Fate::Aborted);
        }
    }

    fn decide(&mut self, entries: &[(usize, usize)], fate: Fate) {
        let logs = &mut self.activities.last_mut().expect("there always is one").topic.partitions;
        for (shard, at) in entries {
            logs[*shard].decide(&[*at], fate, self.now);
        }
    }

    /// Whoever asks for committed positions waits for open transactions on them; in this world the wait is over at once,
    /// since the broker aborts them for taking too long.
    pub(crate) fn settle(&mut self, partitions: &[Partition]) {
        let touches = |open: &Open| open.positions.iter().any(|(partition, _)| partitions.contains(partition));
        let pending: Vec<Process> =
            self.open.iter().filter(|(_, open)| touches(open)).map(|(process, _)| *process).collect();
        for process in pending {
            self.faults.count("open transaction timed out");
            self.abort(process);
        }
    }

    /// A dead process's transaction runs into its time-out.
    pub(crate) fn time_out_transactions(&mut self, dead: impl Fn(Process) -> bool) {
        let processes: Vec<Process> = self.open.keys().copied().filter(|process| dead(*process)).collect();
        processes.into_iter().for_each(|process| self.abort(process));
    }

    /// Compares what is stored of a shard with what its log says it has to be.
    pub(crate) fn check(&mut self, shard: Shard) {
        let Some(stored) = self.store.stored(shard).expect("memory answers") else {
            return;
        };
        let (topic, at) = (stored.state.fence.topic, usize::from(shard.0));
        let Some(activity) = self.activities.iter_mut().find(|activity| activity.topic.id == topic) else {
            return self.fail(format!("shard {shard} is stored as of a topic that never was"));
        };
        if let Err(difference) = activity.oracles[at].check(shard, &activity.topic.partitions[at], &mut self.store) {
            self.fail(difference);
        }
    }

    /// Whether what is stored of a shard stands behind an offset.
    pub(crate) fn is_applied(&mut self, shard: Partition, next: activity::Offset) -> bool {
        let shard = Shard(u16::try_from(shard.id.0).expect("few"));
        let stored = self.store.stored(shard).expect("memory answers");
        stored.is_some_and(|stored| stored.state.fence.next > next)
    }

    /// A process begins a shard anew: until it has come to where the log ended when it asked, nobody may believe it.
    pub(crate) fn claimed(&mut self, process: Process, shard: Shard) {
        let end = self.asked.get(&(process, shard)).copied().unwrap_or(usize::MAX);
        self.claimed_at.insert(shard, end);
    }

    pub(crate) fn claimed_at(&self, shard: usize) -> usize {
        self.claimed_at.get(&Shard(u16::try_from(shard).expect("few"))).copied().unwrap_or(0)
    }

    /// Where each shard's log ends.
    pub(crate) fn activity_ends(&self) -> Vec<activity::Offset> {
        self.activity().topic.partitions.iter().map(|log| offset(log.stable_end())).collect()
    }
}
