//! What people read who made a mistake, and that it is enough to mend it.
//!
//! Each `wrong/catalogue/NAME.yaml` is a catalogue, each `wrong/config/NAME.yaml` a configuration; `NAME.env` is the environment
//! that goes with it, `NAME.catalogue` the catalogue that goes with a configuration. `NAME.txt` is what `nsm check` says.
//! `mended/` has the same files as someone left them who read nothing but that. `UPDATE_GOLDEN=1` renews what is said.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const CATALOGUE: &str = include_str!("../../../deploy/examples/music.yaml");

/// A wrong catalogue or configuration.
struct Case {
    kind: &'static str,
    name: String,
}

impl Case {
    fn all() -> Vec<Case> {
        let mut cases = Vec::new();
        for kind in ["catalogue", "config"] {
            let names: BTreeSet<String> = fs::read_dir(folder().join("wrong").join(kind))
                .expect("the folder of cases is readable")
                .map(|entry| entry.expect("a case is readable").path())
                .map(|path| path.file_stem().expect("a file has a name").to_string_lossy().into_owned())
                .collect();
            cases.extend(names.into_iter().map(|name| Case { kind, name }));
        }
        cases
    }

    /// One of its files, `wrong` or `mended`; what needed no mending is as it was.
    fn file(&self, state: &str, extension: &str) -> Option<String> {
        let of = |state: &str| folder().join(state).join(self.kind).join(format!("{}.{extension}", self.name));
        let found = [of(state), of("wrong")].into_iter().find(|path| path.exists())?;
        Some(fs::read_to_string(found).expect("a case is readable"))
    }

    fn check(&self, state: &str) -> Output {
        let folder = tempfile::tempdir().expect("a folder");
        let yaml = self.file(state, "yaml");
        let (catalogue, config) = match self.kind {
            "catalogue" => (yaml, None),
            _ => (self.file(state, "catalogue"), yaml),
        };
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file");
        write("catalogue.yaml", catalogue.as_deref().unwrap_or(CATALOGUE));
        config.inspect(|text| write("northstar.yaml", text));
        let environment = self.file(state, "env").unwrap_or_default();
        let variables = environment.lines().map(|line| line.split_once('=').expect("NAME=value"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_nsm"));
        command.current_dir(folder.path()).arg("check").env_clear().envs(variables);
        command.output().expect("the program starts")
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("it is text")
}

#[test]
fn diagnostics_read_as_agreed() {
    let cases = Case::all();
    assert!(cases.len() >= 40, "{} cases", cases.len());
    for case in cases {
        let output = case.check("wrong");
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""), "{}", case.name);
        let said = text(&output.stderr);
        let golden = folder().join("wrong").join(case.kind).join(format!("{}.txt", case.name));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &said).expect("a golden file");
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(said, expected, "{}: look, then UPDATE_GOLDEN=1", golden.display());
    }
}

#[test]
fn what_was_mended_passes() {
    for case in Case::all() {
        let mended = ["yaml", "env", "catalogue"].map(|extension| case.file("mended", extension));
        let wrong = ["yaml", "env", "catalogue"].map(|extension| case.file("wrong", extension));
        assert_ne!(mended, wrong, "{} is not mended", case.name);
        let output = case.check("mended");
        assert_eq!(output.status.code(), Some(0), "{}:\n{}", case.name, text(&output.stderr));
    }
}
