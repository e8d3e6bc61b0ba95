//! `nsm run`: the roles at work, each on a thread of its own, and their orderly end.

mod admissions;
mod exporter;
mod health;
mod ingest;
mod lag;
mod lists;
pub(crate) mod schemas;
mod server;
mod stores;
mod supervise;
mod topics;
mod trouble;
mod window;

use crate::cli::Role;
use crate::clock;
use crate::config::Config;
use crate::failure::Failure;
use crate::stop::Stop;
use ::exporter::Pages;
use catalog::Plan;
use health::Health;
use prometheus::Registry;
use server::Server;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;
use supervise::{Work, supervise};
use tracing::{error, info};

pub(crate) use stores::Keeping;
pub(crate) use topics::OwnTopics;

/// How long workers may take to drain.
const PATIENCE: Duration = Duration::from_secs(9);
/// How often to look whether a stop was requested.
const TICK: Duration = Duration::from_millis(50);

/// What happens while the roles are at work.
enum Event {
    Ended(Role, Result<(), String>),
    ServerBroke(String),
}

/// Runs the roles (all if none is named) until a signal asks to stop, or one of them cannot go on.
pub(crate) fn run(config: &Config, plan: Plan, roles: &[Role]) -> Result<(), Failure> {
    let mut roles = if roles.is_empty() { Role::ALL.to_vec() } else { roles.to_vec() };
    roles.sort_unstable();
    roles.dedup();
    let stop = Stop::default();
    stop.at_signals().map_err(|error| Failure::new(format!("signals cannot be listened to: {error}")))?;
    let own = OwnTopics::new(config, &plan, roles.contains(&Role::Ingest));
    Running::start(config, plan, roles, own, Keeping::of(config), stop)?.wait()
}

/// Roles at work, and the server that shows how they are.
pub(crate) struct Running {
    roles: Vec<Role>,
    pages: Pages,
    health: Arc<Health>,
    stop: Stop,
    told: Receiver<Event>,
    server: Server,
    started: Result<(), Failure>,
}

impl Running {
    /// Puts the roles to work until `stop`, with topics and state as given.
    ///
    /// # Errors
    /// If nothing can be served.
    pub(crate) fn start(
        config: &Config,
        plan: Plan,
        roles: Vec<Role>,
        own: OwnTopics,
        keeping: Keeping,
        stop: Stop,
    ) -> Result<Running, Failure> {
        let registry = Registry::new();
        let health = Arc::new(Health::new(&roles, &registry).map_err(Failure::new)?);
        let shelf = exporter::Shelf::default();
        let (events, told) = mpsc::channel();
        let plan = Arc::new(plan);
        let lists = roles.contains(&Role::Exporter).then(|| lists::lists(config, plan.clone(), keeping.clone()));
        let pages = Pages { lists, ..pages(&registry, &health, &shelf, &stop) };
        let broken = events.clone();
        let served = move |why| drop(broken.send(Event::ServerBroke(why)));
        let server = Server::start(config.http.listen, pages.clone(), served)?;
        let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
        info!(roles = names.join(","), instance = config.instance, catalogue = %plan.version, "starting");
        let start = Start { config, plan, registry, health: health.clone(), shelf, stop: stop.clone(), events };
        let started = start.roles(&roles, Arc::new(own), keeping);
        if started.is_err() {
            stop.request();
        }
        Ok(Running { roles, pages, health, stop, told, server, started })
    }

    /// Where its pages are.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// What its pages show.
    pub(crate) fn pages(&self) -> Pages {
        self.pages.clone()
    }

    /// Waits until the stop was requested, or a role cannot go on, and all have ended.
    pub(crate) fn wait(self) -> Result<(), Failure> {
        let ended = wait(self.roles, &self.health, &self.stop, &self.told, PATIENCE);
        self.server.close();
        self.started.and(ended)
    }
}

fn pages(registry: &Registry, health: &Arc<Health>, shelf: &exporter::Shelf, stop: &Stop) -> Pages {
    let (health, shelf, stop) = (health.clone(), shelf.clone(), stop.clone());
    let alive = health.clone();
    Pages {
        registry: registry.clone(),
        gauges: Arc::new(move || shelf.at(clock::wall())),
        dead: Arc::new(move || alive.dead(clock::steady())),
        unready: Arc::new(move || {
            if stop.is_requested() { Some("stopping".to_owned()) } else { health.unready(clock::steady()) }
        }),
        lists: None,
    }
}

/// What roles are started with.
struct Start<'a> {
    config: &'a Config,
    plan: Arc<Plan>,
    registry: Registry,
    health: Arc<Health>,
    shelf: exporter::Shelf,
    stop: Stop,
    events: Sender<Event>,
}

impl Start<'_> {
    fn roles(self, roles: &[Role], own: Arc<OwnTopics>, keeping: Keeping) -> Result<(), Failure> {
        let stores = stores::Stores::new(keeping, &self.registry).map_err(Failure::new)?;
        for role in roles {
            let (config, plan, registry) = (self.config, self.plan.clone(), &self.registry);
            match role {
                Role::Ingest => {
                    let metrics = ::ingest::Metrics::register(registry).map_err(Failure::new)?;
                    let schemas = schemas::start(config, &plan)?;
                    let admissions = admissions::start(config, &plan)?;
                    self.spawn(
                        *role,
                        ingest::IngestRole::new(config, plan, own.clone(), metrics, schemas, admissions),
                    )?;
                }
                Role::Window => {
                    let metrics = ::window::Metrics::register(registry).map_err(Failure::new)?;
                    self.spawn(*role, window::WindowRole::new(config, plan, own.clone(), metrics, stores.clone()))?;
                }
                Role::Exporter => {
                    let metrics = ::exporter::Metrics::register(registry).map_err(Failure::new)?;
                    let (shown, stop) = (self.shelf.clone(), self.stop.clone());
                    lag::Lag::new(config, &plan, metrics.clone()).watch(stop.clone())?;
                    let role_of = exporter::ExporterRole::new(config, plan, metrics, stores.clone(), shown, stop);
                    self.spawn(*role, role_of)?;
                }
            }
        }
        Ok(())
    }

    fn spawn(&self, role: Role, work: impl Work + Send + 'static) -> Result<(), Failure> {
        spawn(role, work, self.health.clone(), self.stop.clone(), self.events.clone())
    }
}

/// Puts a role to work on a thread of its own. A panic ends it like any trouble that does not pass.
fn spawn(
    role: Role,
    mut work: impl Work + Send + 'static,
    health: Arc<Health>,
    stop: Stop,
    events: Sender<Event>,
) -> Result<(), Failure> {
    let body = move || {
        let supervised = catch_unwind(AssertUnwindSafe(|| supervise(&mut work, health.beat(role), &stop)));
        let ended = supervised.unwrap_or_else(|panic| Err(format!("a bug: {}", message(panic.as_ref()))));
        // Nobody is told any more once the process ends.
        let _ = events.send(Event::Ended(role, ended));
    };
    let thread = std::thread::Builder::new().name(role.name().to_owned());
    thread.spawn(body).map(drop).map_err(|error| Failure::new(format!("{role}: no thread: {error}")))
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// Waits until every role has ended. After the stop was requested, only for those that hold a worker, and not for long: the
/// end of the process ends the others, and what they had under way will be read again.
fn wait(
    mut roles: Vec<Role>,
    health: &Health,
    stop: &Stop,
    told: &Receiver<Event>,
    patience: Duration,
) -> Result<(), Failure> {
    let mut first: Option<String> = None;
    let mut deadline = None;
    while !roles.is_empty() {
        let trouble = match told.recv_timeout(TICK) {
            Ok(Event::Ended(role, ended)) => {
                roles.retain(|other| *other != role);
                ended.err().map(|why| format!("{role}: {why}"))
            }
            Ok(Event::ServerBroke(why)) => Some(why),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        if let Some(trouble) = trouble {
            error!("{trouble}");
            first.get_or_insert(trouble);
            stop.request();
        }
        if stop.is_requested() {
            let now = clock::steady();
            let late = now > *deadline.get_or_insert(now + patience);
            let working: Vec<Role> = health.working().filter(|role| roles.contains(role)).collect();
            if working.is_empty() {
                break;
            }
            if late {
                let names: Vec<&str> = working.iter().map(|role| role.name()).collect();
                let trouble = format!("{} not drained in time: ending all the same", names.join(" and "));
                error!("{trouble}");
                first.get_or_insert(trouble);
                break;
            }
        }
    }
    match first {
        Some(trouble) => Err(Failure::new(trouble)),
        None => {
            info!("stopped");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
