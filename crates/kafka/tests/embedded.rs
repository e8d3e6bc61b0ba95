//! What the embedded broker has to be able to do for the pipeline to run on it. It needs no service.

#![allow(clippy::unwrap_used)]

use activity::{Millis, Offset, PartitionId, Shard};
use kafka::rdkafka::{Embedded, KafkaConfig, RdEnds, RdProducer, RdSourceLog};
use kafka::{
    Committed, Consumer, Item, LogError, Outcome, Ownership, Partition, Patience, Position, SourceLog, Transaction,
};
use services::wait_until;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(60);

#[test]
fn embedded_broker_carries_events_and_transactions() {
    let broker = Embedded::start().unwrap();
    for (topic, partitions) in [("usage", 3), ("activity", 2), ("dead", 1)] {
        broker.create_topic(topic, partitions).unwrap();
    }
    assert!(matches!(broker.create_topic("usage", 3), Err(LogError::Broker { .. })));
    let config = KafkaConfig::new(broker.brokers(), "embedded", "0");
    let mut producer = RdProducer::new(&config).unwrap();
    assert_eq!(producer.partitions("usage").unwrap(), 3);
    for event in 0..300_i64 {
        let at = Some(PartitionId(i32::try_from(event % 3).unwrap()));
        producer.send("usage", None, event.to_string().as_bytes(), Some(Millis(1_000 + event)), at).unwrap();
    }
    producer.flush().unwrap();

    let mut log = RdSourceLog::new(&config, &["usage".to_owned()], "activity", "dead").unwrap();
    let (mut events, mut owned) = (Vec::new(), Vec::<Partition>::new());
    wait_until(DEADLINE, "all events", || {
        let mut take = |item: Item<'_>| {
            if let Item::Record(record) = item {
                let number: i64 = std::str::from_utf8(record.payload.unwrap()).unwrap().parse().unwrap();
                assert_eq!(record.timestamp, Some(Millis(1_000 + number)));
                events.push(number);
            }
        };
        if let Some(Ownership::Assigned(partitions)) =
            log.consumer().poll(Duration::from_millis(50), &mut take).unwrap()
        {
            assert!(log.committed(&partitions).unwrap().iter().all(Option::is_none));
            let at = |partition: &Partition| Position { partition: *partition, next: Offset(0) };
            log.consumer().start(&partitions.iter().map(at).collect::<Vec<_>>()).unwrap();
            owned = partitions;
        }
        events.len() == 300
    });
    events.sort_unstable();
    assert_eq!(events, (0..300).collect::<Vec<_>>());

    let committed = Committed { next: Offset(100), note: "a note".to_owned() };
    let positions = owned.iter().map(|partition| (*partition, committed.clone())).collect();
    let packs = vec![b"a0".to_vec(), b"a1".to_vec()];
    assert_eq!(log.transact(&Transaction { packs, positions, ..Transaction::default() }).unwrap(), Outcome::Committed);
    // It forgets them. Whoever starts again finds the last words in the activity topic, as when positions have expired.
    assert_eq!(log.committed(&owned).unwrap(), [None, None, None]);
    assert_eq!(log.activity_topic().unwrap().partitions, 2);
    let end = log.settled_activity(Shard(1)).unwrap().stable_end;
    assert_eq!(log.activity(Shard(1), Offset(0), end).unwrap(), [(Offset(0), b"a1".to_vec())]);
    let bounds = log.consumer().bounds(&owned, Patience::Long).unwrap();
    assert!(bounds.iter().all(|bounds| bounds.stable_end == Offset(100)));
    assert_eq!(RdEnds::new(&config).unwrap().of("usage").unwrap(), [Offset(100); 3]);
}
