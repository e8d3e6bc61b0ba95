use crate::support::{DEADLINE, Reader, World, partition, produce, took};
use activity::Offset;
use kafka::rdkafka::RdSourceLog;
use kafka::{Committed, Consumer, Outcome, Ownership, Partition, SourceLog, Transaction};
use services::wait_until;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

type Source = Reader<RdSourceLog>;

fn joined(world: &World, instance: &str) -> Source {
    Reader::new(world.source_log(&world.config(instance)).unwrap())
}

fn from_committed(log: &mut RdSourceLog, partition: Partition) -> i64 {
    log.committed(&[partition]).unwrap()[0].as_ref().map_or(0, |committed| committed.next.0)
}

/// Steps all of them in turn until it is so.
#[track_caller]
fn drive(members: &mut [Source], what: &str, done: impl Fn(&[Source]) -> bool) {
    wait_until(DEADLINE, what, || {
        for member in members.iter_mut() {
            member.step(from_committed).unwrap();
        }
        done(members)
    });
}

fn owned(members: &[Source]) -> Option<Vec<Partition>> {
    let mut all = Vec::new();
    for member in members {
        all.extend(member.owned.clone()?);
    }
    all.sort_unstable();
    Some(all)
}

fn all(partitions: i32) -> Option<Vec<Partition>> {
    Some((0..partitions).map(partition).collect())
}

#[test]
fn each_partition_is_owned_by_exactly_one_member() {
    let world = World::new("shared");
    world.topics(4);
    let plain = world.producer(&[]);
    for id in 0..4 {
        produce(&plain, "shared-source", id, (0..100).map(|i| format!("{id}/{i}")));
    }
    let mut members = vec![joined(&world, "0")];
    drive(&mut members, "the first member owns all", |members| owned(members) == all(4));
    drive(&mut members, "it reads all", |members| members[0].seen.len() == 400);
    let mut next = BTreeMap::new();
    for seen in &members[0].seen {
        next.insert(seen.partition, seen.offset + 1);
    }
    let positions = next.iter().map(|(p, n)| (*p, Committed { next: Offset(*n), note: String::new() })).collect();
    let transaction = Transaction { positions, ..Transaction::default() };
    assert_eq!(members[0].log.transact(&transaction).unwrap(), Outcome::Committed);

    members.push(joined(&world, "1"));
    drive(&mut members, "both share", |members| {
        owned(members) == all(4) && members.iter().all(|m| m.owned.as_ref().is_some_and(|o| o.len() == 2))
    });
    assert_eq!(members[0].changes[0], Ownership::Assigned((0..4).map(partition).collect()));
    assert_eq!(members[0].changes[1], Ownership::Revoked);
    assert!(matches!(members[0].changes[2], Ownership::Assigned(_)));
    assert!(matches!(members[1].changes[0], Ownership::Assigned(_)));

    for id in 0..4 {
        produce(&plain, "shared-source", id, (100..200).map(|i| format!("{id}/{i}")));
    }
    drive(&mut members, "both read", |members| members.iter().map(|m| m.seen.len()).sum::<usize>() >= 800);
    let mut payloads: Vec<&str> = members.iter().flat_map(|m| m.payloads()).collect();
    assert_eq!(payloads.len(), 800);
    payloads.sort_unstable();
    payloads.dedup();
    assert_eq!(payloads.len(), 800);
}

#[test]
fn members_beyond_the_partitions_own_nothing() {
    let world = World::new("surplus");
    world.topics(1);
    let mut members = vec![joined(&world, "0"), joined(&world, "1")];
    drive(&mut members, "one has it", |members| owned(members) == all(1));
    assert!(members.iter().any(|member| member.owned == Some(Vec::new())));
}

#[test]
fn a_restarted_instance_gets_its_partitions_back_and_disturbs_nobody() {
    let world = World::new("restart");
    world.topics(4);
    let mut members = vec![joined(&world, "0"), joined(&world, "1")];
    drive(&mut members, "both share", |members| {
        owned(members) == all(4) && members.iter().all(|m| m.owned.as_ref().is_some_and(|o| o.len() == 2))
    });
    let before: Vec<_> = members.iter().map(|member| member.owned.clone()).collect();
    let changes = members[0].changes.len();
    drop(members.pop());
    members.push(joined(&world, "1"));
    drive(&mut members, "they are back", |members| members[1].owned.is_some());
    assert_eq!(members.iter().map(|member| member.owned.clone()).collect::<Vec<_>>(), before);
    assert_eq!(members[0].changes.len(), changes);
}

#[test]
fn ownership_moves_when_a_member_stays_away() {
    let world = World::new("away");
    world.topics(2);
    let mut config = world.config("0");
    config.session_timeout = Duration::from_secs(1);
    let mut members = vec![Reader::new(world.source_log(&config).unwrap())];
    config.instance = "1".to_owned();
    members.push(Reader::new(world.source_log(&config).unwrap()));
    drive(&mut members, "both share", |members| {
        owned(members) == all(2) && members.iter().all(|m| m.owned.as_ref().is_some_and(|o| o.len() == 1))
    });
    drop(members.pop());
    drive(&mut members, "one has all", |members| owned(members) == all(2));
}

#[test]
fn nothing_is_handed_over_between_assignment_and_start() {
    let world = World::new("between");
    world.topics(1);
    produce(&world.producer(&[]), "between-source", 0, ["a", "b"]);
    let mut member = joined(&world, "0");
    wait_until(DEADLINE, "an assignment", || member.poll().unwrap().is_some());
    for _ in 0..5 {
        assert_eq!(member.poll().unwrap(), None);
    }
    assert!(member.seen.is_empty() && member.ends.is_empty());
    member.log.consumer().start(&[crate::support::at(partition(0), 1)]).unwrap();
    member.until("the second record", |member| member.payloads() == ["b"]);
}

/// Whatever the group waits for, closing is quick.
#[test]
fn dropping_a_member_during_a_rebalance_does_not_hang() {
    let world = World::new("drops");
    world.topics(2);
    let joined = |world: &World, instance: &str| {
        let mut config = world.config(instance);
        // How long the group waits for those that are gone.
        config.session_timeout = Duration::from_secs(2);
        Reader::new(world.source_log(&config).unwrap())
    };
    let closes = |member: Source, what: &str| {
        let took = took(|| drop(member));
        assert!(took < Duration::from_secs(4), "{what}: {took:?}");
    };
    closes(joined(&world, "fresh"), "before the first poll");

    let mut unanswered = joined(&world, "unanswered");
    wait_until(DEADLINE, "an assignment", || unanswered.poll().unwrap().is_some());
    closes(unanswered, "an assignment that is not answered");

    let mut first = joined(&world, "unanswered");
    first.until("an assignment", |first| first.owned.is_some());
    let mut second = joined(&world, "second");
    wait_until(DEADLINE, "a revocation", || {
        second.step(|_, _| 0).unwrap();
        matches!(first.poll().unwrap(), Some(Ownership::Revoked))
    });
    closes(first, "a revocation that is not answered");
    closes(second, "a member that waits for others");

    let mut owner = joined(&world, "unanswered");
    let ids = || BTreeSet::from([partition(0), partition(1)]);
    owner.until("partitions", |owner| {
        owner.owned.as_ref().is_some_and(|o| !o.is_empty() && o.iter().all(|p| ids().contains(p)))
    });
    closes(owner, "an owner");
}
