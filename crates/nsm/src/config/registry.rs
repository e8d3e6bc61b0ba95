//! How to reach the schema registry.

use super::section::{Section, Wrong};
use super::units::duration;
use super::{DAY, HOUR, MS, SECOND, any};
use ::registry::Credentials;
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

/// The section `registry`.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    /// `None` where there is none.
    pub(crate) url: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<SecretString>,
    pub(crate) token: Option<SecretString>,
    pub(crate) connect_timeout: Duration,
    pub(crate) timeout: Duration,
    /// The longest pause before it is asked again.
    pub(crate) retry: Duration,
    /// For how long it is believed that there is no such schema.
    pub(crate) unknown_for: Duration,
}

impl Registry {
    /// The configuration of the schema registry's client, if there is a registry.
    pub(crate) fn client(&self) -> Option<(::registry::Config, ::registry::Times)> {
        let Registry { url, username, password, token, connect_timeout, timeout, retry, unknown_for } = self.clone();
        let credentials = match (username, password, token) {
            (Some(username), Some(password), _) => Credentials::Basic { username, password },
            (_, _, Some(token)) => Credentials::Bearer(token),
            _ => Credentials::None,
        };
        let config = ::registry::Config { url: url?, credentials, connect_timeout, timeout };
        Some((config, ::registry::Times { retry, unknown_for }))
    }
}

pub(super) fn read(section: Section<'_>) -> Registry {
    let secret = |name| Some(section.secret(name, "", |_| Ok(()))).filter(|text| !text.expose_secret().is_empty());
    // An address may hold a password: that it must not is told without showing it.
    let url = section.secret("url", "", |text| match text.contains('@') {
        true => {
            let help = "write `registry.username` and `registry.password` apart from it";
            Err(Wrong::new("the address of a registry names no user", help))
        }
        false => Ok(()),
    });
    let registry = Registry {
        url: Some(url.expose_secret().to_owned()).filter(|url| !url.is_empty()),
        username: section.read("username", None, |text| any(text).map(Some)),
        password: secret("password"),
        token: secret("token"),
        connect_timeout: section.read("connect_timeout", 2 * SECOND, |text| duration(text, 10 * MS..=60 * SECOND)),
        timeout: section.read("timeout", 5 * SECOND, |text| duration(text, 10 * MS..=60 * SECOND)),
        retry: section.read("retry", 10 * SECOND, |text| duration(text, 10 * MS..=HOUR)),
        unknown_for: section.read("unknown_for", 30 * SECOND, |text| duration(text, SECOND..=DAY)),
    };
    if registry.username.is_some() != registry.password.is_some() {
        let what = "a user has a password, and a password a user";
        let help = "set both `registry.username` and `registry.password`, or neither";
        section.reject(&["username", "password"], Wrong::new(what, help));
    }
    if registry.username.is_some() && registry.token.is_some() {
        let what = "a registry is asked as a user or as the bearer of a token";
        section.reject(&["token"], Wrong::new(what, "remove one of the two"));
    }
    section.finish();
    registry
}
