//! A batch as a function call, and the function's answer as a verdict.

use super::{layout, library, text};
use crate::port::{Commit, StoreError, Verdict};
use ::redis::Cmd;
use activity::{EntityKey, Shard, fence};
use std::collections::BTreeMap;

/// Whether it was written; if not, the fence and the mark that are stored.
pub(super) type Reply = (u8, Option<Vec<u8>>, Option<Vec<u8>>);

/// What changes in one bucket: of a key that a batch names twice, the last counts.
type Changes<'a> = BTreeMap<&'a EntityKey, Option<&'a [u8]>>;

/// The call that writes a batch, if the stored fence is the one that it starts from.
pub(super) fn call(shard: Shard, commit: &Commit) -> Cmd {
    let buckets = by_bucket(commit);
    let incarnation = commit.next.incarnation;
    let mut keys = vec![layout::header(shard), layout::counters(shard, incarnation)];
    keys.extend(buckets.keys().map(|bucket| layout::bucket(shard, incarnation, *bucket)));

    let mut call = library::commit(&keys);
    call.arg(commit.expected.map(|fence| fence.to_string()).unwrap_or_default());
    call.arg(u8::from(commit.claims())).arg(commit.next.to_string()).arg(&commit.header);
    call.arg(commit.counters.len() * 2);
    for (key, value) in &commit.counters {
        call.arg(layout::counter_field(*key)).arg(value);
    }
    buckets.values().for_each(|changes| put_bucket(changes, &mut call));
    call
}

/// The changes by bucket: of all buckets for a claim, which empties them first.
fn by_bucket(commit: &Commit) -> BTreeMap<u16, Changes<'_>> {
    let mut buckets: BTreeMap<u16, Changes<'_>> = BTreeMap::new();
    if commit.claims() {
        buckets.extend((0..layout::BUCKETS).map(|bucket| (bucket, Changes::new())));
    }
    for (key, value) in &commit.records {
        buckets.entry(layout::bucket_of(key)).or_default().insert(key, value.as_deref());
    }
    buckets
}

fn put_bucket(changes: &Changes<'_>, call: &mut Cmd) {
    let sets = changes.values().flatten().count();
    call.arg(sets * 2).arg(changes.len() - sets);
    for (key, value) in changes {
        if let Some(value) = value {
            call.arg(key.as_bytes()).arg(*value);
        }
    }
    for key in changes.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| key) {
        call.arg(key.as_bytes());
    }
}

/// What the function's answer says became of the batch.
pub(super) fn verdict(shard: Shard, commit: &Commit, reply: Reply) -> Result<Verdict, StoreError> {
    let (written, stored_fence, mark) = reply;
    if written == 1 {
        return Ok(Verdict::Committed);
    }
    let stored = stored_fence.as_deref().map(|fence| text::stored(shard, fence, mark.as_deref())).transpose()?;
    match fence::judge(commit.expected.as_ref(), stored.as_ref(), commit.claims()) {
        Err(refusal) => Ok(Verdict::Refused(refusal)),
        Ok(()) => Err(StoreError::Corrupt {
            place: format!("{} f", layout::header(shard)),
            reason: format!("the fence `{}` is not written as nsm writes it", text::shown(stored_fence.as_deref())),
        }),
    }
}
