//! One seed: a schedule of chance, then calm, then the reckoning.

use crate::faults::Faults;
use crate::log::{LogPartition, offset};
use crate::oracle::ShardOracle;
use crate::ports::Side;
use crate::produce::{CATALOGUE, Produced, Truth, produce, truth};
use crate::sim::Sim;
use crate::world::World;
use activity::{MetricIndex, Millis, PartitionId, Shard};
use catalog::Plan;
use exporter::Totals;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use state::{MemoryStore, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

const DAY: i64 = 86_400_000;
/// Days before clocks go back and forward in the reporting time zone.
const STARTS: [i64; 2] = [1_540_900_000_000, 1_552_000_000_000];

/// Runs one seed.
///
/// # Errors
/// With the first thing that was wrong, and the faults that had happened by then.
pub(crate) fn run(seed: u64, plan: &Arc<Plan>) -> (Faults, Result<(), String>) {
    let mut rng = SmallRng::seed_from_u64(seed ^ 0x5eed);
    let (shards, live, load) = (rng.random_range(1..4), rng.random_range(1..4), rng.random_range(1..3));
    let start = Millis(STARTS[rng.random_range(0..STARTS.len())] + rng.random_range(0..DAY));
    let world = World::new(seed, plan.clone(), &[live, load], shards, start);
    let mut sides = vec![Side::Ingest; rng.random_range(1..4)];
    sides.resize(sides.len() + rng.random_range(1..4), Side::Window);
    let sim = Sim::new(world, sides);
    let mut produced = Produced::new();
    (0..sim.nodes()).for_each(|node| sim.start(node));
    for _ in 0..rng.random_range(60..260) {
        act(&sim, &mut produced);
        sim.count_unowned();
        if sim.world.borrow().failure.is_some() {
            break;
        }
    }
    let result = come_to_rest(&sim).and_then(|()| reckon(&sim, &produced));
    let world = sim.world.borrow();
    (world.faults.clone(), world.failure.clone().map_or(result, Err))
}

pub(crate) fn plan() -> Arc<Plan> {
    let plan = catalog::parse(CATALOGUE);
    Arc::new(plan.unwrap_or_else(|mistakes| panic!("{}", mistakes.render("simulation", CATALOGUE))))
}

/// One thing happens.
fn act(sim: &Sim, produced: &mut Produced) {
    let (what, node) = {
        let mut world = sim.world.borrow_mut();
        (world.rng.random_range(0..200), world.rng.random_range(0..sim.nodes()))
    };
    match what {
        0..40 => produce_somewhere(sim, produced),
        40..130 => sim.turn(node),
        130..150 => sim.pass(3_000),
        150..156 => sim.pass(DAY / 4),
        156..158 => leap(sim, produced),
        158..172 => start_or_stop(sim, node),
        172..176 => sim.expire(node),
        176..182 => sim.world.borrow_mut().time_out_transactions(|node| !sim.is_up(node)),
        _ => shake_store(sim, what),
    }
}

fn produce_somewhere(sim: &Sim, produced: &mut Produced) {
    let world = &mut *sim.world.borrow_mut();
    let source = world.rng.random_range(0..world.sources.len());
    let partition = world.rng.random_range(0..world.sources[source].partitions.len());
    produce(world, produced, source, partition);
}

/// Nothing happens for so long that the floor slides past everything; records from before and after wait side by side.
fn leap(sim: &Sim, produced: &mut Produced) {
    let mut world = sim.world.borrow_mut();
    world.faults.count("floor leapt");
    let days = world.rng.random_range(8..25);
    for leap in [days * DAY, 0] {
        for source in 0..world.sources.len() {
            for partition in 0..world.sources[source].partitions.len() {
                produce(&mut world, produced, source, partition);
            }
        }
        world.now = Millis(world.now.0 + leap);
    }
}

fn start_or_stop(sim: &Sim, node: usize) {
    if !sim.is_up(node) {
        sim.start(node);
    } else if sim.world.borrow_mut().chance(4) {
        let mut world = sim.world.borrow_mut();
        world.faults.count("killed between turns");
        world.crashed.insert(node);
    }
}

fn shake_store(sim: &Sim, what: u32) {
    let world = &mut *sim.world.borrow_mut();
    match what {
        182..186 => world.look_at_board(),
        186..190 => {
            world.snapshots.push((world.store.clone(), world.claimed_at.clone()));
        }
        190..194 if !world.snapshots.is_empty() => {
            let at = world.rng.random_range(0..world.snapshots.len());
            let (older, claims) = world.snapshots[at].clone();
            if older != world.store {
                world.faults.count("store rolled back");
            }
            (world.store, world.claimed_at) = (older, claims);
        }
        194 => {
            world.faults.count("store flushed");
            world.store = MemoryStore::default();
        }
        195..198 => world.store_down = !world.store_down,
        198 => add_partition(world),
        199 => delete_old_records(world),
        _ => {}
    }
}

/// A source topic grows.
fn add_partition(world: &mut World) {
    let source = world.rng.random_range(0..world.sources.len());
    let partitions = &mut world.sources[source].partitions;
    if partitions.len() < 4 {
        partitions.push(LogPartition::default());
        let id = PartitionId(i32::try_from(partitions.len() - 1).expect("few"));
        let topic = kafka::TopicIndex(u16::try_from(source).expect("few"));
        world.ingest_group.add(kafka::Partition { topic, id });
        world.faults.count("partition added");
    }
}

/// Retention deletes the older half of a source partition, whether it was read or not.
fn delete_old_records(world: &mut World) {
    let source = world.rng.random_range(0..world.sources.len());
    let partition = world.rng.random_range(0..world.sources[source].partitions.len());
    let log = &mut world.sources[source].partitions[partition];
    log.start = log.start.max(log.stable_end() / 2);
    world.faults.count("old records deleted");
}

/// No more faults: everybody is started and takes turns until all that was produced is in the store.
fn come_to_rest(sim: &Sim) -> Result<(), String> {
    {
        let mut world = sim.world.borrow_mut();
        world.calm = true;
        world.store_down = false;
        world.time_out_transactions(|_| true);
    }
    let mut target = None;
    for _ in 0..600 {
        for node in 0..sim.nodes() {
            sim.start(node);
            sim.turn(node);
        }
        sim.pass(1_500);
        if let Some(failure) = sim.world.borrow().failure.clone() {
            return Err(failure);
        }
        let mut world = sim.world.borrow_mut();
        if target.is_none() && uncovered(&world).is_none() {
            target =
                Some((0..world.activity.partitions.len()).map(|shard| world.activity_end(shard)).collect::<Vec<_>>());
        }
        if target.as_ref().is_some_and(|target| arrived(&mut world, target)) {
            return Ok(());
        }
    }
    let world = sim.world.borrow();
    Err(format!("never came to rest: {}", uncovered(&world).unwrap_or_else(|| "the shards lag behind".into())))
}

/// The first source partition that the activity topic does not cover whole.
fn uncovered(world: &World) -> Option<String> {
    let activity = &world.activity.partitions[0];
    let partitions = world.sources.iter().flat_map(|topic| (0..).zip(&topic.partitions).map(move |at| (topic, at)));
    let mut covered = partitions.map(|(topic, (id, log))| ShardOracle::covers(activity, &topic.name, id, log));
    covered.find_map(Result::err)
}

/// Every shard has come to its target and may be shown.
fn arrived(world: &mut World, target: &[activity::Offset]) -> bool {
    let shards = u16::try_from(target.len()).expect("few");
    let plan = world.plan.clone();
    let shown = Totals::read(&mut world.store, &plan, shards).is_ok();
    shown
        && (0..).map(Shard).zip(target).all(|(shard, target)| {
            let stored = world.store.stored(shard).expect("memory answers");
            stored.is_some_and(|stored| stored.state.fence.next >= *target)
                && ShardOracle::is_swept(shard, &mut world.store)
        })
}

/// Compares what came out with the truth.
fn reckon(sim: &Sim, produced: &Produced) -> Result<(), String> {
    let mut world = sim.world.borrow_mut();
    let world = &mut *world;
    let plan = world.plan.clone();
    let mut covered = BTreeMap::new();
    for shard in 0..world.activity.partitions.len() {
        for (at, source) in world.sources.iter().enumerate() {
            for (id, log) in source.partitions.iter().enumerate() {
                let number = i32::try_from(id).expect("few");
                let ranges = ShardOracle::covers(&world.activity.partitions[shard], &source.name, number, log);
                covered.insert((at, id), ranges.map_err(|why| format!("in shard {shard}, {why}"))?);
            }
        }
        world.check(Shard(u16::try_from(shard).expect("few")));
    }
    let truth = truth(&plan, produced, |source, partition, at| {
        covered[&(source, partition)].iter().any(|range: &Range<usize>| range.contains(&at))
    });
    let shards = u16::try_from(world.activity.partitions.len()).expect("few");
    let totals = Totals::read(&mut world.store, &plan, shards).map_err(|withheld| withheld.to_string())?;
    compare_totals(&plan, &totals, &truth)?;
    let rejected: BTreeSet<_> = world.dead_letters.iter().map(origin).collect();
    if rejected.len() != world.dead_letters.len() {
        return Err("a record was rejected twice".into());
    }
    if rejected != truth.rejected {
        let missing: Vec<_> = truth.rejected.difference(&rejected).collect();
        let surplus: Vec<_> = rejected.difference(&truth.rejected).collect();
        return Err(format!("dead letters: missing {missing:?}, surplus {surplus:?}"));
    }
    world.faults.add("records rejected", rejected.len() as u64);
    let packs = world.activity.partitions.iter().map(|log| log.committed(0, log.entries.len()).count() as u64).sum();
    world.faults.add("packs", packs);
    world.faults.add("idle spans", idle_spans(world));
    Ok(())
}

fn compare_totals(plan: &Plan, totals: &Totals, truth: &Truth) -> Result<(), String> {
    let Some((first, last)) = truth.span() else {
        return Ok(());
    };
    let from = totals.first_as_of(plan).map_or(first, |origin| origin.max(first));
    for (at, metric) in (0..).map(MetricIndex).zip(&plan.metrics) {
        for window in &metric.windows {
            for day in from.0..=last.0 + i32::from(window.0) {
                let as_of = activity::Bucket(day);
                let expected = truth.value(&metric.name, i32::from(window.0), as_of);
                let told = totals.value(at, *window, as_of);
                if told != Some(expected) {
                    return Err(format!("{} {window} as of {day} is {told:?}, the truth is {expected}", metric.name));
                }
            }
        }
    }
    Ok(())
}

fn origin(letter: &kafka::DeadLetter) -> (String, String, String, String) {
    let header = |name: &str| {
        let found = letter.headers.iter().find(|(of, _)| *of == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    (header("topic"), header("partition"), header("offset"), header("reason"))
}

/// Packs that moved a clock though nothing was read: the partition was idle.
fn idle_spans(world: &World) -> u64 {
    let spans = ShardOracle::spans(&world.activity.partitions[0]);
    spans.iter().filter(|(_, span)| span.from == span.to && span.to > offset(0)).count() as u64
}
