//! Real Avro through a real schema registry: schemas evolve in mid-stream, the registry goes away, and nothing is lost.

// A helper that fails fails the test.
#![allow(clippy::unwrap_used)]

use apache_avro::Schema;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use pipeline::{DEADLINE, Event, Installation};
use serde_json::json;
use services::{Proxy, Registry, wait_until};

const TOPIC: &str = "usage";
const SUBJECT: &str = "usage-value";
const PARTITIONS: i32 = 3;
/// Two sources at once, each with its own format, lateness, clock and first start.
const CATALOGUE: &str = "
version: 1
product: shop
sources:
  usage: { topic: usage, format: avro, schema: usage.avsc, clock: event, lateness: { day: 1d }, from: earliest }
  web: { topic: web, format: segment, clock: event, lateness: { hour: 1h, day: 2d }, from: latest }
entities: { user: { key: user_id } }
metrics:
  active: { type: simple, measure: { agg: count_distinct, entity: user, events: any }, windows: [1d] }
  free: { type: simple, measure: { agg: count_distinct, entity: user, events: [bought], where: { plan: free } }, windows: [1d] }
  orders: { type: simple, measure: { agg: count, events: [bought] }, windows: [1d] }
  revenue: { type: simple, measure: { agg: sum, value: amount, decimals: 2, events: [bought] }, windows: [1d] }
";
/// 2020-06-15T12:00:00Z.
const NOON: i64 = 1_592_222_400_000;
const DAY: &str = "2020-06-15";

/// The schema of a version: fields of the event, and of its properties.
fn schema(fields: &str, properties: &str) -> String {
    format!(
        r#"{{"type":"record","name":"Usage","namespace":"shop","fields":[{fields}
        {{"name":"event_id","type":"string"}},
        {{"name":"event","type":"string"}},
        {{"name":"timestamp","type":{{"type":"long","logicalType":"timestamp-millis"}}}},
        {{"name":"properties","type":{{"type":"record","name":"Properties","fields":[{properties}
            {{"name":"amount","type":{{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}}}}]}}}}]}}"#
    )
}

const CAMPAIGN: &str = r#"{"name":"campaign","type":["null","string"],"default":null},"#;
const PLAN: &str = r#"{"name":"plan","type":"string","default":"free"},"#;
const USER: &str = r#"{"name":"user_id","type":"string"},"#;
const UID: &str = r#"{"name":"uid","type":"string"},"#;
const BOTH: &str = r#"{"name":"user_id","aliases":["uid"],"type":"string"},"#;

/// In the order of their times: `uid` became `user_id`, `plan` was added, `campaign` was removed.
fn versions() -> [String; 4] {
    [schema(UID, CAMPAIGN), schema(BOTH, CAMPAIGN), schema(BOTH, &format!("{CAMPAIGN}{PLAN}")), schema(USER, PLAN)]
}

/// Writes orders, each of a user of its own.
struct Shop {
    next: u32,
}

/// What was sent.
#[derive(Default)]
struct Sent {
    records: Vec<Vec<u8>>,
    free: i64,
    cents: i64,
}

impl Shop {
    /// So many orders, written with a schema that has this id.
    fn orders(&mut self, count: u32, id: u32, schema: &str, sent: &mut Sent) {
        let parsed = Schema::parse_str(schema).unwrap();
        let writer = GenericDatumWriter::builder(&parsed).build().unwrap();
        for _ in 0..count {
            let number = self.next;
            self.next += 1;
            let cents = i64::from(number * 7_919 % 3_000) - 1_000;
            let (plan, has_plan) = (["free", "team"][(number % 2) as usize], schema.contains("plan"));
            sent.cents += cents;
            sent.free += i64::from(!has_plan || plan == "free");
            let amount = Value::Decimal(cents.to_be_bytes().to_vec().into());
            let mut properties = vec![("amount".to_owned(), amount)];
            if schema.contains("campaign") {
                let campaign = Value::Union(1, Box::new(format!("campaign {number}").into()));
                properties.push(("campaign".to_owned(), campaign));
            }
            if has_plan {
                properties.push(("plan".to_owned(), plan.into()));
            }
            let user = if schema.contains("user_id") { "user_id" } else { "uid" };
            let datum = Value::Record(vec![
                (user.to_owned(), format!("user {number}").into()),
                ("event_id".to_owned(), number.to_string().into()),
                ("event".to_owned(), "bought".into()),
                ("timestamp".to_owned(), Value::TimestampMillis(NOON + i64::from(number))),
                ("properties".to_owned(), Value::Record(properties)),
            ]);
            let datum = writer.write_value_to_vec(datum).unwrap();
            sent.records.push([&[0][..], &id.to_be_bytes(), &datum].concat());
        }
    }
}

fn send(installation: &Installation, sent: &Sent, from: usize) {
    let record = |(at, payload)| Event { partition: at, key: "", payload: Some(payload), timestamp: NOON };
    let partitions = (0..PARTITIONS).cycle();
    installation.client.send(TOPIC, partitions.zip(sent.records[from..].iter().map(Vec::as_slice)).map(record));
}

/// An installation whose registry is reached through a proxy, and a call of the other source.
fn installation(proxy: &Proxy) -> Installation {
    let registry = json!({
        "url": Registry::url_by(proxy.port()),
        "connect_timeout": "500ms",
        "timeout": "1s",
        "retry": "500ms",
        "unknown_for": "1s",
    });
    let installation = Installation::new(CATALOGUE, json!({ "registry": registry }));
    installation.write("usage.avsc", &schema(BOTH, PLAN));
    installation.kafka.create_topic(TOPIC, PARTITIONS, &[]);
    installation.kafka.create_topic("web", 1, &[]);
    installation
}

fn page(user: &str) -> String {
    json!({
        "type": "page", "messageId": "m", "userId": user, "timestamp": "2021-06-15T12:00:00Z",
        "sentAt": "2021-06-15T12:00:01Z", "receivedAt": "2020-06-15T12:00:01Z", "properties": { "plan": "team" }
    })
    .to_string()
}

fn waiting(nsm: &pipeline::Nsm) -> f64 {
    nsm.try_scrape().map_or(0.0, |scrape| scrape.sum("northstar_ingest_waiting_partitions"))
}

#[test]
fn evolution_in_mid_stream_and_a_registry_that_goes_away_lose_nothing() {
    let (registry, proxy) = (Registry::start(), Proxy::start());
    registry.demand_compatibility();
    let installation = installation(&proxy);
    let [first, renamed, added, removed] = versions();
    let (mut shop, mut sent) = (Shop { next: 1 }, Sent::default());
    let web = page("reader");
    let web = |timestamp| Event { partition: 0, key: "", payload: Some(web.as_bytes()), timestamp };
    installation.client.send("web", [web(NOON - 1)]);

    // Down at the start: the other source is read meanwhile, and these wait.
    let id = registry.register(SUBJECT, &first).unwrap();
    shop.orders(300, id, &first, &mut sent);
    send(&installation, &sent, 0);
    let nsm = installation.run("all", &[]);
    wait_until(DEADLINE, "all partitions to wait for a schema", || waiting(&nsm) == f64::from(PARTITIONS));
    installation.client.send("web", [web(NOON)]);
    wait_until(DEADLINE, "the other source to be read", || installation.client.covered("web") == Some(2));
    assert_eq!(installation.client.covered(TOPIC), Some(0), "nothing of it is passed over");
    assert!(nsm.log().contains("the schema registry at"), "{}", nsm.log());
    proxy.pass_to(registry.port());
    installation.wait_settled(&[TOPIC, "web"]);
    assert_eq!(waiting(&nsm), 0.0);

    // A new version, and what the registry refuses.
    let id = registry.register(SUBJECT, &renamed).unwrap();
    let from = sent.records.len();
    shop.orders(300, id, &renamed, &mut sent);
    let incompatible = schema(USER, r#"{"name":"plan","type":"string"},"#);
    let (status, why) = registry.register(SUBJECT, &incompatible).unwrap_err();
    assert_eq!(status, 409, "{why}");
    send(&installation, &sent, from);
    installation.wait_settled(&[TOPIC]);

    // Away in mid-stream: what is known goes on; who meets a new version waits, and the registry does not answer.
    let id = registry.register(SUBJECT, &added).unwrap();
    let from = sent.records.len();
    shop.orders(300, id, &added, &mut sent);
    proxy.black_hole();
    send(&installation, &sent, from);
    wait_until(DEADLINE, "all partitions to wait for a schema", || waiting(&nsm) == f64::from(PARTITIONS));
    assert_eq!(installation.client.covered(TOPIC), Some(600));
    // A process that ends meanwhile leaves them where they are.
    nsm.kill();
    let nsm = installation.run("all", &[]);
    wait_until(DEADLINE, "all partitions to wait for a schema again", || waiting(&nsm) == f64::from(PARTITIONS));
    proxy.cut();
    let id = registry.register(SUBJECT, &removed).unwrap();
    let from = sent.records.len();
    shop.orders(300, id, &removed, &mut sent);
    send(&installation, &sent, from);
    proxy.pass_to(registry.port());
    installation.wait_settled(&[TOPIC]);

    let values = installation.query(DAY).values;
    let all = i64::try_from(sent.records.len()).unwrap();
    assert_eq!((values["orders 1d"], all), (1_200, 1_200), "each record that was sent, once");
    assert_eq!(values["active 1d"], all + 1, "and the reader, whose clock was a year ahead");
    assert_eq!(values["free 1d"], sent.free, "what was written without a plan is free");
    let text = format!("{}.{:02}", sent.cents / 100, sent.cents % 100);
    let table = installation.output(&["query", "revenue", "--as-of", DAY]);
    assert!(String::from_utf8_lossy(&table.stdout).contains(&format!("  {text}  ")), "{text}: {table:?}");
    assert!(installation.client.dead_letters("nsm.dead-letter").is_empty());
}

#[test]
fn an_id_that_the_registry_does_not_have_is_kept_as_a_dead_letter_until_it_has_it() {
    let registry = Registry::start();
    let proxy = Proxy::to(registry.port());
    let installation = installation(&proxy);
    let [first, renamed, ..] = versions();
    let (mut shop, mut sent) = (Shop { next: 1 }, Sent::default());
    let nsm = installation.run("all", &[]);
    // The other source is read from its end: from where that is now.
    let began = || nsm.log().matches("began a partition that nobody has read before").count();
    wait_until(DEADLINE, "all partitions to be begun", || began() == 4);
    let page = page("reader");
    installation.client.send("web", [Event { partition: 0, key: "", payload: Some(page.as_bytes()), timestamp: NOON }]);

    // The registry numbers its schemas from 1; nobody has registered the second one yet.
    assert_eq!(registry.register(SUBJECT, &first), Ok(1));
    shop.orders(3, 1, &first, &mut sent);
    shop.orders(30, 2, &renamed, &mut sent);
    send(&installation, &sent, 0);
    installation.wait_settled(&[TOPIC]);
    let letters = installation.client.dead_letters("nsm.dead-letter");
    assert_eq!(letters.len(), 30);
    for letter in &letters {
        assert_eq!(letter.headers["reason"], "unknown_schema");
        assert!(letter.headers["detail"].starts_with("the registry has no schema 2;"), "{letter:?}");
    }
    let scrape = nsm.scrape();
    assert_eq!(scrape.get(r#"northstar_ingest_rejected_total{reason="unknown_schema"}"#), Some(30.0));

    assert_eq!(registry.register(SUBJECT, &renamed), Ok(2));
    let mut sent_again = 0;
    wait_until(DEADLINE, "the schema to be found", || {
        send(&installation, &sent, sent.records.len() - 1);
        sent_again += 1;
        installation.wait_settled(&[TOPIC]);
        i64::from(sent_again) + 30 > i64::try_from(installation.client.dead_letters("nsm.dead-letter").len()).unwrap()
    });
    assert_eq!(installation.query(DAY).values["orders 1d"], 4);
}
