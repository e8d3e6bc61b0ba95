//! Reads a tree of settings, and collects everything that is wrong with it.
//!
//! Invariant: no mistake repeats the value of a secret.

use super::tree::{Tree, Variable};
use super::veil::Veil;
use secrecy::SecretString;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use yaml::node::Scalar;
use yaml::suggest::{did_you_mean, nearest, or};
use yaml::{Key, Mistake, Node, Sink, Value};

/// What is wrong with a value, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) what: String,
    pub(crate) help: String,
}

impl Wrong {
    pub(crate) fn new(what: impl Into<String>, help: impl Into<String>) -> Wrong {
        Wrong { what: what.into(), help: help.into() }
    }
}

/// What is found while settings are read.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) sink: Sink,
    pub(super) veil: Veil,
    /// The settings and sections that were asked for so far, with the sections around them.
    known: RefCell<Vec<String>>,
}

/// A mapping of settings.
pub(super) struct Section<'a> {
    /// The names of the sections around, outermost first, and its own.
    path: Vec<&'static str>,
    /// What the file has in it.
    entries: &'a [(Key, Rc<Node>)],
    /// The environment's settings in it and in the sections below.
    variables: Vec<&'a Variable>,
    /// The settings and sections that were asked for.
    known: RefCell<Vec<&'static str>>,
    /// Those of them that are sections.
    sections: RefCell<Vec<&'static str>>,
    /// Where the section itself is given as if it were a setting.
    misplaced: Vec<Given<'a>>,
    found: &'a Found,
}

/// Where a setting is given.
#[derive(Clone, Copy)]
enum Given<'a> {
    Variable(&'a Variable),
    File(&'a Node),
}

/// What a section's node has in it, or the node where it is none.
fn entries(node: Option<&Node>) -> (&[(Key, Rc<Node>)], Option<Given<'_>>) {
    match node.map(|node| (node, &node.value)) {
        Some((_, Value::Map(entries))) => (entries, None),
        None | Some((_, Value::Scalar(Scalar::Null, _))) => (&[], None),
        Some((node, _)) => (&[], Some(Given::File(node))),
    }
}

impl<'a> Section<'a> {
    pub(super) fn root(tree: &'a Tree, found: &'a Found) -> Section<'a> {
        let (entries, misplaced) = entries(tree.file.as_deref());
        let section = Section::new(Vec::new(), entries, tree.variables.iter().collect(), found);
        Section { misplaced: misplaced.into_iter().collect(), ..section }
    }

    fn new(
        path: Vec<&'static str>,
        entries: &'a [(Key, Rc<Node>)],
        variables: Vec<&'a Variable>,
        found: &'a Found,
    ) -> Section<'a> {
        for (at, (key, _)) in entries.iter().enumerate() {
            found.veil.show(key.place);
            if let Some((first, _)) = entries[..at].iter().find(|(other, _)| other.name == key.name) {
                let what = format!("`{}` is set twice, first in line {}", key.name, first.place.line);
                let full = path.iter().copied().chain([key.name.as_str()]).collect::<Vec<_>>().join(".");
                found.sink.push(Mistake::new(key.place, &full, what, "remove one of them"));
            }
        }
        Section {
            path,
            entries,
            variables,
            known: RefCell::default(),
            sections: RefCell::default(),
            misplaced: Vec::new(),
            found,
        }
    }

    /// A section below this one. It may be absent or empty: then all its settings are.
    pub(super) fn section(&self, name: &'static str) -> Section<'a> {
        self.know(name);
        self.sections.borrow_mut().push(name);
        let path: Vec<&'static str> = self.path.iter().copied().chain([name]).collect();
        let below = self.variables.iter().copied().filter(|of| of.path[self.path.len()] == name);
        let (below, itself): (Vec<_>, Vec<_>) = below.partition(|of| of.path.len() > path.len());
        let (entries, misplaced) = entries(self.entry(name));
        let misplaced = itself.into_iter().map(Given::Variable).chain(misplaced).collect();
        Section { misplaced, ..Section::new(path, entries, below, self.found) }
    }

    /// A setting, or else its default.
    pub(super) fn read<T>(&self, name: &'static str, default: T, parse: impl FnOnce(&str) -> Result<T, Wrong>) -> T {
        self.read_or(name, || default, parse)
    }

    /// A setting, or else a default that is made only when it is needed.
    pub(super) fn read_or<T>(
        &self,
        name: &'static str,
        default: impl FnOnce() -> T,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> T {
        if let Some(Node { place, value: Value::Scalar(..) }) = self.entry(name) {
            self.found.veil.show(*place);
        }
        self.value(name, default, parse)
    }

    /// A setting whose value is never shown.
    pub(super) fn secret(
        &self,
        name: &'static str,
        default: &str,
        check: impl FnOnce(&str) -> Result<(), Wrong>,
    ) -> SecretString {
        let parse = |text: &str| check(text).map(|()| SecretString::from(text));
        self.value(name, || SecretString::from(default), parse)
    }

    fn value<T>(
        &self,
        name: &'static str,
        default: impl FnOnce() -> T,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> T {
        self.know(name);
        let Some(given) = self.given(name) else { return default() };
        self.text(name, given).and_then(|text| parse(&text)).unwrap_or_else(|wrong| {
            self.wrong(name, given, wrong);
            default()
        })
    }

    /// Settings of any names, whose values are never shown. Nested mappings are joined by dots, since a variable of the
    /// environment cannot have a dot in its name: `SASL__PASSWORD` is `sasl.password`.
    pub(super) fn properties(&self, name: &'static str) -> BTreeMap<String, SecretString> {
        let section = self.section(name);
        section.misplaced(|_| "write librdkafka's properties below it, as in `security.protocol: ssl`".to_owned());
        let mut found = BTreeMap::new();
        section.flatten("", section.entries, &mut found);
        let depth = section.path.len();
        for variable in &section.variables {
            let full = variable.path[depth..].join(".");
            match section.text(&full, Given::Variable(variable)) {
                Ok(text) => drop(found.insert(full, SecretString::from(text))),
                Err(wrong) => section.wrong(&full, Given::Variable(variable), wrong),
            }
        }
        found
    }

    fn flatten(&self, prefix: &str, entries: &[(Key, Rc<Node>)], found: &mut BTreeMap<String, SecretString>) {
        for (key, node) in entries {
            self.found.veil.show(key.place);
            let full = format!("{prefix}{}", key.name);
            match &node.value {
                Value::Map(entries) => self.flatten(&format!("{full}."), entries, found),
                _ => match self.text(&full, Given::File(node)) {
                    Ok(text) => drop(found.insert(full, SecretString::from(text))),
                    Err(wrong) => self.wrong(&full, Given::File(node), wrong),
                },
            }
        }
    }

    /// Says what is wrong with settings that were read: at the first of them that is given. Those of sections below are
    /// named with a dot.
    pub(super) fn reject(&self, names: &[&str], wrong: Wrong) {
        let given = names.iter().find_map(|name| Some((name, self.given(name)?)));
        match given {
            Some((name, given)) => self.wrong(name, given, wrong),
            None => {
                self.found.sink.push(Mistake::nowhere(format!("{}: {}", self.full(names[0]), wrong.what), wrong.help))
            }
        }
    }

    /// Says that the section itself is given as if it were a setting.
    fn misplaced(&self, help: impl Fn(Given<'_>) -> String) {
        let path = self.path.join(".");
        let what = if path.is_empty() { "the configuration".to_owned() } else { format!("`{path}`") };
        for given in &self.misplaced {
            let wrong = Wrong::new(format!("{what} is a section, not one value or a list"), help(*given));
            self.found.sink.push(given.mistake(&path, wrong));
        }
    }

    /// Ends the section: whatever was not asked for is a mistake.
    pub(super) fn finish(self) {
        let known = self.known.borrow();
        self.misplaced(|given| {
            let names = known.iter().map(|name| match given {
                Given::Variable(variable) => format!("{}__{}", variable.name, name.to_uppercase()),
                Given::File(_) => format!("{name}: …"),
            });
            format!("write its settings instead, in lines of their own: {}", or(&names.collect::<Vec<_>>()))
        });
        let unknown = |name: &str| {
            let elsewhere =
                self.found.known.borrow().iter().find(|full| full.rsplit('.').next() == Some(name)).cloned();
            let mut names = known.clone();
            names.sort_unstable();
            let help = match elsewhere.filter(|_| nearest(name, names.iter().copied()).is_none()) {
                Some(full) => format!("did you mean `{full}`?"),
                None => did_you_mean(name, &names),
            };
            Wrong::new(format!("there is no setting `{}`", self.full(name)), help)
        };
        for (key, _) in self.entries.iter().filter(|(key, _)| !known.contains(&key.name.as_str())) {
            let Wrong { what, help } = unknown(&key.name);
            self.found.sink.push(Mistake::new(key.place, &self.full(&key.name), what, help));
        }
        for variable in &self.variables {
            let (name, below) = (&variable.path[self.path.len()], &variable.path[self.path.len() + 1..]);
            if !known.contains(&name.as_str()) {
                self.wrong(name, Given::Variable(variable), unknown(name));
            } else if !below.is_empty() && !self.sections.borrow().contains(&name.as_str()) {
                let what = format!("`{}` is one value, not a section", self.full(name));
                let help = format!("leave `__{}` out", below.join("__").to_uppercase());
                self.wrong(name, Given::Variable(variable), Wrong::new(what, help));
            }
        }
    }

    fn know(&self, name: &'static str) {
        self.known.borrow_mut().push(name);
        self.found.known.borrow_mut().push(self.full(name));
        self.found.veil.know(name);
    }

    /// Where a setting is given, or one of a section below, named with a dot.
    fn given(&self, name: &str) -> Option<Given<'a>> {
        let of =
            |variable: &&&Variable| variable.path[self.path.len()..].iter().map(String::as_str).eq(name.split('.'));
        let variable = self.variables.iter().find(of).map(|variable| Given::Variable(variable));
        variable.or_else(|| {
            let (first, rest) = name.split_once('.').unwrap_or((name, ""));
            let below: Vec<&str> = rest.split('.').filter(|name| !name.is_empty()).collect();
            self.entry(first)?.find(&below).map(Given::File)
        })
    }

    fn entry(&self, name: &str) -> Option<&'a Node> {
        self.entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node.as_ref())
    }

    fn full(&self, name: &str) -> String {
        self.path.iter().copied().chain([name]).collect::<Vec<_>>().join(".")
    }

    /// One value as text.
    fn text(&self, name: &str, given: Given<'_>) -> Result<String, Wrong> {
        let full = self.full(name);
        let nothing = || Wrong::new(format!("`{full}` has no value"), "write one, or remove it");
        let node = match given {
            Given::Variable(variable) if variable.value.trim().is_empty() => return Err(nothing()),
            Given::Variable(variable) => return Ok(variable.value.clone()),
            Given::File(node) => node,
        };
        match &node.value {
            Value::Scalar(Scalar::Null, _) => Err(nothing()),
            Value::Scalar(Scalar::String(text), _) if text.trim().is_empty() => Err(nothing()),
            Value::Scalar(Scalar::Boolean(value), _) => Ok(value.to_string()),
            Value::Scalar(_, written) => Ok(written.clone()),
            Value::List(_) => {
                Err(Wrong::new(format!("`{full}` is one value, not a list"), "write it without `[`, `]` or `-`"))
            }
            Value::Map(_) => Err(Wrong::new(
                format!("`{full}` is one value, not a section"),
                format!("write `{}: value` in one line, with nothing below", name.rsplit('.').next().unwrap_or(name)),
            )),
            Value::Tagged(_) => Err(Wrong::new(format!("`{full}` has a tag"), "remove what begins with `!`")),
        }
    }

    fn wrong(&self, name: &str, given: Given<'_>, wrong: Wrong) {
        self.found.sink.push(given.mistake(&self.full(name), wrong));
    }
}

impl Given<'_> {
    /// What is wrong with a setting, where it is given.
    fn mistake(self, full: &str, Wrong { what, help }: Wrong) -> Mistake {
        match self {
            Given::Variable(variable) => Mistake::nowhere(format!("{}: {what}", variable.name), help),
            Given::File(node) => Mistake::new(node.place, full, what, help),
        }
    }
}
