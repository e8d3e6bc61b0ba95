//! The settings as they are given: by a file, and by the environment over it.

use super::PREFIX;
use std::ffi::OsString;
use std::path::Path;
use std::rc::Rc;
use yaml::{Mistake, Node, Sink};

/// What was given.
#[derive(Default)]
pub(super) struct Tree {
    /// `None` if there is no file, or it could not be read.
    pub(super) file: Option<Rc<Node>>,
    pub(super) variables: Vec<Variable>,
}

/// A setting of the environment.
#[derive(Debug)]
pub(super) struct Variable {
    /// As the environment has it.
    pub(super) name: String,
    /// The names of the sections, outermost first, and of the setting.
    pub(super) path: Vec<String>,
    pub(super) value: String,
}

/// A file's text.
pub(super) fn text_of(file: &Path, sink: &Sink) -> Option<String> {
    let cannot = |error| {
        let what = format!("{}: the configuration cannot be read: {error}", file.display());
        sink.push(Mistake::nowhere(what, "name another with `--config`, or set NSM_CONFIG"));
    };
    std::fs::read_to_string(file).map_err(cannot).ok()
}

/// The settings among the variables of the environment, by name.
pub(super) fn variables(environment: impl Iterator<Item = (OsString, OsString)>, sink: &Sink) -> Vec<Variable> {
    let mut found = Vec::new();
    for (name, value) in environment {
        let Some((name, path)) = name.to_str().and_then(|name| Some((name, name.strip_prefix(PREFIX)?))) else {
            continue;
        };
        match value.into_string() {
            Ok(value) => {
                let path = path.to_lowercase().split("__").map(str::to_owned).collect();
                found.push(Variable { name: name.to_owned(), path, value });
            }
            Err(_) => sink.push(Mistake::nowhere(format!("{name}: it is not UTF-8"), "write text, or unset it")),
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}
