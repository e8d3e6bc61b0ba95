//! How far the sending has come: a bar on a terminal, log lines elsewhere.

use crate::clock;
use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// How often a log line tells how far it is.
const QUIET_FOR: Duration = Duration::from_secs(5);
/// How many complaints are shown; the others are counted.
const COMPLAINTS: u64 = 20;

/// How far the sending has come.
pub(crate) struct Progress {
    /// `None` where nobody would see it.
    bar: Option<ProgressBar>,
    /// What is sent.
    what: &'static str,
    started: Instant,
    told: Instant,
    sent: u64,
    complaints: u64,
}

impl Progress {
    /// Begins to send `what`, with how much work it is if that is known.
    pub(crate) fn new(bars: &MultiProgress, what: &'static str, size: Option<u64>) -> Progress {
        let (bar, style) = match size {
            Some(size) => (ProgressBar::new(size), "{bar:40} {percent:>3}%  {msg}  {elapsed} elapsed, {eta} left"),
            None => (ProgressBar::new_spinner(), "{spinner} {msg}  {elapsed} elapsed"),
        };
        let style = ProgressStyle::with_template(style).expect("the template is constant");
        let is_seen = std::io::stderr().is_terminal();
        let bar = is_seen.then(|| bars.add(bar.with_style(style)));
        // It also moves while a broker keeps the sending waiting.
        bar.iter().for_each(|bar| bar.enable_steady_tick(Duration::from_millis(250)));
        let now = clock::steady();
        Progress { bar, what, started: now, told: now, sent: 0, complaints: 0 }
    }

    /// So much of the work is done.
    pub(crate) fn advance(&mut self, by: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(by);
        }
    }

    /// How many were sent.
    pub(crate) fn sent_so_far(&self) -> u64 {
        self.sent
    }

    /// So many more were sent.
    pub(crate) fn sent(&mut self, count: u64) {
        self.sent += count;
    }

    /// Something is wrong with a line.
    pub(crate) fn complain(&mut self, line: u64, complaint: &str) {
        self.complaints += 1;
        match self.complaints {
            ..=COMPLAINTS => warn!(line, "{complaint}"),
            count if count == COMPLAINTS + 1 => warn!(line, "more lines that cannot be read: they are only counted"),
            _ => {}
        }
    }

    /// Shows how far it is, if that is due.
    pub(crate) fn tick(&mut self) {
        let now = clock::steady();
        match &self.bar {
            Some(bar) => {
                bar.set_message(self.words(now));
            }
            None if now.saturating_duration_since(self.told) >= QUIET_FOR => {
                self.told = now;
                info!("{}", self.words(now));
            }
            None => {}
        }
    }

    /// Says what came of it.
    pub(crate) fn end(self, topic: &str, failed: u64, interrupted: bool) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let now = clock::steady();
        let how = if interrupted { "interrupted: " } else { "" };
        let complaints = if self.complaints > 0 {
            format!(", {} of them could not be read", self.complaints)
        } else {
            String::new()
        };
        let lost = if failed > 0 { format!(", {failed} were not delivered") } else { String::new() };
        info!("{how}{} to {topic}{complaints}{lost}", self.words(now));
    }

    fn words(&self, now: Instant) -> String {
        let seconds = now.saturating_duration_since(self.started).as_millis().max(1);
        let rate = u128::from(self.sent) * 1_000 / seconds;
        let rate = HumanCount(u64::try_from(rate).unwrap_or(u64::MAX));
        format!("{} {} sent, {rate} a second", HumanCount(self.sent), self.what)
    }
}
