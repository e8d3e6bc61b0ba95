//! The native fields of a source, and the entity keys that are made of them.

use crate::reject::Reject;
use crate::slots::{Slots, Trie};
use crate::value::Value;
use activity::{EntityKind, key};
use catalog::{Entity, Fields, Origin};
use std::fmt::Write;
use std::ops::Range;

/// The longest id, in bytes.
const LONGEST_ID: usize = 512;

/// A native field: where its value comes from, and how errors call it.
#[derive(Debug)]
pub(crate) struct Field {
    place: Place,
    name: String,
}

#[derive(Debug)]
enum Place {
    Slot(usize),
    Constant(Value<'static>),
}

impl Field {
    pub(crate) fn new(name: &str, origin: &Origin, trie: &Trie) -> Field {
        match origin {
            Origin::Constant(literal) => {
                let name = format!("{name} (a constant of the catalogue)");
                Field { place: Place::Constant(Value::constant(literal)), name }
            }
            Origin::Path(path) => {
                let slot = trie.slot(path).expect("the trie was made of every field's path");
                let native = path.len() == 1 && path[0] == name;
                let name = if native { name.to_owned() } else { format!("{name} (at `{}`)", path.join(".")) };
                Field { place: Place::Slot(slot), name }
            }
        }
    }

    pub(crate) fn value<'v, 'a>(&'v self, slots: &'v [Value<'a>]) -> &'v Value<'a> {
        match &self.place {
            // A field that is null is as good as none.
            Place::Slot(slot) if slots[*slot] == Value::Null => &Value::Missing,
            Place::Slot(slot) => &slots[*slot],
            Place::Constant(value) => value,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn missing(&self) -> Reject {
        Reject::Missing { field: self.name.clone() }
    }

    pub(crate) fn wrong_type(&self, expected: &str, value: &Value<'_>) -> Reject {
        Reject::WrongType { field: self.name.clone(), expected: expected.to_owned(), found: value.kind() }
    }
}

/// How the key of one kind of entity is made.
#[derive(Debug)]
pub(crate) struct KeyMaker {
    kind: EntityKind,
    fields: Vec<Field>,
    shard_by: usize,
}

impl KeyMaker {
    /// # Panics
    /// If the source does not say where a key field is found, which a checked plan does.
    pub(crate) fn new(kind: EntityKind, entity: &Entity, fields: &Fields, trie: &Trie) -> KeyMaker {
        let field = |name: &String| Field::new(name, origin(fields, name), trie);
        KeyMaker { kind, fields: entity.key.iter().map(field).collect(), shard_by: entity.shard_by }
    }

    /// Appends the key of the entity that the event names, and says where in `out` its shard key lies; `None` if a field
    /// is missing, and then `out` may end in a piece of a key. A field that is no id is rejected even then.
    pub(crate) fn make(
        &self,
        slots: &Slots<'_>,
        out: &mut Vec<u8>,
        digits: &mut String,
    ) -> Result<Option<Range<usize>>, Reject> {
        let mut shard_key = 0..0;
        let mut complete = true;
        key::start(self.kind, out);
        for (at, field) in self.fields.iter().enumerate() {
            let Some(id) = field.id(slots, digits)? else {
                complete = false;
                continue;
            };
            let start = out.len();
            key::push_part(id, out);
            if at == self.shard_by {
                shard_key = start..out.len();
            }
        }
        Ok(complete.then_some(shard_key))
    }

    /// Appends the key of the entity with this id, and says where in `out` its shard key lies; `None` if a key has several parts.
    pub(crate) fn of_one_part(&self, id: &str, out: &mut Vec<u8>) -> Option<Range<usize>> {
        key::start(self.kind, out);
        let start = out.len();
        key::push_part(id, out);
        (self.fields.len() == 1).then_some(start..out.len())
    }

    /// The fields that the event lacks.
    pub(crate) fn missing_fields(&self, slots: &Slots<'_>) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| matches!(field.id(slots, &mut String::new()), Ok(None)))
    }
}

impl Field {
    /// The text that an event has, or the rejection of one that has none.
    pub(crate) fn required_text<'v>(&'v self, slots: &'v Slots<'_>) -> Result<&'v str, Reject> {
        match self.value(slots) {
            Value::Text(text) if !text.is_empty() => Ok(text),
            Value::Text(_) | Value::Missing => Err(self.missing()),
            other => Err(self.wrong_type("text", other)),
        }
    }

    /// The id that an event has, or the rejection of one that has none.
    pub(crate) fn required_id<'v>(&'v self, slots: &'v Slots<'_>, digits: &'v mut String) -> Result<&'v str, Reject> {
        self.id(slots, digits)?.ok_or_else(|| self.missing())
    }

    /// The id that an event gives: text that is not empty, or an integer in decimal.
    fn id<'v>(&'v self, slots: &'v Slots<'_>, digits: &'v mut String) -> Result<Option<&'v str>, Reject> {
        match self.value(slots) {
            Value::Missing => Ok(None),
            Value::Text(text) if text.len() <= LONGEST_ID => Ok(Some(text.as_ref()).filter(|text| !text.is_empty())),
            long @ Value::Text(_) => Err(self.wrong_type(&format!("text of at most {LONGEST_ID} bytes"), long)),
            Value::Integer(number) => {
                digits.clear();
                write!(digits, "{number}").expect("a string takes any text");
                Ok(Some(digits))
            }
            other => Err(self.wrong_type("text or a whole number", other)),
        }
    }
}

/// Where a source finds a key field.
pub(crate) fn origin<'f>(fields: &'f Fields, name: &str) -> &'f Origin {
    let found = fields.keys.iter().find(|(key, _)| key == name);
    &found.expect("a checked plan says for each source where every key field is found").1
}
