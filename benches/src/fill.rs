//! Fills a topic before anything is measured.

use crate::catchup::Filled;
use crate::clock;
use crate::send::Sender;
use crate::workload::{Generator, PARTITIONS, Shape};
use services::{Kafka, Progress};
use std::time::Duration;

/// Makes a topic and writes all events of a shape to it, and after each `rubbish_after` of them a record that cannot be read.
pub(crate) fn fill(
    kafka: &Kafka,
    topic: &str,
    shape: Shape,
    rubbish_after: Option<u64>,
    progress: &Progress,
) -> Filled {
    kafka.create_topic(topic, PARTITIONS, &[]);
    progress.begin(&format!("sending {} events to {topic}", shape.events));
    let sender = Sender::new(&kafka.bootstrap(), topic, Duration::from_millis(50));
    let mut generator = Generator::new(shape);
    let begun = clock::now();
    let (mut events, mut rubbish): (u64, u64) = (0, 0);
    while let Some(event) = generator.next() {
        sender.send(event);
        events += 1;
        if rubbish_after.is_some_and(|after| events.is_multiple_of(after)) {
            sender.send(generator.rubbish());
            rubbish += 1;
        }
        if events.is_multiple_of(2_000) {
            sender.poll();
        }
        if events.is_multiple_of(100_000) {
            progress.part(&format!("{events} of {} events sent", shape.events));
        }
    }
    sender.flush();
    progress.say(&format!("{} records were sent in {:.1} s", events + rubbish, begun.elapsed().as_secs_f64()));
    Filled { events, rubbish, truth: generator.truth() }
}

/// Makes a topic of records alone that cannot be read.
pub(crate) fn fill_with_rubbish(kafka: &Kafka, topic: &str, records: u64) {
    kafka.create_topic(topic, PARTITIONS, &[]);
    let sender = Sender::new(&kafka.bootstrap(), topic, Duration::from_millis(50));
    let mut generator = Generator::new(Shape::of(records));
    while generator.next().is_some() {
        sender.send(generator.rubbish());
        sender.poll();
    }
    sender.flush();
}
