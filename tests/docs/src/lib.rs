//! Examples of the documentation, run as they stand on their page.
//!
//! A page has fenced blocks: a `yaml` that starts with `version:` is a catalogue; `events` are lines of JSON, records of the
//! catalogue's first source, or of the one that is named behind the word; `expected` are gauges. A block of gauges is judged as
//! of the last event above it, after all events since the catalogue: so a page can go on with its story. It has to name all
//! samples of every metric that it names.
//!
//! Records come in the order of the page. An event that is older than one before it comes late: it is logged when the latest
//! event so far is.

mod log;
mod page;
mod pipeline;

pub use page::{Example, Page};
pub use pipeline::gauges;

use std::collections::BTreeSet;

/// Whether the gauges that come out are those that a page says; if not, both.
///
/// # Errors
/// What is wrong with the example, as text for whoever changes the page.
pub fn judge(example: &Example) -> Result<(), String> {
    let expected: BTreeSet<&str> = example.expected.iter().map(String::as_str).collect();
    let name = |line: &str| line.split(['{', ' ']).next().unwrap_or_default().to_owned();
    let named: BTreeSet<String> = expected.iter().map(|line| name(line)).collect();
    let text = gauges(example)?;
    let shown: BTreeSet<&str> = text.lines().filter(|line| named.contains(&name(line))).collect();
    if shown == expected {
        return Ok(());
    }
    let list = |lines: BTreeSet<&str>| lines.into_iter().collect::<Vec<_>>().join("\n");
    Err(format!("the page says\n{}\nand what comes out is\n{}", list(expected), list(shown)))
}
