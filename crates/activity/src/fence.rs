//! The fence: what a shard's stored state must be for a commit to count.
//!
//! Invariant: state moves from one offset to the next only by a writer that has seen exactly the state that it changes.
//! The store compares and writes in one atomic step; this module says what is compared and what a difference means.

use crate::types::{CatalogVersion, Incarnation, Offset, TopicId};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The version of the stored formats: entity records, counters and shard headers.
pub const FORMAT: u16 = 1;

/// What identifies a state of a shard. Two equal fences stand for the same state, since a shard's state is a pure
/// function of its log's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The version of the stored formats.
    pub format: u16,
    /// The activity topic whose prefix the state stands for.
    pub topic: TopicId,
    /// The catalogue by which it was made.
    pub catalogue: CatalogVersion,
    /// The generation of keys that it lives in.
    pub incarnation: Incarnation,
    /// The offset after the last record applied: what comes next.
    pub next: Offset,
}

/// What a store holds of a shard: its fence, and whether a commit broke off midway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The fence of the last whole commit.
    pub fence: Fence,
    /// A commit began and never ended, so the keys of this incarnation are of no known state.
    pub dirty: bool,
}

/// Why a commit wrote nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Refusal {
    /// The store holds nothing of the shard: it was flushed, or never written. Claim it anew and replay.
    Absent,
    /// A commit broke off midway. Rebuild in a new incarnation.
    Dirty,
    /// Another owner wrote on. Read again and seek.
    Stale,
    /// The store went back to an older state of itself. Read again, seek and replay.
    RolledBack,
    /// Another incarnation lives. Read again and seek.
    OtherIncarnation,
    /// The state belongs to another activity topic. Rebuild in a new incarnation.
    OtherTopic,
    /// The state was made by another catalogue. Stop: packs cannot rebuild metrics that they never held.
    OtherCatalogue,
    /// The state is of another format. Stop: another version of nsm owns it.
    OtherFormat,
}

impl Refusal {
    /// The name under which it is counted.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Refusal::Absent => "absent",
            Refusal::Dirty => "dirty",
            Refusal::Stale => "stale",
            Refusal::RolledBack => "rolled_back",
            Refusal::OtherIncarnation => "other_incarnation",
            Refusal::OtherTopic => "other_topic",
            Refusal::OtherCatalogue => "other_catalogue",
            Refusal::OtherFormat => "other_format",
        }
    }
}

/// Whether a commit that starts from `expected` may be written over `stored`.
///
/// `claims` says that the commit opens a new incarnation, which is the one thing that may be done to dirty state.
///
/// # Errors
/// With the reason, if anything differs.
pub fn judge(expected: Option<&Fence>, stored: Option<&Stored>, claims: bool) -> Result<(), Refusal> {
    match (expected, stored) {
        (None, None) => Ok(()),
        (Some(_), None) => Err(Refusal::Absent),
        (None, Some(_)) => Err(Refusal::Stale),
        (Some(expected), Some(stored)) if *expected == stored.fence => match stored.dirty && !claims {
            true => Err(Refusal::Dirty),
            false => Ok(()),
        },
        (Some(expected), Some(stored)) => Err(difference(expected, &stored.fence)),
    }
}

fn difference(expected: &Fence, stored: &Fence) -> Refusal {
    if expected.format != stored.format {
        Refusal::OtherFormat
    } else if expected.topic != stored.topic {
        Refusal::OtherTopic
    } else if expected.catalogue != stored.catalogue {
        Refusal::OtherCatalogue
    } else if expected.incarnation != stored.incarnation {
        Refusal::OtherIncarnation
    } else if stored.next < expected.next {
        Refusal::RolledBack
    } else {
        Refusal::Stale
    }
}

/// The text is how a store keeps and compares a fence: equal fences have equal texts.
impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fence { format, topic, catalogue, incarnation, next } = self;
        write!(f, "{format}|{topic}|{catalogue}|{incarnation}|{next}")
    }
}

/// A text that is no fence.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{0}` is no fence: expected format|topic id|catalogue|incarnation|next offset")]
pub struct FenceError(String);

impl FromStr for Fence {
    type Err = FenceError;

    fn from_str(text: &str) -> Result<Fence, FenceError> {
        let parsed = || {
            let mut parts = text.split('|');
            let fence = Fence {
                format: parts.next()?.parse().ok()?,
                topic: TopicId(u128::from_str_radix(parts.next()?, 16).ok()?.to_be_bytes()),
                catalogue: CatalogVersion(u64::from_str_radix(parts.next()?, 16).ok()?),
                incarnation: Incarnation(parts.next()?.parse().ok()?),
                next: Offset(parts.next()?.parse().ok()?),
            };
            parts.next().is_none().then_some(fence)
        };
        parsed().ok_or_else(|| FenceError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fence(next: i64) -> Fence {
        Fence {
            format: FORMAT,
            topic: TopicId([7; 16]),
            catalogue: CatalogVersion(0xfeed),
            incarnation: Incarnation(3),
            next: Offset(next),
        }
    }

    fn stored(fence: Fence) -> Stored {
        Stored { fence, dirty: false }
    }

    #[test]
    fn only_the_state_that_was_read_may_be_written_over() {
        assert_eq!(judge(Some(&fence(5)), Some(&stored(fence(5))), false), Ok(()));
        assert_eq!(judge(None, None, true), Ok(()));
        assert_eq!(judge(None, Some(&stored(fence(0))), true), Err(Refusal::Stale));
        assert_eq!(judge(Some(&fence(5)), None, false), Err(Refusal::Absent));
        assert_eq!(judge(Some(&fence(5)), Some(&stored(fence(9))), false), Err(Refusal::Stale));
        assert_eq!(judge(Some(&fence(5)), Some(&stored(fence(2))), false), Err(Refusal::RolledBack));
    }

    #[test]
    fn the_gravest_difference_is_named() {
        let differs = |other: Fence| judge(Some(&fence(5)), Some(&stored(other)), false);
        assert_eq!(differs(Fence { format: 2, ..fence(9) }), Err(Refusal::OtherFormat));
        assert_eq!(differs(Fence { topic: TopicId([8; 16]), ..fence(9) }), Err(Refusal::OtherTopic));
        assert_eq!(differs(Fence { catalogue: CatalogVersion(1), ..fence(9) }), Err(Refusal::OtherCatalogue));
        assert_eq!(differs(Fence { incarnation: Incarnation(4), ..fence(9) }), Err(Refusal::OtherIncarnation));
    }

    #[test]
    fn dirty_state_can_only_be_claimed_anew() {
        let dirty = Stored { fence: fence(5), dirty: true };
        assert_eq!(judge(Some(&fence(5)), Some(&dirty), false), Err(Refusal::Dirty));
        assert_eq!(judge(Some(&fence(5)), Some(&dirty), true), Ok(()));
    }

    #[test]
    fn fence_reads_back_from_its_text() {
        assert_eq!(fence(5).to_string().parse(), Ok(fence(5)));
        assert!("1|zz|0|0|0".parse::<Fence>().is_err());
        assert!(format!("{}|", fence(5)).parse::<Fence>().is_err());
    }
}
