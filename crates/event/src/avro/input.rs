//! The bytes of an Avro datum, read from the front.

use crate::reject::Reject;

/// How deep a type may contain itself in a datum. What is deeper is rejected: reading it needs stack.
const DEEPEST: u32 = 64;

/// How many items of a block may have no byte of their own, as nulls have none: many would be an endless loop for few bytes.
const BYTELESS: u64 = 16;

/// The bytes that are left of a datum.
#[derive(Debug)]
pub(super) struct Input<'a> {
    rest: &'a [u8],
    length: usize,
    depth: u32,
}

impl<'a> Input<'a> {
    pub(super) fn new(datum: &'a [u8]) -> Input<'a> {
        Input { rest: datum, length: datum.len(), depth: 0 }
    }

    /// The rejection of what cannot be read here.
    #[cold]
    pub(super) fn broken(&self, what: &str) -> Reject {
        Reject::BrokenAvro { at: self.length - self.rest.len(), what: what.to_owned() }
    }

    /// That nothing is left.
    pub(super) fn end(&self) -> Result<(), Reject> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.broken("the datum ends here, and bytes follow")) }
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Reject> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return Err(self.broken("the bytes end within a value"));
        };
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Reject> {
        Ok(self.take(N)?.try_into().expect("so many were taken"))
    }

    /// An int or a long: a zigzag LEB128.
    pub(super) fn number(&mut self) -> Result<i64, Reject> {
        let mut bits = 0u64;
        for (index, byte) in self.rest.iter().take(10).enumerate() {
            bits |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                if index == 9 && *byte > 1 {
                    break;
                }
                self.rest = &self.rest[index + 1..];
                return Ok((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed());
            }
        }
        Err(self.broken(if self.rest.len() < 10 {
            "the bytes end within a number"
        } else {
            "a number of more than 64 bits"
        }))
    }

    /// A number that is none below 0: a length, or the place of a branch or a symbol.
    pub(super) fn index(&mut self) -> Result<usize, Reject> {
        let number = self.number()?;
        usize::try_from(number).map_err(|_| self.broken("a length or an index below 0"))
    }

    /// Bytes behind their length.
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Reject> {
        let length = self.index()?;
        self.take(length)
    }

    /// Text behind its length.
    pub(super) fn text(&mut self) -> Result<&'a str, Reject> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|_| self.broken("text that is not UTF-8 ends here"))
    }

    /// The items of an array or a map, each read by `item`.
    pub(super) fn items(&mut self, mut item: impl FnMut(&mut Input<'a>) -> Result<(), Reject>) -> Result<(), Reject> {
        self.blocks(|input, count, _| (0..count).try_for_each(|_| item(input)))
    }

    /// Passes over the items of an array or a map: blocks that say how long they are as a whole, others by `item`.
    pub(super) fn skip_items(
        &mut self,
        mut item: impl FnMut(&mut Input<'a>) -> Result<(), Reject>,
    ) -> Result<(), Reject> {
        self.blocks(|input, count, bytes| match bytes {
            Some(bytes) => input.take(bytes).map(drop),
            None => (0..count).try_for_each(|_| item(input)),
        })
    }

    fn blocks(
        &mut self,
        mut block: impl FnMut(&mut Input<'a>, u64, Option<usize>) -> Result<(), Reject>,
    ) -> Result<(), Reject> {
        loop {
            let count = self.number()?;
            let bytes = if count < 0 { Some(self.index()?) } else { None };
            if count == 0 {
                return Ok(());
            }
            if count.unsigned_abs() > self.rest.len() as u64 + BYTELESS {
                return Err(self.broken("more items than there are bytes"));
            }
            block(self, count.unsigned_abs(), bytes)?;
        }
    }

    /// Reads something by a type that may contain itself.
    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Input<'a>) -> Result<T, Reject>) -> Result<T, Reject> {
        if self.depth == DEEPEST {
            return Err(self.broken("a value nested too deep"));
        }
        self.depth += 1;
        let read = read(self)?;
        self.depth -= 1;
        Ok(read)
    }
}
