//! Names of metrics.

use std::collections::BTreeSet;
use std::path::Path;

/// What a name may consist of.
fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | ':')
}

/// Every word of a PromQL expression that could be a metric's name.
pub fn identifiers(promql: &str) -> impl Iterator<Item = &str> {
    promql.split(|c| !is_of_name(c)).filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// The names of the pipeline's own metrics: its sources name each once, as a literal.
#[track_caller]
pub fn exported() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    add_of(&crate::path("crates"), &mut names);
    assert!(names.len() > 20, "the sources name metrics in another way: {names:?}");
    names
}

fn add_of(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            add_of(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("sources are text");
            let literals =
                text.split('"').filter(|word| word.starts_with("northstar_") && word.chars().all(is_of_name));
            names.extend(literals.map(str::to_owned));
        }
    }
}
