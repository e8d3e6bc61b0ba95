//! The ports over the simulated world. Every call is an effect: at its beginning and its end the worker may crash, or stand
//! still while the others go on.

use crate::group;
use crate::log::{Topic, index, offset};
use crate::reading::{Fetched, Reading};
use crate::sim::Sim;
use crate::transcript::Told;
use crate::world::{Process, World};
use activity::{Offset, Shard};
use kafka::{
    Bounds, Committed, Consumer, Headers, Item, LogError, Outcome, Ownership, Partition, Patience, Position, Record,
    SourceLog, TopicInfo, Transaction,
};
use rand::Rng;
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
    process: Process,
    side: Side,
    reading: BTreeMap<Partition, Reading>,
    owns: bool,
    /// For how many polls the broker is out of reach.
    silent: u32,
}

fn broken(doing: &str, reason: &str) -> LogError {
    LogError::Broker { doing: doing.into(), brokers: "the simulation".into(), reason: reason.into() }
}

impl SimLog {
    pub(crate) fn join(sim: Sim, process: Process, side: Side) -> SimLog {
        let log = SimLog { sim, process, side, reading: BTreeMap::new(), owns: false, silent: 0 };
        log.world(|world| log.group(world).join(process.0));
        log
    }

    fn world<T>(&self, with: impl FnOnce(&mut World) -> T) -> T {
        with(&mut self.sim.world.borrow_mut())
    }

    fn group<'a>(&self, world: &'a mut World) -> &'a mut group::Group {
        match self.side {
            Side::Ingest => &mut world.ingest_group,
            Side::Window => &mut world.window_group,
        }
    }

    fn effect(&self, name: &str) -> Result<(), LogError> {
        if self.sim.effect(self.process, name) { Ok(()) } else { Err(broken(name, "the worker crashed")) }
    }

    /// A question to the broker, which may give no answer.
    fn question(&self, name: &str, patience: Patience) -> Result<(), LogError> {
        self.effect(name)?;
        let (one_in, fault) = match patience {
            Patience::Once => (30, "no answer at once"),
            Patience::Long => (400, "no answer for long"),
        };
        self.world(|world| match world.chance(one_in) {
            true => {
                world.faults.count(&format!("{fault}: {name}"));
                Err(broken(name, "no answer"))
            }
            false => Ok(()),
        })
    }

    /// Whether a newer process has the node's name: the broker says so to whatever this one asks of its coordinators.
    fn is_superseded(&self) -> bool {
        self.world(|world| !world.is_newest(self.process))
    }

    fn fenced(&self, doing: &str) -> LogError {
        self.world(|world| world.faults.count(&format!("older process fenced off: {doing}")));
        LogError::Fenced { instance: self.process.0.to_string(), reason: format!("{doing} with an old epoch") }
    }

    fn topic<'a>(&self, world: &'a World, partition: Partition) -> &'a Topic {
        match self.side {
            Side::Ingest => &world.sources[usize::from(partition.topic.0)],
            Side::Window => &world.activity().topic,
        }
    }

    fn ownership(&mut self) -> Option<Ownership> {
        let (node, mut world) = (self.process.0, self.sim.world.borrow_mut());
        match self.group(&mut world).tell(node) {
            group::Told::Nothing => None,
            group::Told::Assigned(partitions) => {
                self.owns = true;
                self.reading.clear();
                world.faults.count(match self.side {
                    Side::Ingest => "rebalance: source partitions",
                    Side::Window => "rebalance: shards",
                });
                Some(Ownership::Assigned(partitions))
            }
            group::Told::Revoked => Some(Ownership::Revoked),
            group::Told::Unknown if self.owns => Some(Ownership::Revoked),
            group::Told::Unknown => {
                self.group(&mut world).join(node);
                None
            }
        }
    }

    /// Whether the broker is out of reach for this poll: nothing is handed over then.
    fn is_out_of_reach(&mut self) -> bool {
        if self.silent == 0 && self.world(|world| world.chance(150)) {
            self.silent = self.world(|world| world.rng.random_range(1..10));
        }
        let is_silent = self.silent > 0;
        if is_silent {
            self.silent -= 1;
            self.world(|world| world.faults.count("poll without an answer"));
        }
        is_silent
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
            let topic = self.topic(&world, partition);
            let (id, log) = (topic.id, &topic.partitions[usize::try_from(partition.id.0).expect("from 0")]);
            let reading = self.reading.get_mut(&partition).expect("it is one of them");
            match reading.fetch(id, log, most) {
                Ok(of_partition) => {
                    if id != reading.topic && of_partition.iter().any(|of| matches!(of, Fetched::Record(..))) {
                        world.faults.count("topic made again: read on at the old position");
                    }
                    fetched.extend(of_partition.into_iter().map(|fetched| (partition, fetched)));
                }
                Err(fault) => {
                    world.faults.count(fault);
                    return Err(broken("fetch", fault));
                }
            }
        }
        Ok(fetched)
    }

    /// What the transaction's writer was told since its last one. Its positions have to lie where that came to, but for partitions
    /// that wait for a value to be decided: those stand before what they were told.
    fn told(&self, transaction: &Transaction) -> Vec<(Partition, Vec<Told>)> {
        let waits = self.world(|world| world.waiting.contains(&self.process));
        let positions: BTreeMap<Partition, Offset> =
            transaction.positions.iter().map(|(partition, committed)| (*partition, committed.next)).collect();
        for (partition, reading) in &self.reading {
            let read_to = offset(reading.next);
            let read_none = || !reading.told.iter().any(|told| matches!(told, Told::Record { .. }));
            match positions.get(partition) {
                Some(next) if *next == read_to || (waits && *next < read_to) => {}
                None if read_none() || waits => {}
                next => self.world(|world| {
                    world.fail(format!("{partition:?} was read up to {read_to}, and {next:?} is committed"));
                }),
            }
        }
        let taken = |(partition, reading): (&Partition, &Reading)| {
            let next = positions.get(partition).map_or(if waits { 0 } else { usize::MAX }, |next| index(*next));
            let is_taken = |told: &&Told| !matches!(told, Told::Record { at, .. } if *at >= next);
            (*partition, reading.told.iter().take_while(is_taken).copied().collect())
        };
        self.reading.iter().map(taken).collect()
    }
}

impl Consumer for SimLog {
    fn poll(&mut self, _: Duration, hand_over: &mut dyn FnMut(Item<'_>)) -> Result<Option<Ownership>, LogError> {
        self.effect("poll")?;
        if self.is_superseded() {
            // Until its coordinator is heard of it reads on.
            if self.world(|world| !world.chance(2)) {
                return Err(self.fenced("poll"));
            }
        } else {
            if self.is_out_of_reach() {
                return Ok(None);
            }
            if let Some(ownership) = self.ownership() {
                self.effect("poll")?;
                return Ok(Some(ownership));
            }
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
                    headers: Headers::default(),
                })),
                Fetched::End(at) => hand_over(Item::End(Position { partition: *partition, next: offset(*at) })),
            }
        }
        Ok(None)
    }

    fn start(&mut self, at: &[Position]) -> Result<(), LogError> {
        self.effect("start")?;
        let before = std::mem::take(&mut self.reading);
        let mut world = self.sim.world.borrow_mut();
        world.waiting.remove(&self.process);
        for position in at {
            let topic = self.topic(&world, position.partition).id;
            if before.get(&position.partition).is_some_and(|before| before.topic != topic) {
                world.faults.count("topic made again: noticed by a worker");
            }
            self.reading.insert(position.partition, Reading::at(topic, position.next));
            if self.side == Side::Window && world.is_applied(position.partition, position.next) {
                world.faults.count("ids of events read again");
            }
        }
        Ok(())
    }

    fn release(&mut self) -> Result<(), LogError> {
        self.effect("release")?;
        self.reading.clear();
        self.owns = false;
        if !self.is_superseded() {
            self.world(|world| self.group(world).released(self.process.0));
        }
        self.effect("release")
    }

    fn pause(&mut self, partition: Partition, paused: bool) -> Result<(), LogError> {
        if let Some(reading) = self.reading.get_mut(&partition) {
            reading.paused = paused;
        }
        let fault = match (self.side, paused) {
            (Side::Ingest, true) => "partition paused",
            (Side::Ingest, false) => "partition resumed",
            (Side::Window, true) => "shard paused",
            (Side::Window, false) => "shard resumed",
        };
        self.world(|world| world.faults.count(fault));
        Ok(())
    }

    fn bounds(&mut self, partitions: &[Partition], patience: Patience) -> Result<Vec<Bounds>, LogError> {
        let asked_at = self.world(|world| world.now);
        self.question("bounds", patience)?;
        let mut bounds = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let mut world = self.sim.world.borrow_mut();
            let id = usize::try_from(partition.id.0).expect("from 0");
            let log = &self.topic(&world, *partition).partitions[id];
            let (found, is_open) = (log.bounds(), log.stable_end() < log.entries.len());
            match self.side {
                Side::Window => {
                    let shard = Shard(u16::try_from(partition.id.0).expect("few"));
                    world.asked.insert((self.process, shard), index(found.stable_end));
                }
                Side::Ingest if patience == Patience::Once => {
                    let reading = self.reading.get_mut(partition).filter(|reading| reading.end_told && !reading.paused);
                    let idle = reading.filter(|reading| offset(reading.next) == found.stable_end);
                    if let Some(reading) = idle {
                        reading.told.push(Told::Idle(asked_at));
                        if is_open {
                            world.faults.count("idle before an open transaction");
                        }
                    }
                }
                Side::Ingest => {}
            }
            bounds.push(found);
        }
        Ok(bounds)
    }

    fn topics(&mut self, patience: Patience) -> Result<Vec<TopicInfo>, LogError> {
        self.question("topics", patience)?;
        Ok(self.world(|world| match self.side {
            Side::Ingest => world.sources.iter().map(Topic::info).collect(),
            Side::Window => vec![world.activity().topic.info()],
        }))
    }
}

impl SourceLog for SimLog {
    type Consumer = SimLog;

    fn consumer(&mut self) -> &mut SimLog {
        self
    }

    fn committed(&mut self, partitions: &[Partition]) -> Result<Vec<Option<Committed>>, LogError> {
        self.question("committed", Patience::Long)?;
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
        if self.is_superseded() {
            return Err(self.fenced("transact"));
        }
        let told = self.told(transaction);
        let (node, _) = self.process;
        // A group takes positions from its members, also from one that has given its partitions up and joined again: that
        // it has nothing left to write by then is up to the worker.
        let accepted = self.world(|world| {
            world.begin(self.process, transaction, told);
            self.group(world).knows(node) && !world.chance(12)
        });
        if !accepted {
            self.world(|world| world.abort(self.process));
            self.effect("transact: abort")?;
            return Ok(Outcome::Aborted);
        }
        self.effect("transact: commit")?;
        if !self.world(|world| world.commit(self.process)) {
            self.world(|world| world.faults.count("writer fenced off"));
            return Err(self.fenced("commit"));
        }
        self.reading.values_mut().for_each(|reading| reading.told.clear());
        self.effect("transact: reply")?;
        Ok(Outcome::Committed)
    }

    fn activity_topic(&mut self) -> Result<TopicInfo, LogError> {
        self.question("activity topic", Patience::Long)?;
        Ok(self.world(|world| world.activity().topic.info()))
    }

    fn settled_activity(&mut self, shard: Shard) -> Result<Bounds, LogError> {
        self.question("settled activity", Patience::Long)?;
        self.world(|world| world.time_out_transactions(|_| true));
        Ok(self.world(|world| world.activity().topic.partitions[usize::from(shard.0)].bounds()))
    }

    fn activity(&mut self, shard: Shard, from: Offset, to: Offset) -> Result<Vec<(Offset, Vec<u8>)>, LogError> {
        self.question("activity", Patience::Long)?;
        Ok(self.world(|world| {
            world.faults.count("positions found in the activity topic");
            let partition = &world.activity().topic.partitions[usize::from(shard.0)];
            let committed = partition.committed(index(from), index(to));
            committed.map(|(at, entry)| (offset(at), entry.payload.clone())).collect()
        }))
    }
}
