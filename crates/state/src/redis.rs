//! The Redis adapter.
//!
//! Invariant: a shard's keys change only within one function call, which compares the fence first ([`commit`] in
//! `redis/functions.lua`). The server runs one call at a time, so nothing comes between.
//!
//! After an error the outcome of a write is unknown: the call may have run, or may still run. Its fence makes both
//! harmless.

mod commit;
mod config;
mod fault;
mod layout;
mod library;
mod link;
mod text;

use crate::port::{Commit, CounterKey, Entities, Read, Snapshot, Store, StoreError, Stored, Verdict};
use ::redis::cmd;
use activity::{EntityKey, Incarnation, Shard, fence};
pub use config::RedisConfig;
use link::Link;
use std::collections::BTreeMap;
use std::fmt;

/// How many buckets make a portion.
const BUCKETS_A_PORTION: u16 = 16;

/// How many records are asked for in one round trip: what bounds the memory that the server needs for its answer.
const RECORDS_A_TRIP: usize = 16_384;

/// Shards in a Redis server.
///
/// A lost connection is made again by the next call. Needs a server of version 7 or later that never evicts.
pub struct RedisStore {
    link: Link,
}

type Trip = Read<Vec<Option<Vec<u8>>>>;
type RecordFields = (Option<Vec<u8>>, Option<Vec<u8>>, Vec<Option<Vec<u8>>>);
type PortionFields = (Option<Vec<u8>>, Option<Vec<u8>>, Vec<(Vec<u8>, Vec<u8>)>);
type HeaderFields = (Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>);
type SnapshotFields = (Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(Vec<u8>, Vec<u8>)>);

impl RedisStore {
    /// Connects to the server, looks whether it is fit, and loads the function library into it.
    ///
    /// # Errors
    /// If the server does not answer, or may not be used as it is set up.
    pub fn connect(config: &RedisConfig) -> Result<RedisStore, StoreError> {
        let mut link = Link::new(config)?;
        link.run("the function library", library::load)?;
        Ok(RedisStore { link })
    }

    /// Host, port and database of the server, without user and password.
    #[must_use]
    pub fn address(&self) -> &str {
        self.link.address()
    }

    fn trip(&mut self, shard: Shard, incarnation: Incarnation, keys: &[EntityKey]) -> Result<Trip, StoreError> {
        let mut buckets: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
        for (at, key) in keys.iter().enumerate() {
            buckets.entry(layout::bucket_of(key)).or_default().push(at);
        }
        let mut names = vec![layout::header(shard)];
        names.extend(buckets.keys().map(|bucket| layout::bucket(shard, incarnation, *bucket)));
        let mut call = library::records(&names);
        for places in buckets.values() {
            call.arg(places.len());
            for at in places {
                call.arg(keys[*at].as_bytes());
            }
        }
        let (fence, mark, found): RecordFields = self.link.call(&all_keys(shard), &call)?;
        let mut records = vec![None; keys.len()];
        for (at, record) in buckets.values().flatten().zip(found) {
            records[*at] = record;
        }
        Ok(Read::new(state(shard, fence.as_deref(), mark.as_deref())?, records))
    }
}

impl Store for RedisStore {
    fn stored(&mut self, shard: Shard) -> Result<Option<Stored>, StoreError> {
        let header = layout::header(shard);
        let (fence, mark, bytes): HeaderFields =
            self.link.call(&header, cmd("HMGET").arg(&header).arg(&["f", "d", "b"]))?;
        whole(shard, fence, mark, bytes)
    }

    fn records(&mut self, shard: Shard, incarnation: Incarnation, keys: &[EntityKey]) -> Result<Trip, StoreError> {
        let mut chunks = keys.chunks(RECORDS_A_TRIP);
        let first = self.trip(shard, incarnation, chunks.next().unwrap_or_default())?;
        let (mut under, mut records) = (first.stored(), first.anyway());
        for keys in chunks {
            let more = self.trip(shard, incarnation, keys)?;
            // Records of several moments belong to no one state.
            under = under.filter(|under| more.stored() == Some(*under));
            records.extend(more.anyway());
        }
        Ok(Read::new(under, records))
    }

    fn snapshot(&mut self, shard: Shard) -> Result<Option<Snapshot>, StoreError> {
        let call = library::snapshot(&[layout::header(shard)]);
        let (fence, mark, header, fields): SnapshotFields = self.link.call(&all_keys(shard), &call)?;
        let Some(stored) = whole(shard, fence, mark, header)? else { return Ok(None) };
        let incarnation = stored.state.fence.incarnation;
        let counters = fields.into_iter().map(|(field, value)| Ok((counter(shard, incarnation, &field)?, value)));
        Ok(Some(Snapshot { counters: counters.collect::<Result<_, StoreError>>()?, stored }))
    }

    fn commit(&mut self, shard: Shard, commit: &Commit) -> Result<Verdict, StoreError> {
        let reply = self.link.call(&all_keys(shard), &commit::call(shard, commit))?;
        commit::verdict(shard, commit, reply)
    }

    fn portion(&mut self, shard: Shard, incarnation: Incarnation, portion: u32) -> Result<Read<Entities>, StoreError> {
        let first = u16::try_from(portion).ok().and_then(|portion| portion.checked_mul(BUCKETS_A_PORTION));
        let first = first.unwrap_or(layout::BUCKETS);
        let buckets = first..first.saturating_add(BUCKETS_A_PORTION).min(layout::BUCKETS);
        let mut names = vec![layout::header(shard)];
        names.extend(buckets.map(|bucket| layout::bucket(shard, incarnation, bucket)));
        let (fence, mark, fields): PortionFields = self.link.call(&all_keys(shard), &library::portion(&names))?;
        let under = state(shard, fence.as_deref(), mark.as_deref())?;
        let entities = fields.into_iter().map(|(key, record)| Ok((entity(shard, incarnation, &key)?, record)));
        Ok(Read::new(under, entities.collect::<Result<_, StoreError>>()?))
    }

    fn portions(&self) -> u32 {
        u32::from(layout::BUCKETS / BUCKETS_A_PORTION)
    }

    fn discard(&mut self, shard: Shard, incarnation: Incarnation) -> Result<(), StoreError> {
        let mut call = library::discard(&layout::every_key(shard, incarnation));
        call.arg(incarnation.to_string());
        let deleted: bool = self.link.call(&all_keys(shard), &call)?;
        if !deleted {
            tracing::warn!(%shard, %incarnation, "not discarded: the store went back to this incarnation");
        }
        Ok(())
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("address", &self.link.address()).finish_non_exhaustive()
    }
}

/// What is stored, by these fields of a header.
fn state(shard: Shard, fence: Option<&[u8]>, mark: Option<&[u8]>) -> Result<Option<fence::Stored>, StoreError> {
    fence.map(|fence| text::stored(shard, fence, mark)).transpose()
}

/// A header of these fields. Without a fence there is none: at most the mark of a first commit that broke off, which is
/// made again from nothing.
fn whole(
    shard: Shard,
    fence: Option<Vec<u8>>,
    mark: Option<Vec<u8>>,
    header: Option<Vec<u8>>,
) -> Result<Option<Stored>, StoreError> {
    let Some(fence) = fence else { return Ok(None) };
    let state = text::stored(shard, &fence, mark.as_deref())?;
    Ok(Some(Stored { state, header: header.unwrap_or_default() }))
}

fn all_keys(shard: Shard) -> String {
    format!("{{nsm:{shard}}}:*")
}

fn counter(shard: Shard, incarnation: Incarnation, field: &[u8]) -> Result<CounterKey, StoreError> {
    layout::parse_counter_field(field).ok_or_else(|| StoreError::Corrupt {
        place: layout::counters(shard, incarnation),
        reason: format!("the field `{}` is not METRIC:WINDOW", text::shown(Some(field))),
    })
}

fn entity(shard: Shard, incarnation: Incarnation, key: &[u8]) -> Result<EntityKey, StoreError> {
    EntityKey::parse(key).map_err(|error| StoreError::Corrupt {
        place: format!("{{nsm:{shard}}}:{incarnation}:e:*"),
        reason: format!("the field `{}` is no entity: {error}", text::shown(Some(key))),
    })
}
