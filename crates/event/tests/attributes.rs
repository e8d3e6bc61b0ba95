//! Records that tell attributes of an entity, and events that say by which value they are sliced.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use activity::additive::IdSpace;
use activity::{EntityKey, EntityKind, MetricIndex, Millis, key};
use event::{Reader, Touches};

const CATALOGUE: &str = "
version: 1
product: test
sources:
  usage: { topic: usage, attributes_of: { entity: account, events: [group], path: traits } }
  crm: { topic: crm, attributes_of: account }
entities:
  user: { key: user_id }
  account: { key: account_id }
dimensions:
  plan: { of: account, values: [trial, team] }
  size: { of: account, from: firm.size, values: [1, 2.5] }
  surface: { from: properties.surface, values: [web, app] }
metrics:
  users:
    type: simple
    measure: { agg: count_distinct, entity: user, events: [play, group] }
    windows: [7d]
    by: surface
  plays:
    type: simple
    measure: { agg: sum, value: seconds, events: [play], where: { long: true } }
    windows: [7d]
    by: surface
";

/// What a record of a source tells: key, and dimensions with their values; or the reason why it does not count.
type Told = Result<Option<(EntityKey, Vec<(u16, u16)>)>, &'static str>;

fn told(touches: &Touches) -> Told {
    Ok(touches.changed().map(|changed| {
        assert_eq!(changed.shard_key, &changed.key[1..], "an account lies by its own id");
        let values = changed.values.iter().map(|of| (of.dimension.0, of.value.0)).collect();
        (EntityKey::parse(changed.key).unwrap(), values)
    }))
}

fn read(source: usize, record: &str) -> Told {
    let (reader, mut touches) = (Reader::new(&catalog::parse(CATALOGUE).unwrap(), source), Touches::default());
    let record = record.replace("NOW", r#""timestamp":"2026-11-22T09:30:00Z""#);
    reader.read(record.as_bytes(), &mut touches).map_err(|reject| reject.reason())?;
    told(&touches)
}

fn acme(values: &[(u16, u16)]) -> Told {
    Ok(Some((EntityKey::of(EntityKind(1), &["acme"]), values.to_vec())))
}

#[test]
fn every_record_of_an_accounts_topic_tells_what_it_mentions() {
    for (attributes, expected) in [
        (r#"{"plan":"team","firm":{"size":2.5}}"#, &[(0, 2), (1, 2)][..]),
        (r#"{"plan":"family"}"#, &[(0, 3)]),
        (r#"{"plan":null,"firm":{"size":1.0}}"#, &[(0, 0), (1, 1)]),
        (r#"{"plan":["team"]}"#, &[(0, 3)]),
    ] {
        let record = format!(r#"{{"account_id":"acme",NOW,"attributes":{attributes}}}"#);
        assert_eq!(read(1, &record), acme(expected), "{attributes}");
    }
    assert_eq!(read(1, r#"{"account_id":"acme",NOW,"attributes":{"crm":"x"}}"#), Ok(None));
    assert_eq!(read(1, r#"{"account_id":"acme",NOW}"#), Ok(None));
    assert_eq!(read(1, r#"{NOW,"attributes":{"plan":"team"}}"#), Err("no_entity"));
    assert_eq!(read(1, r#"{"account_id":"acme","attributes":{"plan":"team"}}"#), Err("missing_field"));
}

#[test]
fn only_the_named_events_of_a_usage_topic_tell_attributes() {
    let group = r#"{"event":"group","user_id":"ada","account_id":"acme",NOW,"traits":{"plan":"trial"}}"#;
    assert_eq!(read(0, group), acme(&[(0, 1)]));
    assert_eq!(read(0, &group.replace("group", "play")), Ok(None));
    assert_eq!(read(0, &group.replace(r#""account_id":"acme","#, "")), Err("no_entity"));
    let by_nobody = group.replace(r#""user_id":"ada","#, "");
    assert_eq!(read(0, &by_nobody), acme(&[(0, 1)]), "though a metric counts the users of such events");
    assert_eq!(read(0, &by_nobody.replace("plan", "crm")), Err("no_entity"));
}

#[test]
fn a_deleted_record_takes_all_attributes_away() {
    let plan = catalog::parse(CATALOGUE).unwrap();
    let mut touches = Touches::default();
    let crm = Reader::new(&plan, 1);
    crm.deleted(Some(b"acme"), &mut touches).unwrap();
    assert_eq!(told(&touches), acme(&[(0, 0), (1, 0)]));
    for key in [None, Some(&b""[..]), Some(b"\xff")] {
        assert_eq!(crm.deleted(key, &mut touches).unwrap_err().reason(), "empty");
    }
    assert!(touches.changed().is_none(), "what was told before is forgotten");
    assert_eq!(Reader::new(&plan, 0).deleted(Some(b"acme"), &mut touches).unwrap_err().reason(), "empty");
}

#[test]
fn an_event_counts_in_the_slice_of_the_value_that_it_says() {
    let plan = catalog::parse(CATALOGUE).unwrap();
    let (reader, mut touches) = (Reader::new(&plan, 0), Touches::default());
    let surface = |metric: usize, value| plan.metrics[metric].by[0].slice(activity::DimensionValue(value));
    for (said, value) in [(r#""web""#, 1), (r#""app""#, 2), (r#""tv""#, 3), ("null", 0)] {
        let record = format!(
            r#"{{"event_id":"e","event":"play","user_id":"ada","timestamp":"2026-11-22T09:30:00Z",
                "properties":{{"surface":{said},"seconds":7,"long":true}}}}"#
        );
        assert_eq!(reader.read(record.as_bytes(), &mut touches), Ok(Millis(1_795_339_800_000)));
        let users: Vec<_> = touches.iter().map(|touch| touch.metrics.to_vec()).collect();
        assert_eq!(users, [[MetricIndex(0), surface(0, value)]]);
        let counted = touches.counted().next().unwrap();
        assert_eq!((counted.metrics, counted.event.values), (&[MetricIndex(1), surface(1, value)][..], &[7, 7][..]));
        let short = record.replace("true", "false");
        reader.read(short.as_bytes(), &mut touches).unwrap();
        assert!(touches.counted().next().is_none());
    }
}

const OWNED: &str = "
version: 1
product: test
sources:
  usage: { topic: usage, attributes_of: { entity: account, events: [group] } }
  crm: { topic: crm, attributes_of: user }
entities:
  user: { key: user_id }
  account: { key: account_id }
dimensions:
  plan: { of: account, values: [trial, team] }
  country: { of: user, values: [de] }
  surface: { from: properties.surface, values: [web] }
metrics:
  plays: { type: simple, measure: { agg: count, events: [play] }, windows: [7d] }
  by_plan: { type: simple, measure: { agg: count, events: [play] }, windows: [7d], by: [plan, surface] }
  seconds: { type: simple, measure: { agg: sum, value: seconds, events: [play] }, windows: [7d], by: [plan] }
  by_country: { type: simple, measure: { agg: count, events: [play] }, windows: [7d], by: [country] }
";

/// The first metrics alone follow nobody, then come those of each entity; an owner that is not named is only left out.
#[test]
fn an_event_goes_to_the_shard_of_each_owner_that_its_metrics_follow() {
    let plan = catalog::parse(OWNED).unwrap();
    let (reader, mut touches) = (Reader::new(&plan, 0), Touches::default());
    let web = plan.metrics[1].by[1].slice(activity::DimensionValue(1));
    let id = IdSpace::of("usage").id("e");
    let (ada, acme) = (EntityKey::of(EntityKind(0), &["ada"]), EntityKey::of(EntityKind(1), &["acme"]));
    for (named, owners) in [
        (r#""user_id":"ada","account_id":"acme","#, [Some(&ada), Some(&acme)]),
        (r#""account_id":"acme","#, [None, Some(&acme)]),
        (r#""user_id":"ada","account_id":"","#, [Some(&ada), None]),
        ("", [None, None]),
    ] {
        let record = format!(
            r#"{{"event_id":"e","event":"play",{named}"timestamp":"2026-11-22T09:30:00Z",
                "properties":{{"surface":"web","seconds":7}}}}"#
        );
        reader.read(record.as_bytes(), &mut touches).unwrap();
        let nobody = (vec![MetricIndex(0)], vec![], id, id.shard(16), vec![]);
        let group = |metrics: &[MetricIndex], values: &[i64], kind: u8, owner: Option<&EntityKey>| {
            let key = owner.map_or(&[][..], EntityKey::as_bytes);
            let id = id.under(if key.is_empty() { std::slice::from_ref(&kind) } else { key });
            let shard = if key.is_empty() { id.shard(16) } else { key::shard_of(&key[1..], 16) };
            (metrics.to_vec(), values.to_vec(), id, shard, key.to_vec())
        };
        let users = group(&[MetricIndex(3)], &[], 0, owners[0]);
        let accounts = group(&[MetricIndex(1), web, MetricIndex(2)], &[7], 1, owners[1]);
        let told = touches.counted().map(|counted| {
            let (metrics, values) = (counted.metrics.to_vec(), counted.event.values.to_vec());
            (metrics, values, counted.event.id, counted.shard(16), counted.owner.to_vec())
        });
        assert_eq!(told.collect::<Vec<_>>(), [nobody, users, accounts], "{named}");
    }
    let wrong = r#"{"event_id":"e","event":"play","account_id":{},"timestamp":"2026-11-22T09:30:00Z"}"#;
    assert_eq!(reader.read(wrong.as_bytes(), &mut touches).unwrap_err().reason(), "wrong_type");
}
