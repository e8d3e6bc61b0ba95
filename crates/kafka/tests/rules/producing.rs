use crate::support::{Reader, World, partition};
use activity::{Millis, PartitionId};
use kafka::rdkafka::{RdConsumer, RdProducer};

#[test]
fn everything_that_was_sent_is_there_after_a_flush() {
    let world = World::new("sends");
    let topic = world.topic("source", 2);
    let mut config = world.config("p");
    // A queue that the loop below fills many times.
    config.properties.insert("queue.buffering.max.messages".into(), "100".into());
    let mut producer = RdProducer::new(&config).unwrap();
    assert_eq!(producer.partitions(&topic).unwrap(), 2);
    for i in 0..5000 {
        let payload = i.to_string();
        producer.send(&topic, None, payload.as_bytes(), Some(Millis(1 + i)), Some(PartitionId(1))).unwrap();
    }
    producer.flush().unwrap();
    assert_eq!(producer.failed(), 0);
    let mut reader = Reader::started(RdConsumer::of_activity(&world.config("0"), &topic).unwrap());
    reader.until("the end", |reader| reader.ends.get(&partition(1)) == Some(&5000));
    let payloads: Vec<String> = (0..5000).map(|i| i.to_string()).collect();
    assert_eq!(reader.payloads(), payloads);
}

#[test]
fn what_was_not_delivered_is_counted_and_told() {
    let world = World::new("unsent");
    let topic = world.topic("source", 1);
    let mut producer = RdProducer::new(&world.config("p")).unwrap();
    for _ in 0..3 {
        // A partition that the topic does not have is found out later, or at once if the topic is known already.
        if let Err(error) = producer.send(&topic, None, b"x", None, Some(PartitionId(7))) {
            assert!(error.to_string().contains(&topic), "{error}");
            return;
        }
    }
    let error = producer.flush().unwrap_err().to_string();
    assert!(error.contains(&topic) && error.contains("3 records"), "{error}");
    assert_eq!(producer.failed(), 3);
}
