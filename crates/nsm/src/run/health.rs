//! Who is at work, since when, and what is missing.

use crate::cli::Role;
use crate::clock;
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A role whose last turn is older than this is not at work: a turn may wait for a broker or a store that is gone.
const BOUND: Duration = Duration::from_secs(20);

/// A role that has shown no sign of life for longer than this will show none any more.
const DEAD: Duration = Duration::from_secs(60);

/// The health of the roles that this process runs.
#[derive(Debug)]
pub(crate) struct Health {
    beats: Vec<Beat>,
}

/// The health of one role.
#[derive(Debug)]
pub(crate) struct Beat {
    pub(crate) role: Role,
    state: Mutex<State>,
    last_turn: IntGauge,
    /// How often a worker was given up.
    pub(crate) restarts: IntCounter,
}

#[derive(Debug)]
struct State {
    /// The last sign of life.
    at: Instant,
    /// Whether there is a worker, which holds what has to be drained.
    works: bool,
    /// What keeps it from its work.
    missing: Option<String>,
}

impl Health {
    /// # Errors
    /// If the registry has metrics of these names already.
    pub(crate) fn new(roles: &[Role], registry: &Registry) -> Result<Health, prometheus::Error> {
        let by_role = |name: &str, help: &str| Opts::new(name, help);
        let last_turn = IntGaugeVec::new(
            by_role("northstar_last_turn_timestamp_seconds", "When the role's worker last ended a turn."),
            &["role"],
        )?;
        let restarts = IntCounterVec::new(
            by_role("northstar_worker_restarts_total", "Workers that were given up and built anew, or not built."),
            &["role"],
        )?;
        let build =
            IntGaugeVec::new(Opts::new("northstar_build_info", "The running version: always 1."), &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(last_turn.clone()))?;
        registry.register(Box::new(restarts.clone()))?;
        registry.register(Box::new(build))?;
        let beat = |role: &Role| Beat {
            role: *role,
            state: Mutex::new(State { at: clock::steady(), works: false, missing: Some("starting".to_owned()) }),
            last_turn: last_turn.with_label_values(&[role.name()]),
            restarts: restarts.with_label_values(&[role.name()]),
        };
        Ok(Health { beats: roles.iter().map(beat).collect() })
    }

    /// The health of a role that this process runs.
    pub(crate) fn beat(&self, role: Role) -> &Beat {
        self.beats.iter().find(|beat| beat.role == role).expect("only roles that are run are asked for")
    }

    /// The roles that hold a worker.
    pub(crate) fn working(&self) -> impl Iterator<Item = Role> {
        self.beats.iter().filter(|beat| beat.state().works).map(|beat| beat.role)
    }

    /// Who has shown no sign of life for too long at `now`; `None` if all are alive.
    pub(crate) fn dead(&self, now: Instant) -> Option<String> {
        let dead = self.beats.iter().filter_map(|beat| Some(format!("{}: {}", beat.role, beat.silence(now, DEAD)?)));
        let dead: Vec<String> = dead.collect();
        (!dead.is_empty()).then(|| dead.join("\n"))
    }

    /// What is missing at `now`; `None` if every role is at work.
    pub(crate) fn unready(&self, now: Instant) -> Option<String> {
        let missing = self.beats.iter().filter_map(|beat| {
            // An exporter serves without the store, too: its gauges are absent then, and its own metrics say why.
            let missing = beat.state().missing.clone().filter(|_| beat.role != Role::Exporter);
            let why = missing.or_else(|| beat.silence(now, BOUND))?;
            Some(format!("{}: {why}", beat.role))
        });
        let missing: Vec<String> = missing.collect();
        (!missing.is_empty()).then(|| missing.join("\n"))
    }
}

impl Beat {
    /// A worker is to be built.
    pub(crate) fn builds(&self) {
        let mut state = self.state();
        (state.at, state.works) = (clock::steady(), false);
    }

    /// There is a worker.
    pub(crate) fn works(&self) {
        let mut state = self.state();
        (state.at, state.works) = (clock::steady(), true);
    }

    /// A turn ended well.
    pub(crate) fn turned(&self) {
        let mut state = self.state();
        (state.at, state.missing) = (clock::steady(), None);
        self.last_turn.set(clock::wall().0 / 1_000);
    }

    /// The role is alive, but something keeps it from its work.
    pub(crate) fn lacks(&self, what: &str) {
        let mut state = self.state();
        (state.at, state.missing) = (clock::steady(), Some(what.to_owned()));
    }

    fn silence(&self, now: Instant, bound: Duration) -> Option<String> {
        let silent = now.saturating_duration_since(self.state().at);
        (silent > bound).then(|| format!("no turn has ended for {} s", silent.as_secs()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health() -> Health {
        Health::new(&Role::ALL, &Registry::new()).unwrap()
    }

    #[test]
    fn unready_names_what_is_missing() {
        let health = health();
        let now = clock::steady();
        assert_eq!(health.unready(now).as_deref(), Some("ingest: starting\nwindow: starting"));
        health.beat(Role::Window).lacks("the state store does not answer");
        assert_eq!(health.unready(now).as_deref(), Some("ingest: starting\nwindow: the state store does not answer"));
        health.beat(Role::Window).turned();
        health.beat(Role::Ingest).lacks("the broker does not answer");
        assert_eq!(health.unready(now).as_deref(), Some("ingest: the broker does not answer"));
        health.beat(Role::Ingest).turned();
        assert_eq!(health.unready(now), None);
    }

    #[test]
    fn exporter_without_its_store_is_ready() {
        let health = Health::new(&[Role::Exporter], &Registry::new()).unwrap();
        health.beat(Role::Exporter).lacks("the state store does not answer");
        assert_eq!(health.unready(clock::steady()), None);
    }

    #[test]
    fn silent_worker_is_not_ready() {
        let health = health();
        Role::ALL.iter().for_each(|role| health.beat(*role).turned());
        let later = clock::steady() + BOUND + Duration::from_secs(2);
        let why = health.unready(later).unwrap();
        assert!(why.starts_with("ingest: no turn has ended for 2"), "{why}");
        assert_eq!(health.dead(later), None);
        let why = health.dead(later + DEAD).unwrap();
        assert!(why.contains("exporter: no turn has ended for "), "{why}");
    }

    #[test]
    fn only_a_worker_has_to_be_drained() {
        let health = health();
        assert_eq!(health.working().count(), 0);
        health.beat(Role::Ingest).works();
        assert_eq!(health.working().collect::<Vec<_>>(), [Role::Ingest]);
        health.beat(Role::Ingest).builds();
        assert_eq!(health.working().count(), 0);
    }
}
