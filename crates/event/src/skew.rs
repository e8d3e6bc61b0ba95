//! Corrects an event's time by what its sender's clock differs from its receiver's.
//!
//! As Segment defines it: the event happened as long before it was received, by the receiver's clock, as it happened before
//! it was sent, by the sender's. So a device whose clock is wrong by years still has its events in the right minute.

use crate::keys::Field;
use crate::reject::Reject;
use crate::slots::{Slots, Trie};
use crate::time;
use crate::value::Value;
use activity::Millis;
use catalog::{Origin, Path, TimeField, TimeForm};

/// Where the times are found by which an event's time is corrected.
#[derive(Debug)]
pub(crate) struct Skew {
    sent_at: (Field, TimeForm),
    received_at: (Field, TimeForm),
    original: Option<Field>,
}

impl Skew {
    /// The paths that it needs.
    pub(crate) fn paths(skew: &catalog::Skew) -> impl Iterator<Item = &Path> {
        [&skew.sent_at.path, &skew.received_at.path].into_iter().chain(&skew.original)
    }

    /// # Panics
    /// If the trie was not made of all its paths.
    pub(crate) fn new(skew: &catalog::Skew, trie: &Trie) -> Skew {
        let field = |name, path: &Path| Field::new(name, &Origin::Path(path.clone()), trie);
        let moment = |name, moment: &TimeField| (field(name, &moment.path), moment.form);
        Skew {
            sent_at: moment("sent_at", &skew.sent_at),
            received_at: moment("received_at", &skew.received_at),
            original: skew.original.as_ref().map(|path| field("original_timestamp", path)),
        }
    }

    /// The time by the receiver's clock. It stays as it is where one of the two times is missing, or if it was corrected
    /// already.
    pub(crate) fn correct(&self, time: Millis, slots: &Slots<'_>, timestamp: &Field) -> Result<Millis, Reject> {
        if self.original.as_ref().is_some_and(|original| *original.value(slots) != Value::Missing) {
            return Ok(time);
        }
        let (Some(sent_at), Some(received_at)) = (read(&self.sent_at, slots)?, read(&self.received_at, slots)?) else {
            return Ok(time);
        };
        time::shifted(time, received_at.0 - sent_at.0, timestamp.name())
    }
}

fn read((field, form): &(Field, TimeForm), slots: &Slots<'_>) -> Result<Option<Millis>, Reject> {
    match field.value(slots) {
        Value::Missing => Ok(None),
        value => time::read(value, *form, field.name()).map(Some),
    }
}
