//! The broker, seen by a client.

// A helper that fails fails the test.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use services::{Kafka, wait_until};

const DEADLINE: Duration = Duration::from_secs(60);

fn producer(kafka: &Kafka, config: &[(&str, &str)]) -> BaseProducer {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", kafka.bootstrap());
    for (key, value) in config {
        client.set(*key, *value);
    }
    client.create().unwrap()
}

fn produce(producer: &BaseProducer, topic: &str, payloads: &[&str]) {
    for payload in payloads {
        producer.send(BaseRecord::<(), str>::to(topic).partition(0).payload(payload)).map_err(|(e, _)| e).unwrap();
    }
    producer.flush(DEADLINE).unwrap();
}

fn consumer(kafka: &Kafka, topic: &str, group: &str) -> BaseConsumer {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap())
        .set("group.id", group)
        .set("session.timeout.ms", "1000")
        .set("heartbeat.interval.ms", "300")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    consumer.subscribe(&[topic]).unwrap();
    consumer
}

fn consume(consumer: &BaseConsumer, count: usize) -> Vec<String> {
    let mut payloads = Vec::new();
    wait_until(DEADLINE, &format!("{count} records"), || {
        if let Some(Ok(record)) = consumer.poll(Duration::from_millis(100)) {
            let payload = record.payload_view::<str>().unwrap().unwrap();
            payloads.push(payload.to_owned());
        }
        payloads.len() == count
    });
    payloads
}

/// The offset after the last record, within a second.
fn end(producer: &BaseProducer, topic: &str) -> KafkaResult<i64> {
    let (_, end) = producer.client().fetch_watermarks(topic, 0, Duration::from_secs(1))?;
    Ok(end)
}

/// One broker for all the steps: starting one is what takes the time.
#[test]
fn keeps_its_data_when_it_is_killed_and_restarted() {
    let kafka = Kafka::start();
    let bootstrap = kafka.bootstrap();
    kafka.create_topic("events", 3, &[("retention.ms", "-1")]);
    let plain = producer(&kafka, &[]);
    produce(&plain, "events", &["a", "b"]);
    assert_eq!(consume(&consumer(&kafka, "events", "first"), 2), ["a", "b"]);

    kafka.kill();
    assert!(end(&plain, "events").is_err());
    kafka.restart();
    assert_eq!(kafka.bootstrap(), bootstrap);
    produce(&plain, "events", &["c"]);
    let after = consume(&consumer(&kafka, "events", "second"), 3);
    assert_eq!(after, ["a", "b", "c"]);

    kafka.pause();
    assert!(end(&plain, "events").is_err());
    kafka.resume();
    wait_until(DEADLINE, "an answer after the pause", || end(&plain, "events") == Ok(3));

    kafka.delete_topic("events");
    assert!(end(&plain, "events").is_err());
    // A deleted name is free again.
    kafka.create_topic("events", 1, &[]);
}

#[test]
fn takes_transactions_and_large_records() {
    let kafka = Kafka::start();
    kafka.create_topic("out", 1, &[("max.message.bytes", "10485760")]);
    let transactional = producer(&kafka, &[("transactional.id", "writer-0"), ("message.max.bytes", "10000000")]);
    transactional.init_transactions(DEADLINE).unwrap();
    transactional.begin_transaction().unwrap();
    produce(&transactional, "out", &["aborted"]);
    transactional.abort_transaction(DEADLINE).unwrap();
    transactional.begin_transaction().unwrap();
    let large = "x".repeat(9_000_000);
    produce(&transactional, "out", &[&large]);
    transactional.commit_transaction(DEADLINE).unwrap();
    assert_eq!(consume(&consumer(&kafka, "out", "reader"), 1), [large]);
}

#[test]
#[should_panic(expected = "Invalid number of partitions")]
fn a_refused_topic_gives_the_brokers_reason() {
    Kafka::start().create_topic("none", 0, &[]);
}
