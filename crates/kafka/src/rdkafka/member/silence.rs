//! What a member does when it hears nothing: it finds out whether its client is stuck.

use super::RdConsumer;
use crate::rdkafka::wait::Deadline;
use crate::{Bounds, Consumer, LogError, Partition, Patience, Position};
use std::time::Duration;
use tracing::debug;

/// For how long nothing may be heard of partitions that are being read before somebody else is asked whether they go on.
const SILENCE: Duration = Duration::from_secs(10);
/// For how long a group may leave a member without an answer. A rebalance takes as long as the session of a member that died.
pub(super) const JOINING: Duration = Duration::from_secs(30);

impl RdConsumer {
    /// Nothing came for so long that somebody else is asked whether there is something: after a standstill of its broker a
    /// client of librdkafka may never fetch, or never join its group, again. Only a new one does.
    pub(super) fn break_silence(&mut self) -> Result<(), LogError> {
        self.listen();
        let stuck = match self.membership {
            None => self.is_left_out(),
            Some(_) => self.is_deaf(),
        };
        match stuck {
            Ok(None) => Ok(()),
            Ok(Some(reason)) => Err(self.site.broker("consuming", format!("{reason}: the client is stuck"))),
            Err(error) => {
                debug!(%error, "nothing is heard, and nobody answers");
                Ok(())
            }
        }
    }

    /// Something was heard, or asked for: from now on it may be silent again for a while.
    pub(super) fn listen(&mut self) {
        self.silent_until = Deadline::after(if self.membership.is_some() { SILENCE } else { JOINING });
    }

    /// Why it is not joining although the broker answers. A member that is left with nothing to own is told so. The group may
    /// be waiting for another member, but then joining anew, under the same name, costs nothing.
    fn is_left_out(&mut self) -> Result<Option<String>, LogError> {
        self.topics(Patience::Once)?;
        Ok(Some(format!("the group has not let it in for {JOINING:?}, but the broker answers")))
    }

    /// Where it should be reading on but is not.
    fn is_deaf(&mut self) -> Result<Option<String>, LogError> {
        let reading: Vec<Position> =
            self.positions.all().filter(|position| !self.paused.contains(&position.partition)).collect();
        let partitions: Vec<Partition> = reading.iter().map(|position| position.partition).collect();
        let bounds = self.bounds(&partitions, Patience::Once)?;
        let missed = reading.iter().zip(bounds).find(|(position, bounds)| position.next < bounds.stable_end);
        let Some((Position { partition, next }, Bounds { stable_end, .. })) = missed else { return Ok(None) };
        let topic = self.name(partition.topic)?;
        Ok(Some(format!(
            "nothing came for {SILENCE:?} at offset {next} of `{topic}` [{}], which goes on to {stable_end}",
            partition.id
        )))
    }
}
