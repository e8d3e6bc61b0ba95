//! The wish to stop: asked for by a signal or a failure, waited for by everybody.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

/// Clones share the wish. Once there, it stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    requested: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    pub(crate) fn request(&self) {
        *self.requested() = true;
        self.0.changed.notify_all();
    }

    pub(crate) fn is_requested(&self) -> bool {
        *self.requested()
    }

    /// Waits at most `time` for the request; says whether it is there.
    pub(crate) fn wait(&self, time: Duration) -> bool {
        let waiting = self.0.changed.wait_timeout_while(self.requested(), time, |requested| !*requested);
        *waiting.unwrap_or_else(PoisonError::into_inner).0
    }

    fn requested(&self) -> MutexGuard<'_, bool> {
        self.0.requested.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests the stop at SIGTERM or SIGINT (Ctrl-C). A SIGINT after that ends the process at once.
    pub(crate) fn at_signals(&self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let (mut terminate, mut interrupt) = {
            let _entered = runtime.enter();
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
        };
        let stop = self.clone();
        let listen = async move {
            loop {
                let name = tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                };
                if name == "SIGINT" && stop.is_requested() {
                    warn!("SIGINT again: ending at once");
                    std::process::exit(1);
                }
                info!(signal = name, "stopping");
                stop.request();
            }
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || runtime.block_on(listen))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ends_the_waiting() {
        let stop = Stop::default();
        assert!(!stop.wait(Duration::ZERO));
        let other = stop.clone();
        let waiting = std::thread::spawn(move || other.wait(Duration::from_secs(60)));
        stop.request();
        assert!(waiting.join().unwrap());
        assert!(stop.is_requested() && stop.wait(Duration::ZERO));
    }
}
