//! The batch that is under way: the deltas of every shard, and what was rejected.

use activity::additive::{Additive, Place};
use activity::pack::{Change, Delta, Keys, Mark, Pack};
use activity::{Bucket, Grain, MetricIndex, Millis, PerGrain, Shard};
use event::{Changed, Counted, Happened, Reject};
use hashbrown::HashMap;
use kafka::{DeadLetter, Record};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use xxhash_rust::xxh3::xxh3_64;

/// What a group of deltas takes beside its metrics and what is in it, about.
const GROUP_BYTES: usize = 24;

/// Deltas by shard, and dead letters.
#[derive(Debug)]
pub(crate) struct Batch {
    /// By shard.
    shards: Vec<Deltas>,
    /// The sets of metrics that have occurred, and the number of each.
    sets: Vec<Vec<MetricIndex>>,
    set_numbers: HashMap<Vec<MetricIndex>, usize>,
    dead_letters: Vec<DeadLetter>,
    bytes: usize,
}

/// The deltas of a shard.
#[derive(Clone, Debug, Default)]
struct Deltas {
    /// The keys of each bucket and set of metrics.
    active: BTreeMap<(Grain, Bucket, usize), Keys>,
    counted: BTreeMap<Group, Additive>,
    changes: Vec<Change>,
    marks: BTreeSet<Mark>,
}

/// What events of one [`Additive`] have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    buckets: PerGrain<Option<Bucket>>,
    set: usize,
    owner: SmallVec<[u8; 24]>,
}

impl Batch {
    pub(crate) fn new(shards: u16) -> Batch {
        Batch {
            shards: vec![Deltas::default(); usize::from(shards)],
            sets: Vec::new(),
            set_numbers: HashMap::new(),
            dead_letters: Vec::new(),
            bytes: 0,
        }
    }

    /// Adds an entity that was active in a bucket for these metrics.
    pub(crate) fn add(&mut self, shard: Shard, grain: Grain, bucket: Bucket, metrics: &[MetricIndex], key: &[u8]) {
        let set = self.set_number(metrics);
        let keys = self.shards[usize::from(shard.0)].active.entry((grain, bucket, set)).or_insert_with(|| {
            self.bytes += GROUP_BYTES + 3 * metrics.len();
            Keys::default()
        });
        let before = keys.size();
        keys.push(key);
        self.bytes += keys.size() - before;
    }

    /// Adds an event that is counted in these buckets, at least one.
    pub(crate) fn count(&mut self, shard: Shard, buckets: PerGrain<Option<Bucket>>, counted: Counted<'_>) {
        let group = Group { buckets, set: self.set_number(counted.metrics), owner: counted.owner.into() };
        let events = self.shards[usize::from(shard.0)].counted.entry(group).or_insert_with(|| {
            let (counts, sums) = counted.counts_and_sums();
            let place = |grain| Some(Place { grain, bucket: buckets[grain]? });
            self.bytes += GROUP_BYTES + 3 * counted.metrics.len() + counted.owner.len();
            let buckets = Grain::ALL.into_iter().filter_map(place).collect();
            Additive::new(counted.owner, counts.to_vec(), sums.to_vec(), buckets)
        });
        let before = events.size();
        events.push(counted.event);
        self.bytes += events.size() - before;
    }

    /// Adds what a record says about the attributes of an entity, from `at` on.
    pub(crate) fn change(&mut self, shard: Shard, at: Millis, changed: Changed<'_>) {
        let change = Change { key: changed.key.to_vec(), at, values: changed.values.to_vec() };
        self.bytes += GROUP_BYTES + change.key.len() + 4 * change.values.len();
        self.shards[usize::from(shard.0)].changes.push(change);
    }

    /// Adds what an event says happened to an entity, at `at`.
    pub(crate) fn mark(&mut self, shard: Shard, at: Millis, happened: Happened<'_>) {
        let mark = Mark { key: happened.key.to_vec(), at, values: happened.values.to_vec() };
        let bytes = GROUP_BYTES + mark.key.len() + 6 * mark.values.len();
        // Of a value that is kept by the day many events say the same.
        if self.shards[usize::from(shard.0)].marks.insert(mark) {
            self.bytes += bytes;
        }
    }

    fn set_number(&mut self, metrics: &[MetricIndex]) -> usize {
        if let Some(set) = self.set_numbers.get(metrics) {
            return *set;
        }
        self.sets.push(metrics.to_vec());
        self.set_numbers.insert(metrics.to_vec(), self.sets.len() - 1);
        self.sets.len() - 1
    }

    /// Adds a rejected record, its payload cut to `limit` bytes.
    pub(crate) fn reject(&mut self, topic: &str, record: &Record<'_>, reject: &Reject, limit: usize) {
        let payload = record.payload.unwrap_or_default();
        let mut headers = vec![
            ("reason", reject.reason().to_owned()),
            ("detail", reject.to_string()),
            ("topic", topic.to_owned()),
            ("partition", record.partition.id.to_string()),
            ("offset", record.offset.to_string()),
            ("bytes", payload.len().to_string()),
            ("xxh3", format!("{:016x}", xxh3_64(payload))),
        ];
        if let Some(timestamp) = record.timestamp {
            headers.push(("timestamp", timestamp.to_string()));
        }
        let own = headers.into_iter().map(|(name, value)| (Cow::Borrowed(name), value));
        let headers: Vec<(Cow<'static, str>, String)> = own.chain(kept(record, limit)).collect();
        let payload = payload[..payload.len().min(limit)].to_vec();
        let key = record.key.map(|key| key[..key.len().min(limit)].to_vec());
        self.bytes += payload.len() + 512 + headers.iter().map(|(_, value)| value.len()).sum::<usize>();
        self.dead_letters.push(DeadLetter { key, payload, headers });
    }

    /// How many bytes it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Empties it into one encoded pack a shard, and the dead letters. `pack` is what all shards are told.
    pub(crate) fn seal(&mut self, mut pack: Pack) -> (Vec<Vec<u8>>, Vec<DeadLetter>) {
        let sets = &self.sets;
        let mut seal_shard = |shard: &mut Deltas| {
            let Deltas { active, counted, changes, marks } = std::mem::take(shard);
            let delta = |((grain, bucket, set), keys): ((Grain, Bucket, usize), Keys)| Delta {
                metrics: sets[set].clone(),
                grain,
                bucket,
                keys,
            };
            pack.deltas = active.into_iter().map(delta).collect();
            pack.additive = counted.into_values().collect();
            pack.changes = changes;
            pack.marks = marks.into_iter().collect();
            pack.encode()
        };
        let packs = self.shards.iter_mut().map(&mut seal_shard).collect();
        let dead_letters = std::mem::take(&mut self.dead_letters);
        self.clear();
        (packs, dead_letters)
    }

    /// Throws everything away.
    pub(crate) fn clear(&mut self) {
        self.shards.fill_with(Deltas::default);
        self.sets.clear();
        self.set_numbers.clear();
        self.dead_letters.clear();
        self.bytes = 0;
    }
}

/// The headers of a rejected record that say what its payload is, as those of a `CloudEvent` in binary mode do: as many as have
/// room in `limit` bytes.
fn kept(record: &Record<'_>, limit: usize) -> impl Iterator<Item = (Cow<'static, str>, String)> {
    let mut taken = 0;
    let said = record.headers.iter().filter(|(name, _)| name.starts_with("ce_") || *name == "content-type");
    let fits = said.take_while(move |(name, value)| {
        taken += name.len() + value.len();
        taken <= limit
    });
    fits.map(|(name, value)| (Cow::Owned(name.to_owned()), String::from_utf8_lossy(value).into_owned()))
}
