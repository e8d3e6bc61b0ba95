//! What every adapter promises, tried on each.

#![allow(clippy::unwrap_used, reason = "a test may panic, helpers of tests too")]

mod support;

use activity::fence::{Fence, Refusal};
use activity::{CatalogVersion, Incarnation, Offset, Shard, TopicId};
use state::{Commit, Store, Verdict};
use std::sync::{Arc, Barrier};
use std::thread;
use support::memory::Memory;
use support::redis::Server;
use support::{Bench, CommitExt, SHARD, bare, commit, contents, counter, everyone, fence, first, key, read, texts};

macro_rules! rules {
    ($($rule:ident),* $(,)?) => {
        mod memory {
            $(#[test] fn $rule() { super::$rule(super::Memory::default()); })*
        }
        mod redis {
            $(#[test] fn $rule() { super::$rule(super::Server::start(&[])); })*
        }
    };
}

rules!(
    what_was_committed_reads_back,
    every_difference_of_fences_is_named_and_writes_nothing,
    flushed_store_is_absent,
    store_that_went_back_is_named_and_can_be_replayed,
    commit_sent_twice_counts_once,
    broken_off_commit_leaves_a_mark_and_only_a_claim_goes_on,
    claim_starts_from_nothing,
    claim_after_a_broken_off_claim_starts_from_nothing,
    first_commit_that_broke_off_is_made_again_from_nothing,
    discard_deletes_exactly_the_old,
    discard_spares_the_living,
    deleted_records_are_gone,
    of_a_key_written_twice_the_last_counts,
    commit_of_many_counters_and_records_is_whole,
    shards_do_not_meet,
    one_of_two_writers_wins,
    snapshot_is_from_one_moment,
);

fn refused(store: &mut impl Store, commit: &Commit) -> Refusal {
    match store.commit(SHARD, commit).unwrap() {
        Verdict::Refused(refusal) => refusal,
        Verdict::Committed => panic!("committed: {commit:?}"),
    }
}

fn incarnation(number: u64, next: i64) -> Fence {
    Fence { incarnation: Incarnation(number), ..fence(next) }
}

/// A store in which [`first`] is committed.
fn begun<B: Bench>(bench: &B) -> B::Store {
    let mut store = bench.store();
    commit(&mut store, &first());
    store
}

fn what_was_committed_reads_back(bench: impl Bench) {
    let mut store = bench.store();
    assert_eq!(store.stored(SHARD).unwrap(), None);
    assert_eq!(store.snapshot(SHARD).unwrap(), None);
    assert_eq!(read(&mut store, 1, &["ada", "bob"]), texts(&["", ""]));

    commit(&mut store, &first());
    let next = bare(Some(fence(10)), fence(15)).with_records(&[("bob", Some("b2")), ("cy", Some("c1"))]);
    commit(&mut store, &next.with_counter(0, "three").with_counter(1, "\0\r\n"));

    let mut other = bench.store();
    let snapshot = contents(&mut other, SHARD, &[]).snapshot.unwrap();
    assert_eq!(snapshot.stored.state.fence, fence(15));
    assert!(!snapshot.stored.state.dirty);
    assert_eq!(snapshot.stored.header, fence(15).to_string().into_bytes());
    assert_eq!(snapshot.counters, [(counter(0), b"three".to_vec()), (counter(1), b"\0\r\n".to_vec())]);
    assert_eq!(read(&mut other, 1, &["cy", "nobody", "ada", "bob", "ada"]), texts(&["c1", "", "a1", "b2", "a1"]));
    assert_eq!(read(&mut other, 1, &[]), texts(&[]));
    assert_eq!(read(&mut other, 2, &["ada"]), texts(&[""]));
    let mut all = [("ada", "a1"), ("bob", "b2"), ("cy", "c1")].map(|(name, value)| (key(name), value.into()));
    all.sort();
    assert_eq!(everyone(&mut other, SHARD, Incarnation(1)), all);
    assert_eq!(other.portion(SHARD, Incarnation(1), other.portions()).unwrap().anyway(), []);
    assert_eq!(other.portion(SHARD, Incarnation(1), u32::MAX).unwrap().anyway(), []);
}

fn every_difference_of_fences_is_named_and_writes_nothing(bench: impl Bench) {
    let mut store = begun(&bench);
    let before = contents(&mut store, SHARD, &[Incarnation(1), Incarnation(2)]);
    let here = fence(10);
    let cases = [
        (None, Refusal::Stale),
        (Some(fence(9)), Refusal::Stale),
        (Some(fence(11)), Refusal::RolledBack),
        (Some(Fence { incarnation: Incarnation(2), ..here }), Refusal::OtherIncarnation),
        (Some(Fence { topic: TopicId([8; 16]), ..here }), Refusal::OtherTopic),
        (Some(Fence { catalogue: CatalogVersion(1), ..here }), Refusal::OtherCatalogue),
        (Some(Fence { format: 2, ..here }), Refusal::OtherFormat),
    ];
    for (expected, refusal) in cases {
        let next = Fence { next: Offset(20), ..expected.unwrap_or(here) };
        for next in [next, Fence { incarnation: Incarnation(2), ..next }] {
            let batch = bare(expected, next).with_records(&[("ada", None), ("eve", Some("e"))]).with_counter(0, "x");
            assert_eq!(refused(&mut store, &batch), refusal, "{batch:?}");
        }
    }
    assert_eq!(contents(&mut store, SHARD, &[Incarnation(1), Incarnation(2)]), before);
}

fn flushed_store_is_absent(mut bench: impl Bench) {
    let mut store = begun(&bench);
    bench.flush();
    let next = bare(Some(fence(10)), fence(15)).with_records(&[("ada", Some("a2"))]);
    assert_eq!(refused(&mut store, &next), Refusal::Absent);
    assert_eq!(store.stored(SHARD).unwrap(), None);
    assert_eq!(read(&mut store, 1, &["ada"]), texts(&[""]));
    commit(&mut store, &first());
}

fn store_that_went_back_is_named_and_can_be_replayed(mut bench: impl Bench) {
    let mut store = begun(&bench);
    bench.back_up();
    let second = bare(Some(fence(10)), fence(15)).with_records(&[("bob", None)]).with_counter(0, "one");
    commit(&mut store, &second);
    bench.restore();

    let mut store = bench.store();
    let third = bare(Some(fence(15)), fence(20)).with_records(&[("ada", Some("a3"))]);
    assert_eq!(refused(&mut store, &third), Refusal::RolledBack);
    assert_eq!(store.stored(SHARD).unwrap().unwrap().state.fence, fence(10));
    assert_eq!(read(&mut store, 1, &["ada", "bob"]), texts(&["a1", "b1"]));
    commit(&mut store, &second);
    commit(&mut store, &third);
    assert_eq!(read(&mut store, 1, &["ada", "bob"]), texts(&["a3", ""]));
}

fn commit_sent_twice_counts_once(bench: impl Bench) {
    let mut store = begun(&bench);
    let next = bare(Some(fence(10)), fence(15)).with_records(&[("ada", Some("a2"))]).with_counter(0, "new");
    commit(&mut store, &next);
    let once = contents(&mut store, SHARD, &[Incarnation(1)]);
    assert_eq!(refused(&mut store, &next), Refusal::Stale);
    assert_eq!(contents(&mut store, SHARD, &[Incarnation(1)]), once);
}

fn broken_off_commit_leaves_a_mark_and_only_a_claim_goes_on(mut bench: impl Bench) {
    let mut store = begun(&bench);
    let next = bare(Some(fence(10)), fence(15)).with_records(&[("ada", Some("a2")), ("bob", Some("b2"))]);
    bench.break_off(SHARD, &next.clone().with_counter(0, "x"));

    let stored = store.stored(SHARD).unwrap().unwrap();
    assert_eq!((stored.state.fence, stored.state.dirty), (fence(10), true));
    assert!(store.snapshot(SHARD).unwrap().unwrap().stored.state.dirty);
    assert_eq!(refused(&mut store, &next), Refusal::Dirty);
    assert_eq!(refused(&mut store, &bare(Some(fence(10)), fence(10))), Refusal::Dirty);
    assert_eq!(refused(&mut store, &bare(Some(fence(15)), fence(20))), Refusal::RolledBack);
    assert!(store.stored(SHARD).unwrap().unwrap().state.dirty);

    commit(&mut store, &bare(Some(fence(10)), incarnation(2, 0)));
    let stored = store.stored(SHARD).unwrap().unwrap();
    assert_eq!((stored.state.fence, stored.state.dirty), (incarnation(2, 0), false));
    assert_eq!(store.snapshot(SHARD).unwrap().unwrap().counters, []);
}

fn claim_starts_from_nothing(bench: impl Bench) {
    let mut store = begun(&bench);
    let claim = bare(Some(fence(10)), incarnation(2, 5)).with_records(&[("cy", Some("c1"))]).with_counter(7, "n");
    commit(&mut store, &claim);
    assert_eq!(read(&mut store, 2, &["ada", "bob", "cy"]), texts(&["", "", "c1"]));
    assert_eq!(store.snapshot(SHARD).unwrap().unwrap().counters, [(counter(7), b"n".to_vec())]);
    assert_eq!(read(&mut store, 1, &["ada", "bob", "cy"]), texts(&["a1", "b1", ""]), "the old ones stay");

    let behind = bare(Some(fence(10)), fence(15));
    assert_eq!(refused(&mut store, &behind), Refusal::OtherIncarnation);
}

fn claim_after_a_broken_off_claim_starts_from_nothing(mut bench: impl Bench) {
    let mut store = begun(&bench);
    let broken = bare(Some(fence(10)), incarnation(2, 5)).with_records(&[("cy", Some("c1")), ("dee", Some("d1"))]);
    bench.break_off(SHARD, &broken.with_counter(7, "n"));
    assert!(store.stored(SHARD).unwrap().unwrap().state.dirty);
    assert_ne!(everyone(&mut store, SHARD, Incarnation(2)), []);

    commit(&mut store, &bare(Some(fence(10)), incarnation(2, 3)).with_records(&[("eve", Some("e1"))]));
    assert_eq!(everyone(&mut store, SHARD, Incarnation(2)), [(key("eve"), b"e1".to_vec())]);
    assert_eq!(store.snapshot(SHARD).unwrap().unwrap().counters, []);
}

fn first_commit_that_broke_off_is_made_again_from_nothing(mut bench: impl Bench) {
    let mut store = bench.store();
    bench.break_off(SHARD, &first());
    assert_ne!(everyone(&mut store, SHARD, Incarnation(1)), []);
    assert_eq!(store.stored(SHARD).unwrap(), None);
    assert_eq!(store.snapshot(SHARD).unwrap(), None);
    assert_eq!(refused(&mut store, &bare(Some(fence(10)), fence(15))), Refusal::Absent);

    commit(&mut store, &bare(None, fence(4)));
    assert!(!store.stored(SHARD).unwrap().unwrap().state.dirty);
    assert_eq!(everyone(&mut store, SHARD, Incarnation(1)), []);
    assert_eq!(store.snapshot(SHARD).unwrap().unwrap().counters, []);
}

fn discard_deletes_exactly_the_old(bench: impl Bench) {
    let mut store = begun(&bench);
    commit(
        &mut store,
        &bare(Some(fence(10)), incarnation(2, 5)).with_records(&[("ada", Some("a2"))]).with_counter(0, "1"),
    );
    commit(&mut store, &bare(Some(incarnation(2, 5)), incarnation(12, 5)).with_records(&[("ada", Some("a12"))]));
    assert_eq!(store.commit(Shard(30), &first()).unwrap(), Verdict::Committed);
    store.discard(SHARD, Incarnation(1)).unwrap();
    store.discard(SHARD, Incarnation(1)).unwrap();
    store.discard(SHARD, Incarnation(99)).unwrap();
    assert_eq!(everyone(&mut store, SHARD, Incarnation(1)), []);
    assert_eq!(read(&mut store, 2, &["ada"]), texts(&["a2"]));
    assert_eq!(read(&mut store, 12, &["ada"]), texts(&["a12"]));
    assert_eq!(everyone(&mut store, Shard(30), Incarnation(1)).len(), 2);
    assert_eq!(store.stored(SHARD).unwrap().unwrap().state.fence, incarnation(12, 5));
}

/// The store may have gone back to an older state between a claim and the discard that follows it.
fn discard_spares_the_living(mut bench: impl Bench) {
    let mut store = begun(&bench);
    bench.back_up();
    commit(&mut store, &bare(Some(fence(10)), incarnation(2, 5)));
    bench.restore();
    let mut store = bench.store();
    let before = contents(&mut store, SHARD, &[Incarnation(1)]);
    store.discard(SHARD, Incarnation(1)).unwrap();
    assert_eq!(contents(&mut store, SHARD, &[Incarnation(1)]), before);
}

fn deleted_records_are_gone(bench: impl Bench) {
    let mut store = begun(&bench);
    commit(&mut store, &bare(Some(fence(10)), fence(11)).with_records(&[("ada", None), ("nobody", None)]));
    assert_eq!(everyone(&mut store, SHARD, Incarnation(1)), [(key("bob"), b"b1".to_vec())]);
    commit(&mut store, &bare(Some(fence(11)), fence(12)).with_records(&[("bob", None)]));
    assert_eq!(everyone(&mut store, SHARD, Incarnation(1)), []);
    commit(&mut store, &bare(Some(fence(12)), fence(13)).with_records(&[("bob", Some(""))]));
    assert_eq!(everyone(&mut store, SHARD, Incarnation(1)), [(key("bob"), vec![])]);
}

fn of_a_key_written_twice_the_last_counts(bench: impl Bench) {
    let mut store = begun(&bench);
    let twice = [("ada", Some("x")), ("ada", None), ("bob", None), ("bob", Some("b2"))];
    commit(
        &mut store,
        &bare(Some(fence(10)), fence(11)).with_records(&twice).with_counter(0, "x").with_counter(0, "y"),
    );
    assert_eq!(read(&mut store, 1, &["ada", "bob"]), texts(&["", "b2"]));
    assert_eq!(store.snapshot(SHARD).unwrap().unwrap().counters, [(counter(0), b"y".to_vec())]);
}

fn commit_of_many_counters_and_records_is_whole(bench: impl Bench) {
    let mut store = begun(&bench);
    let names: Vec<String> = (0..40_000).map(|n| format!("user-{n}")).collect();
    let records: Vec<(&str, Option<&str>)> = names.iter().map(|name| (name.as_str(), Some(name.as_str()))).collect();
    let many = (0..9_001).fold(bare(Some(fence(10)), fence(11)), |commit, metric| commit.with_counter(metric, "value"));
    commit(&mut store, &many.with_records(&records));
    assert_eq!(store.snapshot(SHARD).unwrap().unwrap().counters.len(), 9_001);
    assert_eq!(everyone(&mut store, SHARD, Incarnation(1)).len(), 40_002);
    let asked: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(read(&mut store, 1, &asked), texts(&asked));

    let deletes: Vec<(&str, Option<&str>)> = asked.iter().map(|name| (*name, None)).collect();
    commit(&mut store, &bare(Some(fence(11)), fence(12)).with_records(&deletes));
    assert_eq!(everyone(&mut store, SHARD, Incarnation(1)).len(), 2);
}

fn shards_do_not_meet(bench: impl Bench) {
    let mut store = begun(&bench);
    let before = contents(&mut store, SHARD, &[Incarnation(1)]);
    for other in [Shard(0), Shard(30), Shard(33)] {
        assert_eq!(store.stored(other).unwrap(), None);
        let batch = bare(None, fence(99)).with_records(&[("ada", Some("other"))]).with_counter(0, "other");
        assert_eq!(store.commit(other, &batch).unwrap(), Verdict::Committed);
        store.discard(other, Incarnation(1)).unwrap();
    }
    assert_eq!(contents(&mut store, SHARD, &[Incarnation(1)]), before);
}

fn one_of_two_writers_wins(bench: impl Bench) {
    let mut store = begun(&bench);
    for round in 10..40 {
        let start = Arc::new(Barrier::new(2));
        let race = |name: &'static str| {
            let (mut store, start) = (bench.store(), start.clone());
            thread::spawn(move || {
                start.wait();
                let next = fence(round + 1);
                store.commit(SHARD, &bare(Some(fence(round)), next).with_records(&[("ada", Some(name))])).unwrap()
            })
        };
        let verdicts = [race("left"), race("right")].map(|writer| writer.join().unwrap());
        let winner = match verdicts {
            [Verdict::Committed, Verdict::Refused(Refusal::Stale)] => "left",
            [Verdict::Refused(Refusal::Stale), Verdict::Committed] => "right",
            other => panic!("{other:?}"),
        };
        assert_eq!(read(&mut store, 1, &["ada"]), texts(&[winner]));
    }
}

fn snapshot_is_from_one_moment(bench: impl Bench) {
    let mut store = begun(&bench);
    let mut writer = bench.store();
    let writing = thread::spawn(move || {
        for n in 10..600 {
            let value = (n + 1).to_string();
            let next = bare(Some(fence(n)), fence(n + 1)).with_counter(0, &value).with_counter(1, &value);
            commit(&mut writer, &next);
        }
    });
    let mut seen = 10;
    while seen < 600 {
        let is_over = writing.is_finished();
        let mut snapshot = store.snapshot(SHARD).unwrap().unwrap();
        snapshot.counters.sort();
        let fence = snapshot.stored.state.fence;
        seen = fence.next.0;
        let value = seen.to_string().into_bytes();
        assert!(seen == 10 || snapshot.counters == [(counter(0), value.clone()), (counter(1), value)], "{snapshot:?}");
        assert_eq!(snapshot.stored.header, fence.to_string().into_bytes());
        assert!(!snapshot.stored.state.dirty);
        assert!(!is_over || seen == 600, "the writer ended at {seen}");
    }
    writing.join().unwrap();
}
