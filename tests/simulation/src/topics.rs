//! What befalls whole topics: they grow, forget, and are made again.

use crate::log::{LogPartition, Topic};
use crate::world::World;
use activity::{PartitionId, TopicId};
use kafka::{Partition, TopicIndex};
use rand::Rng;

const MOST_PARTITIONS: usize = 4;

pub(crate) fn partition(source: usize, id: usize) -> Partition {
    let topic = TopicIndex(u16::try_from(source).expect("few"));
    Partition { topic, id: PartitionId(i32::try_from(id).expect("few")) }
}

/// Every topic ever made has an identity of its own.
pub(crate) fn identity(number: u32) -> TopicId {
    TopicId(u128::from(number).to_be_bytes())
}

/// A source topic grows.
pub(crate) fn add_partition(world: &mut World) {
    let source = world.rng.random_range(0..world.sources.len());
    let partitions = &mut world.sources[source].partitions;
    if partitions.len() < MOST_PARTITIONS {
        partitions.push(LogPartition::default());
        let id = partitions.len() - 1;
        world.ingest_group.add(partition(source, id));
        world.ingest_group.rebalance();
        world.faults.count("partition added");
    }
}

/// Retention deletes the older half of a source partition, whether it was read or not.
pub(crate) fn delete_old_records(world: &mut World) {
    let source = world.rng.random_range(0..world.sources.len());
    let partition = world.rng.random_range(0..world.sources[source].partitions.len());
    let log = &mut world.sources[source].partitions[partition];
    log.start = log.start.max(log.stable_end() / 2);
    world.faults.count("old records deleted");
}

/// A source topic is deleted and made again: its name stays, with the same partitions or one more, and nothing in them. The
/// group may deal it out anew, or learn of it when it next does so for another reason: until then it is up to each worker to
/// look at the topic's identity, at a heartbeat of its own. Gives the topic.
pub(crate) fn remake_source(world: &mut World, amid_turns: bool) -> usize {
    let source = world.rng.random_range(0..world.sources.len());
    let before = world.sources[source].partitions.len();
    let grows = before < MOST_PARTITIONS && world.rng.random_ratio(1, 3);
    let partitions = before + usize::from(grows);
    world.forget_open_of(source);
    world.sources[source].id = world.new_identity();
    world.sources[source].partitions = vec![LogPartition::default(); partitions];
    (before..partitions).for_each(|id| world.ingest_group.add(partition(source, id)));
    if world.rng.random_ratio(1, 2) {
        world.faults.count("source topic made again: the group rebalances");
        world.ingest_group.rebalance();
    } else {
        world.faults.count("source topic made again: the group does not notice");
    }
    if amid_turns {
        world.faults.count("source topic made again: amid a turn");
    }
    source
}

/// The activity topic is deleted and made again, with nothing in it. Whoever reads or writes it while it is gone stops.
pub(crate) fn remake_activity(world: &mut World) {
    world.time_out_transactions(|_| true);
    let (id, shards) = (world.new_identity(), world.activity().topic.partitions.len());
    let name = world.activity().topic.name.clone();
    world.adopt_activity(Topic { name, id, partitions: vec![LogPartition::default(); shards] });
    world.faults.count("activity topic made again");
}
