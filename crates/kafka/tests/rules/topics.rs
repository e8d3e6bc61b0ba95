use crate::support::{Reader, World, partition, produce};
use kafka::rdkafka::{RdConsumer, TopicSpec, ensure_topics};
use kafka::{Consumer, LogError, Patience};

#[test]
fn missing_topics_are_made_and_others_left_alone() {
    let world = World::new("make");
    let config = world.config("0");
    let topics = [TopicSpec::activity("make-activity", 3), TopicSpec::new("make-dead", 1).with("retention.ms", "1000")];
    ensure_topics(&config, &topics).unwrap();
    ensure_topics(&config, &topics).unwrap();
    produce(&world.producer(&[]), "make-activity", 2, ["usable"]);
}

#[test]
fn a_topic_that_differs_is_an_error_with_both_sides() {
    let world = World::new("differ");
    world.kafka.create_topic("differ-activity", 2, &[("retention.ms", "1000")]);
    let topics = [TopicSpec::activity("differ-activity", 16), TopicSpec::new("differ-dead", 1)];
    let error = ensure_topics(&world.config("0"), &topics).unwrap_err();
    assert!(matches!(error, LogError::Setting { .. }), "{error}");
    let text = error.to_string();
    for part in [
        "`differ-activity` has 2 partitions, but 16 are wanted",
        "retention.ms=1000, but -1 is wanted",
        "message.timestamp.type=CreateTime, but LogAppendTime is wanted",
        "--add-config retention.ms=-1",
    ] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    assert!(!text.contains("differ-dead"), "{text}");
}

#[test]
fn a_missing_topic_is_named() {
    let world = World::new("missing");
    let Err(error) = RdConsumer::of_activity(&world.config("0"), "missing-activity") else { panic!("it is not there") };
    assert!(matches!(error, LogError::NoTopic { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("missing-activity") && text.contains(&world.kafka.bootstrap()), "{text}");
    // Asking did not make it.
    assert!(RdConsumer::of_activity(&world.config("0"), "missing-activity").is_err());
}

#[test]
fn a_topic_that_is_made_again_has_another_identity() {
    let world = World::new("again");
    let topic = world.topic("source", 2);
    let mut reader = Reader::started(RdConsumer::of_activity(&world.config("0"), &topic).unwrap());
    let before = reader.log.topics(Patience::Long).unwrap()[0];
    assert_eq!(before.partitions, 2);
    assert_eq!(reader.log.topics(Patience::Long).unwrap()[0], before);
    world.kafka.delete_topic(&topic);
    let Err(error) = reader.log.topics(Patience::Long) else { panic!("it is gone") };
    assert!(matches!(error, LogError::NoTopic { .. }), "{error}");
    world.kafka.create_topic(&topic, 3, &[]);
    let after = reader.log.topics(Patience::Long).unwrap()[0];
    assert_ne!(after.id, before.id);
    assert_eq!(after.partitions, 3);
    assert!(reader.log.bounds(&[partition(2)], Patience::Long).is_ok());
}

#[test]
fn settings_that_librdkafka_refuses_are_named_without_their_values() {
    let world = World::new("settings");
    for (property, value) in
        [("no.such.setting", "s3cret"), ("security.protocol", "s3cret"), ("sasl.mechanism", "s3cret")]
    {
        let mut config = world.config("0");
        config.properties.insert(property.into(), value.into());
        let Err(error) = RdConsumer::of_activity(&config, "any") else { panic!("{property} is taken") };
        let text = format!("{error} {error:?}");
        assert!(!text.contains(value), "{text}");
    }
}
