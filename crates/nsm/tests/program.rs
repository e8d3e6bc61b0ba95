//! The program as people call it, without any service.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

const CATALOGUE: &str = "\
version: 1
product: music
sources: { plays: { topic: plays } }
entities: { user: { key: user_id } }
metrics:
  active: { type: simple, measure: { agg: count_distinct, entity: user, events: any }, windows: [1d, 7d] }
";

/// A folder with these files, in which the program is called.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

fn nsm(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nsm"));
    command.current_dir(folder).args(arguments).env_clear().envs(environment.iter().copied());
    command.output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("it is text")
}

#[track_caller]
fn golden(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, text).expect("a golden file");
    }
    let golden = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(text, golden, "tests/golden/{name} is not up to date: look, then UPDATE_GOLDEN=1");
}

#[test]
fn check_of_a_good_catalogue_succeeds() {
    let folder = folder(&[("catalogue.yaml", CATALOGUE)]);
    let output = nsm(folder.path(), &["check"], &[]);
    assert_eq!(output.status.code(), Some(0));
    let shown = text(&output.stdout);
    assert!(shown.starts_with("catalogue.yaml: product music, version ") && shown.contains("\nactive\n"), "{shown}");
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn check_answers_programs() {
    let folder = folder(&[("catalogue.yaml", CATALOGUE), ("wrong.yaml", "version: 2\n")]);
    let json = |arguments: &[&str]| {
        let output = nsm(folder.path(), arguments, &[("NSM__SHARDS", "4")]);
        (output.status.code(), serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("it is JSON"))
    };
    let (code, good) = json(&["check", "--format", "json"]);
    assert_eq!((code, &good["sources"][0]["topic"], &good["shards"]), (Some(0), &"plays".into(), &4.into()));
    assert_eq!(good["metrics"][0]["series"][0], "nsm_active{window=\"1d\",complete=\"false\"}");

    let (code, wrong) = json(&["check", "--format", "json", "wrong.yaml"]);
    assert_eq!((code, wrong["mistakes"].as_array().map(Vec::len)), (Some(1), Some(5)));
    let found = wrong["mistakes"].as_array().unwrap().iter().find(|mistake| mistake["path"] == "version").unwrap();
    assert_eq!((&found["file"], &found["line"], &found["column"]), (&"wrong.yaml".into(), &1.into(), &10.into()));
    assert_eq!(found["help"], "write `version: 1`");
}

#[test]
fn check_shows_everything_that_is_wrong() {
    let broken = CATALOGUE.replace("entity: user", "entity: usr").replace("7d", "7w");
    let folder =
        folder(&[("northstar.yaml", "kafka: { brokrs: a }\ncatalogue: music.yaml\n"), ("music.yaml", &broken)]);
    let output = nsm(folder.path(), &["check"], &[("NSM__SHARDS", "0")]);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""));
    golden("check-mistakes.txt", &text(&output.stderr));
}

#[test]
fn run_starts_only_when_nothing_is_wrong() {
    let folder =
        folder(&[("northstar.yaml", "shards: 0\ntopics: { activity: plays }\n"), ("catalogue.yaml", CATALOGUE)]);
    let output = nsm(folder.path(), &["run"], &[]);
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stderr);
    assert!(shown.contains("`0` is out of range") && shown.contains("[northstar.yaml:1:9]"), "{shown}");
    assert!(shown.contains("source `plays` reads `plays`, which nsm itself writes"), "{shown}");
}

#[test]
fn catalogue_lies_beside_the_configuration() {
    let folder = folder(&[]);
    let other = folder.path().join("etc");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("nsm.yaml"), "catalogue: c.yaml\n").unwrap();
    fs::write(other.join("c.yaml"), CATALOGUE).unwrap();
    assert_eq!(nsm(folder.path(), &["--config", "etc/nsm.yaml", "check"], &[]).status.code(), Some(0));
    assert_eq!(nsm(folder.path(), &["check"], &[("NSM_CONFIG", "etc/nsm.yaml")]).status.code(), Some(0));
    assert_eq!(nsm(folder.path(), &["check", "etc/c.yaml"], &[]).status.code(), Some(0));
    assert_eq!(nsm(folder.path(), &["check"], &[]).status.code(), Some(1));
}

#[test]
fn wrong_command_line_is_another_exit_code() {
    let folder = folder(&[("catalogue.yaml", CATALOGUE)]);
    for arguments in [&["rum"][..], &["run", "--role", "ingestion"], &["check", "--no-such"], &["produce"], &[]] {
        let output = nsm(folder.path(), arguments, &[]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
    }
}

#[test]
fn query_checks_the_question_before_it_needs_the_store() {
    let folder = folder(&[("catalogue.yaml", CATALOGUE)]);
    let output = nsm(folder.path(), &["query", "activ"], &[("NSM__STATE__REDIS__URL", "redis://:hunter2@127.0.0.1:1")]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr), "nsm: there is no metric `activ`; did you mean `active`?\n");
}

#[test]
fn store_that_is_out_of_reach_is_named_without_its_password() {
    let folder = folder(&[("catalogue.yaml", CATALOGUE)]);
    let output = nsm(folder.path(), &["query"], &[("NSM__STATE__REDIS__URL", "redis://:hunter2@127.0.0.1:1")]);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""));
    let shown = text(&output.stderr);
    assert!(shown.contains("127.0.0.1:1") && !shown.contains("hunter2"), "{shown}");
}
