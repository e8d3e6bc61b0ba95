//! What the tests of `deploy/` share: its files, the dashboard's queries, and the metrics that there are.
//!
//! Everything panics instead of returning an error, as in `services`.

mod dashboard;
mod names;

use std::path::{Path, PathBuf};

pub use dashboard::{Dashboard, Panel};
pub use names::{exported, identifiers};

/// A file or folder of the repository.
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

/// The text of a file of the repository.
#[track_caller]
pub fn text(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The files of a folder of the repository, in the order of their names.
#[track_caller]
pub fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path(folder)).unwrap_or_else(|e| panic!("{folder}: {e}"));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    files.sort();
    files
}
