use crate::support::{Reader, World, at, partition, produce};
use activity::{Offset, PartitionId};
use kafka::rdkafka::{RdConsumer, RdProducer, RdSourceLog};
use kafka::{Consumer, Item, Ownership, Partition, Patience, TopicIndex};
use rdkafka::producer::{BaseRecord, Producer};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn reader(world: &World, topic: &str) -> Reader<RdConsumer> {
    Reader::started(RdConsumer::of_activity(&world.config("0"), topic).unwrap())
}

#[test]
fn aborted_records_are_never_handed_over() {
    let world = World::new("aborted");
    let topic = world.topic("source", 1);
    let writer = world.stranger("writer");
    for (payload, commit) in [("a", true), ("b", false), ("c", true), ("d", false)] {
        writer.begin_transaction().unwrap();
        produce(&writer, &topic, 0, [payload]);
        if commit {
            writer.commit_transaction(crate::support::DEADLINE).unwrap();
        } else {
            writer.abort_transaction(crate::support::DEADLINE).unwrap();
        }
    }
    let mut reader = reader(&world, &topic);
    // Four records and four markers.
    reader.until("the end", |reader| reader.ends.get(&partition(0)) == Some(&8));
    assert_eq!(reader.payloads(), ["a", "c"]);
}

#[test]
fn the_end_is_told_at_the_last_stable_offset() {
    let world = World::new("end");
    let topic = world.topic("source", 1);
    let plain = world.producer(&[]);
    let writer = world.stranger("writer");
    produce(&plain, &topic, 0, ["plain"]);
    writer.begin_transaction().unwrap();
    produce(&writer, &topic, 0, ["open"]);
    produce(&plain, &topic, 0, ["behind it"]);

    let mut reader = reader(&world, &topic);
    reader.until("the end before the open transaction", |reader| reader.ends.contains_key(&partition(0)));
    assert_eq!(reader.ends[&partition(0)], 1);
    let bounds = reader.log.bounds(&[partition(0)], Patience::Long).unwrap()[0];
    assert_eq!((bounds.start, bounds.stable_end), (Offset(0), Offset(1)));
    assert_eq!(reader.payloads(), ["plain"]);

    writer.commit_transaction(crate::support::DEADLINE).unwrap();
    reader.until("the end behind the marker", |reader| reader.ends[&partition(0)] == 4);
    assert_eq!(reader.log.bounds(&[partition(0)], Patience::Long).unwrap()[0].stable_end, Offset(4));
    assert_eq!(reader.payloads(), ["plain", "open", "behind it"]);
}

#[test]
fn an_empty_partition_has_an_end_too() {
    let world = World::new("empty");
    let topic = world.topic("source", 1);
    let mut reader = reader(&world, &topic);
    reader.until("the end", |reader| reader.ends.get(&partition(0)) == Some(&0));
}

#[test]
fn nothing_from_before_a_seek_is_handed_over_after_it() {
    const COUNT: i64 = 60_000;
    let world = World::new("seek");
    let topic = world.topic("source", 2);
    let plain = world.producer(&[]);
    for id in 0..2 {
        produce(&plain, &topic, id, (0..COUNT).map(|i| format!("{i}-{}", "x".repeat(100))));
    }
    let mut reader = reader(&world, &topic);
    // Forwards and backwards, always while more is on its way.
    for (first, second) in [(0, 0), (40_000, 50_000), (100, 7), (30_000, 0), (29_999, 59_990), (3, 2), (0, 1)] {
        reader.until("records under way", |reader| !reader.seen.is_empty());
        reader.seen.clear();
        reader.log.start(&[at(partition(0), first), at(partition(1), second)]).unwrap();
        for (id, start) in [(0, first), (1, second)] {
            let wanted = (COUNT - start).min(9000);
            let of = |reader: &Reader<_>| -> Vec<i64> {
                reader.seen.iter().filter(|s| s.partition == partition(id)).map(|s| s.offset).collect()
            };
            reader.until("records after the seek", |reader| of(reader).len() >= usize::try_from(wanted).unwrap());
            let offsets = of(&reader);
            let expected: Vec<i64> = (start..).take(offsets.len()).collect();
            assert_eq!(offsets, expected, "partition {id}");
        }
        assert!(reader.seen.iter().all(|seen| seen.payload.starts_with(&format!("{}-", seen.offset))));
    }
}

#[test]
fn a_batch_is_bounded() {
    let world = World::new("bounded");
    let topic = world.topic("source", 1);
    produce(&world.producer(&[]), &topic, 0, (0..10_000).map(|i| i.to_string()));
    let mut reader = reader(&world, &topic);
    while reader.seen.len() < 10_000 {
        let before = reader.seen.len();
        reader.step(|_, _| 0).unwrap();
        assert!(reader.seen.len() - before <= 4096);
    }
}

/// librdkafka asks for partitions in the same order again and again, and the broker gives a batch that is larger than was asked
/// for only while there was nothing before it.
#[test]
fn a_large_batch_comes_although_the_partition_before_it_is_never_silent() {
    let world = World::new("oversize");
    let topic = format!("{}-source", world.name);
    world.kafka.create_topic(&topic, 4, &[("max.message.bytes", "3000000")]);
    let plain = world.producer(&[]);
    let mut config = world.config("0");
    // A fetch waits for more than the large batch alone, and meanwhile the others have something again.
    for (property, value) in [("queued.min.messages", "1"), ("fetch.min.bytes", "2500000")] {
        config.properties.insert(property.into(), value.into());
    }
    let mut reader = Reader::started(RdConsumer::of_activity(&config, &topic).unwrap());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for id in [0, 1, 3] {
                    plain.send(BaseRecord::<(), str>::to(&topic).partition(id).payload("small")).unwrap();
                }
                plain.poll(Duration::from_millis(1));
            }
        });
        reader.until("the first small ones", |reader| !reader.seen.is_empty());
        let large = world.producer(&[("message.max.bytes", "3000000")]);
        produce(&large, &topic, 2, ["x".repeat(2_000_000)]);
        let before = reader.seen.len();
        reader.until("more of them", |reader| reader.seen.len() > before + 10_000);
        done.store(true, Ordering::Relaxed);
    });
    assert!(reader.seen.iter().any(|seen| seen.partition == partition(2)), "the large batch was passed over");
}

#[test]
fn a_paused_partition_rests_and_goes_on_where_it_was() {
    let world = World::new("pause");
    let topic = world.topic("source", 2);
    let plain = world.producer(&[]);
    for id in 0..2 {
        produce(&plain, &topic, id, (0..5000).map(|i| i.to_string()));
    }
    let mut reader = reader(&world, &topic);
    reader.until("a first record", |reader| !reader.seen.is_empty());
    reader.log.pause(partition(0), true).unwrap();
    reader.log.pause(partition(0), true).unwrap();
    reader.log.pause(partition(1), false).unwrap();
    let count = |reader: &Reader<RdConsumer>, id| reader.seen.iter().filter(|s| s.partition == partition(id)).count();
    let rested = count(&reader, 0);
    reader.until("the other partition", |reader| count(reader, 1) == 5000);
    produce(&plain, &topic, 1, ["one more"]);
    reader.until("one more", |reader| count(reader, 1) == 5001);
    assert_eq!(count(&reader, 0), rested);

    reader.log.pause(partition(0), false).unwrap();
    reader.until("the rest", |reader| count(reader, 0) == 5000);
    for id in 0..2 {
        let offsets: Vec<i64> = reader.seen.iter().filter(|s| s.partition == partition(id)).map(|s| s.offset).collect();
        assert_eq!(offsets, (0..).take(offsets.len()).collect::<Vec<_>>());
    }
    // A pause ends with the assignment that it was for.
    reader.log.pause(partition(0), true).unwrap();
    reader.seen.clear();
    reader.log.start(&[at(partition(0), 4998), at(partition(1), 5000)]).unwrap();
    reader.until("both", |reader| count(reader, 0) == 2 && count(reader, 1) == 1);
}

#[test]
fn every_item_names_its_own_topic() {
    let world = World::new("several");
    let topics: Vec<String> = (0..3).map(|i| world.topic(&format!("source-{i}"), 1)).collect();
    world.topic("activity", 1);
    world.topic("dead", 1);
    let plain = world.producer(&[]);
    for (count, topic) in (1..).zip(&topics) {
        produce(&plain, topic, 0, vec![topic; count]);
    }
    let log = RdSourceLog::new(&world.config("0"), &topics, "several-activity", "several-dead").unwrap();
    let mut reader = Reader::started(log);
    let of = |topic| Partition { topic: TopicIndex(topic), id: PartitionId(0) };
    reader.until("the ends", |reader| reader.ends.len() == 3);
    assert_eq!(reader.ends, [(of(0), 1), (of(1), 2), (of(2), 3)].into());
    for seen in &reader.seen {
        assert_eq!(seen.payload, topics[usize::from(seen.partition.topic.0)]);
    }
    let owned: BTreeSet<Partition> = reader.owned.unwrap().into_iter().collect();
    assert_eq!(owned, [of(0), of(1), of(2)].into());
}

#[test]
fn a_position_that_does_not_exist_is_an_error_that_names_it() {
    let world = World::new("lost");
    let topic = world.topic("source", 1);
    produce(&world.producer(&[]), &topic, 0, ["a"]);
    let mut reader = reader(&world, &topic);
    reader.log.start(&[at(partition(0), 17)]).unwrap();
    let error = reader.failure().to_string();
    for part in [topic.as_str(), "[0]", "17", "restart"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn keys_tombstones_and_timestamps_come_through() {
    let world = World::new("fields");
    let topic = world.topic("source", 1);
    let mut producer = RdProducer::new(&world.config("p")).unwrap();
    let time = activity::Millis(1_700_000_000_123);
    producer.send(&topic, Some(b"key"), b"value", Some(time), Some(PartitionId(0))).unwrap();
    producer.send(&topic, None, b"", Some(time), None).unwrap();
    producer.flush().unwrap();
    let plain = world.producer(&[]);
    plain.send(rdkafka::producer::BaseRecord::<str, str>::to(&topic).key("gone")).map_err(|(e, _)| e).unwrap();
    plain.flush(crate::support::DEADLINE).unwrap();

    let mut log = RdConsumer::of_activity(&world.config("0"), &topic).unwrap();
    let mut fields = Vec::new();
    services::wait_until(crate::support::DEADLINE, "the records", || {
        let change = log.poll(Duration::from_millis(50), &mut |item| {
            if let Item::Record(r) = item {
                fields.push((r.key.map(<[u8]>::to_vec), r.payload.map(<[u8]>::to_vec), r.timestamp));
            }
        });
        if let Some(Ownership::Assigned(_)) = change.unwrap() {
            log.start(&[at(partition(0), 0)]).unwrap();
        }
        fields.len() == 3
    });
    assert_eq!(fields[0], (Some(b"key".to_vec()), Some(b"value".to_vec()), Some(time)));
    assert_eq!(fields[1], (None, Some(Vec::new()), Some(time)));
    assert_eq!((&fields[2].0, &fields[2].1), (&Some(b"gone".to_vec()), &None));
}
