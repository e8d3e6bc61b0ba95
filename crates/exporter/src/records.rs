//! The records of shards, for lists and portraits. They are read where gauges may be shown, too: no shard is rebuilding, dirty
//! or of another catalogue.

use crate::totals::{Withheld, header};
use activity::record::Record;
use activity::{EntityKey, Incarnation, Millis, Shard, key};
use catalog::{Names, Plan};
use state::{Entities, Read, Store, decode_record};

/// What is stored of the shards.
pub(crate) struct Shards {
    /// The living incarnation of each, and its time.
    living: Vec<(Incarnation, Millis)>,
    names: Names,
}

impl Shards {
    /// What is stored of the shards.
    ///
    /// # Errors
    /// If one cannot be read, may not be shown, or has no time yet.
    pub(crate) fn read<S: Store + ?Sized>(store: &mut S, plan: &Plan, shards: u16) -> Result<Shards, Withheld> {
        let of_shard = |shard: Shard| {
            let stored = store.stored(shard)?.ok_or(Withheld::Absent { shard })?;
            Ok::<_, Withheld>((stored.state.fence.incarnation, header(plan, shard, &stored)?))
        };
        let read: Vec<_> = (0..shards).map(Shard).map(of_shard).collect::<Result<_, _>>()?;
        let names = read.iter().flat_map(|(_, header)| &header.admitted).collect();
        let living = read.into_iter().map(|(incarnation, header)| Some((incarnation, header.time?)));
        let living = living.collect::<Option<_>>().ok_or(Withheld::NoTime)?;
        Ok(Shards { living, names })
    }

    /// What values that were admitted to dimensions are called, as of when the shards were read.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// What they are called by now. Window writes on while records are read: they may have values that were admitted since.
    ///
    /// # Errors
    /// As [`Shards::read`].
    pub(crate) fn names_by_now<S: Store + ?Sized>(&self, store: &mut S, plan: &Plan) -> Result<Names, Withheld> {
        if plan.admits() { Ok(Shards::read(store, plan, self.count())?.names) } else { Ok(Names::default()) }
    }

    /// Shard time: the slowest shard's.
    pub(crate) fn time(&self) -> Millis {
        self.living.iter().map(|(_, time)| *time).min().expect("there is a shard")
    }

    /// The time of the fastest shard, which has let go of most.
    pub(crate) fn fastest(&self) -> Millis {
        self.living.iter().map(|(_, time)| *time).max().expect("there is a shard")
    }

    /// All shards.
    pub(crate) fn all(&self) -> impl Iterator<Item = Shard> + use<> {
        (0..self.count()).map(Shard)
    }

    /// The records of one portion of a shard, encoded.
    ///
    /// # Errors
    /// If the shard cannot be read or is no longer what it was.
    pub(crate) fn portion<S: Store + ?Sized>(
        &self,
        store: &mut S,
        shard: Shard,
        portion: u32,
    ) -> Result<Entities, Withheld> {
        self.checked(shard, store.portion(shard, self.incarnation(shard), portion)?)
    }

    /// The records of these entities of a shard, in the order asked for; `None` for one of which nothing is kept.
    ///
    /// # Errors
    /// If the shard cannot be read or is no longer what it was.
    pub(crate) fn records<S: Store + ?Sized>(
        &self,
        store: &mut S,
        shard: Shard,
        keys: &[EntityKey],
    ) -> Result<Vec<Option<Record>>, Withheld> {
        let read = self.checked(shard, store.records(shard, self.incarnation(shard), keys)?)?;
        let decoded = keys.iter().zip(read).map(|(key, bytes)| match bytes {
            Some(bytes) => decode_record(shard, key, &bytes).map(Some).map_err(Withheld::from),
            None => Ok(None),
        });
        decoded.collect()
    }

    /// The shard in which an entity lies.
    pub(crate) fn shard_of(&self, plan: &Plan, key: &EntityKey) -> Shard {
        let shard_by = plan.entities[usize::from(key.kind().0)].shard_by;
        let mut part = Vec::new();
        key::push_part(&key.parts().nth(shard_by).expect("a key has a part for each field"), &mut part);
        key::shard_of(&part, self.count())
    }

    fn count(&self) -> u16 {
        u16::try_from(self.living.len()).expect("shards are numbered by 16 bits")
    }

    fn incarnation(&self, shard: Shard) -> Incarnation {
        self.living[usize::from(shard.0)].0
    }

    /// What was read, if the shard still is what it was.
    fn checked<T>(&self, shard: Shard, read: Read<T>) -> Result<T, Withheld> {
        match read.stored() {
            Some(of) if !of.dirty && of.fence.incarnation == self.incarnation(shard) => Ok(read.anyway()),
            _ => Err(Withheld::Dirty { shard }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use state::MemoryStore;

    #[test]
    fn a_shard_that_is_no_longer_what_it_was_shows_nothing() {
        let shards = Shards { living: vec![(Incarnation(1), Millis(0))], names: Names::default() };
        let told = shards.portion(&mut MemoryStore::default(), Shard(0), 0);
        assert!(matches!(told, Err(Withheld::Dirty { shard: Shard(0) })), "{told:?}");
    }
}
