//! The workers of the pipeline, the same code that runs on Kafka and Redis, over a log and a store in memory.

use crate::log::{Log, Logged, Member, Side};
use crate::page::Example;
use activity::Millis;
use catalog::Plan;
use exporter::Board;
use exporter::lists::{self, Asked};
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

/// What the pipeline holds at the time of the last record of an example.
#[derive(Debug)]
pub(crate) struct Run {
    plan: Arc<Plan>,
    store: Arc<Mutex<MemoryStore>>,
    now: Millis,
}

impl Run {
    /// Puts the records through the workers.
    ///
    /// # Errors
    /// If the catalogue has mistakes, or a record has no time or is rejected.
    pub(crate) fn of(example: &Example) -> Result<Run, String> {
        let plan =
            catalog::parse(&example.catalogue).map_err(|mistakes| mistakes.render("example", &example.catalogue))?;
        let plan = Arc::new(plan);
        let (sources, now) = logged(&plan, &example.records)?;
        let log = Log::new(sources, SHARDS);
        ingested(&plan, Member::join(&log, Side::Sources), now)?;
        if let Some(rejected) = log.borrow().rejected().first() {
            return Err(format!("an event is rejected: {rejected}"));
        }
        let store = Arc::new(Mutex::new(MemoryStore::default()));
        let (settings, metrics) =
            (window::Settings { gather_ms: 0, ..window::Settings::default() }, own(window::Metrics::register)?);
        let member = Member::join(&log, Side::Activity);
        let mut worker = window::Worker::new(member, store.clone(), plan.clone(), settings, metrics);
        for _ in 0..TURNS {
            worker.turn(now, Duration::ZERO).map_err(said)?;
        }
        Ok(Run { plan, store, now })
    }

    /// The page of gauges.
    ///
    /// # Errors
    /// If none are shown.
    pub(crate) fn gauges(&mut self) -> Result<String, String> {
        let settings = exporter::Settings { shards: SHARDS, stale_ms: 1 };
        let mut board = Board::new(self.plan.clone(), settings, own(exporter::Metrics::register)?);
        let shown = board.refresh(&mut self.store, self.now).and_then(|shown| shown.at(self.now));
        Ok(shown.ok_or("no gauges are shown: has every source a clock?")?.to_string())
    }

    /// The lines of a list: who, when last active, and when it falls out or fell out.
    ///
    /// # Errors
    /// If the list cannot be told.
    pub(crate) fn list(&mut self, arguments: &str) -> Result<Vec<String>, String> {
        let asked = asked(arguments)?;
        let answer = lists::list(&mut self.store, &self.plan, SHARDS, &asked).map_err(said)?;
        let line = |told: &lists::Told| {
            let id: Vec<&str> = answer.fields.iter().map(|field| told.id[field].as_str()).collect();
            let until = if told.member { "falls out" } else { "fell out" };
            format!("{}: last active {}, {until} {}", id.join(" "), told.last_active, told.until)
        };
        Ok(answer.rows.iter().map(line).collect())
    }
}

/// The arguments of `nsm accounts`: a metric, which list, and `--window`, `--since`, `--within` or `--segment` with a value.
fn asked(arguments: &str) -> Result<Asked, String> {
    let mut words = arguments.split_whitespace();
    let mut asked = Asked { metric: words.next().unwrap_or_default().to_owned(), ..Asked::default() };
    while let Some(word) = words.next() {
        let name = word.strip_prefix("--").ok_or_else(|| format!("`{word}` in `{arguments}`?"))?;
        if lists::LISTS.contains(&name) {
            asked.list = Some(name.to_owned());
            continue;
        }
        let value = words.next().map(str::to_owned);
        match name {
            "window" => asked.window = value,
            "since" => asked.since = value,
            "within" => asked.within = value,
            "segment" => asked.segments.extend(value),
            _ => return Err(format!("`{word}` in `{arguments}`?")),
        }
    }
    Ok(asked)
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
