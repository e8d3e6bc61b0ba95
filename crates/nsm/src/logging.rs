//! Structured logs on stderr; stdout is for data.

use crate::config::{Log, LogFormat, Wrong};
use crate::terminal;
use indicatif::MultiProgress;
use std::io::{self, Write};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Whether a text is a level, or a list of directives such as `info,ingest=debug`.
pub(crate) fn check_level(text: &str) -> Result<(), Wrong> {
    let help = "write error, warn, info, debug or trace, or directives such as `info,ingest=debug`";
    EnvFilter::try_new(text).map(drop).map_err(|_| Wrong::new(format!("`{text}` is no log level"), help))
}

/// Sends log lines to stderr from now on, above the progress bars if there are some. `RUST_LOG` overrules the level.
pub(crate) fn start(log: &Log, bars: &MultiProgress) {
    let filter = match std::env::var("RUST_LOG") {
        Ok(text) if !text.trim().is_empty() => EnvFilter::new(text),
        _ => EnvFilter::new(&log.level),
    };
    let lines = Lines { bars: bars.clone() };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines);
    // It fails only if logs go somewhere already.
    let _ = match log.format {
        LogFormat::Text => builder.with_ansi(terminal::has_colours()).try_init(),
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

/// Writes each log line above the progress bars.
struct Lines {
    bars: MultiProgress,
}

struct Line<'a>(&'a MultiProgress);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.bars)
    }
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write_all(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
