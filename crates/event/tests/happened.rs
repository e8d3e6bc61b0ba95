//! Events that happen to entities for metrics that keep when: states, surveys and conversions.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use activity::{EntityKey, EntityKind, Millis};
use event::{Reader, Touches};

const CATALOGUE: &str = "
version: 1
product: test
sources: { usage: { topic: usage } }
entities:
  user: { key: user_id }
  account: { key: account_id }
metrics:
  subscribed: { type: simple, measure: { agg: state, entity: account, from: [began], until: [ended, changed] } }
  mrr: { type: simple, measure: { agg: state, entity: account, events: [changed], value: properties.mrr, decimals: 2 } }
  nps: { type: survey, entity: user, score: properties.score, events: [answered], windows: [90d] }
  funnel: { type: conversion, entity: user, steps: [began, changed, ended], within: 3d, windows: [7d] }
  again:
    type: conversion
    entity: account
    base: { events: [began] }
    conversion: { events: [ended], within: 24h }
    windows: [7d]
";

/// To what something happens, and what is kept for which metric.
type Kept = (EntityKey, Vec<(String, i64)>);

/// To what a record happens, and what is kept for which metric; or the reason why it does not count.
fn read(record: &str) -> Result<Vec<Kept>, String> {
    let plan = catalog::parse(CATALOGUE).unwrap_or_else(|mistakes| panic!("{}", mistakes.render("test", CATALOGUE)));
    let (reader, mut touches) = (Reader::new(&plan, 0), Touches::default());
    let record = record.replace("AT", "\"timestamp\":\"2026-01-02T03:04:05Z\"");
    let time = reader.read(record.as_bytes(), &mut touches).map_err(|reject| reject.to_string())?;
    assert_eq!(time, Millis(1_767_323_045_000));
    let happened = touches.happened().map(|happened| {
        assert_eq!(happened.shard_key, &happened.key[1..], "it lies by its own id");
        let values = happened.values.iter().map(|of| (plan.metric(of.metric).name.clone(), of.value)).collect();
        (EntityKey::parse(happened.key).unwrap(), values)
    });
    Ok(happened.collect())
}

fn of(entity: u8, id: &str, values: &[(&str, i64)]) -> Kept {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    (EntityKey::of(EntityKind(entity), &[id]), values)
}

#[test]
fn what_is_kept_goes_to_every_entity_that_the_event_names() {
    let both = r#"{"event":"NAME","user_id":"ada","account_id":"acme",AT,"properties":{"mrr":12.345}}"#;
    let named = |name: &str| read(&both.replace("NAME", name)).unwrap();
    let again = [("subscribed", 0), ("again_started", 0)];
    assert_eq!(named("began"), [of(0, "ada", &[("funnel_started", 0)]), of(1, "acme", &again)]);
    assert_eq!(named("changed")[1], of(1, "acme", &[("subscribed", 1), ("mrr", 1234)]));
    assert_eq!(named("ended")[0], of(0, "ada", &[("funnel_started", 2)]));
    assert_eq!(named("played"), []);
}

#[test]
fn who_is_not_named_has_nothing_happen_to_it() {
    let alone =
        |name: &str| read(&format!(r#"{{"event":"{name}","account_id":"acme",AT,"properties":{{"mrr":"7"}}}}"#));
    assert_eq!(alone("ended").unwrap(), [of(1, "acme", &[("subscribed", 1), ("again_started", 1)])]);
    assert!(alone("answered").unwrap_err().contains("score"), "{:?}", alone("answered"));
    let nobody = read(r#"{"event":"answered",AT,"properties":{"score":7}}"#).unwrap_err();
    assert!(nobody.contains("user_id"), "{nobody}");
}

#[test]
fn values_that_are_none_are_rejected() {
    let scored =
        |score: &str| read(&format!(r#"{{"event":"answered","user_id":"ada",AT,"properties":{{"score":{score}}}}}"#));
    assert_eq!(scored("10").unwrap(), [of(0, "ada", &[("nps_responses", 10)])]);
    for (score, why) in
        [("11", "not from 0 to 10"), ("-1", "not from 0 to 10"), ("\"ten\"", "not digits"), ("null", "score")]
    {
        let told = scored(score).unwrap_err();
        assert!(told.contains(why), "{score}: {told}");
    }
}
