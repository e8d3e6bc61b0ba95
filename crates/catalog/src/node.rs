//! YAML as a tree in which every value knows its place and a key may stand twice.
//!
//! It is made from the parser's events: `saphyr`'s own tree either stops at the first key that stands twice or forgets it,
//! and every one of them should be reported. How a scalar is understood is `saphyr`'s (YAML 1.2, core schema).

use crate::mistake::Mistake;
use saphyr::{Scalar, ScalarStyle};
use saphyr_parser::{Event, Parser, ScanError, Span, Tag};
use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

/// Deeper than any catalogue; bounds what a hostile text can do.
const DEEPEST: usize = 64;

/// Where something stands: line and column from 1, and how many characters wide it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) width: usize,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

#[derive(Debug)]
pub(crate) enum Value {
    /// One value, and how it is written.
    Scalar(Scalar<'static>, String),
    List(Vec<Rc<Node>>),
    Map(Vec<(Key, Rc<Node>)>),
    /// A value with a tag, which no catalogue has.
    Tagged(String),
}

#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) place: Place,
    pub(crate) name: String,
}

/// Reads a text that holds one document.
pub(crate) fn load(text: &str) -> Result<Rc<Node>, Mistake> {
    let mut tree = Tree::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| broken(&error, text))?;
        tree.take(event, span)?;
    }
    Ok(tree.root.unwrap_or_else(|| Rc::new(Node { place: Place { line: 1, column: 1, width: 1 }, value: null() })))
}

fn broken(error: &ScanError, text: &str) -> Mistake {
    let mark = error.marker();
    let place = Place { line: mark.line().max(1), column: mark.col() + 1, width: 1 };
    let line = text.lines().nth(place.line - 1).unwrap_or_default();
    let indented_by_tab = line.trim_start_matches(' ').starts_with('\t');
    let help = if indented_by_tab {
        "indent with spaces, not tabs"
    } else {
        "look at the indentation, quotes and brackets just before"
    };
    Mistake::new(place, "", format!("this is not YAML: {}", error.info()), help)
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
            Event::DocumentStart(_) if self.root.is_some() => Err(Mistake::new(
                place,
                "",
                "a second document starts here",
                "a catalogue is one document: remove `---`",
            )),
            _ => Ok(()),
        }
    }

    fn open(&mut self, place: Place, value: Value, anchor: usize) -> Result<(), Mistake> {
        if self.open.len() == DEEPEST {
            return Err(Mistake::new(place, "", "this is nested too deeply", "no catalogue needs this: remove it"));
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
