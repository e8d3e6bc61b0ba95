use super::*;
use crate::golden;
use activity::counter::Counter;
use activity::fence::{FORMAT, Fence};
use activity::header::Header;
use activity::{Grain, Incarnation, MetricIndex, Millis, Offset, Shard, TopicId, Window};
use state::{Commit, CounterKey, MemoryStore, Verdict};

const CATALOGUE: &str = "
version: 1
product: music
time_zone: Europe/Berlin
history: 30d
sources: { plays: { topic: plays } }
entities: { user: { key: user_id } }
metrics:
  listeners: { type: simple, measure: { agg: count_distinct, entity: user, events: [NextSong] }, windows: [1d, 7d] }
  visitors: { type: simple, measure: { agg: count_distinct, entity: user, events: any }, windows: [7d] }
  share: { type: ratio, numerator: listeners, denominator: visitors }
  before: { type: ratio, numerator: listeners, denominator: { metric: visitors, offset: 30d }, windows: [7d] }
north_star:
  metric: listeners
  window: 7d
  target: { value: 50, from: 10, start: 2018-11-20, by: 2018-12-09 }
  pairs: { honest: { volume: { metric: listeners, window: 7d }, efficiency: share } }
  inputs:
    - metric: share
      target: 0.5
      inputs: { metric: before, target: 1 }
    - metric: listeners
      window: 1d
      team: growth
      owner: Ada
      stage: activation
      omtm: true
      target: { value: 1, from: 9, start: 2018-11-01, by: 2018-11-28 }
    - { metric: visitors, owner: Bob }
";
/// 2018-11-30, 12:00 in Berlin.
const NOON: Millis = Millis(1_543_575_600_000);

/// One shard; on the 29th 35 listeners of 40 visitors came, and on the 30th 5.
fn store(plan: &Plan) -> MemoryStore {
    let today = plan.calendar.day(NOON);
    let mut store = MemoryStore::default();
    let counter = |yesterday: i64, window: u16| {
        let mut counter = Counter::default();
        counter.slide(plan.origin(Grain::Day, plan.floor(Grain::Day, NOON)));
        for (day, users) in [(today.plus(-1), yesterday), (today, 5)] {
            counter.step(day, users);
            counter.step(day.plus(i32::from(window)), -users);
        }
        counter.encode()
    };
    let counters = [(0, 1, 35), (0, 7, 35), (1, 7, 40)].map(|(metric, window, yesterday)| {
        let key = CounterKey { metric: MetricIndex(metric), window: Window::days(window) };
        (key, counter(yesterday, window))
    });
    let header = Header { time: Some(NOON), sealed_at: NOON, ..Header::default() };
    let (topic, incarnation) = (TopicId([7; 16]), Incarnation(1));
    let next = Fence { format: FORMAT, topic, catalogue: plan.version, incarnation, next: Offset(40) };
    let commit =
        Commit { expected: None, next, header: header.encode(), counters: counters.to_vec(), records: Vec::new() };
    assert_eq!(store.commit(Shard(0), &commit).unwrap(), Verdict::Committed);
    store
}

fn ask(tree: &Tree) -> Result<String, String> {
    let plan = catalog::parse(CATALOGUE).unwrap_or_else(|mistakes| panic!("{}", mistakes.render("", CATALOGUE)));
    let shown = show(&mut store(&plan), &plan, 1, tree);
    // The version changes with the time-zone database.
    shown.map(|text| text.replace(&plan.version.to_string(), "VERSION")).map_err(|failure| failure.to_string())
}

#[test]
fn tree_is_shown_as_of_the_last_day_that_is_over() {
    golden::check("tree.txt", &ask(&Tree::default()).unwrap());
}

#[test]
fn tree_is_shown_as_of_any_day_also_to_programs() {
    let asked = Tree { as_of: Some("2018-11-30".into()), format: Format::Json };
    golden::check("tree.json", &ask(&asked).unwrap());
}

#[test]
fn what_cannot_be_asked_is_told() {
    let asked = Tree { as_of: Some("yesterday".into()), ..Tree::default() };
    assert!(ask(&asked).unwrap_err().contains("--as-of `yesterday` is neither a date nor a time"));
    let (without, _) = CATALOGUE.split_once("north_star:").unwrap();
    let plan = catalog::parse(without).unwrap();
    let said = show(&mut store(&plan), &plan, 1, &Tree::default()).unwrap_err().to_string();
    assert!(said.contains("the catalogue has no `north_star`"), "{said}");
}
