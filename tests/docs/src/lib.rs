//! Examples of the documentation, run as they stand on their page.
//!
//! A page has fenced blocks: a `yaml` that starts with `version:` is a catalogue, and `catalogue` names the file of one, from the
//! root of this repository; `events` are lines of JSON, records of the catalogue's first source, or of the one that is named behind
//! the word; `expected` are gauges, and `accounts` is a list as of the command of that name, with its arguments in the first line. What
//! comes out is judged as of the last event above, after all events since the catalogue: so a page can go on with its story. A block
//! of gauges has to name all samples of every metric that it names (with `expected nonzero`, those that are not 0), a list all of its
//! entities, in order.
//!
//! Records come in the order of the page. An event that is older than one before it comes late: it is logged when the latest
//! event so far is.

mod log;
mod page;
mod pipeline;

pub use page::{Example, Page, Row, Says};

use pipeline::Run;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of this repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The names of the files of a folder of this repository that have an extension, without it.
///
/// # Panics
/// If there is no such folder.
#[must_use]
pub fn names(folder: &str, extension: &str) -> BTreeSet<String> {
    let files = fs::read_dir(root().join(folder)).unwrap_or_else(|e| panic!("{folder}: {e}"));
    let files = files.map(|entry| entry.expect("it is being read").path());
    let files = files.filter(|file| file.extension().is_some_and(|of| of == extension));
    files.filter_map(|file| Some(file.file_stem()?.to_string_lossy().into_owned())).collect()
}

/// The pages of a folder of this repository, each with the name of its file.
///
/// # Panics
/// If one of them cannot be read.
#[must_use]
pub fn pages(folder: &str) -> Vec<(String, Page)> {
    let page = |name: String| {
        let file = format!("{folder}/{name}.md");
        let text = fs::read_to_string(root().join(&file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        let page = Page::read(&text).unwrap_or_else(|why| panic!("{file}: {why}"));
        (file, page)
    };
    names(folder, "md").into_iter().map(page).collect()
}

/// Whether what comes out is what a page says; if not, both.
///
/// # Errors
/// What is wrong with the example, as text for whoever changes the page.
pub fn judge(example: &Example) -> Result<(), String> {
    let mut run = Run::of(example)?;
    let (said, shown) = match &example.says {
        Says::Gauges(lines) | Says::NonZero(lines) => {
            let is_left_out = |line: &str| {
                let value = line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok());
                matches!(example.says, Says::NonZero(_)) && value == Some(0.0)
            };
            let name = |line: &str| line.split(['{', ' ']).next().unwrap_or_default().to_owned();
            let named: BTreeSet<String> = lines.iter().map(|line| name(line)).collect();
            let text = run.gauges()?;
            let shown =
                text.lines().filter(|line| named.contains(&name(line)) && !is_left_out(line)).map(str::to_owned);
            (sorted(lines.iter().cloned()), sorted(shown))
        }
        Says::List(arguments, lines) => (lines.clone(), run.list(arguments)?),
    };
    if shown == said {
        return Ok(());
    }
    Err(format!("the page says\n{}\nand what comes out is\n{}", said.join("\n"), shown.join("\n")))
}

fn sorted(lines: impl Iterator<Item = String>) -> Vec<String> {
    lines.collect::<BTreeSet<_>>().into_iter().collect()
}
