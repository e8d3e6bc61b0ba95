//! The JSON Schemas for editors: `schemas/` has what `nsm schema` prints (`UPDATE_GOLDEN=1` renews it), what is right is
//! valid, and what is wrong is not, as far as a schema can tell.

use jsonschema::Validator;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use yaml::node::Scalar;
use yaml::{Node, Value};

/// What `nsm check` alone tells: names of things that are declared elsewhere, time zones, ranges, keys that stand twice (JSON
/// has none), and what goes together.
const BEYOND_A_SCHEMA: &[&str] = &[
    "catalogue/any-in-list",
    "catalogue/attribute-typo",
    "catalogue/entity-undeclared",
    "catalogue/entity-unknown",
    "catalogue/filters",
    "catalogue/formula-by",
    "catalogue/formula-cycle",
    "catalogue/formula-expression",
    "catalogue/formula-expression-bracket",
    "catalogue/formula-expression-name-unknown",
    "catalogue/formula-name-unused",
    "catalogue/formula-offset-too-long",
    "catalogue/formula-offset-unit",
    "catalogue/formula-part-unknown",
    "catalogue/formula-window-missing",
    "catalogue/formula-windows-apart",
    "catalogue/keys-twice",
    "catalogue/lateness-order",
    "catalogue/metric-twice",
    "catalogue/shard-by",
    "catalogue/time-zone-abbreviation",
    "catalogue/time-zone-offset",
    "catalogue/time-zone-typo",
    "catalogue/tree-metric",
    "catalogue/tree-names",
    "catalogue/tree-omtms",
    "catalogue/tree-twice",
    "catalogue/window-out-of-range",
    "config/catalogue-missing",
    "config/setting-twice",
    "config/settings-together",
    "config/topic-clash",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn printed(of: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_nsm")).args(["schema", of]).output().expect("the program starts");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("it is text")
}

fn validator(of: &str) -> Validator {
    jsonschema::validator_for(&serde_json::from_str(&printed(of)).expect("it is JSON")).expect("it is a schema")
}

/// What an editor sees of a text; `None` if it is not YAML.
fn json(text: &str) -> Option<Json> {
    fn of(node: &Node) -> Json {
        match &node.value {
            Value::Scalar(Scalar::Null, _) | Value::Tagged(_) => Json::Null,
            Value::Scalar(Scalar::Boolean(value), _) => (*value).into(),
            Value::Scalar(Scalar::Integer(value), _) => (*value).into(),
            Value::Scalar(Scalar::FloatingPoint(value), _) => value.0.into(),
            Value::Scalar(Scalar::String(value), _) => value.as_ref().into(),
            Value::List(items) => items.iter().map(|item| of(item)).collect(),
            Value::Map(entries) => entries.iter().map(|(key, node)| (key.name.clone(), of(node))).collect(),
        }
    }
    yaml::load(text).ok().map(|node| of(&node))
}

fn texts(folder: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(root().join(folder)).expect("the folder is readable");
    let paths = entries.map(|entry| entry.expect("it is readable").path());
    let yaml = paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    let named = |path: PathBuf| {
        let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        (name, fs::read_to_string(path).expect("it is readable"))
    };
    yaml.map(named).collect()
}

#[test]
fn schemas_are_up_to_date() {
    for of in ["catalogue", "config"] {
        let file = root().join(format!("schemas/{of}.schema.json"));
        let text = printed(of);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&file, &text).expect("a schema");
        }
        let golden = fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(text, golden, "{}: look, then UPDATE_GOLDEN=1", file.display());
    }
}

#[test]
fn what_is_right_is_valid() {
    let right = [
        ("catalogue", "crates/nsm/tests/mended/catalogue"),
        ("catalogue", "crates/catalog/tests/catalogues"),
        ("catalogue", "tests/faults"),
        ("config", "crates/nsm/tests/mended/config"),
    ];
    let examples = texts("deploy/examples").into_iter().map(|(name, text)| {
        let of = if name == "northstar" { "config" } else { "catalogue" };
        (of, name, text)
    });
    let folders = right.iter().flat_map(|(of, folder)| texts(folder).into_iter().map(|(name, text)| (*of, name, text)));
    for (of, name, text) in folders.chain(examples) {
        let value = json(&text).expect("it is YAML");
        let errors: Vec<String> =
            validator(of).iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{of} {name}: {errors:#?}");
    }
}

#[test]
fn what_is_wrong_is_not_valid() {
    let mut valid = BTreeSet::new();
    for of in ["catalogue", "config"] {
        let validator = validator(of);
        for (name, text) in texts(&format!("crates/nsm/tests/wrong/{of}")) {
            if json(&text).is_some_and(|value| validator.is_valid(&value)) {
                valid.insert(format!("{of}/{name}"));
            }
        }
    }
    let beyond: BTreeSet<String> = BEYOND_A_SCHEMA.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(valid, beyond, "what the schema lets through (left)");
}
