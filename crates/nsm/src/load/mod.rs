//! `nsm load`: sends what a simulated product makes, to any Kafka, and writes down what is to be counted in it.

mod meter;
mod stream;
mod written;

pub(crate) use meter::Meter;
pub(crate) use stream::{Stream, Topic};

use crate::cli::Load;
use crate::clock;
use crate::config::Config;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::stop::Stop;
use activity::Millis;
use catalog::{Attributes, Format, Plan, Source};
use indicatif::MultiProgress;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use kafka::rdkafka::{RdProducer, TopicSpec, ensure_topics};
use product::{DAY, Launch, Product, Settings};
use serde_json::json;
use std::time::Duration;
use tracing::info;

/// How often to look whether more may be sent.
pub(crate) const TICK: Duration = Duration::from_millis(20);
/// Over how long a product of now launches what it launches, if its end is not known.
const A_WHILE: Duration = Duration::from_secs(3_600);

/// Sends until all that was asked for is sent, or a signal asks to stop; either way the truth is about what was sent.
pub(crate) fn load(config: &Config, plan: &Plan, asked: &Load, bars: &MultiProgress) -> Result<(), Failure> {
    let history = history(asked.from.zip(asked.days), clock::wall())?;
    let usage = usage_topic(plan, asked.usage_topic.as_deref()).map_err(Failure::new)?;
    let accounts = asked.accounts_topic.clone().or_else(|| accounts_topic(plan));
    let stop = Stop::default();
    stop.at_signals().map_err(Failure::new)?;
    if let Some(partitions) = asked.create_topics {
        // Records of a history are older than what a broker keeps by default.
        let make = |topic: &String| TopicSpec::new(topic, partitions).with("retention.ms", "-1");
        let topics: Vec<TopicSpec> = [&usage].into_iter().chain(&accounts).map(make).collect();
        ensure_topics(&config.kafka_config(), &topics).map_err(Failure::new)?;
    }
    let mut producer = RdProducer::new(&config.kafka_config()).map_err(Failure::new)?;
    let mut topic = |name: &String| {
        let partitions = producer.partitions(name).map_err(Failure::new)?;
        Ok(Topic { name: name.clone(), partitions })
    };
    let (to, accounts) = (topic(&usage)?, accounts.as_ref().map(topic).transpose()?);
    if accounts.is_none() {
        info!("records of accounts are sent nowhere: name a topic with --accounts-topic");
    }
    let start = history.map_or_else(clock::wall, |(from, _)| from);
    let mut stream = Stream::new(product(asked, start, history), start, producer, to, accounts);
    let mut progress = Progress::new(bars, "events", Meter::new(asked.rate, asked.events, asked.duration).total());
    let sent = send(&mut stream, asked, history, &stop, &mut progress);
    let delivered = stream.flush();
    progress.end(&usage, stream.failed(), stop.is_requested());
    sent.and(delivered)?;
    if let Some(folder) = &asked.truth {
        let Load { seed, accounts, events, rate, .. } = asked;
        let asked = json!({
            "company": asked.company.name, "seed": seed, "accounts": accounts, "events": events, "rate": rate, "from": asked.from.map(|from| from.to_string()),
            "days": asked.days, "seconds": asked.duration.map(|time| time.as_secs()), "was_interrupted": stop.is_requested(),
        });
        written::write(folder, stream.truth(), &asked)?;
        info!(folder = %folder.display(), "the truth is written");
    }
    Ok(())
}

/// What is sent natively has to go where it can be read.
fn usage_topic(plan: &Plan, told: Option<&str>) -> Result<String, String> {
    if let Some(topic) = told {
        return Ok(topic.to_owned());
    }
    let has_events = |source: &&Source| source.attributes.as_ref().is_none_or(|of| of.events.is_some());
    let native: Vec<_> = plan.sources.iter().filter(|source| is_native(source)).filter(has_events).collect();
    match native.as_slice() {
        [source] => Ok(source.topic.clone()),
        [] => Err("no source of the catalogue has events in the native form, which is sent: name a topic with \
                   --usage-topic"
            .to_owned()),
        several => {
            let names: Vec<&str> = several.iter().map(|source| source.topic.as_str()).collect();
            Err(format!("the catalogue has several sources; choose a topic with --usage-topic: {}", names.join(", ")))
        }
    }
}

/// Whether a source reads what is sent: JSON with the native fields.
fn is_native(source: &Source) -> bool {
    source.format == Format::Json && source.fields.are_native()
}

/// The topic of the source that reads records of accounts as they are sent, if there is one.
fn accounts_topic(plan: &Plan) -> Option<String> {
    let reads_accounts = |source: &&Source| {
        let is_account = |of: &Attributes| plan.entities[usize::from(of.entity.0)].key == ["account_id"];
        let is_sent = |of: &Attributes| of.events.is_none() && of.object == ["attributes"] && is_account(of);
        source.attributes.as_ref().is_some_and(is_sent) && is_native(source)
    };
    plan.sources.iter().find(reads_accounts).map(|source| source.topic.clone())
}

/// Where the history begins and ends, by its first day and how many there are; `None` for events of now.
fn history(asked: Option<(Date, u32)>, now: Millis) -> Result<Option<(Millis, Millis)>, Failure> {
    let Some((from, days)) = asked else { return Ok(None) };
    let start = from.to_zoned(TimeZone::UTC).map_err(Failure::new)?.timestamp().as_millisecond();
    let past = (now.0 - start).div_euclid(DAY);
    match past >= i64::from(days) {
        true => Ok(Some((Millis(start), Millis(start + i64::from(days) * DAY)))),
        // A broker refuses records of a time that has not come, and ingest rejects their events.
        false => Err(Failure::new(format!(
            "a history of {days} days from {from} is not over, and a broker takes no records of a time that has not come: \
             only {} days have passed since (UTC); write fewer `--days`, or an earlier `--from`",
            past.max(0)
        ))),
    }
}

fn product(asked: &Load, start: Millis, history: Option<(Millis, Millis)>) -> Product {
    let a_while = asked.duration.unwrap_or(A_WHILE).as_millis();
    let until = history.map_or(Millis(start.0 + i64::try_from(a_while).unwrap_or(0)), |(_, until)| until);
    let launches = Launch::within(asked.company, start, until);
    Product::new(Settings { seed: asked.seed, company: asked.company, accounts: asked.accounts, start, launches })
}

fn send(
    stream: &mut Stream,
    asked: &Load,
    history: Option<(Millis, Millis)>,
    stop: &Stop,
    progress: &mut Progress,
) -> Result<(), Failure> {
    if let Some((_, until)) = history {
        stream.go_on(until, asked.events.unwrap_or(0));
    }
    let mut meter = Meter::new(asked.rate, asked.events, asked.duration);
    let begun = clock::steady();
    while !stop.is_requested() {
        let Some(allowed) = meter.allowed(clock::steady().saturating_duration_since(begun)) else { break };
        if allowed == 0 {
            stop.wait(TICK);
        } else {
            if history.is_none() {
                stream.go_on(clock::wall(), allowed);
            }
            let sent = stream.send(allowed)?;
            meter.sent(sent);
            progress.sent(sent);
            progress.advance(sent);
        }
        progress.tick();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(sources: &str) -> Plan {
        let text = format!(
            "version: 1\nproduct: p\nsources: {sources}\nentities: {{ user: {{ key: user_id }} }}\nmetrics:\n  \
             active: {{ type: simple, measure: {{ agg: count_distinct, entity: user, events: any }}, windows: [1d] }}\n"
        );
        catalog::parse(&text).unwrap()
    }

    #[test]
    fn records_of_accounts_go_to_the_source_that_reads_them() {
        let of = |attributes: &str| {
            let sources = format!("{{ usage: {{ topic: a }}, crm: {{ topic: b, attributes_of: {attributes} }} }}");
            let entities = "{ user: { key: user_id }, account: { key: account_id } }";
            let text = format!(
                "version: 1\nproduct: p\nsources: {sources}\nentities: {entities}\ndimensions:\n  \
                 plan: {{ of: account, values: [team] }}\nmetrics:\n  active: {{ type: simple, measure: \
                 {{ agg: count_distinct, entity: account, events: any }}, windows: [1d], by: [plan] }}\n"
            );
            catalog::parse(&text).unwrap()
        };
        let plan = of("account");
        assert_eq!((usage_topic(&plan, None), accounts_topic(&plan)), (Ok("a".to_owned()), Some("b".to_owned())));
        assert_eq!(accounts_topic(&of("{ entity: account, events: [group], path: traits }")), None);
        assert_eq!(accounts_topic(&of("{ entity: account, path: traits }")), None);
    }

    #[test]
    fn a_history_is_over() {
        let from = jiff::civil::date(2026, 1, 1);
        let start = 1_767_225_600_000;
        assert_eq!(
            history(Some((from, 2)), Millis(start + 2 * DAY)).unwrap(),
            Some((Millis(start), Millis(start + 2 * DAY)))
        );
        for (days, now) in [(2, start + 2 * DAY - 1), (1, start - 5 * DAY)] {
            let error = history(Some((from, days)), Millis(now)).unwrap_err().to_string();
            assert!(error.contains("--days") && error.contains("2026-01-01"), "{error}");
        }
        assert_eq!(history(None, Millis(start)).unwrap(), None);
    }

    #[test]
    fn events_go_to_the_only_source_that_reads_them_natively() {
        let one = plan("{ usage: { topic: a }, web: { topic: b, fields: { user_id: user } } }");
        assert_eq!(usage_topic(&one, None), Ok("a".to_owned()));
        assert_eq!(usage_topic(&one, Some("c")), Ok("c".to_owned()));
        let two = plan("{ usage: { topic: a }, more: { topic: b, clock: event } }");
        assert!(usage_topic(&two, None).unwrap_err().contains("--usage-topic: a, b"));
        for field in ["event: name", "timestamp: ts", "timestamp: { path: timestamp, unit: ms }", "event_id: id"] {
            let none = plan(&format!("{{ usage: {{ topic: a, fields: {{ {field} }} }} }}"));
            assert!(usage_topic(&none, None).unwrap_err().contains("no source of the catalogue"), "{field}");
        }
    }
}
