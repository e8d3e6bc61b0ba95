//! Decodes Avro into the same slots as JSON.
//!
//! A schema that a record was written with is compiled once into a program (`compile`), which then runs over each record's
//! bytes (`program`, `input`): it passes over what no path needs and borrows the rest. So what the schemas say of renamed,
//! added and removed fields costs nothing for each event.
//!
//! Whoever reads has to give the schemas that records name by id ([`Avro::learn`]): looking them up is not done here.

mod compile;
mod input;
mod kind;
mod program;

use crate::reject::Reject;
use crate::slots::{Slots, Trie};
use apache_avro::Schema;
use catalog::Wire;
use compile::compile;
use hashbrown::HashMap;
use program::Program;

/// The id under which a registry keeps a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SchemaId(pub u32);

/// A schema as a registry has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchemaText {
    /// The schema, as JSON.
    pub schema: String,
    /// The schemas that it refers to, and those that they do.
    pub references: Vec<String>,
}

/// What stands before a datum in Confluent's wire format: a zero, and the schema's id.
const MARKER: u8 = 0;
const HEAD: usize = 5;

/// How the records of an Avro source are decoded.
#[derive(Debug)]
pub(crate) enum Avro {
    /// All by one schema.
    Plain(Box<Result<Program, Reject>>),
    /// Each by the schema that it names.
    Confluent { reader: Option<Box<Schema>>, programs: HashMap<SchemaId, Result<Program, Reject>> },
}

impl Avro {
    /// The decoder of a source for the paths of a trie. If its own schema does not have all of them the outcome says so, and
    /// every record will be rejected with it.
    pub(crate) fn new(wire: Wire, schema: Option<&Schema>, trie: &Trie) -> (Avro, Result<(), String>) {
        let own = schema.map(|schema| compile((schema, &[]), Some(schema), trie.root()));
        let outcome = own.as_ref().map_or(Ok(()), |own| own.as_ref().map(drop).map_err(Clone::clone));
        let avro = match (wire, own) {
            (Wire::Plain, Some(own)) => Avro::Plain(Box::new(own.map_err(|what| Reject::UnfitSchema { what }))),
            // A plain source has a schema. Where it is the registry's, its own is what all are read as.
            _ => Avro::Confluent { reader: schema.cloned().map(Box::new), programs: HashMap::new() },
        };
        (avro, outcome)
    }

    /// Which schema has to be learnt before the record can be read.
    pub(crate) fn unknown_schema(&self, payload: &[u8]) -> Option<SchemaId> {
        match self {
            Avro::Plain(_) => None,
            Avro::Confluent { programs, .. } => {
                let (id, _) = split(payload).ok()?;
                (!programs.contains_key(&id)).then_some(id)
            }
        }
    }

    /// Takes a schema in: the paths that it does not have, if nothing says what they are then; or why no record that names it
    /// can be read.
    pub(crate) fn learn(&mut self, id: SchemaId, text: &SchemaText, trie: &Trie) -> Result<Vec<String>, Reject> {
        let Avro::Confluent { reader, programs } = self else { return Ok(Vec::new()) };
        let program = parse(text)
            .and_then(|(schema, references)| compile((&schema, &references), reader.as_deref(), trie.root()));
        let program = program.map_err(|what| Reject::UnfitSchema { what: format!("schema {}: {what}", id.0) });
        let outcome = program.as_ref().map(|program| program.lacking.clone()).map_err(Clone::clone);
        programs.insert(id, program);
        outcome
    }

    /// The values of a record.
    pub(crate) fn decode<'a>(&'a self, payload: &'a [u8]) -> Result<Slots<'a>, Reject> {
        if payload.is_empty() {
            return Err(Reject::Empty);
        }
        match self {
            Avro::Plain(program) => program.as_ref().as_ref().map_err(Clone::clone)?.run(payload),
            Avro::Confluent { programs, .. } => {
                let (id, datum) = split(payload)?;
                match programs.get(&id) {
                    Some(Ok(program)) => program.run(datum),
                    Some(Err(unfit)) => Err(unfit.clone()),
                    None => Err(Reject::UnknownSchema { id: id.0 }),
                }
            }
        }
    }
}

fn split(payload: &[u8]) -> Result<(SchemaId, &[u8]), Reject> {
    match payload.split_at_checked(HEAD) {
        Some(([MARKER, id @ ..], datum)) => {
            Ok((SchemaId(u32::from_be_bytes(id.try_into().expect("four are left of five"))), datum))
        }
        _ => Err(Reject::BrokenAvro { at: 0, what: "no zero byte with a schema's id of four bytes behind it".into() }),
    }
}

fn parse(text: &SchemaText) -> Result<(Schema, Vec<Schema>), String> {
    Schema::parse_str_with_list(&text.schema, &text.references)
        .map_err(|error| format!("it is no Avro schema that can be used: {error}"))
}

#[cfg(test)]
mod tests;
