//! The port itself: its types and what every adapter promises.

use activity::{Millis, Offset, PartitionId, Shard, TopicId};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;
use thiserror::Error;

/// Which of the topics that a consumer subscribed to, by its place in the list it was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicIndex(pub u16);

/// A partition of a subscribed topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// The topic.
    pub topic: TopicIndex,
    /// The partition's number.
    pub id: PartitionId,
}

/// A place in a partition: the offset of the next record to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The partition.
    pub partition: Partition,
    /// The next offset.
    pub next: Offset,
}

/// A record as it lies in the consumer's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Where it was read.
    pub partition: Partition,
    /// Its offset.
    pub offset: Offset,
    /// Its Kafka timestamp; `None` if the broker gave none.
    pub timestamp: Option<Millis>,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; `None` is a tombstone.
    pub payload: Option<&'a [u8]>,
    /// Its headers.
    pub headers: Headers<'a>,
}

/// The headers of a record. They are borrowed from the consumer's buffer, and nothing is done for them before they are asked for.
#[derive(Clone, Copy, Default)]
pub struct Headers<'a>(Option<&'a dyn HeaderSource>);

/// What has headers.
pub trait HeaderSource {
    /// The name and value of a header, by its place from 0; `None` past the last one.
    fn header(&self, at: usize) -> Option<(&[u8], Option<&[u8]>)>;
}

impl<'a> Headers<'a> {
    /// The headers that `source` has.
    pub fn of(source: &'a dyn HeaderSource) -> Headers<'a> {
        Headers(Some(source))
    }

    /// Those that have a value and a name in UTF-8, in order.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a [u8])> + Clone {
        let all = (0..).map_while(move |at| self.0?.header(at));
        all.filter_map(|(name, value)| Some((std::str::from_utf8(name).ok()?, value?)))
    }
}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<const N: usize> HeaderSource for [(&str, &[u8]); N] {
    fn header(&self, at: usize) -> Option<(&[u8], Option<&[u8]>)> {
        self.get(at).map(|(name, value)| (name.as_bytes(), Some(*value)))
    }
}

/// What a poll hands over, in order.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// A committed record of a partition that is owned and started.
    Record(Record<'a>),
    /// A fetch has confirmed that nothing committed lies at or after this position yet: it is the last stable offset.
    End(Position),
}

/// A change of ownership, told by [`Consumer::poll`]. It must be answered before the next poll.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Ownership {
    /// These partitions are now owned, and no others. Answer with [`Consumer::start`].
    Assigned(Vec<Partition>),
    /// Every partition is to be yielded. Finish or abort what is under way, then answer with [`Consumer::release`].
    Revoked,
}

/// The range of offsets that a partition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The first offset that retention has left.
    pub start: Offset,
    /// The last stable offset: everything before it is decided, committed or aborted.
    pub stable_end: Offset,
}

/// A topic as the broker knows it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicInfo {
    /// Its identity.
    pub id: TopicId,
    /// How many partitions it has.
    pub partitions: u16,
}

/// What readers see of transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Records of committed transactions, up to the first that is still open.
    Committed,
    /// Every record, also of open and aborted transactions.
    Uncommitted,
}

/// What every reader of the pipeline sees: every adapter keeps to it.
pub const ISOLATION: Isolation = Isolation::Committed;

/// How long to go on asking a broker that gives no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// One question, and a second for its answer: for what is asked again and again, and can wait for the next time.
    Once,
    /// As long as requests may take: for what the caller cannot go on without.
    Long,
}

/// A member of a consumer group that reads committed records of subscribed topics.
pub trait Consumer {
    /// Waits at most `wait` for something to hand over, then hands over what is there, up to the adapter's batch bound.
    ///
    /// # Errors
    /// If the log cannot go on; passing faults are waited out inside.
    fn poll(&mut self, wait: Duration, hand_over: &mut dyn FnMut(Item<'_>)) -> Result<Option<Ownership>, LogError>;

    /// Takes the partitions over and reads each from its position. Also seeks: a partition that is owned already continues
    /// at the new position, and nothing from before is handed over any more. The list is the whole assignment.
    ///
    /// # Errors
    /// If the log refuses.
    fn start(&mut self, at: &[Position]) -> Result<(), LogError>;

    /// Lets all partitions go.
    ///
    /// # Errors
    /// If the log refuses.
    fn release(&mut self) -> Result<(), LogError>;

    /// Stops (`true`) or resumes handing over a partition's records, without leaving the group.
    ///
    /// # Errors
    /// If the log refuses.
    fn pause(&mut self, partition: Partition, paused: bool) -> Result<(), LogError>;

    /// What these partitions hold now, asked of the broker for all of them at once; in the order of the question.
    ///
    /// # Errors
    /// If the broker does not answer for every one of them.
    fn bounds(&mut self, partitions: &[Partition], patience: Patience) -> Result<Vec<Bounds>, LogError>;

    /// The subscribed topics as the broker knows them now, in the order of the subscription.
    ///
    /// # Errors
    /// If the broker does not answer, or there is no such topic.
    fn topics(&mut self, patience: Patience) -> Result<Vec<TopicInfo>, LogError>;
}

/// What ingest needs of the log: source topics to consume, and transactions to write. (Window needs a [`Consumer`] of the
/// activity topic alone: its positions are kept in the state store, never in the group.)
pub trait SourceLog {
    /// The consumer of the source topics.
    type Consumer: Consumer;

    /// The consumer of the source topics.
    fn consumer(&mut self) -> &mut Self::Consumer;

    /// The positions that the group has committed for these partitions, with the note that was committed beside each.
    /// Waits until no transaction is open on them. `None` where there is none.
    ///
    /// # Errors
    /// If the broker does not answer.
    fn committed(&mut self, partitions: &[Partition]) -> Result<Vec<Option<Committed>>, LogError>;

    /// Writes packs, dead letters and source positions: all of it, or nothing. Blocks until the outcome is known.
    ///
    /// # Errors
    /// If the outcome cannot be known or this writer was fenced off by a newer one. The caller must then give up all its
    /// partitions and begin anew as a fresh member.
    fn transact(&mut self, transaction: &Transaction) -> Result<Outcome, LogError>;

    /// The activity topic's payloads of one shard in `from..to`, committed ones only, to find the tail of what was
    /// written when a group's positions have expired.
    ///
    /// # Errors
    /// If the broker does not answer.
    fn activity(&mut self, shard: Shard, from: Offset, to: Offset) -> Result<Vec<(Offset, Vec<u8>)>, LogError>;

    /// The activity topic as the broker knows it now: a shard is one of its partitions.
    ///
    /// # Errors
    /// If the broker does not answer.
    fn activity_topic(&mut self) -> Result<TopicInfo, LogError>;

    /// What a shard of the activity topic holds now. Waits until every transaction that was open when it was asked is
    /// decided, so that no committed record before `stable_end` can still turn up.
    ///
    /// # Errors
    /// If the broker does not answer, or a transaction stays open past its time-out.
    fn settled_activity(&mut self, shard: Shard) -> Result<Bounds, LogError>;
}

/// A committed position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The next offset to read.
    pub next: Offset,
    /// What the committer wrote beside it.
    pub note: String,
}

/// Everything that one transaction writes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transaction {
    /// One encoded pack for every shard, by shard number.
    pub packs: Vec<Vec<u8>>,
    /// What was rejected.
    pub dead_letters: Vec<DeadLetter>,
    /// The source positions after it, and the note beside each.
    pub positions: Vec<(Partition, Committed)>,
}

/// A rejected record, for the dead-letter topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The record's key as it was.
    pub key: Option<Vec<u8>>,
    /// Its payload, cut to a limit.
    pub payload: Vec<u8>,
    /// Reason and origin, as headers, and those of the record that say what its payload is.
    pub headers: Vec<(Cow<'static, str>, String)>,
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// All of it was written.
    Committed,
    /// Nothing was. The caller must start its partitions again at their committed positions.
    Aborted,
}

/// Why the log cannot go on.
#[derive(Debug, Error)]
pub enum LogError {
    /// Another process uses the same instance name, and the log serves the newer one.
    #[error(
        "another process took over the instance `{instance}`: give each process its own `instance` name ({reason})"
    )]
    Fenced {
        /// The instance name.
        instance: String,
        /// What the log says.
        reason: String,
    },
    /// There is no such topic.
    #[error("there is no topic `{topic}` on {brokers}: create it, or correct its name")]
    NoTopic {
        /// The topic.
        topic: String,
        /// Where it was looked for.
        brokers: String,
    },
    /// The broker does not answer, or answers with an error.
    #[error("{doing} failed on {brokers}: {reason}")]
    Broker {
        /// What was being done.
        doing: String,
        /// The bootstrap servers.
        brokers: String,
        /// What went wrong.
        reason: String,
    },
    /// A setting is wrong.
    #[error("Kafka setting `{setting}`: {reason}")]
    Setting {
        /// The setting.
        setting: String,
        /// What is wrong with it.
        reason: String,
    },
}
