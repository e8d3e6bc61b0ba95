//! HTTP to servers on this machine.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;

/// A page of metrics may have tens of thousands of series.
const LARGEST_PAGE: u64 = 64 << 20;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The pages that are served on a port of 127.0.0.1, whichever process serves them.
#[derive(Clone, Debug)]
pub struct Pages {
    port: u16,
    agent: Agent,
}

impl Pages {
    /// The pages of this port.
    pub fn at(port: u16) -> Pages {
        Pages { port, agent: agent() }
    }

    /// The address, as a target of Prometheus.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Status and text of a page; `None` when nobody serves it.
    pub fn get(&self, name: &str) -> Option<(u16, String)> {
        let mut response = self.agent.get(format!("http://{}/{name}", self.address())).call().ok()?;
        let text = response.body_mut().with_config().limit(LARGEST_PAGE).read_to_string().ok()?;
        Some((response.status().as_u16(), text))
    }
}

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
