//! Values that no catalogue declares: they are asked for until they have a number, or never will.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use activity::admission::Admitted;
use activity::{DimensionIndex, DimensionValue, MetricIndex};
use catalog::Plan;
use event::{Reader, Touches, Undecided};

const CATALOGUE: &str = "
version: 1
product: test
sources:
  usage: { topic: usage }
  crm: { topic: crm, attributes_of: account }
entities:
  user: { key: user_id }
  account: { key: account_id }
dimensions:
  plan: { of: account, limit: 1 }
  surface: { from: properties.surface, values: [web, 5], limit: 4 }
  closed: { from: properties.surface, values: [web] }
metrics:
  users:
    type: simple
    measure: { agg: count_distinct, entity: user, events: [play], where: { counts: true } }
    windows: [7d]
    by: [surface, closed]
";
const PLAN: u16 = 0;
const SURFACE: u16 = 1;

fn plan() -> Plan {
    catalog::parse(CATALOGUE).unwrap_or_else(|mistakes| panic!("{}", mistakes.render("catalogue.yaml", CATALOGUE)))
}

/// A reader that has learnt these values.
fn reader(source: usize, learnt: &[(u16, u16, &str)]) -> Reader {
    let mut reader = Reader::new(&plan(), source);
    for (dimension, number, value) in learnt {
        let (dimension, number) = (DimensionIndex(*dimension), DimensionValue(*number));
        reader.learn_value(&Admitted { dimension, number, value: (*value).into() });
    }
    reader
}

fn undecided(values: &[(u16, &str)]) -> Vec<Undecided> {
    let of =
        |(dimension, value): &(u16, &str)| Undecided { dimension: DimensionIndex(*dimension), value: (*value).into() };
    values.iter().map(of).collect()
}

/// The number of the surface that an event says, or what it waits for.
fn surface(reader: &Reader, json: &str) -> Result<u16, Vec<Undecided>> {
    let mut touches = Touches::default();
    let event = format!(
        r#"{{"event":"play","user_id":"ada","timestamp":"2026-11-22T09:30:00Z","properties":{{"counts":true,"surface":{json}}}}}"#
    );
    reader.read(event.as_bytes(), &mut touches).unwrap();
    if !touches.undecided().is_empty() {
        return Err(touches.undecided().to_vec());
    }
    let plan = plan();
    let slices: Vec<MetricIndex> = touches.iter().flat_map(|touch| touch.metrics).copied().collect();
    let values = slices.iter().filter_map(|index| plan.slice(*index)).filter(|slice| slice.dimension.0 == SURFACE);
    let values: Vec<u16> = values.map(|slice| slice.value.0).collect();
    assert_eq!(values.len(), 1, "an event is of one surface");
    Ok(values[0])
}

#[test]
fn a_value_waits_until_it_has_a_number_or_its_dimension_is_full() {
    let none = reader(0, &[]);
    assert_eq!(surface(&none, r#""app""#), Err(undecided(&[(SURFACE, "app")])));
    assert_eq!(surface(&none, r#""web""#), Ok(1), "it is declared");
    assert_eq!(surface(&none, "null"), Ok(0));
    let one = reader(0, &[(SURFACE, 3, "app")]);
    assert_eq!(surface(&one, r#""app""#), Ok(3));
    assert_eq!(surface(&one, r#""tv""#), Err(undecided(&[(SURFACE, "tv")])));
    let full = reader(0, &[(SURFACE, 3, "app"), (SURFACE, 4, "car"), (SURFACE, 3, "app")]);
    assert_eq!(surface(&full, r#""car""#), Ok(4));
    assert_eq!(surface(&full, r#""tv""#), Ok(5), "any other");
    let twice = reader(0, &[(SURFACE, 3, "app"), (SURFACE, 3, "app")]);
    assert_eq!(surface(&twice, r#""tv""#), Err(undecided(&[(SURFACE, "tv")])), "what is learnt twice takes no room");
}

#[test]
fn what_is_called_the_same_is_the_same_value() {
    let reader = reader(0, &[(SURFACE, 3, "7")]);
    for (json, number) in [("7", 3), ("7.0", 3), (r#""7""#, 3), ("5", 2), ("5.0", 2), (r#""5""#, 2)] {
        assert_eq!(surface(&reader, json), Ok(number), "{json}");
    }
    assert_eq!(surface(&reader, "true"), Err(undecided(&[(SURFACE, "true")])));
}

#[test]
fn what_nobody_would_want_to_see_is_any_other_at_once() {
    let reader = reader(0, &[]);
    let long = format!("\"{}\"", "x".repeat(129));
    for json in [long.as_str(), r#""""#, r#""a\u0007""#, "[1]", "{}", r#""__none__""#, r#""__other__""#] {
        assert_eq!(surface(&reader, json), Ok(5), "{json}");
    }
    let fits = "x".repeat(128);
    assert_eq!(surface(&reader, &format!("\"{fits}\"")), Err(undecided(&[(SURFACE, &fits)])));
}

#[test]
fn an_event_that_no_metric_wants_waits_for_nothing() {
    let reader = reader(0, &[]);
    let mut touches = Touches::default();
    for unwanted in [
        r#""event":"play","properties":{"surface":"app"}"#,
        r#""event":"stop","properties":{"counts":true,"surface":"app"}"#,
    ] {
        let event = format!(r#"{{"user_id":"ada","timestamp":"2026-11-22T09:30:00Z",{unwanted}}}"#);
        reader.read(event.as_bytes(), &mut touches).unwrap();
        assert_eq!(touches.undecided(), [], "{unwanted}");
    }
}

#[test]
fn attributes_wait_like_events() {
    let record = |plan: &str| {
        format!(r#"{{"account_id":"acme","timestamp":"2026-11-22T09:30:00Z","attributes":{{{plan}}}}}"#).into_bytes()
    };
    let (none, full) = (reader(1, &[]), reader(1, &[(PLAN, 1, "team")]));
    let mut touches = Touches::default();
    none.read(&record(r#""plan":"team""#), &mut touches).unwrap();
    assert_eq!(touches.undecided(), undecided(&[(PLAN, "team")]));
    none.read(&record(r#""plan":null"#), &mut touches).unwrap();
    assert_eq!(touches.undecided(), [], "what was left undecided before is forgotten");
    none.deleted(Some(b"acme"), &mut touches).unwrap();
    assert_eq!(touches.undecided(), []);
    for (plan, number) in [(r#""plan":"team""#, 1), (r#""plan":"trial""#, 2), (r#""plan":null"#, 0)] {
        full.read(&record(plan), &mut touches).unwrap();
        assert_eq!(touches.undecided(), []);
        assert_eq!(touches.changed().unwrap().values[0].value, DimensionValue(number), "{plan}");
    }
}
