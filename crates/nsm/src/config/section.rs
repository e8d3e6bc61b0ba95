//! Reads a tree of settings, and collects everything that is wrong with it.
//!
//! Invariant: no mistake repeats the value of a secret.

use ::config::{Value, ValueKind};
use secrecy::SecretString;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// What is wrong with a configuration, each with the setting's name and where it was set.
#[derive(Debug, Default)]
pub(crate) struct Mistakes(RefCell<Vec<String>>);

impl Mistakes {
    pub(crate) fn push(&self, mistake: String) {
        self.0.borrow_mut().push(mistake);
    }

    pub(crate) fn into_inner(self) -> Vec<String> {
        self.0.into_inner()
    }
}

/// A mapping of settings.
pub(crate) struct Section<'a> {
    /// The names of the sections around, outermost first, and its own.
    path: Vec<&'static str>,
    table: Option<&'a ::config::Map<String, Value>>,
    /// The settings that were asked for.
    known: RefCell<Vec<&'static str>>,
    mistakes: &'a Mistakes,
}

/// What stands in the environment, for people and for `Value::origin` alike.
const ENVIRONMENT: &str = "the environment";

impl<'a> Section<'a> {
    pub(crate) fn root(table: &'a ::config::Map<String, Value>, mistakes: &'a Mistakes) -> Section<'a> {
        Section { path: Vec::new(), table: Some(table), known: RefCell::default(), mistakes }
    }

    /// A section below this one. It may be absent or empty: then all its settings are.
    pub(crate) fn section(&self, name: &'static str) -> Section<'a> {
        let table = self.get(name).and_then(|value| match &value.kind {
            ValueKind::Table(table) => Some(table),
            ValueKind::Nil => None,
            _ => {
                self.wrong(name, value, "it is a section: write its settings below it");
                None
            }
        });
        let path = self.path.iter().copied().chain([name]).collect();
        Section { path, table, known: RefCell::default(), mistakes: self.mistakes }
    }

    /// A setting, or else its default.
    pub(crate) fn read<T>(&self, name: &'static str, default: T, parse: impl FnOnce(&str) -> Result<T, String>) -> T {
        self.read_or(name, || default, parse)
    }

    /// A setting, or else a default that is made only when it is needed.
    pub(crate) fn read_or<T>(
        &self,
        name: &'static str,
        default: impl FnOnce() -> T,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        let Some(value) = self.get(name) else { return default() };
        text(&value.kind).and_then(|text| parse(&text)).unwrap_or_else(|reason| {
            self.wrong(name, value, &reason);
            default()
        })
    }

    /// A setting whose value is never shown.
    pub(crate) fn secret(
        &self,
        name: &'static str,
        default: &str,
        check: impl FnOnce(&str) -> Result<(), &'static str>,
    ) -> SecretString {
        let parse = |text: &str| check(text).map(|()| SecretString::from(text)).map_err(str::to_owned);
        self.read(name, SecretString::from(default), parse)
    }

    /// Settings of any names, whose values are never shown. Nested mappings are joined by dots, since a variable of the
    /// environment cannot have a dot in its name: `SASL__PASSWORD` is `sasl.password`.
    pub(crate) fn properties(&self, name: &'static str) -> BTreeMap<String, SecretString> {
        let mut found = BTreeMap::new();
        let Some(value) = self.get(name) else { return found };
        match &value.kind {
            ValueKind::Table(table) => self.flatten(&format!("{name}."), "", table, &mut found),
            ValueKind::Nil => {}
            _ => self.wrong(name, value, "it is a section: write librdkafka's properties below it"),
        }
        found
    }

    fn flatten(
        &self,
        shown: &str,
        prefix: &str,
        table: &::config::Map<String, Value>,
        found: &mut BTreeMap<String, SecretString>,
    ) {
        // Nested ones last: they may be the environment's, which wins.
        let (nested, plain): (Vec<_>, Vec<_>) =
            table.iter().partition(|(_, value)| matches!(value.kind, ValueKind::Table(_)));
        for (key, value) in plain.into_iter().chain(nested) {
            let full = format!("{prefix}{key}");
            match &value.kind {
                ValueKind::Table(table) => self.flatten(shown, &format!("{full}."), table, found),
                kind => match text(kind) {
                    Ok(text) => {
                        found.insert(full, SecretString::from(text));
                    }
                    Err(reason) => self.wrong(&format!("{shown}{full}"), value, &reason),
                },
            }
        }
    }

    /// Says what is wrong with a setting that was read.
    pub(crate) fn reject(&self, name: &str, reason: &str) {
        match self.table.and_then(|table| table.get(name)) {
            Some(value) => self.wrong(name, value, reason),
            None => self.mistakes.push(format!("{}: {reason}", self.full(name))),
        }
    }

    /// Ends the section: whatever was not asked for is a mistake.
    pub(crate) fn finish(self) {
        let known = self.known.borrow();
        let mut unknown: Vec<_> =
            self.table.into_iter().flatten().filter(|(key, _)| !known.contains(&key.as_str())).collect();
        unknown.sort_by_key(|(key, _)| key.as_str());
        for (key, value) in unknown {
            let help = match crate::nearest::nearest(key, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    let mut known = known.clone();
                    known.sort_unstable();
                    format!("there are {}", known.join(", "))
                }
            };
            self.wrong(key, value, &format!("there is no such setting; {help}"));
        }
    }

    fn get(&self, name: &'static str) -> Option<&'a Value> {
        self.known.borrow_mut().push(name);
        self.table?.get(name)
    }

    fn full(&self, name: &str) -> String {
        self.path.iter().copied().chain([name]).collect::<Vec<_>>().join(".")
    }

    fn wrong(&self, name: &str, value: &Value, reason: &str) {
        let full = self.full(name);
        let place = match value.origin() {
            Some(ENVIRONMENT) => format!("{}{}", super::PREFIX, full.to_uppercase().replace('.', "__")),
            Some(file) => format!("{file}: {full}"),
            // A section that stands in a file and in the environment has no one origin.
            None => full,
        };
        self.mistakes.push(format!("{place}: {reason}"));
    }
}

fn text(kind: &ValueKind) -> Result<String, String> {
    match kind {
        ValueKind::String(text) if text.trim().is_empty() => Err("it is empty".to_owned()),
        ValueKind::String(text) => Ok(text.clone()),
        ValueKind::Boolean(value) => Ok(value.to_string()),
        ValueKind::I64(value) => Ok(value.to_string()),
        ValueKind::U64(value) => Ok(value.to_string()),
        ValueKind::I128(value) => Ok(value.to_string()),
        ValueKind::U128(value) => Ok(value.to_string()),
        ValueKind::Float(value) => Ok(value.to_string()),
        ValueKind::Nil => Err("it has no value; write one, or remove it".to_owned()),
        ValueKind::Table(_) | ValueKind::Array(_) => Err("it is one value, neither a list nor a mapping".to_owned()),
    }
}
