use crate::support::{Reader, World, partition, produce, took};
use activity::Offset;
use kafka::{Committed, Consumer, Outcome, SourceLog, Transaction};
use std::time::Duration;

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
    assert!(reader.log.bounds(partition(0)).is_err());
    world.kafka.restart();
    produce(&plain, "outage-source", 0, ["b"]);
    reader.until("the second record", |reader| reader.payloads().ends_with(&["b"]));
    services::wait_until(crate::support::DEADLINE, "an answer", || reader.log.bounds(partition(0)).is_ok());

    // The group may have to settle first: then it is rolled back, and a later attempt goes through.
    let mut outcome = Outcome::Aborted;
    services::wait_until(crate::support::DEADLINE, "a transaction", || {
        reader.step(|_, _| 0).unwrap();
        if reader.owned.is_some() {
            outcome = reader
                .log
                .transact(&Transaction {
                    packs: vec![b"0".to_vec(), b"1".to_vec()],
                    dead_letters: Vec::new(),
                    positions: vec![(partition(0), Committed { next: Offset(2), note: "after".to_owned() })],
                })
                .unwrap();
        }
        outcome == Outcome::Committed
    });
    let found = reader.log.committed(&[partition(0)]).unwrap();
    assert_eq!(found, [Some(Committed { next: Offset(2), note: "after".to_owned() })]);

    world.kafka.pause();
    let took = took(|| drop(reader));
    world.kafka.resume();
    // A member, a writer and their lookups, each bounded.
    assert!(took < Duration::from_secs(20), "{took:?}");
}
