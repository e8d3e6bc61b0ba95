//! Programs of this workspace, and others that tests ask.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use crate::installed::installed;

/// The path of a program of this workspace, as in `program("nsm")`, built with the profile of the
/// running test.
///
/// # Panics
/// When it is not built; cargo builds other packages' programs only when it is told to.
#[track_caller]
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a running test knows its path");
    // Tests lie in target/PROFILE/deps, programs one folder up.
    test.ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{name} is not built beside {}; run `make build`", test.display()))
}

/// The Python that has the packages of `tests/oracle/requirements.txt`.
///
/// # Panics
/// When it is not installed, with the remedy.
#[track_caller]
pub fn python() -> PathBuf {
    const PYTHON: &str = "python/bin/python3";
    // The link itself: what it leads to would not know the packages.
    installed(&[PYTHON]).join(PYTHON)
}

/// The command of a program that reads settings of the workspace's `nsm`, with nothing of the environment that would
/// overrule what a test sets.
pub fn isolated(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("NSM")) {
        command.env_remove(name);
    }
    command.env_remove("RUST_LOG").env_remove("RUST_BACKTRACE");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "make build")]
    fn a_program_that_is_not_built_names_the_remedy() {
        program("no-such-program");
    }
}
