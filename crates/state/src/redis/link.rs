//! The connection: made when it is needed, thrown away after any error.
//!
//! Invariant: a connection that is kept has answered every request sent on it, and its server was found fit when it was
//! made. So no late answer is taken for another request's, and a server that was replaced is looked at again.

use super::config::RedisConfig;
use super::fault::{Whereabouts, is_denied};
use super::library;
use crate::port::StoreError;
use ::redis::{
    Client, Cmd, Connection, ConnectionAddr, FromRedisValue, InfoDict, IntoConnectionInfo, RedisResult, cmd,
};
use std::collections::HashMap;
use std::time::Duration;

pub(super) struct Link {
    client: Client,
    whereabouts: Whereabouts,
    connect_timeout: Duration,
    timeout: Duration,
    connection: Option<Connection>,
}

impl Link {
    /// A link to the configured server, which is not looked for yet.
    pub(super) fn new(config: &RedisConfig) -> Result<Link, StoreError> {
        let nowhere = Whereabouts { address: "the configured address".to_owned(), password: None };
        // The library's own text is left out: it may repeat parts of the address.
        let bad_url = |_| {
            let form = "redis://[[user]:password@]host[:port][/db]";
            nowhere.unfit(format!("its URL is not of the form {form} (or rediss://, where TLS is built in)"))
        };
        let info = config.url.as_str().into_connection_info().map_err(bad_url)?;
        install_tls(info.addr());
        // Nagle's algorithm would hold back the end of each large request until the server acknowledges its start.
        let tcp = info.tcp_settings().clone().set_nodelay(true);
        let client = Client::open(info.set_tcp_settings(tcp)).map_err(bad_url)?;
        let info = client.get_connection_info();
        let whereabouts = Whereabouts {
            address: format!("{}/{}", info.addr(), info.redis_settings().db()),
            password: info.redis_settings().password().map(str::to_owned),
        };
        let RedisConfig { connect_timeout, timeout, .. } = *config;
        Ok(Link { client, whereabouts, connect_timeout, timeout, connection: None })
    }

    /// Where the server is, without user and password.
    pub(super) fn address(&self) -> &str {
        &self.whereabouts.address
    }

    /// Sends one command about `place`. A function that the server does not know is loaded, and called again.
    pub(super) fn call<T: FromRedisValue>(&mut self, place: &str, call: &Cmd) -> Result<T, StoreError> {
        self.run(place, |connection| match call.query(connection) {
            Err(error) if library::is_missing(&error) => {
                library::load(connection)?;
                call.query(connection)
            }
            answer => answer,
        })
    }

    /// Does something with the connection, which is kept only if that works.
    pub(super) fn run<T>(
        &mut self,
        place: &str,
        what: impl FnOnce(&mut Connection) -> RedisResult<T>,
    ) -> Result<T, StoreError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let answer = what(&mut connection).map_err(|error| self.whereabouts.explain(&error, place))?;
        self.connection = Some(connection);
        Ok(answer)
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        let explain = |error| self.whereabouts.explain(&error, "the greeting");
        let mut connection = self.open().map_err(explain)?;
        let remedy = what_is_unfit(&mut connection).map_err(explain)?;
        match remedy {
            Some(remedy) => Err(self.whereabouts.unfit(remedy)),
            None => Ok(connection),
        }
    }

    fn open(&self) -> RedisResult<Connection> {
        let mut connection = self.client.get_connection_with_timeout(self.connect_timeout)?;
        connection.set_read_timeout(Some(self.timeout))?;
        connection.set_write_timeout(Some(self.timeout))?;
        cmd("PING").exec(&mut connection)?;
        Ok(connection)
    }
}

/// What has to be changed at the server before nsm may use it.
fn what_is_unfit(connection: &mut Connection) -> RedisResult<Option<String>> {
    let info = match cmd("INFO").query::<InfoDict>(connection) {
        Err(error) if is_denied(&error) => None,
        answer => Some(answer?),
    };
    let told = |field: &str| info.as_ref().and_then(|info| info.get::<String>(field));
    if let Some(version) = told("redis_version").filter(|version| is_too_old(version)) {
        return Ok(Some(format!("it is of version {version}, which has no functions; use Redis 7.0 or later")));
    }
    let policy = match told("maxmemory_policy") {
        Some(policy) => Some(policy),
        None => configured_policy(connection)?,
    };
    Ok(match policy.as_deref() {
        Some("noeviction") => None,
        Some(policy) => Some(format!(
            "its `maxmemory-policy` is `{policy}`, by which it drops keys when memory runs out; set `maxmemory-policy \
             noeviction`"
        )),
        None => Some("its `maxmemory-policy` cannot be read; allow the user `+info` or `+config|get`".to_owned()),
    })
}

fn configured_policy(connection: &mut Connection) -> RedisResult<Option<String>> {
    let setting = "maxmemory-policy";
    match cmd("CONFIG").arg("GET").arg(setting).query::<HashMap<String, String>>(connection) {
        Err(error) if is_denied(&error) => Ok(None),
        answer => Ok(answer?.remove(setting)),
    }
}

fn is_too_old(version: &str) -> bool {
    version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major < 7)
}

/// Chooses the cryptography for TLS, unless the program has done so.
#[cfg(feature = "tls")]
fn install_tls(address: &ConnectionAddr) {
    if matches!(address, ConnectionAddr::TcpTls { .. }) {
        // An error says that there is a choice already.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

#[cfg(not(feature = "tls"))]
fn install_tls(_: &ConnectionAddr) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_need_version_7() {
        assert!(is_too_old("6.2.14"));
        assert!(!is_too_old("7.0.0"));
        assert!(!is_too_old("10.1"));
        assert!(!is_too_old("unknown"));
    }

    #[test]
    fn bad_url_is_refused_without_showing_it() {
        for url in ["redis://:hunter2@", "hunter2", "redis://u:hunter2@host:port/0", "redis://u:hunter2@host/hunter2"] {
            let error = Link::new(&RedisConfig::new(url)).map(|_| ()).unwrap_err();
            assert!(matches!(error, StoreError::Unfit { .. }), "{error:?}");
            assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
        }
    }
}
