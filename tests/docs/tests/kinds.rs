//! Every kind of metric has a page, whose catalogues are right, and whose examples come out as it says.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use docs::{Page, judge};
use std::fs;
use std::path::Path;

/// The pages of kinds of metrics, each with its name.
fn pages() -> Vec<(String, Page)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/kinds");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<(String, Page)> = files
        .filter(|file| file.extension().is_some_and(|extension| extension == "md"))
        .map(|file| {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let page = Page::read(&fs::read_to_string(&file).unwrap());
            (name.clone(), page.unwrap_or_else(|why| panic!("docs/kinds/{name}: {why}")))
        })
        .collect();
    pages.sort_by(|(a, _), (b, _)| a.cmp(b));
    pages
}

#[test]
fn catalogues_are_right() {
    for (name, page) in pages() {
        assert!(!page.catalogues.is_empty(), "docs/kinds/{name} has no catalogue");
        for (line, text) in page.catalogues {
            if let Err(mistakes) = catalog::parse(&text) {
                panic!("docs/kinds/{name}, the catalogue of line {line}:\n{}", mistakes.render(&name, &text));
            }
        }
    }
}

#[test]
fn examples_come_out_as_the_page_says() {
    for (name, page) in pages() {
        assert!(!page.examples.is_empty(), "docs/kinds/{name} has no example");
        for example in page.examples {
            if let Err(why) = judge(&example) {
                panic!("docs/kinds/{name}, line {}: {why}", example.line);
            }
        }
    }
}
