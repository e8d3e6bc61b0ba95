//! A simulated log: partitions of records that transactions decide on, with the gaps that markers leave.

use activity::{Millis, Offset, TopicId};
use kafka::{Bounds, ISOLATION, Isolation, TopicInfo};

/// One offset of a partition.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) fate: Fate,
    pub(crate) timestamp: Millis,
    pub(crate) payload: Vec<u8>,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its transaction is open.
    Open,
    Committed,
    Aborted,
    /// It is no record: it tells how a transaction ended.
    Marker,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct LogPartition {
    pub(crate) entries: Vec<Entry>,
    /// What lies before it was deleted by retention.
    pub(crate) start: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) id: TopicId,
    pub(crate) partitions: Vec<LogPartition>,
}

impl Topic {
    /// What the broker tells of it.
    pub(crate) fn info(&self) -> TopicInfo {
        TopicInfo { id: self.id, partitions: u16::try_from(self.partitions.len()).expect("few") }
    }
}

impl LogPartition {
    pub(crate) fn append(&mut self, fate: Fate, timestamp: Millis, payload: Vec<u8>) -> usize {
        self.entries.push(Entry { fate, timestamp, payload });
        self.entries.len() - 1
    }

    /// A transaction ends for the entries that it wrote here, and leaves a marker.
    pub(crate) fn decide(&mut self, entries: &[usize], fate: Fate, now: Millis) {
        entries.iter().for_each(|at| self.entries[*at].fate = fate);
        self.append(Fate::Marker, now, Vec::new());
    }

    /// The last stable offset: where the first open transaction begins.
    pub(crate) fn stable_end(&self) -> usize {
        self.entries.iter().position(|entry| entry.fate == Fate::Open).unwrap_or(self.entries.len())
    }

    pub(crate) fn bounds(&self) -> Bounds {
        Bounds { start: offset(self.start), stable_end: offset(self.stable_end()) }
    }

    /// Where readers come to an end, as the pipeline's isolation has it.
    pub(crate) fn readable_end(&self) -> usize {
        match ISOLATION {
            Isolation::Committed => self.stable_end(),
            Isolation::Uncommitted => self.entries.len(),
        }
    }

    /// Whether readers see the entry.
    pub(crate) fn is_readable(&self, at: usize) -> bool {
        match self.entries[at].fate {
            Fate::Committed => true,
            Fate::Open | Fate::Aborted => ISOLATION == Isolation::Uncommitted,
            Fate::Marker => false,
        }
    }

    /// The committed records from `from` on, up to `to` and the last stable offset.
    pub(crate) fn committed(&self, from: usize, to: usize) -> impl Iterator<Item = (usize, &Entry)> {
        let to = to.min(self.stable_end());
        let entries = self.entries.iter().enumerate().take(to).skip(from);
        entries.filter(|(_, entry)| entry.fate == Fate::Committed)
    }
}

pub(crate) fn offset(at: usize) -> Offset {
    Offset(i64::try_from(at).expect("a simulated log is short"))
}

pub(crate) fn index(offset: Offset) -> usize {
    usize::try_from(offset.0).expect("offsets are not negative")
}
