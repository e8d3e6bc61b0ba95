//! Why a command failed.

use std::fmt;

/// What to tell the person who called the command. It may have several lines, and no secrets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The command went wrong.
    Said(String),
    /// What is wrong with files, each with its place: what editors and terminals can jump to starts the line.
    Mistakes(Vec<String>),
}

impl Failure {
    pub(crate) fn new(text: impl fmt::Display) -> Failure {
        Failure::Said(text.to_string())
    }

    /// Several mistakes, if there are any.
    pub(crate) fn of(mistakes: Vec<String>) -> Result<(), Failure> {
        if mistakes.is_empty() { Ok(()) } else { Err(Failure::Mistakes(mistakes)) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Said(text) => write!(f, "nsm: {text}"),
            Failure::Mistakes(mistakes) => f.write_str(mistakes.join("\n").trim_end()),
        }
    }
}
