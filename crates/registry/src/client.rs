//! One question to a registry, and its answer.
//!
//! Invariant: no error shows a credential.

use crate::{SchemaId, SchemaText};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::time::Duration;
use thiserror::Error;
use ureq::{Agent, http};

/// How to reach a registry.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address below which `/schemas/ids/1` lies, as in `http://127.0.0.1:8081`; without user and password.
    pub url: String,
    /// As whom.
    pub credentials: Credentials,
    /// How long it may take to connect.
    pub connect_timeout: Duration,
    /// How long a whole answer may take.
    pub timeout: Duration,
}

/// As whom a registry is asked.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// As nobody.
    None,
    /// As a user, by HTTP's basic authentication.
    Basic {
        /// The user's name.
        username: String,
        /// The password.
        password: SecretString,
    },
    /// As the bearer of a token.
    Bearer(SecretString),
}

/// Why a registry cannot be asked at all.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The address is none.
    #[error("`{0}` is not the address of a schema registry; write one as in `http://127.0.0.1:8081`")]
    Url(String),
    /// TLS is not built in.
    #[error("this nsm is built without TLS, and cannot reach an `https://` registry; build it with the feature `tls`")]
    NoTls,
    /// There is no thread to be had.
    #[error("no thread to ask the schema registry: {0}")]
    Thread(std::io::Error),
}

/// Why there is no answer that says something about a schema.
#[derive(Debug, Error)]
#[error("the schema registry at {url} gives no answer that can be used: {why}")]
pub(crate) struct NoAnswer {
    url: String,
    why: String,
}

/// The largest answer that is read.
const LARGEST: u64 = 4 << 20;
/// How many other schemas one may refer to, by others or itself.
const MOST_REFERENCES: usize = 200;
/// What registries call it that there is no such subject, version or schema. Any other page that is not found says that this is
/// no registry, or not its address.
const NOT_FOUND: &[i64] = &[40_401, 40_402, 40_403];

pub(crate) struct Client {
    agent: Agent,
    url: String,
    authorization: Option<SecretString>,
}

/// A schema, as a registry answers.
#[derive(Deserialize)]
struct Answer {
    schema: String,
    #[serde(rename = "schemaType")]
    kind: Option<String>,
    #[serde(default)]
    references: Vec<Reference>,
}

/// Another schema that one refers to.
#[derive(Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Reference {
    subject: String,
    version: u32,
}

/// An error, as a registry answers.
#[derive(Deserialize)]
struct Refusal {
    error_code: i64,
}

impl Client {
    pub(crate) fn new(config: &Config) -> Result<Client, ConfigError> {
        let url = config.url.trim_end_matches('/');
        let scheme = match url.parse::<http::Uri>() {
            Ok(uri) if uri.host().is_some() && !url.contains('@') => uri.scheme_str().map(str::to_owned),
            _ => None,
        };
        match scheme.as_deref() {
            Some("http") => {}
            Some("https") if cfg!(feature = "tls") => install_tls(),
            Some("https") => return Err(ConfigError::NoTls),
            // Not the text itself: it may have a password in it.
            _ => return Err(ConfigError::Url(url.rsplit('@').next().unwrap_or_default().to_owned())),
        }
        let agent = Agent::config_builder()
            .timeout_connect(Some(config.connect_timeout))
            .timeout_global(Some(config.timeout))
            // What is not found says so in its body.
            .http_status_as_error(false)
            .max_redirects(0);
        Ok(Client {
            agent: tls(agent).build().into(),
            url: url.to_owned(),
            authorization: authorization(&config.credentials),
        })
    }

    /// The schema of an id with all that it refers to; `None` if the registry says that there is none.
    pub(crate) fn schema(&self, id: SchemaId) -> Result<Option<SchemaText>, NoAnswer> {
        let Some(answer) = self.ask(&format!("schemas/ids/{}", id.0))? else { return Ok(None) };
        if let Some(kind) = answer.kind.filter(|kind| kind != "AVRO") {
            // Whoever reads it will say that it is no Avro schema.
            return Ok(Some(SchemaText { schema: format!("\"a schema of type {kind}\""), references: Vec::new() }));
        }
        let (mut references, mut seen, mut open) = (Vec::new(), BTreeSet::new(), answer.references);
        while let Some(reference) = open.pop() {
            if !seen.insert(reference.clone()) {
                continue;
            }
            let Reference { subject, version } = &reference;
            let path = format!("subjects/{}/versions/{version}", utf8_percent_encode(subject, NON_ALPHANUMERIC));
            let found = self
                .ask(&path)?
                .ok_or_else(|| self.no_answer(format!("it has no {path}, to which schema {} refers", id.0)))?;
            if seen.len() > MOST_REFERENCES {
                return Err(self.no_answer(format!("schema {} refers to more than {MOST_REFERENCES} others", id.0)));
            }
            references.push(found.schema);
            open.extend(found.references);
        }
        Ok(Some(SchemaText { schema: answer.schema, references }))
    }

    fn ask(&self, path: &str) -> Result<Option<Answer>, NoAnswer> {
        let mut request = self.agent.get(format!("{}/{path}", self.url));
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization.expose_secret());
        }
        let request = request.header("accept", "application/vnd.schemaregistry.v1+json, application/json");
        let mut response = request.call().map_err(|error| self.no_answer(error.to_string()))?;
        let status = response.status();
        let body = response.body_mut().with_config().limit(LARGEST).read_to_vec();
        let body = body.map_err(|error| self.no_answer(error.to_string()))?;
        if status == 200 {
            let answer = serde_json::from_slice(&body);
            return answer.map(Some).map_err(|error| self.no_answer(format!("/{path} is no schema: {error}")));
        }
        let code = serde_json::from_slice::<Refusal>(&body).ok().map(|refusal| refusal.error_code);
        match code {
            Some(code) if status == 404 && NOT_FOUND.contains(&code) => Ok(None),
            _ => Err(self.no_answer(match status.as_u16() {
                401 | 403 => format!("it refuses the credentials with {status}; correct `registry.username` and `registry.password`, or `registry.token`"),
                404 => format!("/{path} is not found there, and not as a registry says it; correct `registry.url`"),
                _ => format!("/{path} gives {status}"),
            })),
        }
    }

    fn no_answer(&self, why: String) -> NoAnswer {
        NoAnswer { url: self.url.clone(), why }
    }
}

fn authorization(credentials: &Credentials) -> Option<SecretString> {
    match credentials {
        Credentials::None => None,
        Credentials::Basic { username, password } => {
            let pair = format!("{username}:{}", password.expose_secret());
            Some(format!("Basic {}", STANDARD.encode(pair)).into())
        }
        Credentials::Bearer(token) => Some(format!("Bearer {}", token.expose_secret()).into()),
    }
}

type Builder = ureq::config::ConfigBuilder<ureq::typestate::AgentScope>;

/// The certificates that the machine trusts.
#[cfg(feature = "tls")]
fn tls(agent: Builder) -> Builder {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!("a certificate of this machine cannot be read: {error}");
    }
    let trusted: Vec<_> = found.certs.iter().map(|cert| ureq::tls::Certificate::from_der(cert).to_owned()).collect();
    let trusted = ureq::tls::RootCerts::from(trusted.into_iter());
    agent.tls_config(ureq::tls::TlsConfig::builder().root_certs(trusted).build())
}

#[cfg(not(feature = "tls"))]
fn tls(agent: Builder) -> Builder {
    agent
}

/// Chooses the cryptography for TLS, unless the program has done so.
#[cfg(feature = "tls")]
fn install_tls() {
    // An error says that there is a choice already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(not(feature = "tls"))]
fn install_tls() {}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> Config {
        let second = Duration::from_secs(1);
        Config { url: url.into(), credentials: Credentials::None, connect_timeout: second, timeout: second }
    }

    #[test]
    fn an_address_has_a_scheme_and_a_host_and_no_password() {
        assert!(Client::new(&config("http://127.0.0.1:8081/apis/ccompat/v7/")).is_ok());
        for url in ["", "127.0.0.1:8081", "ftp://a", "http://", "registry", "http://ada:hunter2@host"] {
            let error = Client::new(&config(url)).map(drop).unwrap_err().to_string();
            assert!(error.contains("is not the address") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn credentials_are_told_as_http_has_them_and_never_shown() {
        let basic = Credentials::Basic { username: "Aladdin".into(), password: "open sesame".into() };
        let told = authorization(&basic).unwrap();
        assert_eq!(told.expose_secret(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(!format!("{basic:?}{told:?}").contains("sesame"));
        let bearer = authorization(&Credentials::Bearer("mF_9.B5f-4.1JqM".into())).unwrap();
        assert_eq!(bearer.expose_secret(), "Bearer mF_9.B5f-4.1JqM");
    }
}
