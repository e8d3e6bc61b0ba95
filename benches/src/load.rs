//! A live load: events that happen now, as many a second as is asked for.

use crate::clock;
use crate::random::{Random, Zipf};
use crate::send::Sender;
use crate::workload::{NAMES, Shape, Writer, account_of};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Of so many live events one names a user who was never seen, so that as many events change state as in catch-up.
const NEW_USER_IN: u64 = 5;
/// Users that were never seen are numbered from here.
const NEW_USERS: u64 = 1 << 40;
/// How often a portion is sent.
const TICK: Duration = Duration::from_millis(2);
/// At most so many events a portion, so that a rate that was changed soon holds.
const PORTION: u64 = 2_000;
const SEED: u64 = 7;

/// A thread that sends events until it is dropped.
pub(crate) struct Load {
    orders: Arc<Orders>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Orders {
    stop: AtomicBool,
    /// Events a second.
    rate: AtomicU64,
    /// How many events may be sent altogether.
    limit: AtomicU64,
    sent: AtomicU64,
}

impl Load {
    /// A load. It rests until it has a rate.
    pub(crate) fn start(sender: Sender, shape: Shape) -> Load {
        let orders = Arc::new(Orders { limit: AtomicU64::new(u64::MAX), ..Orders::default() });
        let told = orders.clone();
        let thread = std::thread::Builder::new().name("load".to_owned()).spawn(move || send(&told, &sender, shape));
        Load { orders, thread: Some(thread.expect("a thread")) }
    }

    /// Events a second from now on.
    pub(crate) fn set_rate(&self, rate: u64) {
        self.orders.rate.store(rate, Ordering::Relaxed);
    }

    /// No more than so many events altogether.
    pub(crate) fn set_limit(&self, limit: u64) {
        self.orders.limit.store(limit, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self) -> u64 {
        self.orders.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.orders.stop.store(true, Ordering::Relaxed);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) && !std::thread::panicking() {
            panic!("the load has broken off");
        }
    }
}

fn send(orders: &Orders, sender: &Sender, shape: Shape) {
    let (mut random, zipf, mut writer) = (Random::new(SEED), Zipf::new(shape.users), Writer::default());
    let (mut rate, mut begun, mut of_rate, mut sent) = (0, clock::now(), 0, 0);
    while !orders.stop.load(Ordering::Relaxed) {
        let asked = orders.rate.load(Ordering::Relaxed);
        if asked != rate {
            (rate, begun, of_rate) = (asked, clock::now(), 0);
        }
        let due = u128::from(rate) * begun.elapsed().as_micros() / 1_000_000;
        let due = u64::try_from(due).unwrap_or(u64::MAX).saturating_sub(of_rate);
        let allowed = orders.limit.load(Ordering::Relaxed).saturating_sub(sent);
        let now = clock::wall_ms();
        let portion = due.min(allowed).min(PORTION);
        for _ in 0..portion {
            let salt = random.next();
            let user =
                if salt >> 32 & 0xffff < 0x1_0000 / NEW_USER_IN { NEW_USERS + sent } else { zipf.rank(&mut random) };
            let name = NAMES[usize::try_from(salt % 8).expect("one of eight")];
            sender.send(writer.write(user, account_of(user, shape.accounts), name, now, salt));
            sent += 1;
        }
        of_rate += portion;
        orders.sent.store(sent, Ordering::Relaxed);
        sender.poll();
        if portion < PORTION {
            clock::pause(TICK);
        }
    }
    sender.flush();
}
