//! `nsm demo`: a broker, the pipeline and a simulated product in one process, with nothing outside of it.
//!
//! The pipeline is that of `nsm run`: the same workers, wired by the same code. Other are only the broker, which is librdkafka's
//! mock cluster, and the state store, which is in memory.

mod judge;
mod page;
mod screen;
mod view;

use crate::cli::{Demo, Role};
use crate::clock;
use crate::config::{self, Config};
use crate::failure::Failure;
use crate::load::{Meter, Stream, TICK, Topic};
use crate::logging::Kept;
use crate::run::{Keeping, OwnTopics, Running};
use crate::stop::Stop;
use activity::Millis;
use catalog::{Plan, Source};
use exporter::Pages;
use judge::{Verdict, judge};
use kafka::rdkafka::{Embedded, RdProducer};
use page::Page;
use product::{Company, DAY, Launch, Product, Settings};
use screen::Screen;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use view::{Phase, View};

/// The catalogue.
const CATALOGUE: &str = include_str!("../../../../deploy/examples/demo.yaml");
/// How many partitions each source topic has.
const PARTITIONS: u16 = 8;
/// How many accounts the product has at the start.
const ACCOUNTS: u32 = 2_000;
/// How long the history is, and how many records it has: a sixth of what the embedded broker keeps.
const HISTORY_DAYS: i64 = 28;
const HISTORY: u64 = Embedded::KEPT_RECORDS * PARTITIONS as u64 / 6;
/// How long the gauges may take to stand for the history, and for everything once nothing is sent any more.
const PATIENCE: Duration = Duration::from_secs(30);
const SECOND: Duration = Duration::from_secs(1);

/// Runs the demo until its time is over or somebody ends it, and says whether the gauges were exact.
pub(crate) fn demo(asked: &Demo, kept: Option<Kept>) -> Result<(), Failure> {
    let leave = Stop::default();
    leave.at_signals().map_err(Failure::new)?;
    let plan = catalog::parse(CATALOGUE).expect("the demo's catalogue is right");
    let broker = Embedded::start().map_err(Failure::new)?;
    let config = configuration(broker.brokers());
    let own = [(&config.topics.activity, config.shards()), (&config.topics.dead_letter, 1)];
    for (topic, partitions) in plan.sources.iter().map(|source| (&source.topic, PARTITIONS)).chain(own) {
        broker.create_topic(topic, partitions).map_err(Failure::new)?;
    }
    let stop = Stop::default();
    let keeping = Keeping::Memory(std::sync::Arc::default());
    let own = OwnTopics::made(&config, &plan);
    let running = Running::start(&config, plan.clone(), Role::ALL.to_vec(), own, keeping, stop.clone())?;
    let show = Show::new(asked, &config, &plan, &running)?;
    let (ended, pipeline) = std::thread::scope(|scope| {
        let pipeline = scope.spawn(|| running.wait());
        let ended = show.run(asked, kept, &leave, &stop);
        stop.request();
        (ended, pipeline.join())
    });
    let pipeline = pipeline.unwrap_or_else(|_| Err(Failure::new("a bug: the pipeline's thread panicked")));
    let verdict = pipeline.and(ended)?;
    println!("{}", verdict.table());
    match verdict.is_exact() {
        true => Ok(()),
        false => Err(Failure::new("the gauges are not what was simulated")),
    }
}

/// The defaults, but for the broker, a free port, gauges that are read more often, and as many shards as one process needs.
fn configuration(brokers: String) -> Config {
    let mut config = config::builtin();
    config.kafka.brokers = brokers;
    config.ingest.shards = 4;
    // The history is sent in order, and fits: no partition has to wait for another.
    config.ingest.run_ahead_days = 400;
    config.exporter.refresh = Duration::from_millis(250);
    config.http.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    config
}

/// One launch a week ago, which reaches everybody a week from now.
fn launches(now: Millis) -> Vec<Launch> {
    vec![Launch { event: "assistant_asked", from: Millis(now.0 - 7 * DAY), rollout_ms: 14 * DAY }]
}

/// The stream, and what is seen of it.
struct Show {
    stream: Stream,
    pages: Pages,
    view: View,
    /// When the phase began.
    begun: Instant,
    /// When the last second was over, and how much was sent by then.
    second: (Instant, u64),
}

impl Show {
    fn new(asked: &Demo, config: &Config, plan: &Plan, running: &Running) -> Result<Show, Failure> {
        let now = clock::wall();
        let start = Millis(now.0 - HISTORY_DAYS * DAY);
        let (company, launches) = (&Company::DOCUMENTS, launches(now));
        let settings = Settings { seed: asked.seed, company, accounts: ACCOUNTS, start, launches };
        let topic = |source: &Source| Topic { name: source.topic.clone(), partitions: PARTITIONS };
        let (usage, accounts) = (topic(&plan.sources[0]), topic(&plan.sources[1]));
        let producer = RdProducer::new(&config.kafka_config()).map_err(Failure::new)?;
        let mut stream = Stream::new(Product::new(settings), start, producer, usage, Some(accounts));
        stream.go_on(now, HISTORY);
        let world = format!(
            "A simulated product with {} accounts: {HISTORY_DAYS} days of history, thinned to {} events and sent at once, \
             then {} events a second, in real time.",
            view::grouped(u64::from(ACCOUNTS)),
            view::grouped(HISTORY),
            view::grouped(asked.rate),
        );
        let view = View::new(plan, format!("http://{}/metrics", running.address()), world);
        let begun = clock::steady();
        Ok(Show { stream, pages: running.pages(), view, begun, second: (begun, 0) })
    }

    /// Until the time is over, somebody leaves, or the pipeline stops by itself.
    fn run(mut self, asked: &Demo, kept: Option<Kept>, leave: &Stop, stop: &Stop) -> Result<Verdict, Failure> {
        let mut screen = Screen::open(kept, &self.view).map_err(Failure::new)?;
        while self.has_history_to_go() && self.goes_on(&mut screen, leave, stop)? {
            match self.stream.send(1_000)? {
                0 => drop(leave.wait(TICK)),
                sent => self.view.sent += sent,
            }
        }
        (self.view.phase, self.begun) = (Phase::Live, clock::steady());
        let mut meter = Meter::new(Some(asked.rate), None, asked.duration);
        while self.goes_on(&mut screen, leave, stop)? {
            let Some(allowed) = meter.allowed(self.view.live_for) else { break };
            if allowed == 0 {
                leave.wait(TICK);
                continue;
            }
            self.stream.go_on(clock::wall(), allowed);
            let sent = self.stream.send(allowed)?;
            meter.sent(sent);
            self.view.sent += sent;
        }
        self.settle(&mut screen, stop)
    }

    /// Whether some of the history is not sent, or not counted and it may still be.
    fn has_history_to_go(&self) -> bool {
        self.view.sent < HISTORY || (self.view.behind > 0 && self.age() < PATIENCE)
    }

    /// Since when it has been in this phase.
    fn age(&self) -> Duration {
        clock::steady().saturating_duration_since(self.begun)
    }

    /// Lets the gauges come to stand for everything that was sent.
    fn settle(mut self, screen: &mut Screen, stop: &Stop) -> Result<Verdict, Failure> {
        self.stream.flush()?;
        (self.view.phase, self.begun) = (Phase::Settling, clock::steady());
        loop {
            let page = self.look(screen)?;
            let is_late = self.age() > PATIENCE;
            let verdict = judge(&self.view, &page, self.stream.truth());
            let is_left = screen.is_left().map_err(Failure::new)?;
            if stop.is_requested() || is_late || is_left || (self.view.behind == 0 && verdict.is_exact()) {
                return Ok(verdict);
            }
            stop.wait(TICK);
        }
    }

    fn goes_on(&mut self, screen: &mut Screen, leave: &Stop, stop: &Stop) -> Result<bool, Failure> {
        self.look(screen)?;
        Ok(!leave.is_requested() && !stop.is_requested() && !screen.is_left().map_err(Failure::new)?)
    }

    /// Reads the page, and shows it.
    fn look(&mut self, screen: &mut Screen) -> Result<Page, Failure> {
        let page = Page::parse(&self.pages.text().map_err(Failure::new)?);
        let now = clock::steady();
        self.view.take(&page);
        if self.view.phase == Phase::Live {
            self.view.live_for = self.age();
        }
        let is_second = now.saturating_duration_since(self.second.0) >= SECOND;
        if is_second {
            self.view.a_second_later(self.view.sent - self.second.1);
            self.second = (now, self.view.sent);
        }
        screen.show(&self.view, is_second).map_err(Failure::new)?;
        Ok(page)
    }
}
