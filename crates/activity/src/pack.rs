//! Packs: what one ingest transaction says to one shard.
//!
//! A pack holds the activity deltas of the shard's entities, the changes of their attributes, the events that count by
//! themselves, the ranges of source positions that the transaction covers, the clocks of their partitions after them, and what values
//! were admitted to dimensions. Its schema is `schemas/pack.v1.avsc`.

use crate::additive::{Additive, AdditiveError};
use crate::admission::Admitted;
use crate::key;
use crate::types::{
    Bucket, CatalogVersion, DimensionIndex, DimensionValue, Grain, MetricIndex, Millis, Offset, PartitionId, TopicId,
};
use crate::varint;
use crate::wire::{Wire, WireError};
use apache_avro::Schema;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// One record of the activity topic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pack {
    /// The catalogue by which its deltas were made.
    pub catalogue: CatalogVersion,
    /// The writer's wall time; it moves no state, it only tells how stale the state is.
    pub sealed_at: Millis,
    /// Every source of the catalogue, in its order.
    pub sources: Vec<Coverage>,
    /// Who was active. The order carries no meaning: deltas commute.
    pub deltas: Vec<Delta>,
    /// What events add by themselves. The order carries no meaning here either, but that the first of two events with the same
    /// id counts.
    pub additive: Vec<Additive>,
    /// What attributes of entities have become. The order carries no meaning: changes commute.
    pub changes: Vec<Change>,
    /// What happened to entities at points in time. The order carries no meaning: marks commute.
    pub marks: Vec<Mark>,
    /// The topic whose order has numbered the values that were admitted; `None` if the catalogue admits none.
    pub admitted_by: Option<TopicId>,
    /// What numbers mean that no earlier pack of the same writer has told. It holds whether or not the rest of the pack is new.
    pub admitted: Vec<Admitted>,
}

/// What a pack covers of one source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// The source's topic.
    pub topic: String,
    /// That topic's identity.
    pub topic_id: TopicId,
    /// How many partitions it has; shard time waits for all of them.
    pub partitions: i32,
    /// The partitions of which this pack says something, each once.
    pub spans: Vec<Span>,
}

/// The positions `from..to` of one source partition. Markers and compaction leave gaps in offsets, so a span starts where
/// the one before it ended, not at its first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The partition.
    pub partition: PartitionId,
    /// The first position covered.
    pub from: Offset,
    /// The position after the last one covered; equal to `from` where only the clock moved.
    pub to: Offset,
    /// The partition's clock after these positions; `None` as long as nothing has moved it.
    pub clock: Option<Millis>,
    /// Why `from` does not continue where the partition was left.
    pub jump: Option<Jump>,
}

/// A place at which source positions do not continue, said openly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Jump {
    /// Nobody has read the partition before.
    FirstStart,
    /// Retention deleted positions before they were read.
    LostRetention,
    /// The topic was deleted and made again: positions start anew under a new topic id.
    ReplacedTopic,
}

/// Entities that were active in a bucket for the same metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    /// The metrics for which they were, ascending.
    pub metrics: Vec<MetricIndex>,
    /// What the bucket counts.
    pub grain: Grain,
    /// The bucket.
    pub bucket: Bucket,
    /// The entities.
    pub keys: Keys,
}

/// What one record says about the attributes of an entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The bytes of the entity's key.
    #[serde(with = "apache_avro::serde::bytes")]
    pub key: Vec<u8>,
    /// From when on.
    pub at: Millis,
    /// The attributes that it tells.
    pub values: Vec<Attribute>,
}

/// What one event says happened to an entity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mark {
    /// The bytes of the entity's key.
    #[serde(with = "apache_avro::serde::bytes")]
    pub key: Vec<u8>,
    /// When.
    pub at: Millis,
    /// What, for each of the metrics that ask for it.
    pub values: Vec<Marked>,
}

/// What happened to an entity for a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Marked {
    /// The metric.
    pub metric: MetricIndex,
    /// A value of the event in units of the metric's last decimal, or which of several things happened, from 0.
    pub value: i64,
}

/// The value of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// The dimension that the attribute is.
    pub dimension: DimensionIndex,
    /// Its value.
    pub value: DimensionValue,
}

/// Entity keys one after the other, each behind its length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Keys(#[serde(with = "apache_avro::serde::bytes")] Vec<u8>);

impl Keys {
    /// Appends the key that these bytes are.
    pub fn push(&mut self, key: &[u8]) {
        varint::put(key.len() as u64, &mut self.0);
        self.0.extend_from_slice(key);
    }

    /// The bytes of each key in turn; `None` in place of the rest if they are cut off.
    pub fn iter(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let taken =
                varint::take(rest).and_then(|(length, tail)| tail.split_at_checked(usize::try_from(length).ok()?));
            rest = taken.map_or(&[], |(_, tail)| tail);
            Some(taken.map(|(key, _)| key))
        })
    }

    /// How many bytes they take.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.len()
    }
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    Schema::parse_str(include_str!("../../../schemas/pack.v1.avsc")).expect("the pack schema is tested")
});
static WIRE: LazyLock<Wire> = LazyLock::new(|| Wire::new("pack", &SCHEMA));

impl Pack {
    /// The pack as the payload of a record.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        WIRE.encode(self)
    }

    /// The pack of a record's payload, its keys and values checked.
    ///
    /// # Errors
    /// If the bytes are of another schema or follow none.
    pub fn decode(bytes: &[u8]) -> Result<Pack, PackError> {
        let pack: Pack = WIRE.decode(bytes)?;
        for delta in &pack.deltas {
            for key in delta.keys.iter() {
                key::check(key.ok_or(PackError::CutKeys)?)?;
            }
        }
        pack.changes.iter().try_for_each(|change| key::check(&change.key))?;
        pack.marks.iter().try_for_each(|mark| key::check(&mark.key))?;
        pack.additive.iter().try_for_each(Additive::check)?;
        Ok(pack)
    }
}

/// Why a record's payload is no pack.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The bytes are no pack, or one of another version.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A delta's keys are cut off.
    #[error("a pack's list of entity keys is cut off")]
    CutKeys,
    /// A key is broken.
    #[error("a pack holds a broken key: {0}")]
    Key(#[from] crate::KeyError),
    /// Events that were counted cannot be read.
    #[error(transparent)]
    Additive(#[from] AdditiveError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EntityKey;
    use crate::additive::{Addend, IdSpace, Place};
    use crate::types::EntityKind;
    use proptest::prelude::*;

    fn pack(ids: &[String], bucket: i32) -> Pack {
        let mut keys = Keys::default();
        ids.iter().for_each(|id| keys.push(EntityKey::of(EntityKind(2), &[id]).as_bytes()));
        let span = |partition, clock, jump| Span {
            partition: PartitionId(partition),
            from: Offset(7),
            to: Offset(11),
            clock,
            jump,
        };
        Pack {
            catalogue: CatalogVersion(u64::MAX - 5),
            sealed_at: Millis(1_700_000_000_000),
            sources: vec![Coverage {
                topic: "product.usage".into(),
                topic_id: TopicId([250; 16]),
                partitions: 12,
                spans: vec![span(0, Some(Millis(5)), None), span(3, None, Some(Jump::LostRetention))],
            }],
            deltas: vec![Delta {
                metrics: vec![MetricIndex(0), MetricIndex(300)],
                grain: Grain::Hour,
                bucket: Bucket(bucket),
                keys,
            }],
            additive: vec![additive(ids, bucket)],
            changes: ids.iter().map(|id| change(id, bucket)).collect(),
            marks: ids.iter().map(|id| mark(id, bucket)).collect(),
            admitted_by: Some(TopicId([8; 16])),
            admitted: ids.iter().map(|id| admitted(id)).collect(),
        }
    }

    fn admitted(value: &str) -> Admitted {
        Admitted { dimension: DimensionIndex(2), number: DimensionValue(7), value: value.to_owned() }
    }

    fn change(id: &str, bucket: i32) -> Change {
        let attribute = |dimension| Attribute { dimension: DimensionIndex(dimension), value: DimensionValue(3) };
        let key = EntityKey::of(EntityKind(2), &[id]).as_bytes().to_vec();
        Change { key, at: Millis(bucket.into()), values: vec![attribute(0), attribute(400)] }
    }

    fn mark(id: &str, bucket: i32) -> Mark {
        let value = |metric| Marked { metric: MetricIndex(metric), value: -i64::from(bucket) };
        let key = EntityKey::of(EntityKind(2), &[id]).as_bytes().to_vec();
        Mark { key, at: Millis(bucket.into()), values: vec![value(0), value(400)] }
    }

    fn additive(ids: &[String], bucket: i32) -> Additive {
        let place = |grain, bucket| Place { grain, bucket: Bucket(bucket) };
        let places = vec![place(Grain::Minute, bucket), place(Grain::Day, 20_000)];
        let owner = EntityKey::of(EntityKind(1), &["acme"]);
        let mut additive = Additive::new(owner.as_bytes(), vec![MetricIndex(7)], vec![MetricIndex(2)], places);
        let space = IdSpace::of("product.usage");
        for (id, value) in ids.iter().zip(-3..) {
            additive.push(Addend { id: space.id(id), values: &[value] });
        }
        additive
    }

    proptest! {
        #[test]
        fn pack_reads_back(ids in proptest::collection::vec(".{0,30}", 0..20), bucket: i32) {
            let pack = pack(&ids, bucket);
            prop_assert_eq!(Pack::decode(&pack.encode()).unwrap(), pack);
        }

        #[test]
        fn mutilated_pack_is_refused_or_read_but_never_panics(at in 10usize..300, with: u8) {
            let mut bytes = pack(&["ada".into(), "grace".into()], 20_000).encode();
            let at = at % bytes.len();
            bytes[at] = with;
            let _ = Pack::decode(&bytes);
            let _ = Pack::decode(&bytes[..at]);
        }
    }

    #[test]
    fn pack_of_another_version_is_refused_by_name() {
        let mut bytes = pack(&[], 0).encode();
        bytes[5] ^= 1;
        let told = Pack::decode(&bytes).unwrap_err().to_string();
        assert!(told.contains("was written with schema") && told.contains("run the version that wrote it"), "{told}");
        assert!(Pack::decode(b"{}").unwrap_err().to_string().contains("no pack"));
    }

    #[test]
    fn keys_that_are_cut_off_are_refused() {
        let mut pack = pack(&["ada".into()], 0);
        pack.deltas[0].keys.0.pop();
        assert!(matches!(Pack::decode(&pack.encode()), Err(PackError::CutKeys)));
    }
}
