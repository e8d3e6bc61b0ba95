//! A client of schema registries that have Confluent's interface: looks schemas up by id, and remembers them.
//!
//! A schema that was found is remembered for good: registries never change what an id stands for. That there is none is
//! remembered for a while only, since it may be registered a moment later. Everything else, be it silence, a refused password or
//! a page of something that is no registry, says nothing about the schema: it is asked for again, with longer and longer pauses.
//!
//! Asking is done by a thread of its own ([`Registry`]), so that nobody who wants a schema has to stand still until a registry
//! that is down comes back. What to ask when is decided without clock or network in `shelf`.

mod client;
mod shelf;

pub use client::{Config, ConfigError, Credentials};
pub use event::{SchemaId, SchemaText};
pub use shelf::{Found, Times};

use client::Client;
use shelf::Shelf;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// A registry, and what is known of its schemas. Dropping it ends its thread, after the request that is under way.
pub struct Registry {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

/// Where those who want schemas meet the thread that asks for them.
struct Desk {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    shelf: Shelf,
    is_closed: bool,
}

impl Registry {
    /// Starts to serve; the registry is not asked before somebody wants a schema.
    ///
    /// # Errors
    /// If an address or a credential cannot be used, or there is no thread to be had.
    pub fn start(config: &Config, times: Times) -> Result<Registry, ConfigError> {
        let client = Client::new(config)?;
        let state = State { shelf: Shelf::new(times), is_closed: false };
        let desk = Arc::new(Desk { state: Mutex::new(state), changed: Condvar::new() });
        let served = desk.clone();
        let thread = std::thread::Builder::new().name("registry".to_owned());
        let thread = thread.spawn(move || served.serve(&client)).map_err(ConfigError::Thread)?;
        Ok(Registry { desk, thread: Some(thread) })
    }

    /// What is known of a schema. If that is nothing yet, it is asked for, and its answer waited for at most so long.
    #[must_use]
    pub fn find(&self, id: SchemaId, patience: Duration) -> Found {
        let mut state = self.desk.lock();
        let deadline = now() + patience;
        loop {
            let found = state.shelf.find(id, now());
            if found != Found::Pending {
                return found;
            }
            self.desk.changed.notify_all();
            let left = deadline.saturating_duration_since(now());
            if left.is_zero() {
                return found;
            }
            state = self.desk.wait(state, left);
        }
    }
}

impl Desk {
    /// Asks for what is wanted, until nobody is there any more.
    fn serve(&self, client: &Client) {
        let mut state = self.lock();
        while !state.is_closed {
            let due = state.shelf.due(now());
            state = match due {
                shelf::Due::Ask(id) => {
                    drop(state);
                    let answer = client.schema(id);
                    let mut state = self.lock();
                    tell(&mut state.shelf, id, answer);
                    self.changed.notify_all();
                    state
                }
                shelf::Due::At(then) => self.wait(state, then.saturating_duration_since(now())),
                shelf::Due::Nothing => self.wait(state, Duration::from_secs(3_600)),
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, time: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Puts an answer on the shelf, and says what an operator has to know of it.
fn tell(shelf: &mut Shelf, id: SchemaId, answer: Result<Option<SchemaText>, client::NoAnswer>) {
    match answer {
        Ok(found) => {
            if shelf.answered(id, found, now()) {
                info!("the schema registry answers again");
            }
        }
        Err(why) => {
            let pause = shelf.failed(now(), rand::random());
            warn!(schema = id.0, ?pause, "{why}; its records wait, and it is asked again");
        }
    }
}

/// The one place where this crate asks for the time.
#[expect(clippy::disallowed_methods, reason = "how long to remember and to pause is a matter of the wall")]
fn now() -> Instant {
    Instant::now()
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.desk.lock().is_closed = true;
        self.desk.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It has panicked if at all; there is nothing left to do about it.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}
