use crate::support::{DEADLINE, Reader, World, partition, produce};
use activity::{Offset, Shard};
use kafka::rdkafka::{RdConsumer, RdSourceLog};
use kafka::{Committed, Consumer, DeadLetter, LogError, Outcome, Partition, SourceLog, Transaction};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers, Message};
use rdkafka::producer::{BaseRecord, Producer};
use rdkafka::{ClientConfig, TopicPartitionList};
use services::wait_until;
use std::time::Duration;

fn committed(next: i64, note: &str) -> Committed {
    Committed { next: Offset(next), note: note.to_owned() }
}

fn transaction(packs: &[&str], positions: &[(Partition, Committed)]) -> Transaction {
    Transaction {
        packs: packs.iter().map(|pack| pack.as_bytes().to_vec()).collect(),
        dead_letters: Vec::new(),
        positions: positions.to_vec(),
    }
}

fn packs(log: &mut RdSourceLog, shard: u16) -> Vec<String> {
    let end = log.settled_activity(Shard(shard)).unwrap().stable_end;
    let found = log.activity(Shard(shard), Offset(0), end).unwrap();
    found.into_iter().map(|(_, pack)| String::from_utf8(pack).unwrap()).collect()
}

#[test]
fn packs_letters_positions_and_notes_are_written_together() {
    let world = World::new("together");
    world.topics(2);
    let mut reader = Reader::started(world.source_log(&world.config("0")).unwrap());
    let log = &mut reader.log;
    assert_eq!(log.committed(&[partition(0), partition(1)]).unwrap(), [None, None]);

    let mut first =
        transaction(&["a0", "a1"], &[(partition(0), committed(7, "a note: ü")), (partition(1), committed(0, ""))]);
    first.dead_letters.push(DeadLetter {
        key: Some(b"k".to_vec()),
        payload: b"bad".to_vec(),
        headers: vec![("reason".into(), "not JSON".to_owned()), ("offset".into(), "6".to_owned())],
    });
    assert_eq!(log.transact(&first).unwrap(), Outcome::Committed);
    let found = log.committed(&[partition(1), partition(0)]).unwrap();
    assert_eq!(found, [Some(committed(0, "")), Some(committed(7, "a note: ü"))]);

    // Only packs, and nothing at all, are transactions too.
    assert_eq!(log.transact(&transaction(&["b0", "b1"], &[])).unwrap(), Outcome::Committed);
    assert_eq!(log.transact(&Transaction::default()).unwrap(), Outcome::Committed);
    assert_eq!(packs(log, 0), ["a0", "b0"]);
    assert_eq!(packs(log, 1), ["a1", "b1"]);
    assert_eq!(log.activity_topic().unwrap().partitions, 2);

    let letters: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", world.kafka.bootstrap())
        .set("group.id", "together-letters")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    letters.subscribe(&["together-dead"]).unwrap();
    let mut letter = None;
    wait_until(DEADLINE, "the dead letter", || {
        letter = letters.poll(Duration::from_millis(100)).and_then(Result::ok).map(|letter| letter.detach());
        letter.is_some()
    });
    let letter = letter.unwrap();
    assert_eq!((letter.key(), letter.payload()), (Some(&b"k"[..]), Some(&b"bad"[..])));
    let header = letter.headers().unwrap().get_as::<str>(0).unwrap();
    assert_eq!((header.key, header.value), ("reason", Some("not JSON")));
}

/// What an instance that died in the middle of a transaction leaves behind.
#[test]
fn a_successor_sees_nothing_of_an_unfinished_transaction() {
    let world = World::new("unfinished");
    world.topics(1);
    let mut reader = Reader::started(world.source_log(&world.config("0")).unwrap());
    let first = transaction(&["a0", "a1"], &[(partition(0), committed(1, "first"))]);
    assert_eq!(reader.log.transact(&first).unwrap(), Outcome::Committed);
    drop(reader);

    let dying = world.stranger("0");
    dying.begin_transaction().unwrap();
    for shard in 0..2 {
        produce(&dying, "unfinished-activity", shard, ["half"]);
    }
    let group: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", world.kafka.bootstrap())
        .set("group.id", "unfinished")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset("unfinished-source", 0, rdkafka::Offset::Offset(99)).unwrap();
    dying.send_offsets_to_transaction(&list, &group.group_metadata().unwrap(), DEADLINE).unwrap();

    let mut successor = world.source_log(&world.config("0")).unwrap();
    assert_eq!(successor.committed(&[partition(0)]).unwrap(), [Some(committed(1, "first"))]);
    assert_eq!(packs(&mut successor, 0), ["a0"]);
    assert_eq!(packs(&mut successor, 1), ["a1"]);
    assert!(dying.commit_transaction(DEADLINE).is_err());
    assert_eq!(packs(&mut successor, 0), ["a0"]);
    assert_eq!(successor.committed(&[partition(0)]).unwrap(), [Some(committed(1, "first"))]);
}

#[test]
fn window_reads_committed_packs_only() {
    let world = World::new("packs");
    world.topics(1);
    let mut source = Reader::started(world.source_log(&world.config("0")).unwrap());
    assert_eq!(source.log.transact(&transaction(&["a0", "a1"], &[])).unwrap(), Outcome::Committed);
    let stranger = world.stranger("stranger");
    stranger.begin_transaction().unwrap();
    produce(&stranger, "packs-activity", 0, ["aborted"]);
    stranger.abort_transaction(DEADLINE).unwrap();
    assert_eq!(source.log.transact(&transaction(&["b0", "b1"], &[])).unwrap(), Outcome::Committed);
    let mut window = Reader::started(RdConsumer::of_activity(&world.config("0"), "packs-activity").unwrap());
    window.until("the packs", |window| window.ends == [(partition(0), 6), (partition(1), 4)].into());
    let mut payloads = window.payloads();
    payloads.sort_unstable();
    assert_eq!(payloads, ["a0", "a1", "b0", "b1"]);
    assert_eq!(packs(&mut source.log, 0), ["a0", "b0"]);
    // A stretch of it, also where it ends in a marker.
    let some = source.log.activity(Shard(0), Offset(1), Offset(4)).unwrap();
    assert!(some.is_empty(), "{some:?}");
    assert_eq!(source.log.activity(Shard(0), Offset(4), Offset(5)).unwrap(), [(Offset(4), b"b0".to_vec())]);
}

#[test]
fn a_newer_writer_fences_the_older() {
    let world = World::new("fence");
    world.topics(1);
    let mut older = Reader::started(world.source_log(&world.config("0")).unwrap());
    let first = transaction(&["a0", "a1"], &[(partition(0), committed(1, ""))]);
    assert_eq!(older.log.transact(&first).unwrap(), Outcome::Committed);
    let newer = world.source_log(&world.config("0")).unwrap();

    let second = transaction(&["b0", "b1"], &[(partition(0), committed(2, ""))]);
    let error = older.log.transact(&second).unwrap_err();
    assert!(matches!(error, LogError::Fenced { .. }), "{error}");
    assert!(error.to_string().contains('0'), "{error}");
    let error = older.log.transact(&second).unwrap_err();
    assert!(matches!(error, LogError::Fenced { .. }), "{error}");
    // The group serves the newer one as well.
    let newer_reader = Reader::started(newer);
    let error = older.failure();
    assert!(matches!(error, LogError::Fenced { .. }), "{error}");
    drop(older);

    assert_eq!(newer_reader.owned, Some(vec![partition(0)]));
    let mut newer = newer_reader.log;
    assert_eq!(packs(&mut newer, 0), ["a0"]);
    assert_eq!(newer.committed(&[partition(0)]).unwrap(), [Some(committed(1, ""))]);
}

#[test]
fn a_stalled_owner_cannot_commit_what_was_taken_from_it() {
    let world = World::new("stalled");
    world.topics(1);
    let mut config = world.config("0");
    config.session_timeout = Duration::from_secs(1);
    config.poll_interval = Duration::from_secs(1);
    let mut stalled = Reader::started(world.source_log(&config).unwrap());
    config.instance = "1".to_owned();
    config.poll_interval = Duration::from_secs(60);
    let mut other = Reader::new(world.source_log(&config).unwrap());
    // The first does not poll.
    other.until("the partition", |other| other.owned == Some(vec![partition(0)]));
    let theirs = transaction(&["b0", "b1"], &[(partition(0), committed(5, "other"))]);
    assert_eq!(other.log.transact(&theirs).unwrap(), Outcome::Committed);

    let ours = transaction(&["a0", "a1"], &[(partition(0), committed(3, "stalled"))]);
    assert_eq!(stalled.log.transact(&ours).unwrap(), Outcome::Aborted);
    assert_eq!(other.log.committed(&[partition(0)]).unwrap(), [Some(committed(5, "other"))]);
    assert_eq!(packs(&mut other.log, 0), ["b0"]);
    stalled.until("the loss is told", |stalled| stalled.owned.is_none());
    assert_eq!(stalled.log.transact(&ours).unwrap(), Outcome::Aborted);
    // Without positions there is nothing to own.
    assert_eq!(stalled.log.transact(&transaction(&["c0", "c1"], &[])).unwrap(), Outcome::Committed);
}

#[test]
fn committed_positions_wait_for_an_open_transaction() {
    let world = World::new("pending");
    world.topics(1);
    let stranger = world.stranger("stranger");
    stranger.begin_transaction().unwrap();
    let group: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", world.kafka.bootstrap())
        .set("group.id", "pending")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset("pending-source", 0, rdkafka::Offset::Offset(41)).unwrap();
    stranger.send_offsets_to_transaction(&list, &group.group_metadata().unwrap(), DEADLINE).unwrap();
    let mut log = world.source_log(&world.config("0")).unwrap();
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| log.committed(&[partition(0)]).unwrap());
        // Whichever comes first, the answer holds what the transaction commits.
        stranger.send(BaseRecord::<(), str>::to("pending-dead").payload("x")).map_err(|(e, _)| e).unwrap();
        stranger.flush(DEADLINE).unwrap();
        stranger.commit_transaction(DEADLINE).unwrap();
        assert_eq!(asked.join().unwrap(), [Some(committed(41, ""))]);
    });
}

#[test]
fn a_settled_shard_misses_nothing_that_was_under_way() {
    let world = World::new("settled");
    world.topics(1);
    let mut log = world.source_log(&world.config("0")).unwrap();
    let stranger = world.stranger("stranger");
    for (payload, commit) in [("a", true), ("b", false), ("c", true)] {
        stranger.begin_transaction().unwrap();
        produce(&stranger, "settled-activity", 0, [payload]);
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| packs(&mut log, 0));
            if commit {
                stranger.commit_transaction(DEADLINE).unwrap();
            } else {
                stranger.abort_transaction(DEADLINE).unwrap();
            }
            assert_eq!(asked.join().unwrap().contains(&payload.to_owned()), commit, "{payload}");
        });
    }
    assert_eq!(packs(&mut log, 0), ["a", "c"]);
}

#[test]
fn a_transaction_that_stays_open_is_an_error() {
    let world = World::new("stays");
    world.topics(1);
    let mut config = world.config("0");
    config.transaction_timeout = Duration::from_secs(1);
    config.request_timeout = Duration::from_secs(1);
    let mut log = world.source_log(&config).unwrap();
    let stranger = world.stranger("stranger");
    stranger.begin_transaction().unwrap();
    produce(&stranger, "stays-activity", 1, ["open"]);
    let error = log.settled_activity(Shard(1)).unwrap_err().to_string();
    assert!(error.contains("stays-activity") && error.contains("still open"), "{error}");
    assert_eq!(log.settled_activity(Shard(0)).unwrap().stable_end, Offset(0));
}

#[test]
fn an_abandoned_transaction_holds_committed_positions_back_only_until_it_times_out() {
    let world = World::new("abandoned");
    world.topics(1);
    let stranger = world.producer(&[("transactional.id", "abandoned-stranger"), ("transaction.timeout.ms", "2000")]);
    stranger.init_transactions(DEADLINE).unwrap();
    stranger.begin_transaction().unwrap();
    let group: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", world.kafka.bootstrap())
        .set("group.id", "abandoned")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset("abandoned-source", 0, rdkafka::Offset::Offset(41)).unwrap();
    stranger.send_offsets_to_transaction(&list, &group.group_metadata().unwrap(), DEADLINE).unwrap();
    let mut log = world.source_log(&world.config("0")).unwrap();
    assert_eq!(log.committed(&[partition(0)]).unwrap(), [None]);
}

#[test]
fn what_no_repetition_could_write_is_an_error() {
    let world = World::new("refused");
    world.topic("source", 1);
    world.topic("dead", 1);
    world.kafka.create_topic("refused-activity", 1, &[("max.message.bytes", "1000")]);
    let mut log = world.source_log(&world.config("0")).unwrap();
    // Not compressible.
    let noise: String =
        (0..20_000u64).map(|i| char::from(b'a' + u8::try_from((i * i * 7919 + i * 31) % 9973 % 26).unwrap())).collect();
    let error = log.transact(&transaction(&[&noise], &[])).unwrap_err().to_string();
    assert!(error.contains("refused-activity") && error.contains("max.message.bytes"), "{error}");
    let error = log.transact(&transaction(&["a0", "a1"], &[])).unwrap_err().to_string();
    assert!(error.contains("2 packs") && error.contains("1 partitions"), "{error}");
    let huge = "x".repeat(4_400_000);
    let error = log.transact(&transaction(&[&huge], &[])).unwrap_err().to_string();
    assert!(error.contains("4400000 bytes"), "{error}");
    // librdkafka may need one more to find its place again.
    let fits = transaction(&["fits"], &[]);
    let mut attempts = 0;
    while log.transact(&fits).unwrap() == Outcome::Aborted {
        attempts += 1;
        assert!(attempts < 3);
    }
    assert_eq!(packs(&mut log, 0), ["fits"]);
}

#[test]
fn a_pack_of_four_megabytes_fits() {
    let world = World::new("large");
    world.topic("source", 1);
    world.topic("dead", 1);
    kafka::rdkafka::ensure_topics(&world.config("0"), &[kafka::rdkafka::TopicSpec::activity("large-activity", 1)])
        .unwrap();
    let mut log = world.source_log(&world.config("0")).unwrap();
    let mut state = 1u64;
    let pack: Vec<u8> = (0..4_000_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_be_bytes()[0]
        })
        .collect();
    let large = Transaction { packs: vec![pack.clone()], ..Transaction::default() };
    assert_eq!(log.transact(&large).unwrap(), Outcome::Committed);
    let end = log.settled_activity(Shard(0)).unwrap().stable_end;
    assert!(log.activity(Shard(0), Offset(0), end).unwrap() == [(Offset(0), pack)]);
    let _ = log.consumer().topics(kafka::Patience::Long).unwrap();
}
