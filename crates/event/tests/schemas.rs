//! The schemas in `schemas/` evolve: each version can read what was written with any earlier one.

use apache_avro::Schema;
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};
use std::collections::BTreeMap;
use std::path::Path;

/// The versions of each schema, by name: `usage-event.v1.avsc` is version 1 of `usage-event`.
fn versions() -> BTreeMap<String, BTreeMap<u32, Schema>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
    let mut versions: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for file in std::fs::read_dir(folder).expect("the folder is there") {
        let path = file.expect("the folder can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("names are text");
        // JSON Schemas of what people write lie beside them.
        let Some(stem) = name.strip_suffix(".avsc") else { continue };
        let (name, version) = stem.rsplit_once(".v").unwrap_or_else(|| panic!("{stem} has no version"));
        let text = std::fs::read_to_string(&path).expect("the file can be read");
        let schema = Schema::parse_str(&text).unwrap_or_else(|error| panic!("{stem}: {error}"));
        versions.entry(name.to_owned()).or_default().insert(version.parse().expect("a version is a number"), schema);
    }
    versions
}

fn can_read(writer: &Schema, reader: &Schema) -> bool {
    matches!(SchemaCompatibility::can_read(writer, reader), Ok(Compatibility::Full))
}

#[test]
fn every_version_reads_what_every_earlier_one_wrote() {
    let versions = versions();
    assert!(["usage-event", "account", "pack", "shard-header"].iter().all(|name| versions.contains_key(*name)));
    for (name, versions) in versions {
        assert!(versions.keys().copied().eq(1..=u32::try_from(versions.len()).expect("few")), "{name} has no gaps");
        for (writer, written) in &versions {
            for (reader, read) in versions.range(writer..) {
                assert!(can_read(written, read), "version {reader} of {name} cannot read version {writer}");
            }
        }
    }
}

#[test]
fn a_change_that_would_break_readers_is_noticed() {
    let text = include_str!("../../../schemas/usage-event.v1.avsc");
    let first = Schema::parse_str(text).expect("it is a schema");
    let changed = |old: &str, new: &str| {
        assert!(text.contains(old), "{old}");
        Schema::parse_str(&text.replace(old, new)).expect("it is a schema")
    };
    let field = r#"{ "name": "event", "#;
    assert!(can_read(
        &first,
        &changed(field, &format!(r#"{{ "name": "plan", "type": "string", "default": "" }}, {field}"#))
    ));
    assert!(!can_read(&first, &changed(field, &format!(r#"{{ "name": "plan", "type": "string" }}, {field}"#))));
    assert!(!can_read(&first, &changed(r#""name": "event", "type": "string""#, r#""name": "event", "type": "long""#)));
    assert!(can_read(&first, &changed(field, r#"{ "name": "what", "aliases": ["event"], "#)));
    assert!(!can_read(&first, &changed(field, r#"{ "name": "what", "#)));
}
