//! What a new owner does with a shard, decided from what is stored and what its log holds.

use crate::error::WindowError;
use activity::fence::{FORMAT, Fence, Stored};
use activity::header::Header;
use activity::{CatalogVersion, Incarnation, Offset, Shard, TopicId};

/// What a shard's log holds now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogRange {
    /// The activity topic's identity.
    pub topic: TopicId,
    /// The first offset that is left.
    pub start: Offset,
    /// The last stable offset.
    pub end: Offset,
}

/// How a shard is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Go on from what is stored.
    Continue(Fence, Header),
    /// Begin anew in an incarnation of its own, beside what is stored.
    Claim {
        /// The fence that must be stored for the claim to count; `None` if nothing may be.
        expected: Option<Fence>,
        /// The fence to claim.
        claimed: Fence,
        /// The header to begin with.
        header: Header,
        /// Why, in a word.
        reason: &'static str,
    },
}

/// Decides how a shard is opened.
///
/// # Errors
/// If the stored state is of another catalogue or format, about the same log.
pub(crate) fn open(
    shard: Shard,
    catalogue: CatalogVersion,
    stored: Option<(Stored, Header)>,
    log: LogRange,
) -> Result<Opening, WindowError> {
    let Some((Stored { fence, dirty }, header)) = stored else {
        return Ok(claim(catalogue, log, None, Header::default(), "absent"));
    };
    if fence.format != FORMAT {
        return Err(WindowError::OtherFormat { shard, found: fence.format, known: FORMAT });
    }
    let renew = |reason| Ok(claim(catalogue, log, Some(fence), header.clone(), reason));
    if fence.topic != log.topic {
        return renew("other_topic");
    }
    if fence.catalogue != catalogue {
        return Err(WindowError::OtherCatalogue { shard, found: fence.catalogue, known: catalogue });
    }
    if dirty {
        return renew("dirty");
    }
    if header.ids_from.unwrap_or(fence.next) < log.start {
        return renew("before_log_start");
    }
    if fence.next > log.end {
        return renew("past_log_end");
    }
    Ok(Opening::Continue(fence, header))
}

fn claim(
    catalogue: CatalogVersion,
    log: LogRange,
    old: Option<Fence>,
    header: Header,
    reason: &'static str,
) -> Opening {
    let incarnation = Incarnation(old.map_or(0, |fence| fence.incarnation.0) + 1);
    let claimed = Fence { format: FORMAT, topic: log.topic, catalogue, incarnation, next: log.start };
    let mut discarded = header.discarded;
    discarded.extend(old.map(|fence| fence.incarnation));
    let rebuild_until = (log.end > log.start).then_some(log.end);
    Opening::Claim { expected: old, claimed, header: Header { rebuild_until, discarded, ..Header::default() }, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: LogRange = LogRange { topic: TopicId([1; 16]), start: Offset(10), end: Offset(50) };
    const CATALOGUE: CatalogVersion = CatalogVersion(7);

    fn fence(next: i64) -> Fence {
        Fence {
            format: FORMAT,
            topic: LOG.topic,
            catalogue: CATALOGUE,
            incarnation: Incarnation(4),
            next: Offset(next),
        }
    }

    fn opened(fence: Fence, dirty: bool) -> Result<Opening, WindowError> {
        open(Shard(3), CATALOGUE, Some((Stored { fence, dirty }, Header::default())), LOG)
    }

    fn reason(fence: Fence, dirty: bool) -> &'static str {
        match opened(fence, dirty).unwrap() {
            Opening::Claim { reason, expected, claimed, header } => {
                assert_eq!(expected, Some(fence));
                assert_eq!((claimed.incarnation, claimed.next), (Incarnation(5), LOG.start));
                assert_eq!((header.rebuild_until, header.discarded), (Some(LOG.end), vec![Incarnation(4)]));
                reason
            }
            Opening::Continue(..) => "continue",
        }
    }

    #[test]
    fn stored_state_inside_its_log_goes_on() {
        for next in [10, 30, 50] {
            assert_eq!(opened(fence(next), false).unwrap(), Opening::Continue(fence(next), Header::default()));
        }
    }

    #[test]
    fn state_that_its_log_cannot_reach_is_rebuilt_in_a_new_incarnation() {
        assert_eq!(reason(fence(9), false), "before_log_start");
        assert_eq!(reason(fence(51), false), "past_log_end");
        assert_eq!(reason(fence(30), true), "dirty");
        assert_eq!(reason(Fence { topic: TopicId([2; 16]), ..fence(30) }, false), "other_topic");
        assert_eq!(
            reason(Fence { topic: TopicId([2; 16]), catalogue: CatalogVersion(1), ..fence(30) }, false),
            "other_topic"
        );
    }

    #[test]
    fn ids_of_events_that_the_log_has_lost_are_a_reason_to_rebuild() {
        let header = Header { ids_from: Some(Offset(9)), ..Header::default() };
        let stored = Some((Stored { fence: fence(30), dirty: false }, header));
        let opened = open(Shard(3), CATALOGUE, stored, LOG).unwrap();
        assert!(matches!(opened, Opening::Claim { reason: "before_log_start", .. }), "{opened:?}");
    }

    #[test]
    fn another_catalogue_or_format_is_left_alone() {
        let catalogue = opened(Fence { catalogue: CatalogVersion(1), ..fence(30) }, true);
        assert!(matches!(catalogue, Err(WindowError::OtherCatalogue { .. })));
        let format = opened(Fence { format: 9, ..fence(30) }, true);
        assert!(matches!(format, Err(WindowError::OtherFormat { .. })));
    }

    #[test]
    fn nothing_stored_is_claimed_and_counts_as_rebuilding_until_the_log_is_read() {
        let Opening::Claim { expected, claimed, header, .. } = open(Shard(0), CATALOGUE, None, LOG).unwrap() else {
            panic!("nothing is stored");
        };
        assert_eq!((expected, claimed.incarnation, header.rebuild_until), (None, Incarnation(1), Some(LOG.end)));
        let empty = LogRange { end: LOG.start, ..LOG };
        let Opening::Claim { header, .. } = open(Shard(0), CATALOGUE, None, empty).unwrap() else {
            panic!("nothing is stored");
        };
        assert_eq!(header.rebuild_until, None);
    }
}
