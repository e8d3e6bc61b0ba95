use super::*;
use crate::partition::{Progress, Standing};
use crate::{Ingest, Metrics, NoSchemas, Settings};
use activity::clock::PartitionClock;
use activity::pack::Pack;
use activity::{Millis, Offset, PartitionId};
use kafka::{Headers, Item, Partition, Position, Record, TopicInfo};
use std::cell::RefCell;
use std::rc::Rc;

const NOW: Millis = Millis(1_750_000_000_000);
const TOPIC: TopicId = TopicId([7; 16]);
const CATALOGUE: &str = "
version: 1
product: test
sources: { usage: { topic: usage, lateness: { day: 1d }, fields: { timestamp: { path: timestamp, unit: ms } } } }
entities: { user: { key: user_id } }
dimensions: { surface: { from: surface, values: [web], limit: 3 } }
metrics:
  users: { type: simple, measure: { agg: count_distinct, entity: user, events: any }, windows: [1d], by: surface }
";

fn plan() -> Arc<Plan> {
    Arc::new(catalog::parse(CATALOGUE).unwrap_or_else(|mistakes| panic!("{}", mistakes.render("test", CATALOGUE))))
}

fn proposal(plan: &Plan, dimension: &str, value: &str) -> Vec<u8> {
    Proposal { catalogue: plan.version, dimension: dimension.into(), value: value.into() }.encode()
}

#[test]
fn the_first_values_are_numbered_behind_the_declared_ones_and_then_no_more() {
    let plan = plan();
    let mut register = Register::new(plan.clone());
    let other = Proposal { catalogue: activity::CatalogVersion(1), dimension: "surface".into(), value: "old".into() };
    register.take(&other.encode()).unwrap();
    for (dimension, value) in [
        ("surface", "app"),
        ("surfaces", "x"),
        ("surface", "web"),
        ("surface", "app"),
        ("surface", "__other__"),
        ("surface", "tv"),
        ("surface", "car"),
    ] {
        register.take(&proposal(&plan, dimension, value)).unwrap();
    }
    let told: Vec<_> = register.admitted().iter().map(|of| (of.number.0, of.value.as_str())).collect();
    assert_eq!(told, [(2, "app"), (3, "tv")]);
    assert!(register.take(b"rubbish").is_err());
}

#[test]
fn only_what_a_proposal_would_decide_is_proposed() {
    let plan = plan();
    let mut register = Register::new(plan.clone());
    let wanted = |value: &str| Undecided { dimension: DimensionIndex(0), value: value.into() };
    let wanted = ["app", "tv", "app", "web"].map(wanted);
    let values = |register: &Register| {
        let proposals = register.proposals(&wanted).into_iter().map(|proposal| proposal.value);
        proposals.collect::<Vec<_>>()
    };
    assert_eq!(values(&register), ["app", "tv"]);
    register.take(&proposal(&plan, "surface", "tv")).unwrap();
    assert_eq!(values(&register), ["app"]);
    register.take(&proposal(&plan, "surface", "car")).unwrap();
    assert_eq!(values(&register), [""; 0], "it is full");
}

/// A topic of proposals that several processes share; whether it answers is up to the test.
#[derive(Clone, Debug)]
struct Shared(Rc<RefCell<(Register, bool)>>);

impl Shared {
    fn new() -> Shared {
        Shared(Rc::new(RefCell::new((Register::new(plan()), true))))
    }

    fn answers(&self, answers: bool) {
        self.0.borrow_mut().1 = answers;
    }

    fn propose(&self, value: &str) {
        self.0.borrow_mut().0.take(&proposal(&plan(), "surface", value)).unwrap();
    }
}

impl Admissions for Shared {
    fn topic(&self) -> Option<TopicId> {
        Some(TOPIC)
    }

    fn decide(&mut self, wanted: &[Undecided], known: usize) -> Vec<Admitted> {
        let (register, answers) = &mut *self.0.borrow_mut();
        if !*answers {
            return Vec::new();
        }
        for proposal in register.proposals(wanted) {
            register.take(&proposal.encode()).unwrap();
        }
        register.admitted()[known..].to_vec()
    }
}

fn partition(id: i32) -> Partition {
    Partition { id: PartitionId(id), ..Partition::default() }
}

/// An ingest that owns two partitions.
fn ingest(shared: &Shared) -> Ingest {
    let metrics = Metrics::register(&prometheus::Registry::new()).unwrap();
    let settings = Settings { shards: 1, ..Settings::default() };
    let mut ingest = Ingest::new(plan(), settings, metrics, Box::new(NoSchemas), Box::new(shared.clone()));
    assign(&mut ingest);
    ingest
}

fn assign(ingest: &mut Ingest) {
    let standing = Standing { next: Offset(0), clock: PartitionClock::default(), jump: None };
    let owned = [0, 1].map(|id| Progress::new(partition(id), TopicId::default(), standing));
    ingest.assign(vec![TopicInfo { id: TopicId::default(), partitions: 2 }], TopicId::default(), owned.into());
}

fn take_at(ingest: &mut Ingest, id: i32, offset: i64, surface: &str, time: i64) {
    let payload =
        format!(r#"{{"event":"e","user_id":"ada","timestamp":{time},"properties":{{"surface":"{surface}"}}}}"#);
    let (key, payload, timestamp) = (None, Some(payload.as_bytes()), Some(NOW));
    ingest.take(
        Item::Record(Record {
            partition: partition(id),
            offset: Offset(offset),
            timestamp,
            key,
            payload,
            headers: Headers::default(),
        }),
        &|| NOW,
    );
}

fn take(ingest: &mut Ingest, id: i32, offset: i64, surface: &str) {
    take_at(ingest, id, offset, surface, NOW.0);
}

fn next(ingest: &Ingest) -> [i64; 2] {
    [0, 1].map(|id| ingest.partitions[&partition(id)].current.next.0)
}

/// What the next pack tells of numbers, and the surfaces of its deltas by number.
fn sealed(ingest: &mut Ingest) -> (Vec<(u16, String)>, Vec<u16>) {
    let pack = Pack::decode(&ingest.seal(NOW).packs[0]).unwrap();
    assert_eq!(pack.admitted_by, Some(TOPIC));
    let plan = plan();
    let slices = pack.deltas.iter().flat_map(|delta| &delta.metrics).filter_map(|index| plan.slice(*index));
    let mut slices: Vec<u16> = slices.map(|slice| slice.value.0).collect();
    slices.sort_unstable();
    (pack.admitted.into_iter().map(|of| (of.number.0, of.value)).collect(), slices)
}

fn named(names: &[(u16, &str)]) -> Vec<(u16, String)> {
    names.iter().map(|(number, name)| (*number, (*name).to_owned())).collect()
}

#[test]
fn a_partition_stands_at_a_value_that_nobody_has_decided_on_and_the_others_go_on() {
    let shared = Shared::new();
    let mut ingest = ingest(&shared);
    shared.answers(false);
    take(&mut ingest, 0, 0, "web");
    take(&mut ingest, 0, 1, "app");
    take(&mut ingest, 0, 2, "web");
    take(&mut ingest, 1, 0, "web");
    ingest.take(Item::End(Position { partition: partition(0), next: Offset(3) }), &|| NOW);
    assert_eq!((next(&ingest), ingest.waiting()), ([1, 1], 1), "neither what follows nor the end is taken");
    assert!(!ingest.look_for_answers());
    assert_eq!(sealed(&mut ingest), (Vec::new(), vec![1]));
    ingest.commit();
    shared.answers(true);
    assert!(ingest.look_for_answers());
    assert_eq!(ingest.reading().len(), 2);
    take(&mut ingest, 0, 1, "app");
    take(&mut ingest, 0, 2, "web");
    assert_eq!((next(&ingest), ingest.waiting()), ([3, 1], 0));
    assert_eq!(sealed(&mut ingest), (named(&[(2, "app")]), vec![2]));
}

#[test]
fn no_clock_moves_by_a_record_that_waits() {
    let shared = Shared::new();
    let mut ingest = ingest(&shared);
    shared.answers(false);
    take(&mut ingest, 0, 0, "app");
    assert_eq!(ingest.partitions[&partition(0)].span(), None);
    assert_eq!((ingest.abort().len(), ingest.waiting()), (2, 0), "it will be met again");
}

#[test]
fn what_somebody_else_has_asked_for_lets_a_partition_go_on() {
    let shared = Shared::new();
    let mut ingest = ingest(&shared);
    shared.answers(false);
    take(&mut ingest, 0, 0, "app");
    shared.answers(true);
    take(&mut ingest, 1, 0, "app");
    assert_eq!((next(&ingest), ingest.waiting()), ([0, 1], 1));
    assert!(ingest.look_for_answers(), "though there is nothing new");
    assert_eq!(ingest.waiting(), 0);
}

#[test]
fn a_record_that_does_not_count_waits_for_nothing_and_proposes_nothing() {
    let shared = Shared::new();
    let mut ingest = ingest(&shared);
    take(&mut ingest, 0, 0, "web");
    take_at(&mut ingest, 0, 1, "late", NOW.0 - 2 * 86_400_000);
    take_at(&mut ingest, 0, 2, "future", NOW.0 + 2 * 86_400_000);
    assert_eq!(next(&ingest), [3, 0]);
    assert_eq!(ingest.seal(NOW).dead_letters.len(), 2);
    assert_eq!(shared.0.borrow().0.admitted(), []);
}

#[test]
fn a_value_has_the_same_number_whoever_meets_it_first_and_the_rest_is_any_other() {
    for first in 0..2 {
        let shared = Shared::new();
        let mut both = [ingest(&shared), ingest(&shared)];
        take(&mut both[first], 0, 0, "app");
        take(&mut both[1 - first], 0, 0, "tv");
        shared.propose("car");
        for ingest in &mut both {
            take(ingest, 1, 0, "tv");
            take(ingest, 1, 1, "car");
            take(ingest, 1, 2, "app");
            assert_eq!(ingest.waiting(), 0);
        }
        for mut ingest in both {
            assert_eq!(sealed(&mut ingest), (named(&[(2, "app"), (3, "tv")]), vec![2, 3, 4]));
        }
    }
}

#[test]
fn numbers_are_told_until_they_are_committed_and_anew_after_an_assignment() {
    let shared = Shared::new();
    let mut ingest = ingest(&shared);
    take(&mut ingest, 0, 0, "app");
    let app = named(&[(2, "app")]);
    assert_eq!(sealed(&mut ingest).0, app);
    ingest.abort();
    assert_eq!(sealed(&mut ingest).0, app, "an aborted transaction has told nobody");
    ingest.commit();
    assert_eq!(sealed(&mut ingest).0, []);
    ingest.commit();
    take(&mut ingest, 0, 1, "tv");
    assert_eq!(sealed(&mut ingest).0, named(&[(3, "tv")]));
    ingest.commit();
    assign(&mut ingest);
    assert_eq!(sealed(&mut ingest).0, named(&[(2, "app"), (3, "tv")]));
}
