//! Every kind of metric has a page; the catalogues of all pages are right, and their examples come out as they say.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use docs::{judge, names, pages};
use serde_json::Value;
use std::collections::BTreeSet;

/// Pages of kinds, and those of what is no kind.
const FOLDERS: [&str; 2] = ["docs/kinds", "docs"];

#[test]
fn every_type_and_every_kind_has_a_page() {
    // A type is what a catalogue's schema lets stand under `type`.
    let schema: Value = serde_json::to_value(catalog::schema()).unwrap();
    let said = |shape: &Value| {
        let of_type = &shape["properties"]["type"];
        let several = of_type["enum"].as_array().cloned().unwrap_or_default();
        several.into_iter().chain(Some(of_type["const"].clone())).collect::<Vec<_>>()
    };
    let types = schema["$defs"].as_object().unwrap().values().flat_map(said);
    // What is cumulative is of windows, as everything is: another name of `simple`.
    let types = types.filter_map(|word| word.as_str().map(str::to_owned)).filter(|word| word != "cumulative");
    let types: BTreeSet<String> = types.collect();
    assert!(types.contains("simple") && types.contains("ratio") && types.len() >= 8, "{types:?}");
    let mut kinds = names("crates/catalog/src/kinds", "rs");
    kinds.retain(|name| !["mod", "made", "tests"].contains(&name.as_str()));
    let (wanted, pages) = (&types | &kinds, names("docs/kinds", "md"));
    assert_eq!(&wanted - &pages, BTreeSet::new(), "these have no page in docs/kinds");
    assert_eq!(&pages - &wanted, BTreeSet::new(), "these pages are of no type and no kind");
}

#[test]
fn catalogues_are_right() {
    for (name, page) in FOLDERS.into_iter().flat_map(pages) {
        assert!(!page.catalogues.is_empty(), "{name} has no catalogue");
        for (line, text) in page.catalogues {
            if let Err(mistakes) = catalog::parse(&text) {
                panic!("{name}, the catalogue of line {line}:\n{}", mistakes.render(&name, &text));
            }
        }
    }
}

#[test]
fn examples_come_out_as_the_page_says() {
    let mut wrong = Vec::new();
    for (name, page) in FOLDERS.into_iter().flat_map(pages) {
        assert!(!page.examples.is_empty(), "{name} has no example");
        for example in page.examples {
            wrong.extend(judge(&example).err().map(|why| format!("{name}, line {}: {why}", example.line)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
