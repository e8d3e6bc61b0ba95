//! The workers of the pipeline, the same code that runs on Kafka and Redis, over a log and a store in memory.

use crate::log::{Log, Logged, Member, Side};
use crate::page::Example;
use activity::Millis;
use catalog::Plan;
use exporter::Board;
use ingest::{Ingest, NoAdmissions, NoSchemas};
use jiff::Timestamp;
use prometheus::Registry;
use serde_json::Value;
use state::MemoryStore;
use std::fmt::Display;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// More than one, so that what they hold has to be added up.
const SHARDS: u16 = 2;
/// To own the partitions, to take all records, to find the others idle, and to write that; and one to spare.
const TURNS: usize = 5;

/// The page of gauges as of the last record of an example, at that time.
///
/// # Errors
/// If the catalogue has mistakes, a record has no time or is rejected, or no gauges are shown.
pub fn gauges(example: &Example) -> Result<String, String> {
    let plan = catalog::parse(&example.catalogue).map_err(|mistakes| mistakes.render("example", &example.catalogue))?;
    let plan = Arc::new(plan);
    let (sources, now) = logged(&plan, &example.records)?;
    let log = Log::new(sources, SHARDS);
    ingested(&plan, Member::join(&log, Side::Sources), now)?;
    if let Some(rejected) = log.borrow().rejected().first() {
        return Err(format!("an event is rejected: {rejected}"));
    }
    let mut store = Arc::new(Mutex::new(MemoryStore::default()));
    let (settings, metrics) =
        (window::Settings { gather_ms: 0, ..window::Settings::default() }, own(window::Metrics::register)?);
    let member = Member::join(&log, Side::Activity);
    let mut worker = window::Worker::new(member, store.clone(), plan.clone(), settings, metrics);
    for _ in 0..TURNS {
        worker.turn(now, Duration::ZERO).map_err(said)?;
    }
    let settings = exporter::Settings { shards: SHARDS, stale_ms: 1 };
    let shown = Board::new(plan, settings, own(exporter::Metrics::register)?).refresh(&mut store, now);
    let text = shown.and_then(|shown| shown.at(now)).ok_or("no gauges are shown: has every source a clock?")?;
    Ok(text.to_string())
}

fn ingested(plan: &Arc<Plan>, member: Member, now: Millis) -> Result<(), String> {
    let settings = ingest::Settings {
        shards: SHARDS,
        // A heartbeat every turn, and no source that rests is waited for.
        heartbeat_ms: 0,
        idle_margin_ms: 0,
        run_ahead_days: u16::MAX,
        ..ingest::Settings::default()
    };
    let metrics = own(ingest::Metrics::register)?;
    let ingest = Ingest::new(plan.clone(), settings, metrics, Box::new(NoSchemas), Box::new(NoAdmissions));
    let mut worker = ingest::Worker::new(member, ingest);
    (0..TURNS).try_for_each(|_| worker.turn(&|| now, Duration::ZERO)).map_err(said)
}

/// The records of each source, each with the time at which it is logged; and the time of the last.
fn logged(plan: &Plan, records: &[(Option<String>, String)]) -> Result<(Vec<Vec<Logged>>, Millis), String> {
    let (mut sources, mut now) = (vec![Vec::new(); plan.sources.len()], None);
    for (source, record) in records {
        let at = match source {
            None => Some(0),
            Some(name) => plan.sources.iter().position(|source| source.name == *name),
        };
        let value: Value = serde_json::from_str(record).map_err(|error| format!("{record}: {error}"))?;
        let time: Timestamp =
            value["timestamp"].as_str().and_then(|time| time.parse().ok()).ok_or(format!("{record}: when?"))?;
        now = now.max(Some(Millis(time.as_millisecond())));
        let of_source = at.and_then(|at| sources.get_mut(at)).ok_or(format!("there is no source {source:?}"))?;
        of_source.push(Logged { at: now.expect("it was just set"), payload: record.clone().into_bytes() });
    }
    Ok((sources, now.ok_or("there are no events above")?))
}

fn own<M>(register: impl Fn(&Registry) -> Result<M, prometheus::Error>) -> Result<M, String> {
    register(&Registry::new()).map_err(said)
}

fn said(error: impl Display) -> String {
    error.to_string()
}
