//! Deadlines for waiting on the broker. What is computed from records never depends on them.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// A moment until which to wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Instant);

impl Deadline {
    pub(super) fn after(time: Duration) -> Deadline {
        Deadline(now() + time)
    }

    /// How long until then; zero once it has passed.
    pub(super) fn left(self) -> Duration {
        self.0.saturating_duration_since(now())
    }

    pub(super) fn has_passed(self) -> bool {
        self.left().is_zero()
    }
}

#[expect(clippy::disallowed_methods, reason = "how long to wait for another machine is a matter of real time")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// Drives a future on this thread. The admin client completes it from a thread of its own, so that it needs no runtime.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
