//! The values at the paths that the plan needs, and how a JSON record is decoded into them in one pass.
//!
//! The paths form a trie; every path has a numbered slot, whatever the format (`avro` fills them, too). A value is borrowed from the record, so decoding allocates only
//! for text and names written with escapes, and for values that are skipped and nested more than one deep.
//! What is skipped is checked to be JSON in UTF-8, without recursion; only that its escapes are whole characters (no half
//! of a surrogate pair) and its numbers fit in a double is not.

use crate::reject::Reject;
use crate::value::Value;
use catalog::Path;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// The values of a record, by slot. More than 16 would live on the heap.
pub(crate) type Slots<'a> = SmallVec<[Value<'a>; 16]>;

/// The paths that the plan needs, as a trie.
#[derive(Debug)]
pub(crate) struct Trie {
    root: Node,
    /// Pairs of places; what lies at the second goes into the slots of the first.
    second_places: Vec<(Path, Path)>,
}

/// What lies at one path. Its slots are its own and those of everything below it, so that they can be forgotten together
/// when a record names the same field twice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    /// The node's own slot first, then those of its children, one after the other.
    slots: Range<usize>,
    /// By name, in the order of [`by_length`].
    children: Vec<(Box<str>, Node)>,
}

impl Trie {
    /// The trie of these paths. Of each pair of `second_places`, what a record has at the second counts as if it stood at the
    /// first.
    pub(crate) fn of<'p>(paths: impl IntoIterator<Item = &'p [String]>, second_places: &[(Path, Path)]) -> Trie {
        let mut trie = Trie { root: Node::default(), second_places: second_places.to_vec() };
        for path in paths {
            let path = trie.first_place(path);
            trie.root.below_or_new(&path);
        }
        let used: Vec<_> = second_places.iter().filter(|(first, _)| trie.root.below(first).is_some()).collect();
        for (_, second) in &used {
            trie.root.below_or_new(&second[..second.len() - 1]);
        }
        trie.root.number(0);
        for (first, second) in used {
            let node = trie.root.below(first).expect("only those in use are left").clone();
            *trie.root.below_or_new(second) = node;
        }
        trie
    }

    /// The slot of one of the paths that the trie was made of, or of the start of one.
    pub(crate) fn slot(&self, path: &[String]) -> Option<usize> {
        Some(self.root.below(&self.first_place(path))?.slots.start)
    }

    /// The record itself.
    pub(crate) fn root(&self) -> &Node {
        &self.root
    }

    fn first_place(&self, path: &[String]) -> Path {
        let rest = |(first, second): &(Path, Path)| Some([first, path.strip_prefix(second.as_slice())?].concat());
        self.second_places.iter().find_map(rest).unwrap_or_else(|| path.to_vec())
    }

    /// The values of a record, which must be JSON in UTF-8 and nothing after it. If a name occurs twice in an
    /// object, its last value counts.
    pub(crate) fn decode<'a>(&self, payload: &'a [u8]) -> Result<Slots<'a>, Reject> {
        let mut slots = self.missing();
        self.root.decode(payload, &mut slots)?;
        Ok(slots)
    }

    /// The values of a record that has none.
    pub(crate) fn missing<'a>(&self) -> Slots<'a> {
        let mut slots = Slots::new();
        slots.resize(self.root.slots.end, Value::Missing);
        slots
    }

    /// That a record is an object, whatever it was decoded from: else it has no fields.
    pub(crate) fn check_object(&self, slots: &Slots<'_>) -> Result<(), Reject> {
        match &slots[self.root.slots.start] {
            Value::Object => Ok(()),
            other => Err(Reject::WrongType {
                field: "the record".into(),
                expected: "an object with fields".into(),
                found: if *other == Value::Null { "null".into() } else { other.kind() },
            }),
        }
    }
}

impl Node {
    /// Fills its slots with what a text says, which must be JSON in UTF-8 and nothing after it.
    pub(crate) fn decode<'a>(&self, payload: &'a [u8], slots: &mut [Value<'a>]) -> Result<(), Reject> {
        if payload.is_empty() {
            return Err(Reject::Empty);
        }
        let text = std::str::from_utf8(payload).map_err(|error| not_utf8(payload, error.valid_up_to()))?;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        Seed { node: self, slots }.deserialize(&mut deserializer).map_err(not_json)?;
        deserializer.end().map_err(not_json)
    }

    /// Its own slot first, then those of everything below it.
    pub(crate) fn slots(&self) -> Range<usize> {
        self.slots.clone()
    }

    /// What lies below it, by name.
    pub(crate) fn children(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.children.iter().map(|(name, child)| (&**name, child))
    }

    /// Shows the paths that end in it or below it; its own is `path`.
    pub(crate) fn leaves(&self, path: Path, show: &mut impl FnMut(&[String])) {
        if self.children.is_empty() {
            show(&path);
        }
        for (name, child) in self.children() {
            child.leaves([path.as_slice(), &[name.to_owned()]].concat(), show);
        }
    }

    /// What lies below it under a name.
    pub(crate) fn child(&self, name: &str) -> Option<&Node> {
        let at = self.children.binary_search_by(|(child, _)| by_length(child).cmp(&by_length(name))).ok()?;
        Some(&self.children[at].1)
    }

    fn below(&self, path: &[String]) -> Option<&Node> {
        path.iter().try_fold(self, |node, name| node.child(name))
    }

    fn below_or_new(&mut self, path: &[String]) -> &mut Node {
        path.iter().fold(self, |node, name| node.child_or_new(name))
    }

    fn child_or_new(&mut self, name: &str) -> &mut Node {
        let at = match self.children.binary_search_by(|(child, _)| by_length(child).cmp(&by_length(name))) {
            Ok(at) => at,
            Err(at) => {
                self.children.insert(at, (name.into(), Node::default()));
                at
            }
        };
        &mut self.children[at].1
    }

    /// Numbers the slots from `first`, and returns the next that is free.
    fn number(&mut self, first: usize) -> usize {
        let end = self.children.iter_mut().fold(first + 1, |next, (_, child)| child.number(next));
        self.slots = first..end;
        end
    }
}

/// Names differ in length more often than not, and lengths are quicker to compare.
fn by_length(name: &str) -> (usize, &str) {
    (name.len(), name)
}

/// Decodes the value at one path.
struct Seed<'t, 's, 'de> {
    node: &'t Node,
    slots: &'s mut [Value<'de>],
}

impl<'de> Seed<'_, '_, 'de> {
    fn keep(self, value: Value<'de>) {
        self.slots[self.node.slots.clone()].fill(Value::Missing);
        self.slots[self.node.slots.start] = value;
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.keep(Value::Null);
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.keep(Value::Bool(value));
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.keep(Value::Integer(i128::from(value)));
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.keep(Value::Integer(i128::from(value)));
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.keep(Value::Float(value));
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<(), E> {
        self.keep(Value::Text(Cow::Borrowed(value)));
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.keep(Value::Text(Cow::Owned(value.to_owned())));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        IgnoredAny.visit_seq(seq)?;
        self.keep(Value::Array);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Seed { node, slots } = self;
        Seed { node, slots: &mut *slots }.keep(Value::Object);
        while let Some(child) = map.next_key_seed(NameSeed { node })? {
            match child {
                Some(node) => map.next_value_seed(Seed { node, slots: &mut *slots })?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Decodes a name within an object: the node of that name, if the plan needs it.
struct NameSeed<'t> {
    node: &'t Node,
}

impl<'de, 't> DeserializeSeed<'de> for NameSeed<'t> {
    type Value = Option<&'t Node>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'t> Visitor<'_> for NameSeed<'t> {
    type Value = Option<&'t Node>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.node.child(name))
    }
}

fn not_json(error: serde_json::Error) -> Reject {
    let message = error.to_string();
    let what = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what);
    Reject::BrokenJson { line: error.line(), column: error.column(), what: what.to_owned() }
}

fn not_utf8(payload: &[u8], at: usize) -> Reject {
    let valid = &payload[..at];
    let line_start = valid.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
    Reject::BrokenJson { line, column: at - line_start + 1, what: "bytes that are not UTF-8".into() }
}

#[cfg(test)]
mod tests;
