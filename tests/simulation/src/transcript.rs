//! What ingest was told by the log, as far as it has committed it: in this order a partition's records are judged.
//!
//! A record is read twice where a worker learns late that its topic was made again, and not at all where it never saw what
//! was lost; so what has to come out follows from what was read, and [`crate::coverage`] says what has to be read.

use activity::{Millis, TopicId};
use kafka::Partition;
use std::collections::{BTreeMap, BTreeSet};

/// One thing that ingest was told of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Told {
    /// A record, of whichever topic had the name when it was fetched.
    Record { topic: TopicId, at: usize },
    /// Asked at this time, the log said that the partition ends where it was read up to.
    Idle(Millis),
}

/// What was told of each partition and committed, by the activity topic that it was committed to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transcript(BTreeMap<TopicId, BTreeMap<Partition, Vec<Told>>>);

impl Transcript {
    pub(crate) fn commit(&mut self, activity: TopicId, told: Vec<(Partition, Vec<Told>)>) {
        let partitions = self.0.entry(activity).or_default();
        for (partition, told) in told {
            partitions.entry(partition).or_default().extend(told);
        }
    }

    /// What was told under an activity topic: positions in another one are none, so each begins anew.
    pub(crate) fn under(&self, activity: TopicId) -> impl Iterator<Item = (Partition, &[Told])> {
        let partitions = self.0.get(&activity).into_iter().flatten();
        partitions.map(|(partition, told)| (*partition, told.as_slice()))
    }

    /// How many records were read more than once under an activity topic.
    pub(crate) fn read_twice(&self, activity: TopicId) -> usize {
        let partitions = self.0.get(&activity).into_iter().flatten();
        let twice = partitions.map(|(_, told)| {
            let records: Vec<&Told> = told.iter().filter(|told| matches!(told, Told::Record { .. })).collect();
            let different: BTreeSet<_> = records.iter().collect();
            records.len() - different.len()
        });
        twice.sum()
    }

    /// The records of a source topic that were read under an activity topic.
    pub(crate) fn records(&self, activity: TopicId, of: TopicId, partition: Partition) -> BTreeSet<usize> {
        let told = self.0.get(&activity).and_then(|partitions| partitions.get(&partition)).into_iter().flatten();
        let records = told.filter_map(|told| match told {
            Told::Record { topic, at } if *topic == of => Some(*at),
            _ => None,
        });
        records.collect()
    }
}
