//! Programs that tests ask, and that share no code with the pipeline.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// What an oracle prints: a script of Python in the folder `oracle` of a package, with these arguments.
///
/// # Panics
/// When it fails, or does not print JSON.
#[track_caller]
pub fn oracle(package: &str, script: &str, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Value {
    let script = Path::new(package).join("oracle").join(script);
    // It leaves no compiled files in the sources' folder.
    let output = run(Command::new("python3").arg("-B").arg(script).args(arguments));
    serde_json::from_slice(&output.stdout).expect("the oracle prints JSON")
}

/// Runs a command, which has to succeed, to its end.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
