//! What is wrong with a catalogue, for the person who writes it.

use crate::node::Place;
use std::cell::RefCell;
use std::fmt::{self, Write};

/// One thing that is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// How many characters to point at, at least 1.
    pub width: usize,
    /// Which part of the catalogue, such as `metrics.active.windows[1]`; empty for the whole.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub help: String,
}

impl Mistake {
    pub(crate) fn new(place: Place, path: &str, what: impl Into<String>, help: impl Into<String>) -> Mistake {
        let Place { line, column, width } = place;
        Mistake { line, column, width, path: path.to_owned(), what: what.into(), help: help.into() }
    }

    fn render(&self, file: &str, source: &str, out: &mut String) -> fmt::Result {
        let Mistake { line, column, path, what, help, .. } = self;
        let text = source.lines().nth(line.saturating_sub(1)).unwrap_or_default();
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        let indent: String = text.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let rest = text.chars().skip(column - 1).count().max(1);
        let carets = "^".repeat(self.width.clamp(1, rest));
        let within = if path.is_empty() { String::new() } else { format!(" in {path}") };
        writeln!(out, "{file}:{line}:{column}: {what}")?;
        writeln!(out, "{margin} |")?;
        writeln!(out, "{number} | {text}")?;
        writeln!(out, "{margin} | {indent}{carets}{within}")?;
        writeln!(out, "{margin} = {help}")
    }
}

/// Everything that is wrong with a catalogue, in the order of its lines; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistakes {
    /// All mistakes as text for a terminal, each with its line of the `source` it was found in, which came from `file`.
    #[must_use]
    pub fn render(&self, file: &str, source: &str) -> String {
        let mut out = String::new();
        for (index, mistake) in self.0.iter().enumerate() {
            if index > 0 {
                out.push('\n');
            }
            mistake.render(file, source, &mut out).expect("a string can always grow");
        }
        out
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {} ({})", self.line, self.column, self.what, self.help)
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|mistake| writeln!(f, "{mistake}"))
    }
}

impl std::error::Error for Mistakes {}

/// Where mistakes are collected while a catalogue is read, so that reading goes on after one.
#[derive(Default)]
pub(crate) struct Sink(RefCell<Vec<Mistake>>);

impl Sink {
    pub(crate) fn push(&self, mistake: Mistake) {
        self.0.borrow_mut().push(mistake);
    }

    /// What was read, if it has no mistakes. A place that an alias repeats is reported once.
    pub(crate) fn finish<T>(self, read: Option<T>) -> Result<T, Mistakes> {
        let mut mistakes = self.0.into_inner();
        if mistakes.is_empty() {
            return Ok(read.expect("whatever cannot be read is a mistake"));
        }
        mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
        mistakes.dedup_by(|b, a| (a.line, a.column, &a.what) == (b.line, b.column, &b.what));
        Err(Mistakes(mistakes))
    }
}
