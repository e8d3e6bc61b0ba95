//! The records of shards, for lists and portraits. They are read where gauges may be shown, too: no shard is rebuilding, dirty
//! or of another catalogue.

use crate::totals::{Withheld, header};
use activity::{EntityKey, Incarnation, Millis, Shard};
use catalog::Plan;
use state::{Store, StoreError};

/// The living incarnation of each shard, and its time.
pub(crate) struct Shards(Vec<(Incarnation, Millis)>);

impl Shards {
    /// What is stored of the shards.
    ///
    /// # Errors
    /// If one cannot be read, may not be shown, or has no time yet.
    pub(crate) fn read<S: Store + ?Sized>(store: &mut S, plan: &Plan, shards: u16) -> Result<Shards, Withheld> {
        let of_shard = |shard: Shard| {
            let stored = store.stored(shard)?.ok_or(Withheld::Absent { shard })?;
            let time = header(plan, shard, &stored)?.time;
            Ok::<_, Withheld>((stored.state.fence.incarnation, time))
        };
        let read: Vec<_> = (0..shards).map(Shard).map(of_shard).collect::<Result<_, _>>()?;
        let told = read.into_iter().map(|(incarnation, time)| Some((incarnation, time?)));
        told.collect::<Option<_>>().map(Shards).ok_or(Withheld::NoTime)
    }

    /// Shard time: the slowest shard's.
    pub(crate) fn time(&self) -> Millis {
        self.0.iter().map(|(_, time)| *time).min().expect("there is a shard")
    }

    /// The time of the fastest shard, which has let go of most.
    pub(crate) fn fastest(&self) -> Millis {
        self.0.iter().map(|(_, time)| *time).max().expect("there is a shard")
    }

    /// All shards.
    pub(crate) fn all(&self) -> impl Iterator<Item = Shard> + use<> {
        (0..u16::try_from(self.0.len()).expect("shards are numbered by 16 bits")).map(Shard)
    }

    /// Shows every record of a shard to `look`, encoded, portion by portion.
    ///
    /// # Errors
    /// If the shard cannot be read or is no longer what it was, or `look` fails.
    pub(crate) fn each<S: Store + ?Sized>(
        &self,
        store: &mut S,
        shard: Shard,
        mut look: impl FnMut(EntityKey, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), Withheld> {
        let (incarnation, _) = self.0[usize::from(shard.0)];
        for portion in 0..store.portions() {
            let read = store.portion(shard, incarnation, portion)?;
            if read.stored().is_none_or(|of| of.dirty || of.fence.incarnation != incarnation) {
                return Err(Withheld::Dirty { shard });
            }
            read.anyway().into_iter().try_for_each(|(key, bytes)| look(key, &bytes))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use state::MemoryStore;

    #[test]
    fn a_shard_that_is_no_longer_what_it_was_shows_nothing() {
        let shards = Shards(vec![(Incarnation(1), Millis(0))]);
        let told = shards.each(&mut MemoryStore::default(), Shard(0), |_, _| panic!("there is nothing to look at"));
        assert!(matches!(told, Err(Withheld::Dirty { shard: Shard(0) })), "{told:?}");
    }
}
