//! One seed: a schedule of chance, then calm, then the reckoning.

use crate::coverage::Covered;
use crate::faults::Faults;
use crate::kinds;
use crate::oracle::ShardOracle;
use crate::ports::Side;
use crate::produce::CATALOGUE;
use crate::sim::Sim;
use crate::topics::{add_partition, delete_old_records, partition, remake_activity, remake_source};
use crate::truth::{Truth, truth};
use crate::world::World;
use activity::{DimensionIndex, Millis, Shard};
use catalog::{Names, Plan};
use exporter::Totals;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use state::{MemoryStore, Store};
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
    for _ in 0..rng.random_range(60..260) {
        act(&sim);
        sim.count_unowned();
        if sim.world.borrow().failure.is_some() {
            break;
        }
    }
    let result = come_to_rest(&sim).and_then(|()| reckon(&sim));
    let world = sim.world.borrow();
    (world.faults.clone(), world.failure.clone().map_or(result, Err))
}

pub(crate) fn plan() -> Arc<Plan> {
    let plan = catalog::parse(CATALOGUE);
    Arc::new(plan.unwrap_or_else(|mistakes| panic!("{}", mistakes.render("simulation", CATALOGUE))))
}

/// One thing happens.
fn act(sim: &Sim) {
    let (what, node) = {
        let mut world = sim.world.borrow_mut();
        (world.rng.random_range(0..220), world.rng.random_range(0..sim.nodes()))
    };
    match what {
        0..34 => sim.world.borrow_mut().produce_somewhere(),
        34..40 => sim.world.borrow_mut().produce_in_transaction(),
        40..130 => sim.turn(node),
        130..150 => sim.pass(3_000),
        150..156 => sim.pass(DAY / 4),
        156..158 => leap(sim),
        158..172 => start_or_stop(sim, node),
        172..176 => sim.expire(node),
        176..182 => sim.world.borrow_mut().time_out_transactions(|process| sim.is_dead(process)),
        182..198 => shake_store(&mut sim.world.borrow_mut(), what),
        198 => add_partition(&mut sim.world.borrow_mut()),
        199 => delete_old_records(&mut sim.world.borrow_mut()),
        200..206 => sim.world.borrow_mut().end_source_transaction(),
        206..217 => sim.turn_older(),
        217 => sim.start_twice(node),
        218 => remake_a_source(sim),
        _ => remake_the_activity(sim),
    }
}

/// A source topic is made again, and soon there is as much in it as there was, perhaps.
fn remake_a_source(sim: &Sim) {
    let world = &mut *sim.world.borrow_mut();
    let source = remake_source(world, false);
    (0..world.rng.random_range(0..12)).for_each(|_| world.produce_everywhere(source));
}

/// The activity topic is made again, sometimes. While it is gone, no process that uses it can go on.
fn remake_the_activity(sim: &Sim) {
    if sim.world.borrow_mut().chance(3) {
        sim.kill_all();
        remake_activity(&mut sim.world.borrow_mut());
    }
}

/// Nothing happens for so long that the floor slides past everything; records from before and after wait side by side.
fn leap(sim: &Sim) {
    let mut world = sim.world.borrow_mut();
    world.faults.count("floor leapt");
    let days = world.rng.random_range(8..25);
    for leap in [days * DAY, 0] {
        (0..world.sources.len()).for_each(|source| world.produce_everywhere(source));
        world.now = Millis(world.now.0 + leap);
        world.time_out_producers();
    }
}

fn start_or_stop(sim: &Sim, node: usize) {
    if !sim.is_up(node) {
        sim.start(node);
    } else if sim.world.borrow_mut().chance(4) {
        sim.world.borrow_mut().faults.count("killed between turns");
        sim.kill(node);
    }
}

fn shake_store(world: &mut World, what: u32) {
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
        _ => {}
    }
}

/// No more faults: everybody is started and takes turns until all that was produced is in the store.
fn come_to_rest(sim: &Sim) -> Result<(), String> {
    {
        let mut world = sim.world.borrow_mut();
        world.calm = true;
        world.store_down = false;
        world.time_out_transactions(|_| true);
        while !world.producers.is_empty() {
            world.end_source_transaction();
        }
        if world.ingest_group.is_behind() {
            world.ingest_group.rebalance();
        }
    }
    let mut target = None;
    for _ in 0..600 {
        for node in 0..sim.nodes() {
            sim.start(node);
            sim.turn(node);
        }
        sim.turn_older();
        sim.pass(1_500);
        if let Some(failure) = sim.world.borrow().failure.clone() {
            return Err(failure);
        }
        let mut world = sim.world.borrow_mut();
        if target.is_none() && uncovered(&world).is_none() {
            target = Some(world.activity_ends());
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
    let covered = Covered::by(&world.activity().topic.partitions[0]);
    let partitions = world.sources.iter().flat_map(|topic| (0..topic.partitions.len()).map(move |id| (topic, id)));
    let mut ranges = partitions.map(|(topic, id)| covered.ranges(topic, id));
    ranges.find_map(Result::err)
}

/// Every shard has come to its target and may be shown.
fn arrived(world: &mut World, target: &[activity::Offset]) -> bool {
    let shards = u16::try_from(target.len()).expect("few");
    let (plan, topic) = (world.plan.clone(), world.activity().topic.id);
    let shown = Totals::read(&mut world.store, &plan, shards).is_ok();
    shown
        && (0..).map(Shard).zip(target).all(|(shard, target)| {
            let stored = world.store.stored(shard).expect("memory answers");
            let fence = stored.map(|stored| stored.state.fence);
            fence.is_some_and(|fence| fence.topic == topic && fence.next >= *target)
                && ShardOracle::is_swept(&plan, shard, &mut world.store)
        })
}

/// Compares what came out with the truth.
fn reckon(sim: &Sim) -> Result<(), String> {
    let mut world = sim.world.borrow_mut();
    let world = &mut *world;
    for shard in 0..world.shards() {
        let covered = Covered::by(&world.activity().topic.partitions[usize::from(shard)]);
        check_read(world, &covered).map_err(|why| format!("in shard {shard}, {why}"))?;
        world.check(Shard(shard));
    }
    let (plan, shards) = (world.plan.clone(), world.shards());
    let truth = truth(world);
    let totals = Totals::read(&mut world.store, &plan, shards).map_err(|withheld| withheld.to_string())?;
    let some_left_out = world.activity().events().any(|events| events.unjudged > 0);
    compare_totals(&plan, &totals, &truth, some_left_out)?;
    compare_names(&plan, totals.names(), &truth)?;
    compare_dead_letters(world, &truth)?;
    let covered = Covered::by(&world.activity().topic.partitions[0]);
    check_clocks(world, &covered, &truth)?;
    count_what_came(world, &covered, &truth);
    Ok(())
}

/// What the logs tell of faults that nobody could count as they happened.
fn count_what_came(world: &mut World, covered: &Covered, truth: &Truth) {
    let activity = &world.activity().topic;
    let packs = activity.partitions.iter().map(|log| log.committed(0, log.entries.len()).count() as u64).sum();
    let read_twice = world.transcript.read_twice(activity.id) as u64;
    let events = world.activity().events();
    let (duplicates, unjudged) = events.fold((0, 0), |(d, u), events| (d + events.duplicates, u + events.unjudged));
    world.faults.add("packs", packs);
    world.faults.add("idle spans", covered.idle_spans());
    world.faults.add("records late by a clock that was ahead", truth.late_by_clock);
    world.faults.add("records read twice", read_twice);
    world.faults.add("duplicate not counted", duplicates);
    world.faults.add("event that nobody could tell from a duplicate", unjudged);
    world.faults.add("events late for their hour alone", truth.late_for_hour);
    world.faults.add("events late for all but attributes", truth.late_for_day);
    world.faults.add("value admitted", (truth.devices.len() + truth.firms.len()) as u64);
    world.faults.add("value not admitted any more", u64::from(truth.devices.len() == 3));
    world.faults.add("records rejected", truth.rejected.len() as u64);
    covered.jumps().for_each(|jump| world.faults.count(&format!("jump: {jump:?}")));
}

/// Whether every record of the source topics that a shard's log covers was read, and all that is left of them is covered.
fn check_read(world: &World, covered: &Covered) -> Result<(), String> {
    let activity = world.activity().topic.id;
    for (at, source) in world.sources.iter().enumerate() {
        for id in 0..source.partitions.len() {
            let ranges = covered.ranges(source, id)?;
            let read = world.transcript.records(activity, source.id, partition(at, id));
            let produced = world.produced.get(&(source.id, id)).into_iter().flatten().map(|(at, _)| *at);
            let mut unread = produced.filter(|at| ranges.iter().any(|range| range.contains(at)) && !read.contains(at));
            if let Some(unread) = unread.next() {
                return Err(format!("{}/{id} is covered by {ranges:?}, but {unread} was not read", source.name));
            }
        }
    }
    Ok(())
}

/// Whether each partition's clock, as the log tells it last, is that of what was read.
fn check_clocks(world: &World, covered: &Covered, truth: &Truth) -> Result<(), String> {
    for (partition, clock) in &truth.clocks {
        let source = &world.sources[usize::from(partition.topic.0)];
        let spans = covered.spans(&source.name, usize::try_from(partition.id.0).expect("from 0"));
        let told = spans.last().and_then(|(_, span)| span.clock);
        if told != *clock {
            let (name, id) = (&source.name, partition.id);
            return Err(format!("the clock of {name}/{id} is told as {told:?}, the truth is {clock:?}"));
        }
    }
    Ok(())
}

/// `some_left_out` says that events may be missing which came too late to tell whether they are duplicates.
fn compare_totals(plan: &Plan, totals: &Totals, truth: &Truth, some_left_out: bool) -> Result<(), String> {
    for at in plan.series() {
        let metric = plan.metric(at);
        for window in &metric.windows {
            let Some((first, last)) = truth.span(window.grain) else { continue };
            let from = totals.first_as_of(window.grain).map_or(first, |origin| origin.max(first));
            for as_of in (from.0..=last.0 + kinds::echoes(*window)).map(activity::Bucket) {
                let told = totals.value(plan, at, *window, as_of).map(|value| value.units);
                let (least, most) = truth.value(plan, at, *window, as_of);
                let least = if some_left_out && metric.entity().is_none() { 0 } else { least };
                if told.is_none_or(|told| !(least..=most).contains(&told)) {
                    let truth = format!("the truth is from {least} to {most}");
                    let slice = plan.slice(at);
                    return Err(format!("{} {slice:?} {window} as of {as_of} is {told:?}, {truth}", metric.name));
                }
            }
        }
    }
    Ok(())
}

/// Whether every value that came has a number of its own, as long as there was one to give away, and is called by its name.
fn compare_names(plan: &Plan, names: &Names, truth: &Truth) -> Result<(), String> {
    let [devices, firms] = truth.came();
    for (name, admitted, came) in [("device", &truth.devices, devices), ("firm", &truth.firms, firms)] {
        let at = plan.dimensions.iter().position(|dimension| dimension.name == name).expect("it is declared");
        let dimension = DimensionIndex(u16::try_from(at).expect("few"));
        if admitted.len() < plan.dimension(dimension).admissible().count().min(came.len()) {
            return Err(format!("of {name} there came {came:?}, but only {admitted:?} were admitted"));
        }
        for (number, label) in plan.dimension(dimension).admissible().zip(admitted) {
            let told = plan.label(names, dimension, number);
            let is_right = told.as_ref().map_or(!came.contains(label.as_str()), |told| told == label);
            if !is_right {
                return Err(format!("value {number:?} of {name} is told as {told:?}, the truth is {label}"));
            }
        }
    }
    Ok(())
}

/// Whether there is a dead letter for every reading of a record that had to be rejected, and no other.
fn compare_dead_letters(world: &World, truth: &Truth) -> Result<(), String> {
    let (mut told, mut expected): (Vec<_>, _) =
        (world.dead_letters.iter().map(origin).collect(), truth.rejected.clone());
    told.sort_unstable();
    expected.sort_unstable();
    if told == expected {
        return Ok(());
    }
    let missing: Vec<_> = expected.iter().filter(|letter| !told.contains(letter)).collect();
    let surplus: Vec<_> = told.iter().filter(|letter| !expected.contains(letter)).collect();
    let counts = (told.len(), expected.len());
    Err(format!("dead letters: missing {missing:?}, surplus {surplus:?}, counts told and expected {counts:?}"))
}

fn origin(letter: &kafka::DeadLetter) -> (String, String, String, String) {
    let header = |name: &str| {
        let found = letter.headers.iter().find(|(of, _)| *of == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    (header("topic"), header("partition"), header("offset"), header("reason"))
}
