//! The truth, written down.

use crate::failure::Failure;
use product::Truth;
use serde::Serialize;
use serde_json::json;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes the truth to a folder, which is made if it is missing: a line a day, a line an account, and a summary with what the
/// load was asked for.
pub(super) fn write(folder: &Path, truth: &Truth, asked: &impl Serialize) -> Result<(), Failure> {
    let named = |name: &str| {
        let path = folder.join(name);
        move |error: io::Error| Failure::new(format!("{}: {error}", path.display()))
    };
    fs::create_dir_all(folder).map_err(named(""))?;
    lines(&folder.join("days.jsonl"), truth.days().iter()).map_err(named("days.jsonl"))?;
    lines(&folder.join("accounts.jsonl"), truth.accounts()).map_err(named("accounts.jsonl"))?;
    let summary = json!({ "asked": asked, "sent": truth.summary() });
    fs::write(folder.join("summary.json"), format!("{summary:#}\n")).map_err(named("summary.json"))
}

fn lines<T: Serialize>(file: &Path, of: impl Iterator<Item = T>) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(file)?);
    for line in of {
        serde_json::to_writer(&mut file, &line)?;
        file.write_all(b"\n")?;
    }
    file.flush()
}
