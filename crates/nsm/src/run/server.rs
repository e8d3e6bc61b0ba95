//! Serves metrics and health.

use crate::failure::Failure;
use ::exporter::{Pages, serve};
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tracing::info;

/// The running server. It serves until [`Server::close`].
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    runtime: Runtime,
    close: oneshot::Sender<()>,
}

impl Server {
    /// Listens, and serves on threads of its own. If it breaks off later, `broken` is told why.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub(crate) fn start(
        address: SocketAddr,
        pages: Pages,
        broken: impl FnOnce(String) + Send + 'static,
    ) -> Result<Server, Failure> {
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("http").enable_all().build();
        let runtime = runtime.map_err(Failure::new)?;
        let (close, closed) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        runtime.spawn(async move {
            let listening = tell.clone();
            let on_listening = move |address| drop(listening.send(Ok(address)));
            let served = serve(address, pages, on_listening, async move { drop(closed.await) }).await;
            if let Err(error) = served
                && let Err(unheard) = tell.send(Err(error.to_string()))
            {
                broken(unheard.0.err().unwrap_or_default());
            }
        });
        match told.recv() {
            Ok(Ok(address)) => {
                info!(%address, "serving /metrics, /livez and /readyz");
                Ok(Server { address, runtime, close })
            }
            Ok(Err(why)) => Err(Failure::new(why)),
            Err(gone) => Err(Failure::new(gone)),
        }
    }

    /// Lets requests that are under way end, for a moment.
    pub(crate) fn close(self) {
        // Nobody listens if the server broke off.
        let _ = self.close.send(());
        self.runtime.shutdown_timeout(Duration::from_millis(500));
    }
}
