//! Source continuity: whether a pack is the next one of its source positions.
//!
//! Invariant: every source position counts once. A pack that only repeats positions is skipped; one that leaves a hole or
//! overlaps in part is refused, loudly, unless it says itself why its positions jump.

use crate::clock::{PartitionProgress, SourceProgress, shard_time};
use crate::header::Header;
use crate::pack::{Coverage, Jump, Pack, Span};
use crate::types::{Offset, PartitionId, TopicId};
use thiserror::Error;

/// What is to be done with a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It continues where the shard stands: apply it.
    Next,
    /// All that it covers was covered already: skip it, and count that.
    Repeated,
}

/// Why a pack can be neither applied nor skipped.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Break {
    /// Positions were never covered.
    #[error(
        "source positions are missing: the pack covers {topic}/{partition} from {from}, but the shard stands at {next}. \
         Was a record of the activity topic deleted?"
    )]
    Hole {
        /// The source topic.
        topic: String,
        /// Its partition.
        partition: PartitionId,
        /// Where the shard stands.
        next: Offset,
        /// Where the pack starts.
        from: Offset,
    },
    /// A part of the pack was covered already, and a part was not.
    #[error(
        "the pack covers {topic}/{partition} from {from} to {to}, but the shard stands at {next}: a part of it was counted \
         already. Do two ingest groups write to the same activity topic?"
    )]
    Overlap {
        /// The source topic.
        topic: String,
        /// Its partition.
        partition: PartitionId,
        /// Where the shard stands.
        next: Offset,
        /// Where the pack starts.
        from: Offset,
        /// Where it ends.
        to: Offset,
    },
    /// The topic has another identity than the one that the shard has read.
    #[error(
        "the pack covers topic {topic} with id {found}, but the shard has read the one with id {known}: the topic was made \
         again, and the pack does not say so"
    )]
    OtherTopic {
        /// The source topic.
        topic: String,
        /// The id that the shard knows.
        known: TopicId,
        /// The id in the pack.
        found: TopicId,
    },
    /// The pack names a partition that its topic has not.
    #[error("the pack covers {topic}/{partition}, but says that the topic has {partitions} partitions")]
    NoSuchPartition {
        /// The source topic.
        topic: String,
        /// The partition.
        partition: PartitionId,
        /// How many the pack says there are.
        partitions: i32,
    },
}

/// Whether `pack` is next for a shard that stands at `header`.
///
/// # Errors
/// If it is neither next nor a repetition.
pub fn judge(header: &Header, pack: &Pack) -> Result<Verdict, Break> {
    let (mut repeated, mut next) = (None, false);
    for coverage in &pack.sources {
        let source = header.sources.iter().find(|source| source.topic == coverage.topic);
        for span in &coverage.spans {
            match judge_span(source, coverage, span)? {
                Verdict::Repeated => repeated = Some((coverage, span, source)),
                Verdict::Next => next |= span.to > span.from || span.jump.is_some(),
            }
        }
    }
    match repeated {
        Some((coverage, span, source)) if next => Err(overlap(coverage, span, position(source, span))),
        Some(_) => Ok(Verdict::Repeated),
        None => Ok(Verdict::Next),
    }
}

fn judge_span(source: Option<&SourceProgress>, coverage: &Coverage, span: &Span) -> Result<Verdict, Break> {
    let topic = || coverage.topic.clone();
    if span.partition.0 < 0 || span.partition.0 >= coverage.partitions {
        let (partition, partitions) = (span.partition, coverage.partitions);
        return Err(Break::NoSuchPartition { topic: topic(), partition, partitions });
    }
    let known = source.and_then(|source| source.partition(span.partition)).and_then(|partition| partition.topic_id);
    if let Some(known) = known.filter(|known| *known != coverage.topic_id) {
        return match span.jump {
            Some(Jump::ReplacedTopic | Jump::FirstStart) => Ok(Verdict::Next),
            _ => Err(Break::OtherTopic { topic: topic(), known, found: coverage.topic_id }),
        };
    }
    let Some(next) = position(source, span) else {
        let next = Offset(0);
        return match span.jump {
            Some(_) => Ok(Verdict::Next),
            None => Err(Break::Hole { topic: topic(), partition: span.partition, next, from: span.from }),
        };
    };
    let jumps_ahead = span.jump == Some(Jump::LostRetention) && span.from > next;
    if span.from == next || jumps_ahead {
        Ok(Verdict::Next)
    } else if span.to <= next {
        Ok(Verdict::Repeated)
    } else if span.from > next {
        Err(Break::Hole { topic: topic(), partition: span.partition, next, from: span.from })
    } else {
        Err(overlap(coverage, span, Some(next)))
    }
}

fn position(source: Option<&SourceProgress>, span: &Span) -> Option<Offset> {
    source.and_then(|source| source.partition(span.partition)).and_then(|partition| partition.next)
}

fn overlap(coverage: &Coverage, span: &Span, next: Option<Offset>) -> Break {
    let Span { partition, from, to, .. } = *span;
    Break::Overlap { topic: coverage.topic.clone(), partition, next: next.unwrap_or_default(), from, to }
}

/// Moves a header's positions and clocks on to the end of a pack that [`judge`] called next, and shard time with them.
/// The pack's deltas must have been applied before: they were judged by the clocks before it.
pub fn advance(header: &mut Header, pack: &Pack) {
    for coverage in &pack.sources {
        let joining = PartitionProgress { joined: header.time, ..PartitionProgress::default() };
        let source = source_of(&mut header.sources, coverage, joining);
        for span in &coverage.spans {
            let partition = usize::try_from(span.partition.0).ok().and_then(|at| source.partitions.get_mut(at));
            let partition = partition.expect("judge has refused partitions that the topic has not");
            partition.topic_id = Some(coverage.topic_id);
            partition.next = Some(span.to);
            partition.clock = partition.clock.max(span.clock);
        }
    }
    header.time = shard_time(&header.sources, header.time);
    header.sealed_at = pack.sealed_at;
}

/// The progress of a pack's source, made or grown as the pack says. Partitions that are added to a topic join at the current
/// shard time; those of a new source hold it back until they are heard of; those that it lost when it was made again do no
/// more.
fn source_of<'a>(
    sources: &'a mut Vec<SourceProgress>,
    coverage: &Coverage,
    joining: PartitionProgress,
) -> &'a mut SourceProgress {
    let count = usize::try_from(coverage.partitions).unwrap_or(0);
    let at = sources.iter().position(|source| source.topic == coverage.topic).unwrap_or_else(|| {
        let partitions = vec![PartitionProgress::default(); count];
        sources.push(SourceProgress { topic: coverage.topic.clone(), partitions });
        sources.len() - 1
    });
    let source = &mut sources[at];
    // Without spans nothing was judged: whoever wrote it may not know yet that the topic was made again.
    if coverage.spans.is_empty() {
        return source;
    }
    if source.partitions.len() < count {
        source.partitions.resize(count, joining);
    }
    for (id, partition) in source.partitions.iter_mut().enumerate() {
        partition.exists(id < count, coverage.topic_id, joining.joined);
    }
    source
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Millis;

    const OLD: TopicId = TopicId([1; 16]);
    const NEW: TopicId = TopicId([2; 16]);

    fn span(partition: i32, from: i64, to: i64, jump: Option<Jump>) -> Span {
        let clock = Some(Millis(to));
        Span { partition: PartitionId(partition), from: Offset(from), to: Offset(to), clock, jump }
    }

    fn pack(topic_id: TopicId, partitions: i32, spans: &[Span]) -> Pack {
        let coverage = Coverage { topic: "usage".into(), topic_id, partitions, spans: spans.to_vec() };
        Pack { sources: vec![coverage], ..Pack::default() }
    }

    /// A shard that has covered 0..10 of partition 0 and 0..20 of partition 1.
    fn header() -> Header {
        let mut header = Header::default();
        let start = Some(Jump::FirstStart);
        let first = pack(OLD, 2, &[span(0, 0, 10, start), span(1, 0, 20, start)]);
        assert_eq!(judge(&header, &first), Ok(Verdict::Next));
        advance(&mut header, &first);
        header
    }

    fn judged(spans: &[Span]) -> Result<Verdict, Break> {
        judge(&header(), &pack(OLD, 2, spans))
    }

    #[test]
    fn a_pack_that_continues_is_next() {
        assert_eq!(judged(&[span(0, 10, 12, None), span(1, 20, 20, None)]), Ok(Verdict::Next));
        assert_eq!(judged(&[]), Ok(Verdict::Next));
    }

    #[test]
    fn a_pack_that_was_covered_is_repeated() {
        assert_eq!(judged(&[span(0, 4, 10, None)]), Ok(Verdict::Repeated));
        assert_eq!(judged(&[span(0, 0, 10, Some(Jump::FirstStart)), span(1, 20, 20, None)]), Ok(Verdict::Repeated));
    }

    #[test]
    fn holes_and_overlaps_are_refused() {
        assert!(matches!(judged(&[span(0, 11, 12, None)]), Err(Break::Hole { .. })));
        assert!(matches!(judged(&[span(0, 9, 12, None)]), Err(Break::Overlap { .. })));
        assert!(matches!(judged(&[span(0, 4, 10, None), span(1, 20, 25, None)]), Err(Break::Overlap { .. })));
        assert!(matches!(judged(&[span(2, 0, 1, None)]), Err(Break::NoSuchPartition { .. })));
        let unheard = judge(&Header::default(), &pack(OLD, 2, &[span(0, 10, 12, None)]));
        assert!(matches!(unheard, Err(Break::Hole { .. })));
    }

    #[test]
    fn lost_retention_is_a_jump_ahead_that_says_so() {
        let jump = span(0, 15, 18, Some(Jump::LostRetention));
        assert_eq!(judged(&[jump]), Ok(Verdict::Next));
        let mut header = header();
        advance(&mut header, &pack(OLD, 2, &[jump]));
        assert_eq!(judge(&header, &pack(OLD, 2, &[jump])), Ok(Verdict::Repeated));
    }

    #[test]
    fn a_topic_made_again_begins_anew_only_if_the_pack_says_so() {
        let silent = pack(NEW, 2, &[span(0, 10, 12, None)]);
        assert!(matches!(judge(&header(), &silent), Err(Break::OtherTopic { .. })));
        let open = pack(NEW, 3, &[span(0, 0, 2, Some(Jump::ReplacedTopic))]);
        let mut header = header();
        assert_eq!(judge(&header, &open), Ok(Verdict::Next));
        advance(&mut header, &open);
        assert_eq!(header.sources[0].partitions.len(), 3);
        let added = pack(NEW, 3, &[span(2, 0, 2, Some(Jump::FirstStart))]);
        assert_eq!(judge(&header, &added), Ok(Verdict::Next));
        let late = pack(OLD, 2, &[span(0, 10, 12, None)]);
        assert!(matches!(judge(&header, &late), Err(Break::OtherTopic { .. })));
    }

    #[test]
    fn a_new_partition_of_a_topic_made_again_may_be_the_first_to_be_heard_of() {
        let first = pack(NEW, 3, &[span(2, 0, 2, Some(Jump::FirstStart))]);
        assert_eq!(judge(&header(), &first), Ok(Verdict::Next));
    }

    #[test]
    fn a_worker_that_knows_only_the_old_topic_and_covers_nothing_of_it_changes_nothing() {
        let mut header = header();
        let unknowing = pack(OLD, 2, &[]);
        advance(&mut header, &pack(NEW, 2, &[span(0, 0, 2, Some(Jump::ReplacedTopic))]));
        let before = header.sources.clone();
        advance(&mut header, &unknowing);
        assert_eq!(header.sources, before);
    }

    #[test]
    fn workers_learn_one_after_the_other_that_a_topic_was_made_again() {
        let mut header = header();
        let of_those_who_know = pack(NEW, 2, &[span(0, 0, 2, Some(Jump::ReplacedTopic))]);
        let of_those_who_do_not = pack(OLD, 2, &[span(1, 20, 25, None)]);
        let of_those_who_do_by_now = pack(NEW, 2, &[span(1, 0, 3, Some(Jump::ReplacedTopic))]);
        for pack in [of_those_who_know, of_those_who_do_not, of_those_who_do_by_now] {
            assert_eq!(judge(&header, &pack), Ok(Verdict::Next));
            advance(&mut header, &pack);
        }
    }

    #[test]
    fn partitions_that_a_topic_lost_when_it_was_made_again_hold_nothing_back() {
        let mut header = header();
        let before = header.time.unwrap();
        let clock = Some(Millis(before.0 + 1_000_000));
        let moved = |topic, from, to, jump| {
            let mut pack = pack(topic, if topic == NEW { 1 } else { 2 }, &[span(0, from, to, jump)]);
            pack.sources[0].spans[0].clock = clock;
            pack
        };
        advance(&mut header, &moved(NEW, 0, 2, Some(Jump::ReplacedTopic)));
        assert_eq!(header.time, clock);
        // A worker that has not noticed, and then one that has: shard time stays.
        advance(&mut header, &pack(OLD, 2, &[span(1, 20, 25, None)]));
        assert_eq!(header.time, clock);
    }

    #[test]
    fn the_wall_stamp_is_that_of_the_last_pack() {
        let mut header = header();
        for stamp in [9_000, 5] {
            advance(&mut header, &Pack { sealed_at: Millis(stamp), ..pack(OLD, 2, &[]) });
            assert_eq!(header.sealed_at, Millis(stamp));
        }
    }

    #[test]
    fn added_partitions_join_at_shard_time_and_hold_nothing_back() {
        let mut header = header();
        assert_eq!(header.time, Some(Millis(10)));
        advance(&mut header, &pack(OLD, 3, &[span(0, 10, 15, None)]));
        assert_eq!((header.time, header.sources[0].partitions[2].joined), (Some(Millis(10)), Some(Millis(10))));
        advance(&mut header, &pack(OLD, 3, &[span(2, 0, 30, Some(Jump::FirstStart))]));
        assert_eq!(header.time, Some(Millis(15)));
    }
}
