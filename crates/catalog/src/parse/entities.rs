//! What can be counted: `user: { key: user_id }`.

use super::values::{self, split};
use crate::cursor::{Cursor, Later};
use crate::plan::Entity;
use crate::suggest;
use activity::EntityKind;

pub(super) const KNOWN: &[&str] = &["key", "shard_by"];
const LATER: Later = &[("hashed", "remove it: keys are stored as they are; hash them before they reach the topic")];
const MOST: usize = 64;

/// The entities that a catalogue declares, also those with mistakes, so that a metric of such a one is not a mistake too.
pub(super) struct Entities<'a>(Vec<(&'a str, Option<Entity>)>);

pub(super) fn read<'a>(cursor: &Cursor<'a>) -> Option<Entities<'a>> {
    let entities = Entities(cursor.named(entity)?);
    match entities.0.len() {
        ..=MOST => Some(entities),
        count => cursor.wrong_at_home(format!("{count} entities are too many"), format!("declare at most {MOST}")),
    }
}

/// The entity that is named, one of those that are declared.
pub(super) fn named(cursor: &Cursor, entities: Option<&Entities>) -> Option<EntityKind> {
    let name = cursor.text()?;
    let entities = entities?;
    entities.kind(name).or_else(|| {
        let names = entities.names();
        let help = match suggest::nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare it under `entities`, or write {}", suggest::or(&names)),
        };
        cursor.wrong(format!("there is no entity `{name}`"), help)
    })
}

impl<'a> Entities<'a> {
    /// The entity of a kind; `None` if it could not be read.
    pub(super) fn get(&self, kind: EntityKind) -> Option<&Entity> {
        self.0[usize::from(kind.0)].1.as_ref()
    }

    pub(super) fn kind(&self, name: &str) -> Option<EntityKind> {
        let index = self.0.iter().position(|(declared, _)| *declared == name)?;
        u8::try_from(index).ok().map(EntityKind)
    }

    pub(super) fn names(&self) -> Vec<&'a str> {
        self.0.iter().map(|(name, _)| *name).collect()
    }

    /// The fields that all keys are made of, each once; `None` if not every entity could be read.
    pub(super) fn key_fields(&self) -> Option<Vec<&str>> {
        let mut fields = Vec::new();
        for (_, entity) in &self.0 {
            for field in &entity.as_ref()?.key {
                if !fields.contains(&field.as_str()) {
                    fields.push(field);
                }
            }
        }
        Some(fields)
    }

    pub(super) fn complete(self) -> Option<Vec<Entity>> {
        super::all(self.0)
    }
}

fn entity(name: &str, cursor: &Cursor) -> Option<Entity> {
    let entries = cursor.entries()?;
    entries.allow(KNOWN, LATER);
    let key = entries
        .require("key", "write the field that names one, as in `key: user_id`")
        .and_then(|cursor| cursor.one_or_more(key_field));
    let shard_by = entries.read_or("shard_by", 0, |cursor| shard_by(cursor, key.as_deref()));
    Some(Entity { name: name.to_owned(), key: key?, shard_by: shard_by? })
}

fn key_field(cursor: &Cursor) -> Option<String> {
    let field = cursor.text()?;
    match field {
        "event" | "timestamp" | "properties" => cursor.wrong(
            format!("`{field}` cannot be part of a key"),
            "write a field that names the entity, as in `user_id`",
        ),
        _ => match split(field) {
            Some(_) => Some(field.to_owned()),
            None => cursor.wrong(format!("`{field}` is not a field"), values::PATH_HELP),
        },
    }
}

fn shard_by(cursor: &Cursor, key: Option<&[String]>) -> Option<usize> {
    let field = cursor.text()?;
    let key = key?;
    key.iter().position(|part| part == field).or_else(|| {
        let help = format!("write a field of the key: {}", suggest::or(key));
        cursor.wrong(format!("`{field}` is not in the key"), help)
    })
}
