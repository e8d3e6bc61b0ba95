//! Why a command failed.

use std::fmt;
use yaml::{Look, Report};

/// What to tell the person who called the command. It may have several lines, and no secrets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The command went wrong.
    Said(String),
    /// What is wrong with files; at least one mistake.
    Mistakes(Vec<Report>),
}

impl Failure {
    pub(crate) fn new(text: impl fmt::Display) -> Failure {
        Failure::Said(text.to_string())
    }

    /// All mistakes of these reports, if there are any.
    pub(crate) fn of(reports: Vec<Report>) -> Result<(), Failure> {
        if reports.iter().all(|report| report.mistakes.is_empty()) { Ok(()) } else { Err(Failure::Mistakes(reports)) }
    }

    /// As text that ends in a line feed.
    pub(crate) fn shown(&self, look: Look) -> String {
        match self {
            Failure::Said(text) => format!("nsm: {text}\n"),
            Failure::Mistakes(reports) => {
                let count = reports.iter().map(|report| report.mistakes.len()).sum::<usize>();
                let mistakes = if count == 1 { "mistake" } else { "mistakes" };
                format!("{}\nnsm: {count} {mistakes}\n", yaml::render(reports, look))
            }
        }
    }
}
