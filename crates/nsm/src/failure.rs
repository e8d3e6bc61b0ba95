//! Why a command failed.

use serde::Serialize;
use std::fmt;
use yaml::{Look, Place, Report};

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

    /// As data.
    pub(crate) fn listed(&self) -> Listed<'_> {
        let (error, reports) = match self {
            Failure::Said(text) => (Some(text.as_str()), [].as_slice()),
            Failure::Mistakes(reports) => (None, reports.as_slice()),
        };
        Listed { error, mistakes: reports.iter().flat_map(listed).collect() }
    }
}

/// As it is shown where there is no terminal.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.shown(Look::PLAIN).trim_end())
    }
}

/// What went wrong, for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Listed<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    mistakes: Vec<ListedMistake<'a>>,
}

/// A mistake, and where it stands if that is in a file.
#[derive(Debug, Serialize)]
struct ListedMistake<'a> {
    file: Option<&'a str>,
    line: Option<usize>,
    column: Option<usize>,
    path: &'a str,
    what: &'a str,
    help: &'a str,
}

fn listed(report: &Report) -> impl Iterator<Item = ListedMistake<'_>> {
    report.mistakes.iter().map(|mistake| ListedMistake {
        file: mistake.place.map(|_| report.file.as_str()),
        line: mistake.place.map(|Place { line, .. }| line),
        column: mistake.place.map(|Place { column, .. }| column),
        path: &mistake.path,
        what: &mistake.what,
        help: &mistake.help,
    })
}
