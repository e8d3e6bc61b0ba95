//! The batch that is under way: the deltas of every shard, and what was rejected.

use activity::pack::{Coverage, Delta, Keys, Pack};
use activity::{Bucket, CatalogVersion, Grain, MetricIndex, Millis, Shard};
use event::Reject;
use hashbrown::HashMap;
use kafka::{DeadLetter, Record};
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64;

/// Deltas by shard, and dead letters.
#[derive(Debug)]
pub(crate) struct Batch {
    /// By shard: the keys of each bucket and set of metrics.
    shards: Vec<BTreeMap<(Grain, Bucket, usize), Keys>>,
    /// The sets of metrics that have occurred, and the number of each.
    sets: Vec<Vec<MetricIndex>>,
    set_numbers: HashMap<Vec<MetricIndex>, usize>,
    dead_letters: Vec<DeadLetter>,
    bytes: usize,
}

impl Batch {
    pub(crate) fn new(shards: u16) -> Batch {
        Batch {
            shards: vec![BTreeMap::new(); usize::from(shards)],
            sets: Vec::new(),
            set_numbers: HashMap::new(),
            dead_letters: Vec::new(),
            bytes: 0,
        }
    }

    /// Adds an entity that was active in a bucket for these metrics.
    pub(crate) fn add(&mut self, shard: Shard, grain: Grain, bucket: Bucket, metrics: &[MetricIndex], key: &[u8]) {
        let set = match self.set_numbers.get(metrics) {
            Some(set) => *set,
            None => {
                self.sets.push(metrics.to_vec());
                self.set_numbers.insert(metrics.to_vec(), self.sets.len() - 1);
                self.sets.len() - 1
            }
        };
        let keys = self.shards[usize::from(shard.0)].entry((grain, bucket, set)).or_default();
        self.bytes -= keys.size();
        keys.push(key);
        self.bytes += keys.size();
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
        let payload = payload[..payload.len().min(limit)].to_vec();
        let key = record.key.map(|key| key[..key.len().min(limit)].to_vec());
        self.bytes += payload.len() + 512;
        self.dead_letters.push(DeadLetter { key, payload, headers });
    }

    /// How many bytes it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Empties it into one encoded pack a shard, and the dead letters.
    pub(crate) fn seal(
        &mut self,
        catalogue: CatalogVersion,
        sealed_at: Millis,
        sources: Vec<Coverage>,
    ) -> (Vec<Vec<u8>>, Vec<DeadLetter>) {
        let mut pack = Pack { catalogue, sealed_at, sources, deltas: Vec::new() };
        let sets = &self.sets;
        let mut seal_shard = |deltas: &mut BTreeMap<(Grain, Bucket, usize), Keys>| {
            let delta = |((grain, bucket, set), keys): ((Grain, Bucket, usize), Keys)| Delta {
                metrics: sets[set].clone(),
                grain,
                bucket,
                keys,
            };
            pack.deltas = std::mem::take(deltas).into_iter().map(delta).collect();
            pack.encode()
        };
        let packs = self.shards.iter_mut().map(&mut seal_shard).collect();
        self.bytes = 0;
        (packs, std::mem::take(&mut self.dead_letters))
    }

    /// Throws everything away.
    pub(crate) fn clear(&mut self) {
        self.shards.iter_mut().for_each(BTreeMap::clear);
        self.dead_letters.clear();
        self.bytes = 0;
    }
}
