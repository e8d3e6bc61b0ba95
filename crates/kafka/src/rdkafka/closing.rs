//! Closing within a bound. Dropping a client waits for its broker threads and, if it is a member, for the group; a broker
//! that hangs must not make the process hang with it.

use std::ops::{Deref, DerefMut};
use std::sync::mpsc::channel;
use std::time::Duration;
use tracing::warn;

const BOUND: Duration = Duration::from_secs(5);

/// A client that is dropped on a thread of its own. If that takes longer than the bound, it is left behind with a warning:
/// the process is about to end, and the broker will notice.
#[derive(Debug)]
pub(super) struct Closing<T: Send + 'static> {
    client: Option<T>,
    name: &'static str,
}

impl<T: Send + 'static> Closing<T> {
    pub(super) fn new(name: &'static str, client: T) -> Closing<T> {
        Closing { client: Some(client), name }
    }
}

impl<T: Send + 'static> Deref for Closing<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.client.as_ref().expect("a client is there until it is dropped")
    }
}

impl<T: Send + 'static> DerefMut for Closing<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.client.as_mut().expect("a client is there until it is dropped")
    }
}

impl<T: Send + 'static> Drop for Closing<T> {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        let (done, closed) = channel();
        let thread = std::thread::Builder::new().name(format!("close-{}", self.name));
        let spawned = thread.spawn(move || {
            drop(client);
            // Nobody may be waiting any more.
            let _ = done.send(());
        });
        // If there is no thread, the client was dropped with the closure.
        if spawned.is_ok() && closed.recv_timeout(BOUND).is_err() {
            warn!(client = self.name, "not closed within {BOUND:?}: left behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender};

    struct Hanging(Receiver<()>);
    impl Drop for Hanging {
        fn drop(&mut self) {
            let _ = self.0.recv();
        }
    }

    #[test]
    fn a_client_that_hangs_is_left_behind() {
        let (_keep, never): (Sender<()>, _) = channel();
        let (done, dropped) = channel();
        std::thread::spawn(move || {
            drop(Closing::new("hanging", Hanging(never)));
            let _ = done.send(());
        });
        dropped.recv_timeout(BOUND * 4).unwrap();
    }

    #[test]
    fn a_client_is_gone_when_drop_returns() {
        struct Tells(Sender<()>);
        impl Drop for Tells {
            fn drop(&mut self) {
                let _ = self.0.send(());
            }
        }
        let (tell, told) = channel();
        drop(Closing::new("telling", Tells(tell)));
        told.try_recv().unwrap();
    }
}
