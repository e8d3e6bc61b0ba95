//! Where `make services` puts what is no package of the system.

use std::path::{Path, PathBuf};

/// The folder `services` in cargo's target folder that has all of these.
///
/// # Panics
/// When there is none, with the remedy.
#[track_caller]
pub(crate) fn installed(names: &[&str]) -> PathBuf {
    // The test binary lies in the target folder, wherever that is; the workspace's own is the fallback.
    let workspace_target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let binary = std::env::current_exe().unwrap_or_default();
    let candidates = binary.ancestors().chain([workspace_target.as_path()]).map(|folder| folder.join("services"));
    let is_complete = |folder: &PathBuf| names.iter().all(|name| folder.join(name).exists());
    candidates.filter(is_complete).find_map(|folder| folder.canonicalize().ok()).unwrap_or_else(|| {
        panic!("there is no services/{} in cargo's target folder; run `make services`", names.join(" with services/"))
    })
}
