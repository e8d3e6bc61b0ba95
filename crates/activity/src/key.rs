//! The key of an entity: its kind and the parts of its id.
//!
//! Layout: one byte of kind, then each part as a varint of `length * 2 + form` and its bytes. Form 1 is a UUID in its
//! canonical lower-case text, held as its 16 bytes; form 0 is any other text, held as it is. Both read back to the same
//! text, so that a key is as good as the id it was made of.

use crate::types::{EntityKind, Shard};
use crate::varint;
use std::borrow::Cow;
use std::fmt;
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64;

/// The bytes that name one entity. Equal keys are the same entity, and the same id always gives the same bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityKey(Box<[u8]>);

/// Why bytes are no entity key.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// There is no kind byte.
    #[error("an entity key is at least one byte, this one is empty")]
    Empty,
    /// A part runs past the end.
    #[error("the entity key ends within a part")]
    Truncated,
}

/// Appends the kind byte that starts every key.
pub fn start(kind: EntityKind, out: &mut Vec<u8>) {
    out.push(kind.0);
}

/// Appends one part of an id, in the order in which the entity declares its key fields.
pub fn push_part(part: &str, out: &mut Vec<u8>) {
    match uuid_bytes(part) {
        Some(bytes) => {
            varint::put(33, out);
            out.extend_from_slice(&bytes);
        }
        None => {
            varint::put(part.len() as u64 * 2, out);
            out.extend_from_slice(part.as_bytes());
        }
    }
}

/// The shard of an entity whose shard key is `part`, encoded by [`push_part`]: xxh3 of those bytes modulo `shards`.
///
/// # Panics
/// If `shards` is 0.
#[must_use]
pub fn shard_of(part: &[u8], shards: u16) -> Shard {
    let shard = xxh3_64(part) % u64::from(shards);
    Shard(u16::try_from(shard).expect("a remainder of a u16 fits in a u16"))
}

/// The key of the entity of a kind whose id is made of these parts of a key's id, numbered from 0; `None` if the key has no
/// such parts.
#[must_use]
pub fn of_parts(key: &[u8], kind: EntityKind, places: &[usize]) -> Option<EntityKey> {
    let mut bytes = Vec::with_capacity(key.len());
    bytes.push(kind.0);
    for place in places {
        let mut rest = key.get(1..)?;
        for _ in 0..*place {
            rest = take_part(rest)?.1;
        }
        let (_, after) = take_part(rest)?;
        bytes.extend_from_slice(&rest[..rest.len() - after.len()]);
    }
    Some(EntityKey(bytes.into()))
}

/// That bytes are a key.
///
/// # Errors
/// If they are not a kind followed by whole parts.
pub fn check(bytes: &[u8]) -> Result<(), KeyError> {
    let (_, mut rest) = bytes.split_first().ok_or(KeyError::Empty)?;
    while !rest.is_empty() {
        rest = take_part(rest).ok_or(KeyError::Truncated)?.1;
    }
    Ok(())
}

impl EntityKey {
    /// The key of these bytes, checked.
    ///
    /// # Errors
    /// If they are not a kind followed by whole parts.
    pub fn parse(bytes: &[u8]) -> Result<EntityKey, KeyError> {
        check(bytes)?;
        Ok(EntityKey(bytes.into()))
    }

    /// The key of an entity with these id parts.
    #[must_use]
    pub fn of(kind: EntityKind, parts: &[&str]) -> EntityKey {
        let mut bytes = Vec::new();
        start(kind, &mut bytes);
        parts.iter().for_each(|part| push_part(part, &mut bytes));
        EntityKey(bytes.into())
    }

    /// The key's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Which kind of entity it names.
    #[must_use]
    pub fn kind(&self) -> EntityKind {
        EntityKind(self.0[0])
    }

    /// The parts of the id as they were given.
    pub fn parts(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let mut rest = &self.0[1..];
        std::iter::from_fn(move || {
            let ((is_uuid, bytes), tail) = take_part(rest)?;
            rest = tail;
            Some(if is_uuid { Cow::Owned(uuid_text(bytes)) } else { String::from_utf8_lossy(bytes) })
        })
    }
}

impl std::borrow::Borrow<[u8]> for EntityKey {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for EntityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.parts().collect::<Vec<_>>().join("/"))
    }
}

impl fmt::Debug for EntityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntityKey({}:{self})", self.kind())
    }
}

type Part<'a> = (bool, &'a [u8]);

fn take_part(bytes: &[u8]) -> Option<(Part<'_>, &[u8])> {
    let (head, rest) = varint::take(bytes)?;
    let length = usize::try_from(head / 2).ok()?;
    if length > rest.len() {
        return None;
    }
    let (part, rest) = rest.split_at(length);
    Some(((head % 2 == 1, part), rest))
}

const UUID_DASHES: [usize; 4] = [8, 13, 18, 23];

fn uuid_bytes(text: &str) -> Option<[u8; 16]> {
    let text = text.as_bytes();
    if text.len() != 36 || UUID_DASHES.iter().any(|at| text[*at] != b'-') {
        return None;
    }
    let nibble = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut digits = text.iter().enumerate().filter(|(at, _)| !UUID_DASHES.contains(at)).map(|(_, byte)| nibble(*byte));
    let mut out = [0; 16];
    for byte in &mut out {
        *byte = digits.next()?? << 4 | digits.next()??;
    }
    Some(out)
}

fn uuid_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for byte in bytes {
        if UUID_DASHES.contains(&text.len()) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn canonical_uuid_takes_sixteen_bytes_and_any_other_text_stays_text() {
        let uuid = "0f8fad5b-d9cb-469f-a165-70867728950e";
        assert_eq!(EntityKey::of(EntityKind(1), &[uuid]).as_bytes().len(), 18);
        for other in ["0F8FAD5B-d9cb-469f-a165-70867728950e", "0f8fad5bd9cb469fa16570867728950e", ""] {
            let key = EntityKey::of(EntityKind(1), &[other]);
            assert_eq!(key.parts().collect::<Vec<_>>(), [other]);
        }
        assert_eq!(EntityKey::of(EntityKind(1), &[uuid]).to_string(), uuid);
    }

    #[test]
    fn key_of_some_parts_is_that_of_the_entity_they_name() {
        let uuid = "0f8fad5b-d9cb-469f-a165-70867728950e";
        let pair = EntityKey::of(EntityKind(2), &["acme", uuid]);
        let of = |places: &[usize]| of_parts(pair.as_bytes(), EntityKind(1), places);
        assert_eq!(of(&[0]), Some(EntityKey::of(EntityKind(1), &["acme"])));
        assert_eq!(of(&[1, 0]), Some(EntityKey::of(EntityKind(1), &[uuid, "acme"])));
        assert_eq!(of(&[2]), None);
        assert_eq!(of_parts(&[], EntityKind(1), &[0]), None);
    }

    #[test]
    fn truncated_bytes_are_no_key() {
        let key = EntityKey::of(EntityKind(0), &["ada"]);
        assert_eq!(EntityKey::parse(&key.as_bytes()[..3]), Err(KeyError::Truncated));
        assert_eq!(EntityKey::parse(&[]), Err(KeyError::Empty));
    }

    proptest! {
        #[test]
        fn key_reads_back_to_its_parts(kind in 0u8..64, parts in proptest::collection::vec(".{0,40}", 1..4)) {
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let key = EntityKey::of(EntityKind(kind), &parts);
            prop_assert_eq!(key.kind(), EntityKind(kind));
            prop_assert_eq!(key.parts().collect::<Vec<_>>(), parts);
            prop_assert_eq!(EntityKey::parse(key.as_bytes()).unwrap(), key);
        }
    }
}
