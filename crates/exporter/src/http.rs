//! The HTTP side: `/metrics`, `/livez` and `/readyz`, and lists of entities.

mod lists;

pub use lists::{Access, Lists, Reader};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{Encoder, Registry, TextEncoder};
use std::net::SocketAddr;
use std::sync::Arc;
use thiserror::Error;
use tokio::net::TcpListener;

/// Why nothing is served.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address} (setting `http.listen`): {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The server broke off.
    #[error("the HTTP server broke off: {0}")]
    Serve(std::io::Error),
}

/// What the pages are made of.
#[derive(Clone)]
pub struct Pages {
    /// The pipeline's own metrics.
    pub registry: Registry,
    /// The North Star gauges as they may be shown now; `None` if they are absent, or this process has no exporter.
    pub gauges: Arc<dyn Fn() -> Option<Arc<str>> + Send + Sync>,
    /// Why the process is as good as dead and should be started anew; `None` if it is alive.
    pub dead: Arc<dyn Fn() -> Option<String> + Send + Sync>,
    /// Why the process is not ready; `None` if it is.
    pub unready: Arc<dyn Fn() -> Option<String> + Send + Sync>,
    /// Lists of entities; `None` if this process has no exporter.
    pub lists: Option<Lists>,
}

impl Pages {
    /// What `/metrics` shows now.
    ///
    /// # Errors
    /// If the registry holds what Prometheus cannot read.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        let mut text = TextEncoder::new().encode_to_string(&self.registry.gather())?;
        if let Some(gauges) = (self.gauges)() {
            text.push_str(&gauges);
        }
        Ok(text)
    }
}

/// Listens on `address`, tells `listening` where that is (port 0 takes any), and serves until `shutdown` is done.
///
/// # Errors
/// If the address cannot be listened on.
pub async fn serve(
    address: SocketAddr,
    pages: Pages,
    listening: impl FnOnce(SocketAddr),
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let listen = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    listening(listener.local_addr().map_err(listen)?);
    let of_entities =
        pages.lists.clone().map(|of| Router::new().route("/lists/{metric}", get(lists::list)).with_state(of));
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(alive))
        .route("/readyz", get(ready))
        .with_state(pages)
        .merge(of_entities.unwrap_or_default());
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await.map_err(ServeError::Serve)
}

async fn metrics(State(pages): State<Pages>) -> Response {
    match pages.text() {
        Ok(text) => ([(header::CONTENT_TYPE, TextEncoder::new().format_type().to_owned())], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn alive(State(pages): State<Pages>) -> Response {
    well("alive\n", (pages.dead)())
}

async fn ready(State(pages): State<Pages>) -> Response {
    well("ready\n", (pages.unready)())
}

fn well(so: &'static str, but: Option<String>) -> Response {
    match but {
        None => so.into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}
