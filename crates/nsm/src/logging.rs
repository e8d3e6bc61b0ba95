//! Structured logs on stderr; stdout is for data.

use crate::config::{Log, LogFormat, Wrong};
use crate::terminal;
use indicatif::MultiProgress;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Whether a text is a level, or a list of directives such as `info,ingest=debug`.
pub(crate) fn check_level(text: &str) -> Result<(), Wrong> {
    let help = "write error, warn, info, debug or trace, or directives such as `info,ingest=debug`";
    EnvFilter::try_new(text).map(drop).map_err(|_| Wrong::new(format!("`{text}` is no log level"), help))
}

/// Where log lines go.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// To stderr, above the progress bars if there are some.
    Above(MultiProgress),
    /// To whoever draws the terminal.
    Kept(Kept),
}

/// The last log lines, for a screen to show. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept(Arc<Mutex<VecDeque<String>>>);

impl Kept {
    const LINES: usize = 5;

    /// The last ones, oldest first.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn push(&self, line: &[u8]) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == Self::LINES {
            lines.pop_front();
        }
        lines.push_back(String::from_utf8_lossy(line).trim_end().to_owned());
    }
}

/// Sends log lines to their place from now on. `RUST_LOG` overrules the level.
pub(crate) fn start(log: &Log, place: Place) {
    let filter = match std::env::var("RUST_LOG") {
        Ok(text) if !text.trim().is_empty() => EnvFilter::new(text),
        _ => EnvFilter::new(&log.level),
    };
    let colours = matches!(place, Place::Above(_)) && terminal::has_colours();
    let lines = Lines { place };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines);
    // It fails only if logs go somewhere already.
    let _ = match log.format {
        LogFormat::Text => builder.with_ansi(colours).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
    };
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current().name().unwrap_or("unnamed").to_owned();
        tracing::error!(thread, "a bug: {panic}");
        if std::env::var_os("RUST_BACKTRACE").is_some() {
            default(panic);
        }
    }));
}

/// Writes each log line to its place.
struct Lines {
    place: Place,
}

struct Line<'a>(&'a Place);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.place)
    }
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.0 {
            Place::Above(bars) => bars.suspend(|| io::stderr().write_all(line))?,
            Place::Kept(kept) => kept.push(line),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
