//! What people read who made a mistake: each `mistakes/*.yaml` has its diagnostics beside it. `UPDATE_GOLDEN=1` renews them.

use catalog::Mistake;
use std::fs;
use std::path::{Path, PathBuf};

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder of cases is readable")
        .map(|entry| entry.expect("a case is readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    cases.sort();
    cases
}

#[test]
fn diagnostics_read_as_agreed() {
    let renew = std::env::var_os("UPDATE_GOLDEN").is_some();
    for case in cases() {
        let source = fs::read_to_string(&case).unwrap();
        let name = case.file_name().unwrap().to_str().unwrap();
        let mistakes = catalog::parse(&source).expect_err(name);
        let rendered = mistakes.render(name, &source);
        let golden = case.with_extension("txt");
        if renew {
            fs::write(&golden, &rendered).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(rendered, expected, "{name}: run with UPDATE_GOLDEN=1 if this is meant");
    }
}

/// A line of these files with a comment `# wrong` has a mistake, and no other line has one.
#[test]
fn every_mistake_is_reported_at_once_in_its_line() {
    for case in cases() {
        let source = fs::read_to_string(&case).unwrap();
        if !source.contains("# wrong") {
            continue;
        }
        let numbered = source.lines().zip(1..);
        let expected: Vec<usize> =
            numbered.filter(|(line, _)| line.contains("# wrong")).map(|(_, number)| number).collect();
        let mut lines: Vec<usize> = catalog::parse(&source).unwrap_err().0.iter().map(Mistake::line).collect();
        assert!(lines.is_sorted());
        lines.dedup();
        assert_eq!(lines, expected, "{}", case.display());
    }
}
