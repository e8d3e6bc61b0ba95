//! The activity topic, read back: which source positions each shard stands for, and what aborted transactions left.
//!
//! Packs are read with their schema alone, and only for the spans that they cover: the oracle does not use the rest.

use std::collections::BTreeMap;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use pipeline::{Client, Isolation};
use rdkafka::Message;
use serde::Deserialize;

use crate::generator::{CHANGE_PARTITIONS, PARTITIONS};

/// Marker and fingerprint of Avro's single-object encoding.
const HEAD: usize = 10;

/// What the activity topic says.
pub(crate) struct ActivityLog {
    /// By shard: the offset of every committed pack, and the next position of each source partition after it: those of events,
    /// then those of accounts, as the catalogue has its sources.
    shards: Vec<Vec<(i64, Vec<i64>)>>,
    /// How many packs of aborted transactions there are, in the shard that has most: each is of another transaction.
    pub(crate) aborted: usize,
    /// Packs that do not continue where their shard stood.
    pub(crate) broken: Vec<String>,
}

#[derive(Deserialize)]
struct Pack {
    sources: Vec<Coverage>,
}

#[derive(Deserialize)]
struct Coverage {
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Span {
    partition: i32,
    from: i64,
    to: i64,
}

impl ActivityLog {
    /// Reads the whole topic.
    pub(crate) fn read(client: &Client, topic: &str, shards: usize) -> ActivityLog {
        let schema = Schema::parse_str(include_str!("../../../schemas/pack.v1.avsc")).expect("the schema is tested");
        let reader = GenericDatumReader::builder(&schema).build().expect("a schema without references");
        let mut log = ActivityLog { shards: vec![Vec::new(); shards], aborted: 0, broken: Vec::new() };
        client.read(topic, Isolation::Committed, |record| {
            let mut payload = &record.payload().expect("packs have a payload")[HEAD..];
            let pack = reader.read_value(&mut payload).and_then(|pack| apache_avro::from_value(&pack));
            let shard = usize::try_from(record.partition()).expect("from 0");
            log.take(shard, record.offset(), &pack.expect("packs follow their schema"));
        });
        let mut hidden: BTreeMap<i32, usize> = BTreeMap::new();
        client.read(topic, Isolation::Uncommitted, |record| *hidden.entry(record.partition()).or_default() += 1);
        let hidden = log.shards.iter().zip(0..).map(|(packs, shard)| hidden.get(&shard).unwrap_or(&0) - packs.len());
        log.aborted = hidden.max().unwrap_or(0);
        log
    }

    fn take(&mut self, shard: usize, offset: i64, pack: &Pack) {
        let partitions = usize::try_from(PARTITIONS + CHANGE_PARTITIONS).expect("few");
        let mut next = self.shards[shard].last().map_or_else(|| vec![0; partitions], |(_, next)| next.clone());
        let spans = pack.sources.iter().zip([0, PARTITIONS]);
        for (span, first) in spans.flat_map(|(coverage, first)| coverage.spans.iter().map(move |span| (span, first))) {
            let at = &mut next[usize::try_from(first + span.partition).expect("from 0")];
            if span.from != *at {
                let Span { partition, from, to } = span;
                self.broken
                    .push(format!("shard {shard}, offset {offset}: {partition} from {from} to {to}, stood at {at}"));
            }
            *at = span.to;
        }
        self.shards[shard].push((offset, next));
    }

    /// All packs: shard, offset, and the next position of each source partition after it.
    pub(crate) fn all(&self) -> impl Iterator<Item = (usize, i64, &[i64])> {
        self.shards
            .iter()
            .enumerate()
            .flat_map(|(shard, packs)| packs.iter().map(move |(at, next)| (shard, *at, &next[..])))
    }

    /// How many packs a shard has from one offset to another.
    pub(crate) fn packs(&self, shard: usize, from: i64, to: i64) -> usize {
        let before = |end: i64| self.shards[shard].partition_point(|(offset, _)| *offset < end);
        before(to).saturating_sub(before(from))
    }

    /// How many packs there are in all.
    pub(crate) fn all_packs(&self) -> usize {
        self.shards.iter().map(Vec::len).sum()
    }
}
