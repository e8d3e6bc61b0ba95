//! Texts that people read, kept in files. `UPDATE_GOLDEN=1 cargo test -p nsm` renews them.

use std::path::Path;

/// Compares `text` with the file of that name.
#[track_caller]
pub(crate) fn check(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
    }
    let golden = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(text, golden, "tests/golden/{name} is not up to date: look, then UPDATE_GOLDEN=1");
}
