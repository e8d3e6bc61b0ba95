//! Producers of source records, one record after another or in transactions that stay open for a while.

use crate::log::Fate;
use crate::produce::{Meant, meant, payload};
use crate::world::World;
use activity::{Millis, TopicId};
use rand::Rng;

/// A producer's transaction that is open: nothing from its first record on can be read, in any partition that it touches.
pub(crate) struct Producer {
    began: Millis,
    /// Source, partition and offset.
    entries: Vec<(usize, usize, usize)>,
}

/// By how much the time may differ with which an event is sent again.
const RESTAMPED: i64 = 30 * 3_600_000;

/// How many events a producer may send again.
const REMEMBERED: usize = 20;

/// How long the broker lets a transaction be open: Kafka's own bound.
const OPEN_MS: i64 = 15 * 60_000;

impl World {
    fn append(&mut self, source: usize, partition: usize, fate: Fate) -> (usize, Meant, Vec<u8>) {
        let now = self.now;
        let meant = self.copied(source).unwrap_or_else(|| meant(&mut self.rng, now));
        let payload = payload(&meant);
        let topic = &mut self.sources[source];
        let at = topic.partitions[partition].append(fate, meant.stamp, payload.clone());
        self.produced.entry((topic.id, partition)).or_default().insert(at, meant.clone());
        self.sent[source].push_back(meant.clone());
        if self.sent[source].len() > REMEMBERED {
            self.sent[source].pop_front();
        }
        (at, meant, payload)
    }

    /// Now and then an event that was sent before, to whichever partition of the topic, with a stamp of its own.
    fn copied(&mut self, source: usize) -> Option<Meant> {
        let sent = &self.sent[source];
        if sent.is_empty() || !self.rng.random_ratio(1, 6) {
            return None;
        }
        let copied = sent[self.rng.random_range(0..sent.len())].clone();
        self.faults.count("event sent again");
        let later = if self.rng.random_ratio(1, 3) { self.rng.random_range(-RESTAMPED..RESTAMPED) } else { 0 };
        // What lies in the future stays there, and nothing else gets there.
        let time = if copied.time > self.now { copied.time } else { Millis(copied.time.0 + later).min(self.now) };
        Some(Meant { stamp: self.now, time, ..copied })
    }

    fn some_partition(&mut self) -> (usize, usize) {
        let source = self.rng.random_range(0..self.sources.len());
        (source, self.rng.random_range(0..self.sources[source].partitions.len()))
    }

    /// Something is produced to one partition.
    pub(crate) fn produce_somewhere(&mut self) {
        let (source, partition) = self.some_partition();
        self.produce(source, partition);
    }

    /// Produces a few records to one partition.
    pub(crate) fn produce(&mut self, source: usize, partition: usize) {
        for _ in 0..self.rng.random_range(1..5) {
            let (_, _, payload) = self.append(source, partition, Fate::Committed);
            if self.rng.random_ratio(1, 8) {
                let now = self.now;
                let log = &mut self.sources[source].partitions[partition];
                let at = log.append(Fate::Open, now, payload);
                log.decide(&[at], Fate::Aborted, now);
                self.faults.count("producer aborted");
            }
        }
    }

    /// Produces a few records to every partition.
    pub(crate) fn produce_everywhere(&mut self, source: usize) {
        (0..self.sources[source].partitions.len()).for_each(|partition| self.produce(source, partition));
    }

    /// A producer begins a transaction, or goes on with one, in one partition or two.
    pub(crate) fn produce_in_transaction(&mut self) {
        if self.producers.is_empty() || self.rng.random_ratio(1, 3) {
            self.producers.push(Producer { began: self.now, entries: Vec::new() });
            self.faults.count("source transaction opened");
        }
        let producer = self.rng.random_range(0..self.producers.len());
        for _ in 0..self.rng.random_range(1..3) {
            let (source, partition) = self.some_partition();
            for _ in 0..self.rng.random_range(1..4) {
                let (at, ..) = self.append(source, partition, Fate::Open);
                self.producers[producer].entries.push((source, partition, at));
            }
        }
    }

    /// A producer ends its transaction, one way or the other.
    pub(crate) fn end_source_transaction(&mut self) {
        if self.producers.is_empty() {
            return;
        }
        let producer = self.rng.random_range(0..self.producers.len());
        let producer = self.producers.swap_remove(producer);
        if self.rng.random_ratio(2, 3) {
            self.faults.count("source transaction committed");
            self.decide_source(&producer, Fate::Committed);
        } else {
            self.faults.count("source transaction aborted");
            self.decide_source(&producer, Fate::Aborted);
        }
    }

    /// The broker aborts what was open for too long.
    pub(crate) fn time_out_producers(&mut self) {
        let oldest = Millis(self.now.0 - OPEN_MS);
        let timed_out = |producer: &mut Producer| producer.began < oldest;
        for producer in self.producers.extract_if(.., timed_out).collect::<Vec<_>>() {
            self.faults.count("source transaction timed out");
            self.decide_source(&producer, Fate::Aborted);
        }
    }

    fn decide_source(&mut self, producer: &Producer, fate: Fate) {
        for source in 0..self.sources.len() {
            for partition in 0..self.sources[source].partitions.len() {
                let here = producer.entries.iter().filter(|(of, id, _)| (*of, *id) == (source, partition));
                let here: Vec<usize> = here.map(|(_, _, at)| *at).collect();
                if here.is_empty() {
                    continue;
                }
                let topic = &mut self.sources[source];
                topic.partitions[partition].decide(&here, fate, self.now);
                if fate == Fate::Aborted {
                    let produced = self.produced.entry((topic.id, partition)).or_default();
                    produced.retain(|at, _| !here.contains(at));
                }
            }
        }
    }

    /// A source topic is deleted: what open transactions have written to it is gone with it, undecided.
    pub(crate) fn forget_open_of(&mut self, source: usize) {
        let topic: TopicId = self.sources[source].id;
        for producer in &mut self.producers {
            for (_, partition, at) in producer.entries.extract_if(.., |(of, ..)| *of == source) {
                if let Some(produced) = self.produced.get_mut(&(topic, partition)) {
                    produced.remove(&at);
                }
            }
        }
    }
}
