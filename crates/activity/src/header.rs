//! The shard header: how far a shard has come. It is stored with every commit, beside the [`crate::fence::Fence`]. Its
//! schema is `schemas/shard-header.v1.avsc`.

use crate::admission::Admitted;
use crate::clock::SourceProgress;
use crate::types::{Incarnation, Millis, Offset};
use crate::wire::{Wire, WireError};
use apache_avro::Schema;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// How far a shard has come, a pure function of its log's prefix but for `rebuild_until` and `discarded`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The sources that packs have named, in the catalogue's order.
    pub sources: Vec<SourceProgress>,
    /// Shard time; `None` until every source partition was heard of. Never goes back.
    pub time: Option<Millis>,
    /// The wall stamp of the last pack applied; 1970 if none was.
    pub sealed_at: Millis,
    /// While the fence's next offset lies below this one the shard is rebuilding, and nobody should believe its counters.
    pub rebuild_until: Option<Offset>,
    /// From where on the log has to be read again to know the ids of all events that were counted and may still come again;
    /// `None` if there are none. Every other event that may come was counted at or after it, or never.
    pub ids_from: Option<Offset>,
    /// What the numbers of values mean that were admitted, by dimension and number. No record and no counter has any other.
    pub admitted: Vec<Admitted>,
    /// Incarnations whose keys are still to be deleted.
    pub discarded: Vec<Incarnation>,
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    Schema::parse_str(include_str!("../../../schemas/shard-header.v1.avsc")).expect("the header schema is tested")
});
static WIRE: LazyLock<Wire> = LazyLock::new(|| Wire::new("shard header", &SCHEMA));

impl Header {
    /// Takes in what numbers mean.
    ///
    /// # Errors
    /// What is known and what was told, if they contradict each other.
    pub fn admit(&mut self, told: &[Admitted]) -> Result<(), (Admitted, Admitted)> {
        for told in told {
            if let Some(known) = self.admitted.iter().find(|known| known.contradicts(told)) {
                return Err((known.clone(), told.clone()));
            }
            let place = (told.dimension, told.number);
            if let Err(at) = self.admitted.binary_search_by_key(&place, |known| (known.dimension, known.number)) {
                self.admitted.insert(at, told.clone());
            }
        }
        Ok(())
    }

    /// The header as it is stored.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        WIRE.encode(self)
    }

    /// The header of stored bytes.
    ///
    /// # Errors
    /// If the bytes are of another schema or follow none.
    pub fn decode(bytes: &[u8]) -> Result<Header, WireError> {
        WIRE.decode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::PartitionProgress;
    use crate::types::{DimensionIndex, DimensionValue, TopicId};

    #[test]
    fn header_reads_back() {
        let header = Header {
            sources: vec![SourceProgress {
                topic: "product.usage".into(),
                partitions: vec![
                    PartitionProgress {
                        topic_id: Some(TopicId([9; 16])),
                        next: Some(Offset(7)),
                        clock: Some(Millis(-3)),
                        joined: Some(Millis(4)),
                    },
                    PartitionProgress::default(),
                ],
            }],
            time: Some(Millis(1_700_000_000_000)),
            sealed_at: Millis(12),
            rebuild_until: Some(Offset(99)),
            ids_from: Some(Offset(42)),
            admitted: vec![Admitted { dimension: DimensionIndex(1), number: DimensionValue(4), value: "web".into() }],
            discarded: vec![Incarnation(u64::MAX)],
        };
        assert_eq!(Header::decode(&header.encode()).unwrap(), header);
        assert_eq!(Header::decode(&Header::default().encode()).unwrap(), Header::default());
    }
}
