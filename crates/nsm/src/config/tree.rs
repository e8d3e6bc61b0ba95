//! The tree of settings: a file's, and the environment's over it.

use super::PREFIX;
use super::section::Mistakes;
use ::config::{Environment, File, FileFormat, Value, ValueKind};
use std::ffi::OsString;
use std::path::Path;

/// A file's settings. Its syntax is checked alone, so that what is wrong with it does not hide what is wrong elsewhere.
pub(super) fn parse_file(file: &Path, mistakes: &Mistakes) -> Option<::config::Config> {
    let name = file.display().to_string();
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            mistakes.push(format!("{name}: the configuration cannot be read: {error}"));
            return None;
        }
    };
    match ::config::Config::builder().add_source(File::from_str(&text, FileFormat::Yaml)).build() {
        Ok(mut parsed) => {
            parsed.cache = from(&name, parsed.cache);
            Some(parsed)
        }
        Err(error) => {
            // Some of these messages repeat the text, which may hold a secret; those with a place do not.
            let text = error.to_string();
            let text = if text.contains("line") { &text } else { "it is not a mapping of settings" };
            mistakes.push(format!("{name}: {text}"));
            None
        }
    }
}

/// The same value, known to come from `file`.
fn from(file: &String, value: Value) -> Value {
    let kind = match value.kind {
        ValueKind::Table(table) => {
            ValueKind::Table(table.into_iter().map(|(key, value)| (key, from(file, value))).collect())
        }
        kind => kind,
    };
    Value::new(Some(file), kind)
}

/// The settings among the variables of the environment.
pub(super) fn variables(
    environment: impl Iterator<Item = (OsString, OsString)>,
    mistakes: &Mistakes,
) -> ::config::Map<String, String> {
    let mut found = ::config::Map::new();
    for (name, value) in environment {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        match value.into_string() {
            Ok(value) => {
                found.insert(name.to_owned(), value);
            }
            Err(_) => mistakes.push(format!("{name}: it is not UTF-8")),
        }
    }
    found
}

pub(super) fn merge(
    file: ::config::Config,
    environment: ::config::Map<String, String>,
    mistakes: &Mistakes,
) -> ::config::Map<String, Value> {
    let environment = Environment::with_prefix("NSM").prefix_separator("__").separator("__").source(Some(environment));
    match ::config::Config::builder().add_source(file).add_source(environment).build().map(|merged| merged.cache.kind) {
        Ok(ValueKind::Table(table)) => table,
        Ok(_) => ::config::Map::new(),
        Err(error) => {
            mistakes.push(error.to_string());
            ::config::Map::new()
        }
    }
}
