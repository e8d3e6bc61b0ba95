//! Lists of entities over HTTP.

use super::Keeping;
use crate::config::Config;
use ::exporter::lists::{Asked, Unanswered, list};
use ::exporter::{Access, Lists};
use catalog::Plan;
use secrecy::ExposeSecret;
use state::Store;
use std::sync::{Arc, Mutex, PoisonError};

/// Lists by a connection of their own: nothing else waits for it.
pub(crate) fn lists(config: &Config, plan: Arc<Plan>, keeping: Keeping) -> Lists {
    let access = match (config.http.token.expose_secret(), config.http.listen.ip().is_loopback()) {
        ("", true) => Access::Local,
        ("", false) => Access::Nobody,
        (_, _) => Access::Token(config.http.token.clone()),
    };
    let shards = config.shards();
    let connected: Mutex<Option<Box<dyn Store + Send>>> = Mutex::new(None);
    let read = move |asked: &Asked| {
        let mut connected = connected.lock().unwrap_or_else(PoisonError::into_inner);
        let mut store = match connected.take() {
            Some(store) => store,
            None => keeping.open()?,
        };
        let answer = list(store.as_mut(), &plan, shards, asked);
        // After a call without an answer a new connection is as good.
        if !matches!(answer, Err(Unanswered::Withheld(_))) {
            *connected = Some(store);
        }
        answer
    };
    Lists::new(Arc::new(read), access)
}
