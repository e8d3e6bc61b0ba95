//! A running `nsm run`.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use services::{Pages, Process, Scrape, wait_until};

use crate::DEADLINE;

/// A process of `nsm run`, and its pages.
#[derive(Debug)]
pub struct Nsm {
    process: Process,
    pages: Pages,
}

impl Nsm {
    pub(crate) fn start(name: &str, command: Command, port: u16) -> Nsm {
        Nsm { process: Process::spawn(name, command), pages: Pages::at(port) }
    }

    /// The address of its pages, as a target of Prometheus.
    pub fn address(&self) -> String {
        self.pages.address()
    }

    /// Everything that it has written.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Its metrics; `None` when it does not serve (yet).
    pub fn try_scrape(&self) -> Option<Scrape> {
        self.pages.get("metrics").map(|(_, text)| Scrape::parse(&text))
    }

    /// Its metrics.
    ///
    /// # Panics
    /// When it ends before it serves them.
    #[track_caller]
    pub fn scrape(&self) -> Scrape {
        let mut scrape = None;
        self.process.wait_ready(DEADLINE, || {
            scrape = self.try_scrape();
            scrape.is_some()
        });
        scrape.expect("it was waited for")
    }

    /// Waits until every role of it is at work.
    ///
    /// # Panics
    /// When it ends before that.
    #[track_caller]
    pub fn wait_ready(&self) {
        self.process.wait_ready(DEADLINE, || self.pages.get("readyz").is_some_and(|(status, _)| status == 200));
    }

    /// Waits until `what` is true of its metrics, and gives them.
    ///
    /// # Panics
    /// When that is not so within `deadline`.
    #[track_caller]
    pub fn wait_scrape(&self, deadline: Duration, what: &str, mut is_so: impl FnMut(&Scrape) -> bool) -> Scrape {
        let mut last = Scrape::default();
        wait_until(deadline, what, || {
            self.try_scrape().is_some_and(|scrape| {
                last = scrape;
                is_so(&last)
            })
        });
        last
    }

    /// Kills it with SIGKILL, as a crash.
    ///
    /// # Panics
    /// When it had ended before.
    #[track_caller]
    pub fn kill(self) {
        self.process.kill();
        let status = self.process.exit_status().expect("it was waited for");
        assert_eq!(status.signal(), Some(9), "it had ended by itself:\n{}", self.log());
    }

    /// Asks it to stop (SIGTERM), and waits at most `deadline` for its end: how it ended, and its log.
    #[track_caller]
    pub fn stop(self, deadline: Duration) -> (ExitStatus, String) {
        self.process.terminate();
        self.end(deadline)
    }

    /// Waits at most `deadline` until it ends by itself: how it ended, and its log.
    #[track_caller]
    pub fn end(self, deadline: Duration) -> (ExitStatus, String) {
        let status = self.process.wait(deadline);
        (status, self.log())
    }

    /// Whether it lives.
    pub fn is_running(&self) -> bool {
        self.process.is_running()
    }

    /// Stops it without ending it (SIGSTOP).
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.process.resume();
    }
}
