//! HTTP to servers on this machine.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) fn agent() -> Agent {
    Agent::config_builder()
        .timeout_global(Some(REQUEST_TIMEOUT))
        // A refused request says why in its body.
        .http_status_as_error(false)
        // The server is on this machine, whatever the environment says of proxies.
        .proxy(None)
        .build()
        .into()
}

/// Whether the page is there.
pub(crate) fn is_ok(agent: &Agent, url: &str) -> bool {
    agent.get(url).call().is_ok_and(|response| response.status() == 200)
}

/// The JSON of a page; `what` is asked, for messages.
#[track_caller]
pub(crate) fn get_json(agent: &Agent, url: &str, query: &[(&str, &str)], what: &str) -> Value {
    let answer = agent
        .get(url)
        .query_pairs(query.iter().copied())
        .call()
        .and_then(|mut response| response.body_mut().read_to_string())
        .unwrap_or_else(|e| panic!("no answer to {what}: {e}"));
    serde_json::from_str(&answer).unwrap_or_else(|e| panic!("the answer to {what} is no JSON ({e}): {answer}"))
}
