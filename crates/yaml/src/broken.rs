//! Where a text stops to be YAML, in words that help.
//!
//! Invariant: nothing of the text is repeated, since it may be a secret.

use crate::mistake::Mistake;
use crate::node::Place;
use saphyr_parser::ScanError;

/// What the parser's messages mean, by a part of them: what is wrong and what to do about it. The first that fits counts.
const MEANINGS: &[(&str, &str, &str)] = &[
    (
        "unknown escape",
        "a backslash in double quotes begins an escape that there is not",
        "write single quotes instead, or two backslashes",
    ),
    ("trailing content", "text stands behind a value in quotes", "put all of it into the quotes"),
    (
        "quoted scalar",
        "this quote is not closed before the next key begins",
        "write the closing quote, or remove this one; within single quotes write `''` for one",
    ),
    ("unexpected character", "a value cannot begin with this character", "to mean the text, put it into quotes"),
    (
        "anchor",
        "`*` and `&` begin an alias or an anchor, and there is none of this name",
        "to mean the text, put it into quotes",
    ),
    ("misplaced bracket", "this bracket closes nothing", "remove it, or write the one that opens it"),
    ("flow", "a bracket that was opened before is not closed here", CLOSE),
    ("illegal placement of ':'", "a bracket that was opened before is not closed here", CLOSE),
    ("expected node content", "a value or a closing bracket is missing here", CLOSE),
    (
        "simple key expect",
        "the line before is not `key: value`",
        "write the `:` in it that is missing, with a space behind it",
    ),
    (
        "expected key",
        "this line is indented unlike its neighbours",
        "begin all keys of one mapping, and all items of one list, in the same column",
    ),
];
const CLOSE: &str = "write the `]` or `}` that is missing, or the `,` between two items";

/// The parser's complaint as a mistake.
pub(crate) fn explain(error: &ScanError, text: &str) -> Mistake {
    let mark = error.marker();
    let here = Place { line: mark.line().max(1), column: mark.col() + 1, width: 1 };
    let lines: Vec<&str> = text.lines().collect();
    // What is still open at the end is told at the last thing that stands there.
    let place = match lines.iter().rposition(|line| !line.trim().is_empty()) {
        Some(last) if last + 1 < here.line => {
            Place { line: last + 1, column: lines[last].trim_end().chars().count(), width: 1 }
        }
        _ => here,
    };
    let line = lines.get(place.line - 1).copied().unwrap_or_default();
    let (what, help) = if line.trim_start_matches(' ').starts_with('\t') {
        ("a tab stands in the indentation", "indent with spaces, not tabs")
    } else if line.contains('\u{a0}') {
        ("this line has a no-break space, which only looks like one", "write a space instead")
    } else if error.info().contains("mapping values") {
        let before: String = line.chars().take(place.column - 1).collect();
        let above = lines[..place.line - 1].iter().rev().find(|line| !line.trim().is_empty());
        colon(&before, above.copied().unwrap_or_default())
    } else {
        let meaning = MEANINGS.iter().find(|(part, ..)| error.info().contains(part));
        meaning.map_or(("", "look at the indentation, quotes and brackets just before"), |(_, what, help)| (what, help))
    };
    let what = if what.is_empty() { error.info() } else { what };
    Mistake::new(place, "", format!("this is not YAML: {what}"), help)
}

/// What a colon means that stands where no key can be, behind this part of its line.
fn colon(before: &str, above: &str) -> (&'static str, &'static str) {
    if before.contains(": ") {
        return ("a value with `: ` in it is not in quotes", "put the whole value into quotes, as in `key: \"a: b\"`");
    }
    let above = above.trim_start_matches([' ', '-']);
    if !above.contains(": ") && !above.trim_end().ends_with(':') {
        return ("the line before is not `key: value`", "write a `:` with a space behind it in the line before");
    }
    let what = "this line is indented more than the one before, which has a value already";
    (what, "begin all keys of one mapping in the same column")
}
