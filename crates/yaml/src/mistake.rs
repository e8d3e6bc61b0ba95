//! What is wrong with a text, for the person who writes it.

use crate::node::Place;
use crate::report::{Look, Report, render};
use std::cell::RefCell;
use std::fmt;

/// One thing that is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where it stands; `None` if it is nowhere in the text.
    pub place: Option<Place>,
    /// Which part of the text, such as `metrics.active.windows[1]`; empty for the whole.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub help: String,
}

impl Mistake {
    /// A mistake at a place of the text.
    pub fn new(place: Place, path: &str, what: impl Into<String>, help: impl Into<String>) -> Mistake {
        Mistake { place: Some(place), path: path.to_owned(), what: what.into(), help: help.into() }
    }

    /// A mistake that stands nowhere in the text.
    pub fn nowhere(what: impl Into<String>, help: impl Into<String>) -> Mistake {
        Mistake { place: None, path: String::new(), what: what.into(), help: help.into() }
    }

    /// Its line, from 1; 0 if it stands nowhere.
    #[must_use]
    pub fn line(&self) -> usize {
        self.place.map_or(0, |place| place.line)
    }
}

/// Everything that is wrong with a text, in the order of its lines; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistakes {
    /// All mistakes as plain text, each with its line of the `source` it was found in, which came from `file`.
    #[must_use]
    pub fn render(&self, file: &str, source: &str) -> String {
        let report = Report { file: file.to_owned(), text: source.to_owned(), mistakes: self.0.clone() };
        render(&[report], Look::PLAIN)
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Place { line, column, .. }) = self.place {
            write!(f, "{line}:{column}: ")?;
        }
        write!(f, "{} ({})", self.what, self.help)
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|mistake| writeln!(f, "{mistake}"))
    }
}

impl std::error::Error for Mistakes {}

/// Where mistakes are collected while a text is read, so that reading goes on after one.
#[derive(Debug, Default)]
pub struct Sink(RefCell<Vec<Mistake>>);

impl Sink {
    /// Adds a mistake.
    pub fn push(&self, mistake: Mistake) {
        self.0.borrow_mut().push(mistake);
    }

    /// All mistakes in the order of their lines. A place that an alias repeats is reported once.
    #[must_use]
    pub fn into_mistakes(self) -> Vec<Mistake> {
        let mut mistakes = self.0.into_inner();
        mistakes.sort_by_key(|mistake| mistake.place.map(|place| (place.line, place.column)));
        mistakes.dedup_by(|b, a| a.place.is_some() && (a.place, &a.what) == (b.place, &b.what));
        mistakes
    }

    /// What was read, if it has no mistakes.
    ///
    /// # Errors
    /// All mistakes, if there are any.
    ///
    /// # Panics
    /// If nothing was read and no mistake says why.
    pub fn finish<T>(self, read: Option<T>) -> Result<T, Mistakes> {
        match self.into_mistakes() {
            mistakes if mistakes.is_empty() => Ok(read.expect("whatever cannot be read is a mistake")),
            mistakes => Err(Mistakes(mistakes)),
        }
    }
}
