//! The flow of events into the source topic: never more than allowed, and never dry before that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use pipeline::{Client, Event};

use crate::generator::{Change, Generator, Sent};

/// How often records are sent.
const TICK: Duration = Duration::from_millis(50);
/// Each time, one of so many parts of what is still allowed: much at first, and less and less, so that something flows
/// however long a fault takes.
const PARTS: u64 = 60;

/// The thread that sends, and how far it is.
pub(crate) struct Flow {
    shared: Arc<Shared>,
    /// Dropped, it ends the thread.
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    allowed: AtomicU64,
    sent: AtomicU64,
    /// Everything that is allowed is sent at once.
    flushes: AtomicBool,
}

impl Flow {
    /// Begins to send events and what accounts become, each to its topic, as soon as something is allowed.
    pub(crate) fn start(client: Client, topic: &'static str, accounts: &'static str, mut generator: Generator) -> Flow {
        let shared = Arc::new(Shared::default());
        let (stop, stopped) = channel();
        let of = shared.clone();
        let thread = std::thread::spawn(move || {
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                let left = of.allowed.load(Ordering::SeqCst).saturating_sub(of.sent.load(Ordering::SeqCst));
                let part = if of.flushes.load(Ordering::SeqCst) { left.min(5_000) } else { left.div_ceil(PARTS) };
                let portion: Vec<Sent> = (0..part).map_while(|_| generator.next()).collect();
                client.send(topic, portion.iter().map(event));
                client.send(accounts, portion.iter().filter_map(|sent| sent.change.as_ref()).map(change));
                of.sent.fetch_add(portion.len() as u64, Ordering::SeqCst);
            }
        });
        Flow { shared, stop, thread }
    }

    /// Allows so many records in all.
    pub(crate) fn allow(&self, records: u64) {
        self.shared.allowed.fetch_max(records, Ordering::SeqCst);
    }

    /// How many records the broker has.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }

    /// Allows so many records in all, and sends them as fast as it goes.
    pub(crate) fn flush(&self, records: u64) {
        self.shared.flushes.store(true, Ordering::SeqCst);
        self.allow(records);
    }

    /// Whether the thread has ended, which is a failure before [`Flow::end`].
    pub(crate) fn is_broken(&self) -> bool {
        self.thread.is_finished()
    }

    /// Ends the thread.
    pub(crate) fn end(self) {
        drop(self.stop);
        self.thread.join().expect("the broker takes what is sent");
    }
}

fn event(sent: &Sent) -> Event<'_> {
    Event { partition: sent.partition, key: "", payload: Some(sent.payload.as_bytes()), timestamp: sent.stamp }
}

fn change(of: &Change) -> Event<'_> {
    let payload = of.payload.as_ref().map(String::as_bytes);
    Event { partition: of.partition, key: &of.account, payload, timestamp: of.stamp }
}
