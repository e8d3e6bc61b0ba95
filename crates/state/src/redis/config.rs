//! How to reach the server.

use std::fmt;
use std::time::Duration;

/// How to reach a Redis server, version 7 or later. `Debug` does not show the address, since it may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisConfig {
    /// `redis://[[user]:password@]host[:port][/db]`; `rediss://` for TLS, where that is built in.
    pub url: String,
    /// How long it may take to connect and log in. Finding the address of a host name is not bounded by it.
    pub connect_timeout: Duration,
    /// How long the server may be silent after a request, or refuse to take it.
    pub timeout: Duration,
}

impl RedisConfig {
    /// The server at `url`, 2 s to connect and 5 s for an answer.
    #[must_use]
    pub fn new(url: impl Into<String>) -> RedisConfig {
        RedisConfig { url: url.into(), connect_timeout: Duration::from_secs(2), timeout: Duration::from_secs(5) }
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConfig")
            .field("url", &"(not shown)")
            .field("connect_timeout", &self.connect_timeout)
            .field("timeout", &self.timeout)
            .finish()
    }
}
