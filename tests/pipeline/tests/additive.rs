//! Events are counted and added up once each, whichever partition they come by, and however often.

// A helper that fails fails the test.
#![allow(clippy::unwrap_used)]

use pipeline::{DEADLINE, Event, Installation};
use serde_json::json;

const TOPIC: &str = "orders";
const PARTITIONS: i32 = 4;
const CATALOGUE: &str = "
version: 1
product: shop
time_zone: Europe/Berlin
sources: { orders: { topic: orders, clock: event, lateness: { hour: 1h, day: 1d }, fields: { event_id: meta.id } } }
entities: { user: { key: user_id } }
metrics:
  orders: { type: simple, measure: { agg: count, events: [ordered] }, windows: [1d, 7d] }
  revenue:
    type: simple
    measure: { agg: sum, value: properties.amount, decimals: 2, events: [ordered] }
    windows: [1d, 7d]
";
/// The record's own time, which plays no part.
const STAMP: i64 = 1_592_208_000_000;
const DAY: &str = "2020-06-15";
const ORDERS: u32 = 2_400;

/// The orders of a day, a second apart, from -10.00 to 19.99 each as a number or as text; and their sum in cents.
fn orders() -> (Vec<Vec<u8>>, i64) {
    let (mut orders, mut sum) = (Vec::new(), 0);
    for number in 0..ORDERS {
        let cents = i64::from(number * 7_919 % 3_000) - 1_000;
        sum += cents;
        let text = format!("{}{}.{:02}", if cents < 0 { "-" } else { "" }, cents.abs() / 100, cents.abs() % 100);
        let amount = if number % 2 == 0 { format!("\"{text}\"") } else { text };
        let time = format!("{DAY}T{:02}:{:02}:{:02}Z", 8 + number / 3_600, number / 60 % 60, number % 60);
        let order = format!(
            r#"{{"event":"ordered","timestamp":"{time}","meta":{{"id":{number}}},"properties":{{"amount":{amount}}}}}"#
        );
        orders.push(order.into_bytes());
    }
    (orders, sum)
}

/// Sends orders round the partitions, beginning with one of them, and waits until they are counted.
fn send<'a>(installation: &Installation, first: i32, orders: &'a [Vec<u8>]) {
    let event = |(number, order): (i32, &'a Vec<u8>)| Event {
        partition: number % PARTITIONS,
        key: "",
        payload: Some(order),
        timestamp: STAMP,
    };
    installation.client.send(TOPIC, (first..).zip(orders).map(event));
    installation.wait_settled(&[TOPIC]);
}

#[test]
fn events_count_once_over_partitions_restarts_and_a_store_that_forgets() {
    let installation = Installation::new(CATALOGUE, json!({}));
    installation.kafka.create_topic(TOPIC, PARTITIONS, &[]);
    let (_ingest, exporter) = (installation.run("ingest", &["ingest"]), installation.run("exporter", &["exporter"]));
    let window = installation.run("window", &["window"]);
    let (orders, cents) = orders();
    let half = orders.len() / 2;

    send(&installation, 0, &orders[..half]);
    window.kill();
    let window = installation.run("window", &["window"]);
    send(&installation, 1, &orders[..half]);
    let scrape = window.scrape();
    assert_eq!(scrape.sum("northstar_window_duplicates_total"), f64::from(ORDERS / 2), "on another partition each");
    assert_eq!(scrape.sum("northstar_window_event_ids"), f64::from(ORDERS / 2));
    let mut redis = redis::Client::open(installation.redis.url()).unwrap().get_connection().unwrap();
    redis::cmd("FLUSHALL").exec(&mut redis).unwrap();
    send(&installation, 2, &orders);

    assert_eq!(installation.query(DAY).values["orders 1d"], i64::from(ORDERS));
    assert_eq!(installation.query("2020-06-21").values["orders 7d"], i64::from(ORDERS));
    assert_eq!(installation.query("2020-06-22").values["orders 7d"], 0);
    let text = format!("{}.{:02}", cents / 100, cents % 100);
    let table = installation.output(&["query", "revenue", "--window", "7d"]);
    assert!(String::from_utf8_lossy(&table.stdout).contains(&format!("  {text}  ")), "{text}: {table:?}");
    exporter.wait_scrape(DEADLINE, "the same as a gauge", |scrape| {
        scrape.get(r#"nsm_revenue{window="7d",complete="false"}"#) == Some(text.parse().unwrap())
    });
}
