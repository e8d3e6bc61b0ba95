//! Traffic that the catalogue excludes, and metrics that count it all the same.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use activity::MetricIndex;
use event::{Reader, Touches};

const CATALOGUE: &str = "
version: 1
product: test
sources: { usage: { topic: usage, attributes_of: { entity: user, events: [play], path: properties } } }
entities: { user: { key: user_id } }
dimensions: { plan: { of: user, values: [team] } }
exclude:
  internal: { email_domain: [Northstar.example, test.example] }
  bots: { properties.bot: true, agent: [curl, wget] }
metrics:
  users: { type: simple, measure: { agg: count_distinct, entity: user, events: any }, windows: [7d] }
  traffic: { type: simple, measure: { agg: count, events: any }, windows: [7d], include: [bots, internal] }
  robots: { type: simple, measure: { agg: count, events: any, where: { bot: true } }, windows: [7d], include: bots }
";

/// The rules that exclude an event with these properties, and the metrics that count it.
fn read(properties: &str) -> (Vec<usize>, Vec<u16>) {
    let (reader, mut touches) = (Reader::new(&catalog::parse(CATALOGUE).unwrap(), 0), Touches::default());
    let record = format!(
        r#"{{"event_id":"e","event":"play","user_id":"ada","timestamp":"2026-11-22T09:30:00Z",
            "properties":{{"plan":"team",{properties}}}}}"#
    );
    reader.read(record.as_bytes(), &mut touches).unwrap();
    assert!(touches.changed().is_some(), "what an excluded event tells of attributes holds");
    let metrics = touches.iter().flat_map(|touch| touch.metrics.to_vec()).collect::<Vec<_>>();
    let counted = touches.counted().flat_map(|counted| counted.metrics.to_vec());
    (touches.excluded().collect(), metrics.into_iter().chain(counted).map(|MetricIndex(metric)| metric).collect())
}

#[test]
fn excluded_traffic_counts_only_where_it_is_included() {
    assert_eq!(read(r#""bot":false"#), (vec![], vec![0, 1]));
    assert_eq!(read(r#""bot":true"#), (vec![], vec![0, 1, 2]), "all of a rule must hold");
    assert_eq!(read(r#""bot":true,"agent":"curl""#), (vec![1], vec![1, 2]));
    assert_eq!(read(r#""bot":true,"agent":"wget","email":"a@test.example""#), (vec![0, 1], vec![1]));
}

#[test]
fn a_domain_is_what_stands_behind_the_last_at_sign_in_any_case() {
    for (email, is_internal) in [
        ("ada@northstar.example", true),
        ("ADA@NORTHSTAR.EXAMPLE", true),
        ("a@b@test.example", true),
        ("ada@sub.test.example", false),
        ("test.example", false),
        ("", false),
    ] {
        let (rules, _) = read(&format!(r#""email":"{email}""#));
        assert_eq!(rules, if is_internal { vec![0] } else { vec![] }, "{email}");
    }
    assert_eq!(read(r#""email":["test.example"]"#).0, Vec::<usize>::new());
}
