//! Typed reading of a tree of YAML.
//!
//! A reader returns `None` only after it has put a mistake into the sink, and reads all of its parts before it gives up, so
//! that every mistake is found in one go.

use crate::plan::Literal;
use crate::suggest::{did_you_mean, nearest, or};
use std::cell::RefCell;
use yaml::node::Scalar;
use yaml::{Mistake, Node, Place, Sink, Value};

/// Words that the full language has and this version does not, each with what to write instead.
pub(crate) type Later = &'static [(&'static str, &'static str)];

/// A value, where it stands, and where mistakes about it go.
#[derive(Clone)]
pub(crate) struct Cursor<'a> {
    node: &'a Node,
    /// The value's key if it has one: where to report that something is missing within.
    home: Place,
    path: String,
    sink: &'a Sink,
}

impl<'a> Cursor<'a> {
    pub(crate) fn root(node: &'a Node, sink: &'a Sink) -> Cursor<'a> {
        Cursor { node, home: node.place, path: String::new(), sink }
    }

    /// Reports a mistake at this value.
    pub(crate) fn wrong<T>(&self, what: impl Into<String>, help: impl Into<String>) -> Option<T> {
        self.sink.push(Mistake::new(self.node.place, &self.path, what, help));
        None
    }

    /// Reports a mistake at this value's key.
    pub(crate) fn wrong_at_home<T>(&self, what: impl Into<String>, help: impl Into<String>) -> Option<T> {
        self.sink.push(Mistake::new(self.home, &self.path, what, help));
        None
    }

    /// Reports a mistake at some characters of this value, of which there are `width` from the one `at` on, counted from 0. Where
    /// the value is not written as it is, in one line, all of it is pointed at.
    pub(crate) fn wrong_within<T>(
        &self,
        at: usize,
        width: usize,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        let Place { line, column, width: all } = self.node.place;
        let place = match all.checked_sub(self.written().unwrap_or_default().chars().count()) {
            // Of what is quoted the parser counts the quotes, and one more.
            Some(quotes @ (0 | 3)) => Place { line, column: column + quotes / 2 + at, width },
            _ => self.node.place,
        };
        self.sink.push(Mistake::new(place, &self.path, what, help));
        None
    }

    /// Reports a word that this version does not understand yet.
    fn too_early<T>(&self, at: Place, word: &str, instead: &str) -> Option<T> {
        let what = format!("`{word}` is not supported yet in this version");
        self.sink.push(Mistake::new(at, &self.path, what, instead));
        None
    }

    /// Reports a value of the wrong kind.
    pub(crate) fn mismatch<T>(&self, expected: &str, help: &str) -> Option<T> {
        self.wrong(format!("{} must be {expected}, but is {}", self.label(), self.kind()), help)
    }

    fn label(&self) -> String {
        match self.path.rsplit('.').next() {
            Some(last) if !last.is_empty() => format!("`{last}`"),
            _ => "the catalogue".to_owned(),
        }
    }

    fn kind(&self) -> String {
        match &self.node.value {
            Value::Scalar(Scalar::Null, written) if written.is_empty() => "empty".to_owned(),
            Value::Scalar(Scalar::Null, written) => format!("`{written}`"),
            Value::Scalar(Scalar::String(_), text) => format!("the text `{text}`"),
            Value::Scalar(Scalar::Boolean(_), text) => format!("the truth value `{text}`"),
            Value::Scalar(_, text) => format!("the number `{text}`"),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
            Value::Tagged(tag) => format!("a value with the tag `{tag}`"),
        }
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self.node.value, Value::Map(_))
    }

    /// How a scalar is written.
    pub(crate) fn written(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::Scalar(_, written) => Some(written),
            _ => None,
        }
    }

    /// How the scalar under a key is written, whatever else is wrong here.
    pub(crate) fn written_under(&self, name: &str) -> Option<&'a str> {
        let Value::Map(pairs) = &self.node.value else { return None };
        let (_, node) = pairs.iter().find(|(key, _)| key.name == name)?;
        match &node.value {
            Value::Scalar(_, written) => Some(written),
            _ => None,
        }
    }

    /// Text that is not empty.
    pub(crate) fn text(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::Scalar(Scalar::String(_), text) if text.trim().is_empty() => {
                self.wrong(format!("{} is empty", self.label()), "write some text")
            }
            Value::Scalar(Scalar::String(_), text) => Some(text),
            Value::Scalar(Scalar::Null, written) if written.is_empty() => self.mismatch("text", "write some text"),
            Value::List(_) | Value::Map(_) | Value::Tagged(_) => self.mismatch("text", "write some text"),
            Value::Scalar(_, written) => self.mismatch("text", &format!("to mean the text, quote it: \"{written}\"")),
        }
    }

    /// A truth value, finite number or text.
    pub(crate) fn literal(&self) -> Option<Literal> {
        let Value::Scalar(scalar, written) = &self.node.value else {
            return self.mismatch("a value", "write text, a number, `true` or `false`");
        };
        match scalar {
            Scalar::Null => self
                .mismatch("a value", "nothing equals a value that is missing: write text, a number, `true` or `false`"),
            Scalar::Boolean(value) => Some(Literal::Bool(*value)),
            Scalar::Integer(value) => Some(Literal::Int(*value)),
            Scalar::FloatingPoint(value) => self.float(value.0, written),
            Scalar::String(value) => Some(Literal::Text(value.clone().into_owned())),
        }
    }

    fn float(&self, value: f64, written: &str) -> Option<Literal> {
        let quote = format!("to mean the text, quote it: \"{written}\"");
        if !value.is_finite() {
            return self.wrong(format!("`{written}` is not a finite number"), quote);
        }
        if written.trim_start_matches(['+', '-']).bytes().all(|byte| byte.is_ascii_digit()) {
            return self.wrong(format!("`{written}` does not fit into 64 bits"), quote);
        }
        Some(Literal::Float(value))
    }

    /// One of some words.
    pub(crate) fn choice<T: Copy>(&self, noun: &str, words: &[(&str, T)], later: Later) -> Option<T> {
        let text = self.text()?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*meaning);
        }
        if let Some((_, instead)) = later.iter().find(|(word, _)| *word == text) {
            return self.too_early(self.node.place, text, instead);
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.wrong(format!("`{text}` is not {noun}"), did_you_mean(text, &known))
    }

    /// A list that is not empty, or an item alone.
    pub(crate) fn items(&self) -> Option<Vec<Cursor<'a>>> {
        let Value::List(nodes) = &self.node.value else { return Some(vec![self.clone()]) };
        if nodes.is_empty() {
            return self.wrong(format!("{} is an empty list", self.label()), "write at least one item");
        }
        let place = |index| format!("{}[{index}]", self.path);
        let items = nodes.iter().enumerate();
        Some(items.map(|(at, node)| Cursor { node, home: node.place, path: place(at), sink: self.sink }).collect())
    }

    /// One or more items, each once.
    pub(crate) fn one_or_more<T: PartialEq>(&self, read: impl Fn(&Cursor<'a>) -> Option<T>) -> Option<Vec<T>> {
        let mut complete = true;
        let mut items = Vec::new();
        for cursor in self.items()? {
            match read(&cursor) {
                Some(item) if !items.contains(&item) => {
                    items.push(item);
                    continue;
                }
                Some(_) => cursor.listed_twice(),
                None => {}
            }
            complete = false;
        }
        complete.then_some(items)
    }

    fn listed_twice(&self) {
        let item = self.written().unwrap_or_default();
        self.wrong::<()>(format!("`{item}` is listed twice"), "remove one of them");
    }

    /// The entries of a mapping that is not empty, each key once.
    pub(crate) fn entries(&self) -> Option<Entries<'a>> {
        let pairs = match &self.node.value {
            Value::Map(pairs) => pairs.as_slice(),
            // An empty text: what it should have is told key by key.
            Value::Scalar(Scalar::Null, written) if self.path.is_empty() && written.is_empty() => &[],
            Value::List(_) => {
                return self.mismatch("a mapping", "write `key: value` lines without `-`, or `{ key: value }`");
            }
            _ => return self.mismatch("a mapping", "write `key: value` lines, indented, or `{ key: value }`"),
        };
        let mut entries: Vec<Entry<'a>> = Vec::with_capacity(pairs.len());
        for (key, node) in pairs {
            let path = if self.path.is_empty() { key.name.clone() } else { format!("{}.{}", self.path, key.name) };
            let value = Cursor { node, home: key.place, path, sink: self.sink };
            match entries.iter().find(|entry| entry.name == key.name) {
                Some(first) => value.defined_twice(first),
                None => entries.push(Entry { name: &key.name, value }),
            }
        }
        if entries.is_empty() && !self.path.is_empty() {
            return self
                .wrong(format!("{} is an empty mapping", self.label()), "write what it should hold, or remove it");
        }
        Some(Entries { of: self.clone(), entries, suggested: RefCell::default() })
    }

    fn defined_twice(&self, first: &Entry<'a>) {
        let what = format!("`{}` is defined twice, first in line {}", first.name, first.value.home.line);
        self.wrong_at_home::<()>(what, "remove or rename one of them");
    }

    /// Reads entries whose keys are names that the catalogue gives.
    pub(crate) fn named<T>(
        &self,
        mut read: impl FnMut(&'a str, &Cursor<'a>) -> Option<T>,
    ) -> Option<Vec<(&'a str, Option<T>)>> {
        let entries = self.entries()?;
        Some(
            entries
                .entries
                .iter()
                .map(|Entry { name, value }| (*name, value.name(name).and(read(name, value))))
                .collect(),
        )
    }

    fn name(&self, name: &str) -> Option<()> {
        let starts = name.starts_with(|c: char| c.is_ascii_lowercase());
        if starts && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
            return Some(());
        }
        let help = "a name is lower-case letters, digits and `_`, and starts with a letter, as in `active_users`";
        self.wrong_at_home(format!("`{name}` is not a name"), help)
    }
}

/// The entries of a mapping, each key once.
pub(crate) struct Entries<'a> {
    of: Cursor<'a>,
    entries: Vec<Entry<'a>>,
    /// The keys that were suggested for unknown ones: they are missing, but that was said.
    suggested: RefCell<Vec<String>>,
}

/// A key and its value.
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: Cursor<'a>,
}

impl<'a> Entries<'a> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry<'a>> {
        self.entries.iter()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Cursor<'a>> {
        self.entries.iter().find(|entry| entry.name == name).map(|entry| &entry.value)
    }

    /// The value of a key that must be there.
    pub(crate) fn require(&self, name: &str, help: &str) -> Option<&Cursor<'a>> {
        if self.suggested.borrow().iter().any(|suggested| suggested == name) {
            return self.get(name);
        }
        self.get(name).or_else(|| self.of.wrong_at_home(format!("{} has no `{name}`", self.of.label()), help))
    }

    /// What a key's value means, or the default if the key is not there.
    pub(crate) fn read_or<T>(&self, name: &str, default: T, read: impl FnOnce(&Cursor<'a>) -> Option<T>) -> Option<T> {
        self.get(name).map_or(Some(default), read)
    }

    /// Reports every key that is not known.
    pub(crate) fn allow(&self, known: &[&str], later: Later) {
        for Entry { name, value } in self.entries.iter().filter(|entry| !known.contains(&entry.name)) {
            match later.iter().find(|(word, _)| word == name) {
                Some((_, instead)) => value.too_early::<()>(value.home, name, instead),
                None if *name == "<<" => value.too_early(value.home, name, "write the keys out"),
                None => self.unknown(name, value, known),
            };
        }
    }

    fn unknown(&self, name: &str, value: &Cursor<'a>, known: &[&str]) -> Option<()> {
        let near = nearest(name, known.iter().copied());
        self.suggested.borrow_mut().extend(near.map(str::to_owned));
        let help =
            near.map_or_else(|| format!("remove it, or write {}", or(known)), |near| format!("did you mean `{near}`?"));
        value.wrong_at_home(format!("unknown key `{name}`"), help)
    }
}
