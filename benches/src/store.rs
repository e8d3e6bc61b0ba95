//! What the Redis server tells of itself.

use services::Redis;
use std::collections::BTreeMap;

/// A connection that only asks.
pub(crate) struct Asker(redis::Connection);

/// What the server has done since it was started.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Calls {
    /// Commands that clients have sent.
    pub(crate) commands: u64,
    /// Commands that functions have run within the server.
    pub(crate) inner: u64,
}

/// What nsm's functions call. It sends one of them itself, HMGET, when it opens a shard.
const WITHIN_FUNCTIONS: [&str; 6] = ["hset", "hget", "hmget", "hgetall", "hdel", "unlink"];
/// What an [`Asker`] sends.
const OURS: [&str; 1] = ["info"];

impl Asker {
    pub(crate) fn new(server: &Redis) -> Asker {
        let client = redis::Client::open(server.url()).expect("the address of a server is one");
        Asker(client.get_connection().unwrap_or_else(|e| panic!("{}: {e}", server.url())))
    }

    /// Bytes that the server has allocated for data and clients.
    pub(crate) fn used_memory(&mut self) -> u64 {
        let info = self.info("memory");
        let used = info.get("used_memory").and_then(|text| text.parse().ok());
        used.unwrap_or_else(|| panic!("no used_memory in {info:?}"))
    }

    pub(crate) fn calls(&mut self) -> Calls {
        let mut calls = Calls::default();
        for (name, stats) in self.info("commandstats") {
            let Some(command) = name.strip_prefix("cmdstat_") else { continue };
            let count = stats.split(',').find_map(|part| part.strip_prefix("calls=")).and_then(|n| n.parse().ok());
            let count: u64 = count.unwrap_or_else(|| panic!("no count of calls in {name}:{stats}"));
            if WITHIN_FUNCTIONS.contains(&command) {
                calls.inner += count;
            } else if !OURS.contains(&command) {
                calls.commands += count;
            }
        }
        calls
    }

    fn info(&mut self, section: &str) -> BTreeMap<String, String> {
        let text: String = redis::cmd("INFO").arg(section).query(&mut self.0).unwrap_or_else(|e| panic!("INFO: {e}"));
        let pairs = text.lines().filter_map(|line| line.split_once(':'));
        pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
    }
}
