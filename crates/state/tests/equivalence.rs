//! The adapters are one: any schedule has the same verdicts and leaves the same contents in each.

#![allow(clippy::unwrap_used, reason = "a test may panic, helpers of tests too")]

mod support;

use activity::fence::{Fence, Refusal};
use activity::{CatalogVersion, Incarnation, Offset, Shard};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use state::{Commit, MemoryStore, RedisStore, Store, Verdict};
use support::redis::Server;
use support::{Bench, bare, contents, counter, fence, key};

/// One thing that happens to a shard.
#[derive(Clone, Debug)]
enum Step {
    /// A commit, of the state as it is or of another one.
    Commit {
        from: Option<Difference>,
        claims: bool,
        writes: Vec<(u8, Option<u8>)>,
        counters: Vec<(u16, u8)>,
    },
    /// The same commit once more.
    Repeat,
    Discard(u64),
}

/// In what a writer's idea of the state differs from the state.
#[derive(Clone, Copy, Debug)]
enum Difference {
    Nothing,
    Next(i64),
    Incarnation,
    Catalogue,
    Format,
}

fn step() -> impl Strategy<Value = Step> {
    let difference = prop_oneof![
        Just(Difference::Nothing),
        (-2i64..3).prop_map(Difference::Next),
        Just(Difference::Incarnation),
        Just(Difference::Catalogue),
        Just(Difference::Format),
    ];
    let from = prop_oneof![3 => Just(None), 1 => difference.prop_map(Some)];
    let writes = proptest::collection::vec((0u8..12, proptest::option::weighted(0.7, any::<u8>())), 0..8);
    let counters = proptest::collection::vec((0u16..4, any::<u8>()), 0..4);
    prop_oneof![
        6 => (from, proptest::bool::weighted(0.2), writes, counters)
            .prop_map(|(from, claims, writes, counters)| Step::Commit { from, claims, writes, counters }),
        1 => Just(Step::Repeat),
        1 => (0u64..4).prop_map(Step::Discard),
    ]
}

/// The commit that a writer makes who believes the state to be `stored`, but for the difference.
fn made(stored: Option<Fence>, from: Option<Difference>, claims: bool) -> Commit {
    let here = stored.unwrap_or(fence(10));
    let expected = match from {
        None => stored,
        Some(Difference::Nothing) => None,
        Some(Difference::Next(n)) => Some(Fence { next: Offset(here.next.0 + n), ..here }),
        Some(Difference::Incarnation) => Some(Fence { incarnation: Incarnation(here.incarnation.0 + 1), ..here }),
        Some(Difference::Catalogue) => Some(Fence { catalogue: CatalogVersion(1), ..here }),
        Some(Difference::Format) => Some(Fence { format: 2, ..here }),
    };
    let next = expected.unwrap_or(fence(0));
    let incarnation = Incarnation((next.incarnation.0 + u64::from(claims)) % 4);
    bare(expected, Fence { next: Offset(next.next.0 + 3), incarnation, ..next })
}

fn apply(
    step: &Step,
    shard: Shard,
    last: &mut Option<Commit>,
    stores: (&mut MemoryStore, &mut RedisStore),
) -> Option<Verdict> {
    let (memory, redis) = stores;
    if let Step::Discard(incarnation) = step {
        memory.discard(shard, Incarnation(*incarnation)).unwrap();
        redis.discard(shard, Incarnation(*incarnation)).unwrap();
        return None;
    }
    if let Step::Commit { from, claims, writes, counters } = step {
        let stored = memory.stored(shard).unwrap().map(|stored| stored.state.fence);
        let mut commit = made(stored, *from, *claims);
        commit.records = writes.iter().map(|(name, value)| (key(&name.to_string()), value.map(|v| vec![v]))).collect();
        commit.counters = counters.iter().map(|(metric, value)| (counter(*metric), vec![*value])).collect();
        *last = Some(commit);
    }
    let commit = last.as_ref()?;
    let verdict = memory.commit(shard, commit).unwrap();
    assert_eq!(redis.commit(shard, commit).unwrap(), verdict, "{commit:?}");
    Some(verdict)
}

#[test]
fn any_schedule_has_the_same_outcome_in_memory_and_in_redis() {
    let server = Server::start(&[]);
    let mut redis = server.store();
    let (mut shard, mut committed, mut refused) = (Shard(0), 0, std::collections::BTreeSet::new());
    let mut runner = TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
    let schedules = proptest::collection::vec(step(), 1..20);
    let cell = std::cell::RefCell::new((&mut redis, &mut shard, &mut committed, &mut refused));
    runner
        .run(&schedules, |steps| {
            let (redis, shard, committed, refused) = &mut *cell.borrow_mut();
            shard.0 += 1;
            let (mut memory, mut last) = (MemoryStore::default(), None);
            for step in &steps {
                match apply(step, **shard, &mut last, (&mut memory, redis)) {
                    Some(Verdict::Committed) => **committed += 1,
                    Some(Verdict::Refused(refusal)) => drop(refused.insert(refusal.reason())),
                    None => {}
                }
            }
            let incarnations = [0, 1, 2, 3].map(Incarnation);
            prop_assert_eq!(contents(&mut memory, **shard, &incarnations), contents(*redis, **shard, &incarnations));
            Ok(())
        })
        .unwrap();
    let every =
        [Refusal::Absent, Refusal::Stale, Refusal::RolledBack, Refusal::OtherIncarnation, Refusal::OtherCatalogue];
    assert!(
        committed > 100 && every.iter().all(|refusal| refused.contains(refusal.reason())),
        "{committed} {refused:?}"
    );
}
