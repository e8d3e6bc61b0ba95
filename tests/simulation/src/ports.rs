//! The ports over the simulated world. Every call is an effect: at its beginning and its end the worker may crash, or stand
//! still while the others go on.

use crate::group::{Node, Told};
use crate::log::{Topic, index, offset};
use crate::sim::Sim;
use crate::world::World;
use activity::{EntityKey, Incarnation, Offset, Shard};
use kafka::{
    Bounds, Committed, Consumer, Item, LogError, Outcome, Ownership, Partition, Patience, Position, Record, SourceLog,
    TopicInfo, Transaction,
};
use rand::Rng;
use state::{Commit, Entities, Read, Snapshot, Store, StoreError, Stored, Verdict};
use std::collections::BTreeMap;
use std::time::Duration;

/// Which group a log is a member of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Ingest,
    Window,
}

/// A member of a group, and the log that it reads and writes.
pub(crate) struct SimLog {
    sim: Sim,
    node: Node,
    side: Side,
    /// Where each started partition stands, and whether its end was told there.
    reading: BTreeMap<Partition, Reading>,
    owns: bool,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    next: usize,
    end_told: bool,
    paused: bool,
}

/// The store as a worker sees it.
pub(crate) struct SimStore {
    pub(crate) sim: Sim,
    pub(crate) node: Node,
}

fn broken(doing: &str) -> LogError {
    LogError::Broker { doing: doing.into(), brokers: "the simulation".into(), reason: "the worker crashed".into() }
}

impl SimLog {
    pub(crate) fn join(sim: Sim, node: Node, side: Side) -> SimLog {
        let log = SimLog { sim, node, side, reading: BTreeMap::new(), owns: false };
        log.world(|world| {
            // A newer process of the same instance: what the older one left open is aborted.
            world.abort(node);
            log.group(world).join(node);
        });
        log
    }

    fn world<T>(&self, with: impl FnOnce(&mut World) -> T) -> T {
        with(&mut self.sim.world.borrow_mut())
    }

    fn group<'a>(&self, world: &'a mut World) -> &'a mut crate::group::Group {
        match self.side {
            Side::Ingest => &mut world.ingest_group,
            Side::Window => &mut world.window_group,
        }
    }

    fn effect(&self, name: &str) -> Result<(), LogError> {
        if self.sim.effect(self.node, name) { Ok(()) } else { Err(broken(name)) }
    }

    fn partition<'a>(&self, world: &'a World, partition: Partition) -> &'a crate::log::LogPartition {
        let id = usize::try_from(partition.id.0).expect("from 0");
        match self.side {
            Side::Ingest => &world.sources[usize::from(partition.topic.0)].partitions[id],
            Side::Window => &world.activity.partitions[id],
        }
    }

    fn ownership(&mut self) -> Option<Ownership> {
        let (node, mut world) = (self.node, self.sim.world.borrow_mut());
        match self.group(&mut world).tell(node) {
            Told::Nothing => None,
            Told::Assigned(partitions) => {
                self.owns = true;
                self.reading.clear();
                world.faults.count(match self.side {
                    Side::Ingest => "rebalance: source partitions",
                    Side::Window => "rebalance: shards",
                });
                Some(Ownership::Assigned(partitions))
            }
            Told::Revoked => Some(Ownership::Revoked),
            Told::Unknown if self.owns => Some(Ownership::Revoked),
            Told::Unknown => {
                self.group(&mut world).join(node);
                None
            }
        }
    }

    /// Takes what a few partitions hold, in an order of chance.
    fn fetch(&mut self) -> Result<Vec<(Partition, Fetched)>, LogError> {
        let mut fetched = Vec::new();
        let mut world = self.sim.world.borrow_mut();
        let mut order: Vec<Partition> = self.reading.keys().copied().collect();
        let first = if order.is_empty() { 0 } else { world.rng.random_range(0..order.len()) };
        order.rotate_left(first);
        for partition in order {
            let most = world.rng.random_range(0..12);
            let mut reading = self.reading[&partition];
            let log = self.partition(&world, partition);
            if reading.next < log.start {
                world.faults.count("position lost to retention");
                return Err(broken("reading at an offset that was deleted"));
            }
            let end = log.readable_end();
            let mut taken = 0;
            while !reading.paused && reading.next < end && taken < most {
                if log.is_readable(reading.next) {
                    let entry = &log.entries[reading.next];
                    fetched.push((partition, Fetched::Record(reading.next, entry.timestamp, entry.payload.clone())));
                    taken += 1;
                    reading.end_told = false;
                }
                reading.next += 1;
            }
            if !reading.paused && reading.next >= end && !reading.end_told {
                reading.end_told = true;
                fetched.push((partition, Fetched::End(reading.next)));
            }
            self.reading.insert(partition, reading);
        }
        Ok(fetched)
    }
}

enum Fetched {
    Record(usize, activity::Millis, Vec<u8>),
    End(usize),
}

impl Consumer for SimLog {
    fn poll(&mut self, _: Duration, hand_over: &mut dyn FnMut(Item<'_>)) -> Result<Option<Ownership>, LogError> {
        self.effect("poll")?;
        if let Some(ownership) = self.ownership() {
            self.effect("poll")?;
            return Ok(Some(ownership));
        }
        let fetched = self.fetch()?;
        self.effect("fetch")?;
        for (partition, fetched) in &fetched {
            match fetched {
                Fetched::Record(at, timestamp, payload) => hand_over(Item::Record(Record {
                    partition: *partition,
                    offset: offset(*at),
                    timestamp: Some(*timestamp),
                    key: None,
                    payload: Some(payload),
                })),
                Fetched::End(at) => hand_over(Item::End(Position { partition: *partition, next: offset(*at) })),
            }
        }
        Ok(None)
    }

    fn start(&mut self, at: &[Position]) -> Result<(), LogError> {
        self.effect("start")?;
        let reading = |next: Offset| Reading { next: index(next), end_told: false, paused: false };
        self.reading = at.iter().map(|position| (position.partition, reading(position.next))).collect();
        Ok(())
    }

    fn release(&mut self) -> Result<(), LogError> {
        self.effect("release")?;
        self.reading.clear();
        self.owns = false;
        let node = self.node;
        self.world(|world| self.group(world).released(node));
        self.effect("release")
    }

    fn pause(&mut self, partition: Partition, paused: bool) -> Result<(), LogError> {
        if let Some(reading) = self.reading.get_mut(&partition) {
            reading.paused = paused;
        }
        self.world(|world| world.faults.count(if paused { "partition paused" } else { "partition resumed" }));
        Ok(())
    }

    fn bounds(&mut self, partitions: &[Partition], _: Patience) -> Result<Vec<Bounds>, LogError> {
        self.effect("bounds")?;
        let bounds = |world: &mut World, partition: &Partition| {
            let bounds = self.partition(world, *partition).bounds();
            if self.side == Side::Window {
                let shard = Shard(u16::try_from(partition.id.0).expect("few"));
                world.asked.insert((self.node, shard), index(bounds.stable_end));
            }
            bounds
        };
        Ok(self.world(|world| partitions.iter().map(|partition| bounds(world, partition)).collect()))
    }

    fn topics(&mut self, _: Patience) -> Result<Vec<TopicInfo>, LogError> {
        self.effect("topics")?;
        Ok(self.world(|world| match self.side {
            Side::Ingest => world.sources.iter().map(Topic::info).collect(),
            Side::Window => vec![world.activity.info()],
        }))
    }
}

impl SourceLog for SimLog {
    type Consumer = SimLog;

    fn consumer(&mut self) -> &mut SimLog {
        self
    }

    fn committed(&mut self, partitions: &[Partition]) -> Result<Vec<Option<Committed>>, LogError> {
        self.effect("committed")?;
        Ok(self.world(|world| {
            world.settle(partitions);
            if world.chance(20) {
                world.faults.count("group positions expired");
                world.positions.clear();
            }
            partitions.iter().map(|partition| world.positions.get(partition).cloned()).collect()
        }))
    }

    fn transact(&mut self, transaction: &Transaction) -> Result<Outcome, LogError> {
        self.effect("transact: begin")?;
        let node = self.node;
        // A group takes positions from its members, also from one that has given its partitions up and joined again: that
        // it has nothing left to write by then is up to the worker.
        let accepted = self.world(|world| {
            world.begin(node, transaction);
            self.group(world).knows(node) && !world.chance(12)
        });
        if !accepted {
            self.world(|world| world.abort(node));
            self.effect("transact: abort")?;
            return Ok(Outcome::Aborted);
        }
        self.effect("transact: commit")?;
        if !self.world(|world| world.commit(node)) {
            self.world(|world| world.faults.count("writer fenced off"));
            return Err(broken("commit"));
        }
        self.effect("transact: reply")?;
        Ok(Outcome::Committed)
    }

    fn activity_topic(&mut self) -> Result<TopicInfo, LogError> {
        Ok(self.world(|world| world.activity.info()))
    }

    fn settled_activity(&mut self, shard: Shard) -> Result<Bounds, LogError> {
        self.effect("bounds")?;
        self.world(|world| world.time_out_transactions(|_| true));
        Ok(self.world(|world| world.activity.partitions[usize::from(shard.0)].bounds()))
    }

    fn activity(&mut self, shard: Shard, from: Offset, to: Offset) -> Result<Vec<(Offset, Vec<u8>)>, LogError> {
        self.effect("activity")?;
        Ok(self.world(|world| {
            world.faults.count("positions found in the activity topic");
            let partition = &world.activity.partitions[usize::from(shard.0)];
            let committed = partition.committed(index(from), index(to));
            committed.map(|(at, entry)| (offset(at), entry.payload.clone())).collect()
        }))
    }
}

impl SimStore {
    /// A call of the store: it may be out of reach before, the worker may crash before or after, and its reply may be lost.
    fn call<T>(&self, name: &str, call: impl FnOnce(&mut World) -> T) -> Result<T, StoreError> {
        let unreachable = |reason: &str| StoreError::Unreachable { address: "memory".into(), reason: reason.into() };
        if !self.sim.effect(self.node, name) {
            return Err(unreachable("crash"));
        }
        let (answer, lost) = {
            let mut world = self.sim.world.borrow_mut();
            if world.store_down {
                world.faults.count("store out of reach");
                return Err(unreachable("down"));
            }
            (call(&mut world), world.chance(60))
        };
        if lost {
            self.sim.world.borrow_mut().faults.count(&format!("reply lost: {name}"));
            return Err(unreachable("the reply was lost"));
        }
        if self.sim.effect(self.node, name) { Ok(answer) } else { Err(unreachable("crash")) }
    }
}

impl Store for SimStore {
    fn stored(&mut self, shard: Shard) -> Result<Option<Stored>, StoreError> {
        self.call("stored", |world| world.store.stored(shard))?
    }

    fn records(
        &mut self,
        shard: Shard,
        of: Incarnation,
        keys: &[EntityKey],
    ) -> Result<Read<Vec<Option<Vec<u8>>>>, StoreError> {
        self.call("records", |world| world.store.records(shard, of, keys))?
    }

    fn snapshot(&mut self, shard: Shard) -> Result<Option<Snapshot>, StoreError> {
        self.call("snapshot", |world| world.store.snapshot(shard))?
    }

    fn commit(&mut self, shard: Shard, commit: &Commit) -> Result<Verdict, StoreError> {
        let node = self.node;
        self.call("commit", |world| {
            if world.chance(20) {
                let most = commit.counters.len() + commit.records.len();
                let writes = world.rng.random_range(0..=most);
                if world.store.break_off(shard, commit, writes).is_ok() {
                    world.faults.count("commit broke off");
                    let reason = "the function failed".to_owned();
                    return Err(StoreError::Unreachable { address: "memory".into(), reason });
                }
            }
            let verdict = world.store.commit(shard, commit)?;
            match verdict {
                Verdict::Committed => {
                    if commit.claims() {
                        world.claimed(node, shard);
                    }
                    world.check(shard);
                }
                Verdict::Refused(refusal) => world.faults.count(&format!("fence refused: {}", refusal.reason())),
            }
            Ok(verdict)
        })?
    }

    fn portion(&mut self, shard: Shard, incarnation: Incarnation, portion: u32) -> Result<Read<Entities>, StoreError> {
        self.call("portion", |world| world.store.portion(shard, incarnation, portion))?
    }

    fn portions(&self) -> u32 {
        self.sim.world.borrow().store.portions()
    }

    fn discard(&mut self, shard: Shard, incarnation: Incarnation) -> Result<(), StoreError> {
        self.call("discard", |world| {
            world.faults.count("incarnation discarded");
            world.store.discard(shard, incarnation)
        })?
    }
}
