use crate::support::{Reader, World, partition, produce, took};
use activity::Offset;
use kafka::rdkafka::{KafkaConfig, RdSourceLog};
use kafka::{Committed, Consumer, LogError, Outcome, Patience, SourceLog, Transaction};
use rdkafka::producer::Producer;
use std::time::Duration;

/// How often the broker stands still. Clients that were asked again after they had failed were found dead after 1 to 8 times.
const STANDSTILLS: u32 = 5;
/// How long it may take until a record is there: a client that is stuck is found out and replaced meanwhile, perhaps twice.
const PATIENCE: Duration = Duration::from_secs(120);

/// A broker of its own, which is killed, restarted and stalled.
#[test]
fn a_broker_that_goes_away_and_comes_back_is_waited_for() {
    let world = World::alone("outage");
    world.topics(1);
    let plain = world.producer(&[]);
    produce(&plain, "outage-source", 0, ["a"]);
    let mut config = world.config("0");
    config.request_timeout = Duration::from_secs(3);
    let mut reader = Reader::started(world.source_log(&config).unwrap());
    reader.until("the first record", |reader| reader.payloads() == ["a"]);

    world.kafka.kill();
    for _ in 0..20 {
        reader.step(|_, _| 1).unwrap();
    }
    assert!(reader.log.consumer().bounds(&[partition(0)], Patience::Long).is_err());
    world.kafka.restart();
    produce(&plain, "outage-source", 0, ["b"]);
    reader.until("the second record", |reader| reader.payloads().ends_with(&["b"]));
    services::wait_until(crate::support::DEADLINE, "an answer", || {
        reader.log.consumer().bounds(&[partition(0)], Patience::Long).is_ok()
    });

    commit(&mut reader, Offset(2), |reader| reader.step(|_, _| 0).unwrap());
    let found = reader.log.committed(&[partition(0)]).unwrap();
    assert_eq!(found, [Some(Committed { next: Offset(2), note: "after".to_owned() })]);

    world.kafka.pause();
    let took = took(|| drop(reader));
    world.kafka.resume();
    // A member, a writer and their lookups, each bounded.
    assert!(took < Duration::from_secs(20), "{took:?}");
}

/// It does not poll while the broker is away, as who waits for a transaction does not.
#[test]
fn a_member_whose_session_runs_out_in_an_outage_is_not_taken_for_fenced_off() {
    let world = World::alone("session");
    world.topics(1);
    let mut config = world.config("0");
    config.session_timeout = Duration::from_secs(3);
    config.request_timeout = Duration::from_secs(4);
    let mut reader = Reader::started(world.source_log(&config).unwrap());
    world.kafka.kill();
    // It takes longer to find out than the session lasts.
    assert!(reader.log.consumer().bounds(&[partition(0)], Patience::Long).is_err());
    world.kafka.restart();
    let plain = world.producer(&[]);
    // Only then has the broker heard of it again, or not for a whole session.
    services::wait_until(crate::support::DEADLINE, "the end of the session", || {
        let groups = plain.client().fetch_group_list(Some("session"), Duration::from_secs(5));
        groups.is_ok_and(|groups| groups.groups().iter().all(|group| group.members().is_empty()))
    });
    produce(&plain, "session-source", 0, ["a"]);
    services::wait_until(PATIENCE, "the record", || {
        if let Err(error) = reader.step(|_, _| 0) {
            assert!(matches!(error, LogError::Broker { .. }), "{error}");
            reader = Reader::new(world.source_log(&config).unwrap());
        }
        reader.payloads() == ["a"]
    });
}

/// Asked again and again, also while the broker stands still, and with records to read and to write after each standstill.
#[test]
fn every_client_finds_its_way_back_after_every_standstill_of_the_broker() {
    let world = World::alone("standstill");
    world.topics(3);
    let mut config = world.config("0");
    config.request_timeout = Duration::from_secs(2);
    let mut reader = Reader::started(world.source_log(&config).unwrap());
    let all = [partition(0), partition(1), partition(2)];
    for round in 1..=STANDSTILLS {
        world.kafka.pause();
        // It takes a moment until all of its threads stand still.
        services::wait_until(crate::support::DEADLINE, "silence", || {
            reader.log.consumer().bounds(&all, Patience::Once).is_err()
        });
        let asked = took(|| assert!(reader.log.consumer().bounds(&all, Patience::Once).is_err(), "round {round}"));
        assert!(asked < Duration::from_secs(4), "round {round}: {asked:?}");
        assert!(reader.log.consumer().topics(Patience::Long).is_err(), "round {round}");
        world.kafka.resume();
        services::wait_until(crate::support::DEADLINE, "answers", || {
            let consumer = reader.log.consumer();
            consumer.bounds(&all, Patience::Once).is_ok() && consumer.topics(Patience::Once).is_ok()
        });
        let record = format!("record {round}");
        produce(&world.producer(&[]), "standstill-source", 0, [&record]);
        services::wait_until(PATIENCE, "the next record", || {
            supervised_step(&world, &config, &mut reader);
            reader.payloads().last() == Some(&record.as_str())
        });
        let next = Offset(i64::from(round));
        commit(&mut reader, next, |reader| supervised_step(&world, &config, reader));
        assert_eq!(reader.log.committed(&[partition(0)]).unwrap()[0].as_ref().map(|at| at.next), Some(next));
    }
}

/// A step, and what a supervisor does if it fails: what is stuck is replaced.
fn supervised_step(world: &World, config: &KafkaConfig, reader: &mut Reader<RdSourceLog>) {
    if let Err(error) = reader.step(|_, _| 0) {
        assert!(error.to_string().contains("stuck"), "{error}");
        *reader = Reader::new(world.source_log(config).unwrap());
    }
}

/// Writes a transaction with the position of partition 0. The group may have to settle first: then it is rolled back, and a
/// later attempt goes through.
fn commit(reader: &mut Reader<RdSourceLog>, next: Offset, step: impl Fn(&mut Reader<RdSourceLog>)) {
    let transaction = Transaction {
        packs: vec![b"0".to_vec(), b"1".to_vec()],
        dead_letters: Vec::new(),
        positions: vec![(partition(0), Committed { next, note: "after".to_owned() })],
    };
    services::wait_until(crate::support::DEADLINE, "a transaction", || {
        step(reader);
        reader.owned.is_some() && reader.log.transact(&transaction).unwrap() == Outcome::Committed
    });
}
