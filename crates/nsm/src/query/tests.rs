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
  visitors: { type: simple, measure: { agg: count_distinct, entity: user, events: any }, windows: [1d, 28d] }
";
/// 2018-11-30, 12:00 in Berlin.
const NOON: Millis = Millis(1_543_575_600_000);
const SHARDS: u16 = 2;

fn plan() -> Plan {
    catalog::parse(CATALOGUE).unwrap()
}

/// Two shards, in each of which one listener came on the 20th and one on the 30th.
fn store(plan: &Plan) -> MemoryStore {
    let today = plan.calendar.day(NOON);
    let floor = plan.floor(Grain::Day, NOON);
    let mut store = MemoryStore::default();
    for shard in 0..SHARDS {
        let mut counters = Vec::new();
        for (metric, window) in [(0, 1), (0, 7), (1, 1), (1, 28)] {
            let mut counter = Counter::default();
            counter.slide(plan.origin(Grain::Day, floor));
            for day in [today.plus(-10), today] {
                counter.step(day, 1);
                counter.step(day.plus(i32::from(window)), -1);
            }
            counters.push((CounterKey { metric: MetricIndex(metric), window: Window::days(window) }, counter.encode()));
        }
        let header = Header { time: Some(NOON), sealed_at: NOON, ..Header::default() };
        let next = Fence {
            format: FORMAT,
            topic: TopicId([7; 16]),
            catalogue: plan.version,
            incarnation: Incarnation(1),
            next: Offset(40 + i64::from(shard)),
        };
        let commit = Commit { expected: None, next, header: header.encode(), counters, records: Vec::new() };
        assert_eq!(store.commit(Shard(shard), &commit).unwrap(), Verdict::Committed);
    }
    store
}

fn ask(query: Query) -> Result<String, String> {
    ask_of(&plan(), query)
}

fn ask_of(plan: &Plan, query: Query) -> Result<String, String> {
    let shown = Wanted::of(plan, &query).and_then(|wanted| show(&mut store(plan), plan, SHARDS, &wanted, query.format));
    // The version changes with the time-zone database.
    shown.map(|text| text.replace(&plan.version.to_string(), "VERSION")).map_err(said)
}

/// What the failure says, without the program's name.
fn said(failure: Failure) -> String {
    failure.to_string().trim_start_matches("nsm: ").to_owned()
}

fn as_of(text: &str) -> Query {
    Query { as_of: Some(text.to_owned()), ..Query::default() }
}

#[test]
fn all_metrics_as_of_shard_time() {
    golden::check("query-table.txt", &ask(Query::default()).unwrap());
}

#[test]
fn one_metric_as_json() {
    let query = Query { metric: Some("visitors".into()), format: Format::Json, ..as_of("2018-11-29") };
    golden::check("query.json", &ask(query).unwrap());
}

#[test]
fn time_means_its_day_in_the_reporting_zone() {
    // In Berlin it is the 30th already.
    let by_time = ask(as_of("2018-11-29T23:30:00Z")).unwrap();
    assert!(by_time.contains("2018-11-30") && !by_time.contains("2018-11-29"), "{by_time}");
    assert_eq!(ask(as_of("2018-11-30")), ask(as_of("2018-11-30T12:00:00+01:00")));
}

#[test]
fn only_days_before_shard_time_are_complete() {
    let complete = |day: &str| ask(as_of(day)).unwrap().lines().nth(1).unwrap().ends_with("yes");
    assert!(complete("2018-11-29"));
    assert!(!complete("2018-11-30"));
    assert!(!complete("2018-12-24"));
}

#[test]
fn day_before_what_is_kept_names_the_first_one() {
    let plan = plan();
    let first = plan.calendar.date(plan.origin(Grain::Day, plan.floor(Grain::Day, NOON))).unwrap();
    assert_eq!(ask(as_of("2017-01-01")), Err(format!("2017-01-01 is not kept any more: the first day is {first}")));
    assert!(ask(as_of(&first.to_string())).is_ok());
}

#[test]
fn values_since_a_day_are_those_of_every_day_that_is_kept() {
    let since = |day: &str| Query { since: Some(day.to_owned()), window: Some("7d".into()), ..as_of("2018-11-30") };
    let days = |query| ask(query).unwrap().lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    let one = |day| Query { window: Some("7d".into()), ..as_of(&format!("2018-11-{day}")) };
    let each: Vec<String> = (26..=30).flat_map(|day| days(one(day))).collect();
    assert_eq!(days(since("2018-11-26")), each);
    assert_eq!(days(since("2018-11-25T23:30:00Z")), each, "in Berlin it is the 26th already");
    let plan = plan();
    let first = plan.calendar.date(plan.origin(Grain::Day, plan.floor(Grain::Day, NOON))).unwrap();
    assert!(days(since("1970-01-01"))[0].contains(&first.to_string()));
    assert!(ask(since("2018-12-01")).unwrap_err().contains("--since"));
}

/// Of what follows from other metrics there is nothing where the denominator is 0, or where a part is not kept.
#[test]
fn formulas_are_told_as_of_any_day() {
    let formulas = "  share: { type: ratio, numerator: { metric: listeners, window: 1d }, denominator: { metric: visitors, window: 28d } }
  before: { type: derived, expr: visitors, metrics: { visitors: { metric: visitors, offset: 30d } } }
";
    let plan = catalog::parse(&format!("{CATALOGUE}{formulas}")).unwrap();
    let share = |as_of: &str, format| Query { metric: Some("share".into()), format, ..self::as_of(as_of) };
    let last = |query| ask_of(&plan, query).unwrap().lines().last().unwrap().to_owned();
    assert_eq!(last(share("2018-11-30", Format::Table)), "share   28d     2018-11-30  0.5    no");
    assert_eq!(last(share("2018-11-19", Format::Table)), "share   28d     2018-11-19  none   yes");
    assert!(ask_of(&plan, share("2018-11-30", Format::Json)).unwrap().contains("\"value\": 0.5,"));
    assert!(ask_of(&plan, share("2018-11-19", Format::Json)).unwrap().contains("\"value\": null,"));
    let since = Query { since: Some("2018-11-18".into()), ..share("2018-11-21", Format::Table) };
    let days = ask_of(&plan, since).unwrap();
    assert_eq!(days.lines().skip(1).filter(|line| line.contains("none")).count(), 2, "{days}");
    let first = plan.calendar.date(plan.origin(Grain::Day, plan.floor(Grain::Day, NOON))).unwrap();
    let before =
        |day: &str| ask_of(&plan, Query { metric: Some("before".into()), window: Some("1d".into()), ..as_of(day) });
    assert!(before("2018-11-30").unwrap().contains(" 0 "));
    assert!(before(&first.to_string()).unwrap().contains(" none "), "of 30 days before the first that is kept");
}

#[test]
fn what_only_a_label_tells_apart_is_told_with_it() {
    let days =
        "  often: { type: frequency, measure: { agg: count_distinct, entity: user, events: any }, windows: [2d] }\n";
    let plan = catalog::parse(&format!("{CATALOGUE}{days}")).unwrap();
    let often = Query { metric: Some("often_by_days".into()), ..as_of("2018-11-30") };
    let shown = ask_of(&plan, often).unwrap();
    let names: Vec<&str> = shown.lines().skip(1).map(|line| line.split("  ").next().unwrap()).collect();
    assert_eq!(names, ["often_by_days days=1", "often_by_days days=2"], "{shown}");
}

#[test]
fn window_chooses_metrics() {
    let shown = ask(Query { window: Some("7d".into()), ..Query::default() }).unwrap();
    assert_eq!(shown.lines().count(), 2, "{shown}");
    assert!(shown.contains("listeners  7d"), "{shown}");
}

#[test]
fn wrong_questions_say_what_to_ask() {
    let wrong = |metric: &str, window: &str, as_of: &str| {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let (metric, window, as_of) = (text(metric), text(window), text(as_of));
        let query = Query { metric, window, as_of, ..Query::default() };
        ask(query).unwrap_err()
    };
    assert_eq!(wrong("listners", "", ""), "there is no metric `listners`; did you mean `listeners`?");
    assert_eq!(wrong("x", "", ""), "there is no metric `x`; there are listeners, visitors");
    assert_eq!(wrong("listeners", "28d", ""), "`listeners` does not have a window of 28d; there are 1d, 7d");
    assert_eq!(wrong("", "14d", ""), "no metric has a window of 14d; there are 1d, 7d, 28d");
    assert_eq!(wrong("", "week", ""), "--window `week` is not a window; write one as in `60m`, `24h` or `7d`");
    assert!(wrong("", "", "yesterday").contains("as in `2018-11-30`"));
    assert_eq!(wrong("x", "", "yesterday").lines().count(), 2);
}

#[test]
fn what_is_withheld_is_told_as_it_is() {
    let plan = plan();
    let wanted = Wanted::of(&plan, &Query::default()).unwrap();
    let mut store = store(&plan);
    let error = show(&mut store, &plan, SHARDS + 1, &wanted, Format::Table).map_err(said).unwrap_err();
    assert!(error.starts_with("nothing is stored of shard 2"), "{error}");
    let empty = show(&mut MemoryStore::default(), &plan, 0, &wanted, Format::Table).map_err(said).unwrap_err();
    assert!(empty.contains("shard time is not known"), "{empty}");
}
