//! How a member reads a partition: on from its position, whichever topic has the name by now.

use crate::log::{LogPartition, index};
use crate::transcript::Told;
use activity::{Offset, TopicId};

/// Where a started partition stands.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// The identity of its topic when it was started.
    pub(crate) topic: TopicId,
    pub(crate) next: usize,
    /// Whether its end was told there.
    pub(crate) end_told: bool,
    pub(crate) paused: bool,
    /// What was told of it since the last commit.
    pub(crate) told: Vec<Told>,
}

impl Reading {
    pub(crate) fn at(topic: TopicId, next: Offset) -> Reading {
        Reading { topic, next: index(next), end_told: false, paused: false, told: Vec::new() }
    }

    /// What the partition holds from here on, whichever topic has its name by now.
    pub(crate) fn fetch(
        &mut self,
        topic: TopicId,
        log: &LogPartition,
        most: usize,
    ) -> Result<Vec<Fetched>, &'static str> {
        if self.paused {
            return Ok(Vec::new());
        }
        if self.next < log.start {
            return Err("position lost to retention");
        }
        if self.next > log.entries.len() {
            return Err("position past the end");
        }
        let (mut fetched, end) = (Vec::new(), log.readable_end());
        while self.next < end && fetched.len() < most {
            if log.is_readable(self.next) {
                let entry = &log.entries[self.next];
                fetched.push(Fetched::Record(self.next, entry.timestamp, entry.payload.clone()));
                self.told.push(Told::Record { topic, at: self.next });
            }
            self.next += 1;
            self.end_told = false;
        }
        if self.next >= end && !self.end_told {
            self.end_told = true;
            fetched.push(Fetched::End(self.next));
        }
        Ok(fetched)
    }
}

/// What a fetch finds, with its offset.
pub(crate) enum Fetched {
    Record(usize, activity::Millis, Vec<u8>),
    End(usize),
}
