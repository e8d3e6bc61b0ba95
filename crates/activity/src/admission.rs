//! Values of dimensions that no catalogue declares, and the numbers that they get.
//!
//! Whoever meets such a value puts a [`Proposal`] into the topic of proposals, which has one partition. The order there decides: a
//! dimension's values are numbered as they first turn up, until it has as many as the catalogue allows. What a number means
//! travels as [`Admitted`], in packs and in shard headers.

use crate::types::{CatalogVersion, DimensionIndex, DimensionValue};
use crate::wire::{Wire, WireError};
use apache_avro::Schema;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// What a number of a dimension means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admitted {
    /// The dimension.
    pub dimension: DimensionIndex,
    /// The number.
    pub number: DimensionValue,
    /// What the value is called in labels.
    pub value: String,
}

impl Admitted {
    /// Whether one of two is wrong: they give a number two values, or a value two numbers.
    #[must_use]
    pub fn contradicts(&self, other: &Admitted) -> bool {
        self.dimension == other.dimension && (self.number == other.number) != (self.value == other.value)
    }
}

/// A record of the topic of proposals: a value has turned up. Its schema is `schemas/proposal.v1.avsc`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Proposal {
    /// The catalogue that has the dimension: under another one a name may mean something else.
    pub catalogue: CatalogVersion,
    /// The dimension's name.
    pub dimension: String,
    /// What the value is called in labels.
    pub value: String,
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    Schema::parse_str(include_str!("../../../schemas/proposal.v1.avsc")).expect("the schema of proposals is tested")
});
static WIRE: LazyLock<Wire> = LazyLock::new(|| Wire::new("proposal", &SCHEMA));

impl Proposal {
    /// The proposal as the payload of a record.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        WIRE.encode(self)
    }

    /// The proposal of a record's payload.
    ///
    /// # Errors
    /// If the bytes are of another schema or follow none.
    pub fn decode(bytes: &[u8]) -> Result<Proposal, WireError> {
        WIRE.decode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proposal_reads_back() {
        let proposal = Proposal {
            catalogue: CatalogVersion(u64::MAX - 3),
            dimension: "surface".into(),
            value: "Zoë \"1\"".into(),
        };
        assert_eq!(Proposal::decode(&proposal.encode()).unwrap(), proposal);
        assert!(Proposal::decode(b"{}").unwrap_err().to_string().contains("no proposal"));
    }

    #[test]
    fn a_number_has_one_value_and_a_value_one_number() {
        let of = |dimension, number, value: &str| Admitted {
            dimension: DimensionIndex(dimension),
            number: DimensionValue(number),
            value: value.into(),
        };
        assert!(of(0, 1, "web").contradicts(&of(0, 1, "app")));
        assert!(of(0, 1, "web").contradicts(&of(0, 2, "web")));
        assert!(!of(0, 1, "web").contradicts(&of(0, 1, "web")));
        assert!(!of(0, 1, "web").contradicts(&of(0, 2, "app")));
        assert!(!of(0, 1, "web").contradicts(&of(1, 1, "app")));
    }
}
