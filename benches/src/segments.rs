//! Twenty metrics with three segments each, beside one metric without any: what a catalogue costs more than its first line.

use crate::catchup::{Course, Round};
use crate::send::Sender;
use crate::workload::{PARTITIONS, Shape, Writer};
use serde_json::json;
use services::{Kafka, Scrape};
use std::time::Duration;

const TOPIC: &str = "accounts";
/// One is said by the event, one holds as of each bucket, one is the latest; users are of no account, and follow the event.
const OF_ACCOUNTS: &str = "plan, tier, owner";
const OF_USERS: &str = "plan, paying, top";

const DIMENSIONS: &str = "dimensions:
  plan: { from: properties.plan, values: [free, team, pro] }
  paying: { from: properties.plan, values: [team, pro] }
  top: { from: properties.plan, values: [pro] }
  tier: { of: account, values: [trial, team, business] }
  owner: { of: account, values: [ada, grace, edsger], as_of: current }
";

/// Name, entity, events, whether only those who pay count, and windows.
const METRICS: [(&str, &str, &str, bool, &str); 20] = [
    ("users", "user", "any", false, "1d, 7d, 28d"),
    ("visitors", "user", "[page_view, click]", false, "1d, 7d"),
    ("payers", "user", "any", true, "28d"),
    ("makers", "user", "[upload, export]", false, "28d"),
    ("accounts", "account", "any", false, "1d, 7d, 28d"),
    ("exporting_accounts", "account", "[export]", false, "28d"),
    ("inviting_accounts", "account", "[invite]", false, "28d"),
    ("talking_accounts", "account", "[comment, invite]", false, "7d, 28d"),
    ("searching_accounts", "account", "[search]", false, "7d"),
    ("uploading_accounts", "account", "[upload]", false, "7d"),
    ("paying_accounts", "account", "any", true, "28d"),
    ("members", "account_user", "any", false, "1d, 7d, 28d"),
    ("paying_members", "account_user", "any", true, "7d, 28d"),
    ("players", "account_user", "[play]", false, "1d, 7d"),
    ("searchers", "account_user", "[search]", false, "7d"),
    ("exporters", "account_user", "[export]", false, "28d"),
    ("inviters", "account_user", "[invite]", false, "28d"),
    ("uploaders", "account_user", "[upload]", false, "7d, 28d"),
    ("commenters", "account_user", "[comment]", false, "7d"),
    ("creators", "account_user", "[upload, comment, invite]", false, "7d"),
];

/// Writes what accounts are: of each what it is at first, and of some what they become.
pub(crate) fn fill_accounts(kafka: &Kafka, shape: Shape) -> u64 {
    kafka.create_topic(TOPIC, PARTITIONS, &[]);
    let sender = Sender::new(&kafka.bootstrap(), TOPIC, Duration::from_millis(50));
    let mut writer = Writer::default();
    let pick = |of: [&'static str; 3], by: u64| of[usize::try_from(by % 3).expect("one of three")];
    let tier = |by| pick(["trial", "team", "business"], by);
    let owner = |by| pick(["ada", "grace", "edsger"], by);
    let mut send = |account, day, attributes: serde_json::Value| {
        sender.send(writer.write_account(account, day, &attributes));
        sender.poll();
        1
    };
    let all = 0..shape.accounts;
    let first: u64 = all.clone().map(|of| send(of, 0, json!({ "tier": tier(of), "owner": owner(of / 3) }))).sum();
    let upgraded: u64 = all.clone().step_by(4).map(|of| send(of, 20, json!({ "tier": tier(of + 1) }))).sum();
    let handed_over: u64 = all.step_by(5).map(|of| send(of, 30, json!({ "owner": owner(of / 3 + 1) }))).sum();
    sender.flush();
    first + upgraded + handed_over
}

impl Course<'_> {
    /// The twenty metrics, with a store and topics of this round's own. `accounts` is how many records their topic holds.
    pub(crate) fn segments(&self, round: usize, accounts: u64) -> Round {
        let (taken, shown) = self.run(&format!("segments-{round}"), json!({}), &catalogue(self.topic), accounts);
        self.check(&shown, &["users", "accounts"]);
        check_slices(&shown);
        taken
    }
}

/// An account is in one slice by each of its attributes, so they add up to all.
fn check_slices(shown: &Scrape) {
    let gauges = shown.gauges();
    for (name, entity, .., windows) in METRICS {
        let dimensions: &[&str] = if entity == "user" { &[] } else { &["tier", "owner"] };
        for (dimension, window) in dimensions.iter().flat_map(|of| windows.split(", ").map(move |window| (of, window)))
        {
            let labels = format!("window=\"{window}\",complete=\"false\"");
            let whole = shown.get(&format!("nsm_{name}{{{labels}}}"));
            let slices = format!("nsm_{name}_by_{dimension}{{{labels},");
            let sum: f64 = gauges.iter().filter(|(gauge, _)| gauge.starts_with(&slices)).map(|(_, value)| value).sum();
            assert!(whole.is_some_and(|whole| whole > 0.0), "{name} of {window} is {whole:?}");
            assert_eq!(Some(sum), whole, "slices of {name} by {dimension}, {window}");
        }
    }
}

fn catalogue(topic: &str) -> String {
    let metric = |(name, entity, events, pays, windows): &(&str, &str, &str, bool, &str)| {
        let condition = if *pays { ", where: { plan: [team, pro] }" } else { "" };
        let by = if *entity == "user" { OF_USERS } else { OF_ACCOUNTS };
        format!(
            "  {name}: {{ type: simple, windows: [{windows}], by: [{by}], \
             measure: {{ agg: count_distinct, entity: {entity}, events: {events}{condition} }} }}\n"
        )
    };
    let metrics: String = METRICS.iter().map(metric).collect();
    format!(
        "version: 1\nproduct: bench\nsources:\n  \
         bench: {{ topic: {topic}, clock: event, lateness: {{ day: 3d }} }}\n  \
         accounts: {{ topic: {TOPIC}, attributes_of: account }}\n\
         entities:\n  user: {{ key: user_id }}\n  account: {{ key: account_id }}\n  \
         account_user: {{ key: [account_id, user_id], shard_by: account_id }}\n{DIMENSIONS}metrics:\n{metrics}"
    )
}
