//! Avro on the wire: the single-object encoding, in which the fingerprint of the writer's schema stands before the data,
//! so that a reader knows the version of what it holds and says so when it does not.

use apache_avro::Schema;
use apache_avro::rabin::Rabin;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

/// Why bytes could not be read, or a value not be written.
#[derive(Debug, Error)]
pub enum WireError {
    /// The bytes do not start with the marker of Avro's single-object encoding.
    #[error("these {length} bytes are no {what}: they do not start with Avro's single-object marker C3 01")]
    NotAvro {
        /// What was expected.
        what: &'static str,
        /// How many bytes there are.
        length: usize,
    },
    /// The schema's fingerprint is not one that this version knows.
    #[error(
        "this {what} was written with schema {found:016x}, but this version of nsm reads {known:016x}: run the version \
         that wrote it, or a newer one"
    )]
    UnknownSchema {
        /// What was expected.
        what: &'static str,
        /// The fingerprint found.
        found: u64,
        /// The fingerprint known.
        known: u64,
    },
    /// The data does not follow its schema.
    #[error("a {what} does not follow its schema: {source}")]
    Malformed {
        /// What was expected.
        what: &'static str,
        /// What Avro says.
        source: Box<apache_avro::Error>,
    },
}

/// One schema, parsed once, and the readers and writers of its data.
pub(crate) struct Wire {
    what: &'static str,
    fingerprint: u64,
    reader: GenericDatumReader<'static>,
    writer: GenericDatumWriter<'static>,
}

const MARKER: [u8; 2] = [0xc3, 0x01];
const HEAD: usize = 10;

impl Wire {
    /// The wire of a schema of ours.
    ///
    /// # Panics
    /// If the schema is broken, which a test of this crate would have shown.
    pub(crate) fn new(what: &'static str, schema: &'static Schema) -> Wire {
        let fingerprint = schema.fingerprint::<Rabin>().bytes;
        let fingerprint = u64::from_le_bytes(fingerprint.try_into().expect("a Rabin fingerprint has 8 bytes"));
        let reader = GenericDatumReader::builder(schema).human_readable(false).build().expect("our schema resolves");
        let writer = GenericDatumWriter::builder(schema).human_readable(false).build().expect("our schema resolves");
        Wire { what, fingerprint, reader, writer }
    }

    pub(crate) fn encode<T: Serialize>(&self, value: &T) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(&MARKER);
        out.extend_from_slice(&self.fingerprint.to_le_bytes());
        self.writer.write_ser(&mut out, value).expect("our types follow our schemas and a Vec takes every byte");
        out
    }

    pub(crate) fn decode<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, WireError> {
        let what = self.what;
        if bytes.len() < HEAD || bytes[..2] != MARKER {
            return Err(WireError::NotAvro { what, length: bytes.len() });
        }
        let found = u64::from_le_bytes(bytes[2..HEAD].try_into().expect("eight bytes"));
        if found != self.fingerprint {
            return Err(WireError::UnknownSchema { what, found, known: self.fingerprint });
        }
        self.reader
            .read_deser(&mut &bytes[HEAD..])
            .map_err(|source| WireError::Malformed { what, source: Box::new(source) })
    }
}

/// A `u64` as an Avro `long` of the same bits: Avro has no unsigned numbers.
pub(crate) mod signed {
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(n: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(n.cast_signed())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        Ok(i64::deserialize(from)?.cast_unsigned())
    }
}
