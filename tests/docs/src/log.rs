//! A log in memory: nothing in it fails, and whoever joins owns all of it.

use activity::{Millis, Offset, PartitionId, Shard, TopicId};
use kafka::{
    Bounds, Committed, Consumer, Headers, Item, LogError, Outcome, Ownership, Partition, Patience, Position, Record,
    SourceLog, TopicIndex, TopicInfo, Transaction,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// The source topics, of one partition each, and the activity topic.
#[derive(Debug)]
pub(crate) struct Log {
    /// By source.
    sources: Vec<Vec<Logged>>,
    /// By shard.
    activity: Vec<Vec<Logged>>,
    positions: BTreeMap<Partition, Committed>,
    /// The reasons why records were rejected.
    rejected: Vec<String>,
}

/// A record, and when it was logged.
#[derive(Clone, Debug)]
pub(crate) struct Logged {
    pub(crate) at: Millis,
    pub(crate) payload: Vec<u8>,
}

/// Which topics a member reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Sources,
    Activity,
}

/// The only member of its group.
#[derive(Debug)]
pub(crate) struct Member {
    log: Rc<RefCell<Log>>,
    side: Side,
    has_joined: bool,
    at: Vec<Position>,
}

impl Log {
    pub(crate) fn new(sources: Vec<Vec<Logged>>, shards: u16) -> Rc<RefCell<Log>> {
        let activity = vec![Vec::new(); usize::from(shards)];
        Rc::new(RefCell::new(Log { sources, activity, positions: BTreeMap::new(), rejected: Vec::new() }))
    }

    pub(crate) fn rejected(&self) -> &[String] {
        &self.rejected
    }

    fn partitions(&self, side: Side) -> Vec<Partition> {
        let numbered = |count: usize| 0..u16::try_from(count).expect("few");
        match side {
            Side::Sources => numbered(self.sources.len()).map(|topic| partition(topic, 0)).collect(),
            Side::Activity => numbered(self.activity.len()).map(|shard| partition(0, shard)).collect(),
        }
    }

    fn records(&self, side: Side, of: Partition) -> &[Logged] {
        match side {
            Side::Sources => &self.sources[usize::from(of.topic.0)],
            Side::Activity => &self.activity[usize::try_from(of.id.0).expect("from 0")],
        }
    }

    fn bounds(&self, side: Side, of: Partition) -> Bounds {
        Bounds { start: Offset(0), stable_end: offset(self.records(side, of).len()) }
    }
}

impl Member {
    pub(crate) fn join(log: &Rc<RefCell<Log>>, side: Side) -> Member {
        Member { log: log.clone(), side, has_joined: false, at: Vec::new() }
    }
}

fn partition(topic: u16, id: u16) -> Partition {
    Partition { topic: TopicIndex(topic), id: PartitionId(id.into()) }
}

fn offset(at: usize) -> Offset {
    Offset(i64::try_from(at).expect("an example is short"))
}

fn topic(number: usize, partitions: usize) -> TopicInfo {
    let id = TopicId([u8::try_from(number).expect("few"); 16]);
    TopicInfo { id, partitions: u16::try_from(partitions).expect("few") }
}

impl Consumer for Member {
    fn poll(&mut self, _: Duration, hand_over: &mut dyn FnMut(Item<'_>)) -> Result<Option<Ownership>, LogError> {
        let log = self.log.borrow();
        if !self.has_joined {
            self.has_joined = true;
            return Ok(Some(Ownership::Assigned(log.partitions(self.side))));
        }
        for Position { partition, next } in &mut self.at {
            let from = usize::try_from(next.0).expect("from 0");
            for (at, record) in log.records(self.side, *partition).iter().enumerate().skip(from) {
                hand_over(Item::Record(Record {
                    partition: *partition,
                    offset: offset(at),
                    timestamp: Some(record.at),
                    key: None,
                    payload: Some(&record.payload),
                    headers: Headers::default(),
                }));
            }
            *next = log.bounds(self.side, *partition).stable_end;
            hand_over(Item::End(Position { partition: *partition, next: *next }));
        }
        Ok(None)
    }

    fn start(&mut self, at: &[Position]) -> Result<(), LogError> {
        self.at = at.to_vec();
        Ok(())
    }

    fn release(&mut self) -> Result<(), LogError> {
        self.at.clear();
        Ok(())
    }

    /// There is nothing to be held back: all of an example is handed over at once.
    fn pause(&mut self, _: Partition, _: bool) -> Result<(), LogError> {
        Ok(())
    }

    fn bounds(&mut self, partitions: &[Partition], _: Patience) -> Result<Vec<Bounds>, LogError> {
        let log = self.log.borrow();
        Ok(partitions.iter().map(|partition| log.bounds(self.side, *partition)).collect())
    }

    fn topics(&mut self, _: Patience) -> Result<Vec<TopicInfo>, LogError> {
        let log = self.log.borrow();
        Ok(match self.side {
            Side::Sources => (1..=log.sources.len()).map(|number| topic(number, 1)).collect(),
            Side::Activity => vec![topic(0, log.activity.len())],
        })
    }
}

impl SourceLog for Member {
    type Consumer = Member;

    fn consumer(&mut self) -> &mut Member {
        self
    }

    fn committed(&mut self, partitions: &[Partition]) -> Result<Vec<Option<Committed>>, LogError> {
        let log = self.log.borrow();
        Ok(partitions.iter().map(|partition| log.positions.get(partition).cloned()).collect())
    }

    fn transact(&mut self, transaction: &Transaction) -> Result<Outcome, LogError> {
        let mut log = self.log.borrow_mut();
        for (shard, pack) in log.activity.iter_mut().zip(&transaction.packs) {
            // Nobody asks when a pack was logged.
            shard.push(Logged { at: Millis::default(), payload: pack.clone() });
        }
        log.positions.extend(transaction.positions.iter().cloned());
        let told = transaction
            .dead_letters
            .iter()
            .map(|letter| format!("{}: {:?}", String::from_utf8_lossy(&letter.payload), letter.headers));
        log.rejected.extend(told);
        Ok(Outcome::Committed)
    }

    fn activity(&mut self, shard: Shard, from: Offset, to: Offset) -> Result<Vec<(Offset, Vec<u8>)>, LogError> {
        let log = self.log.borrow();
        let packs = (0..).map(Offset).zip(&log.activity[usize::from(shard.0)]);
        Ok(packs.filter(|(at, _)| (from..to).contains(at)).map(|(at, pack)| (at, pack.payload.clone())).collect())
    }

    fn activity_topic(&mut self) -> Result<TopicInfo, LogError> {
        Ok(topic(0, self.log.borrow().activity.len()))
    }

    fn settled_activity(&mut self, shard: Shard) -> Result<Bounds, LogError> {
        Ok(self.log.borrow().bounds(Side::Activity, partition(0, shard.0)))
    }
}
