//! YAML as a tree in which every value knows its place and a key may stand twice.
//!
//! It is made from the parser's events: `saphyr`'s own tree either stops at the first key that stands twice or forgets it,
//! and every one of them should be reported. How a scalar is understood is `saphyr`'s (YAML 1.2, core schema).

use crate::broken;
use crate::mistake::Mistake;
pub use saphyr::Scalar;
use saphyr::ScalarStyle;
use saphyr_parser::{Event, Parser, Span, Tag};
use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

/// Deeper than anything that people write; bounds what a hostile text can do.
const DEEPEST: usize = 64;

/// Where something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// How many characters to point at, at least 1.
    pub width: usize,
}

/// A value and where it stands.
#[derive(Debug)]
pub struct Node {
    /// Where it begins, and how wide it is if it is one value in one line.
    pub place: Place,
    /// What stands there.
    pub value: Value,
}

/// What a value can be.
#[derive(Debug)]
pub enum Value {
    /// One value, and how it is written.
    Scalar(Scalar<'static>, String),
    /// A list.
    List(Vec<Rc<Node>>),
    /// A mapping, as it is written: a key may stand twice.
    Map(Vec<(Key, Rc<Node>)>),
    /// A value with a tag, which nobody needs here.
    Tagged(String),
}

/// The name of an entry of a mapping.
#[derive(Debug)]
pub struct Key {
    /// Where it stands.
    pub place: Place,
    /// How it is written, without quotes.
    pub name: String,
}

impl Node {
    /// The first value of these keys, outermost first.
    #[must_use]
    pub fn find(&self, keys: &[&str]) -> Option<&Node> {
        let Some((first, rest)) = keys.split_first() else { return Some(self) };
        let Value::Map(entries) = &self.value else { return None };
        let (_, node) = entries.iter().find(|(key, _)| key.name == *first)?;
        node.find(rest)
    }
}

/// Reads a text that holds one document; an empty one is a null.
///
/// # Errors
/// The place where the text stops to be YAML that is understood here.
pub fn load(text: &str) -> Result<Rc<Node>, Mistake> {
    let mut tree = Tree::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| broken::explain(&error, text))?;
        tree.take(event, span)?;
    }
    Ok(tree.root.unwrap_or_else(|| Rc::new(Node { place: Place { line: 1, column: 1, width: 1 }, value: null() })))
}

fn null() -> Value {
    Value::Scalar(Scalar::Null, String::new())
}

impl From<Span> for Place {
    fn from(span: Span) -> Place {
        let (start, end) = (span.start, span.end);
        let width = if start.line() == end.line() { end.col().saturating_sub(start.col()) } else { 1 };
        Place { line: start.line(), column: start.col() + 1, width: width.max(1) }
    }
}

/// A tree that grows by events.
#[derive(Default)]
struct Tree {
    root: Option<Rc<Node>>,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
}

/// A list or mapping whose end is still to come.
struct Open {
    node: Node,
    anchor: usize,
    key: Option<Key>,
}

impl Tree {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Mistake> {
        let place = Place::from(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.add(Rc::new(Node { place, value: scalar(&text, style, tag.as_ref()) }), anchor)
            }
            Event::SequenceStart(anchor, _) => self.open(place, Value::List(Vec::new()), anchor),
            Event::MappingStart(anchor, _) => self.open(place, Value::Map(Vec::new()), anchor),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { node, anchor, .. }) => self.add(Rc::new(node), anchor),
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor).map(Rc::clone) {
                Some(node) => self.add(node, 0),
                None => Err(Mistake::new(place, "", "this alias stands inside of what it stands for", "write it out")),
            },
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(Mistake::new(place, "", "a second document starts here", "one document is read: remove `---`"))
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, place: Place, value: Value, anchor: usize) -> Result<(), Mistake> {
        if self.open.len() == DEEPEST {
            return Err(Mistake::new(place, "", "this is nested too deeply", "nothing here needs this: remove it"));
        }
        let node = Node { place: Place { width: 1, ..place }, value };
        self.open.push(Open { node, anchor, key: None });
        Ok(())
    }

    fn add(&mut self, node: Rc<Node>, anchor: usize) -> Result<(), Mistake> {
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut parent.node.value {
            Value::List(items) => items.push(node),
            Value::Map(entries) => match parent.key.take() {
                Some(key) => entries.push(placed(key, node)),
                None => parent.key = Some(key(&node)?),
            },
            Value::Scalar(..) | Value::Tagged(_) => {
                unreachable!("only lists and mappings are opened")
            }
        }
        Ok(())
    }
}

fn key(node: &Node) -> Result<Key, Mistake> {
    match &node.value {
        Value::Scalar(_, name) => Ok(Key { place: node.place, name: name.clone() }),
        _ => Err(Mistake::new(
            node.place,
            "",
            "a key must be text",
            "write `key: value`, and quote text that has brackets",
        )),
    }
}

/// A value that is left out stands where its key does.
fn placed(key: Key, node: Rc<Node>) -> (Key, Rc<Node>) {
    let left_out = matches!(&node.value, Value::Scalar(Scalar::Null, written) if written.is_empty());
    let node = if left_out { Rc::new(Node { place: key.place, value: null() }) } else { node };
    (key, node)
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Cow<'_, Tag>>) -> Value {
    if let Some(tag) = tag {
        return Value::Tagged(format!("{}{}", tag.handle, tag.suffix));
    }
    let written = text.to_owned();
    match Scalar::parse_from_cow_and_metadata(Cow::Owned(written.clone()), style, None) {
        Some(scalar) => Value::Scalar(scalar, written),
        None => Value::Tagged(written),
    }
}
