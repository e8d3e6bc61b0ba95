use super::*;
use std::collections::BTreeSet;

/// The keys of a type that is described here.
fn keys(schema: &Schema, name: &str) -> BTreeSet<String> {
    let of = if name == "Catalogue" { schema.as_value() } else { &schema.as_value()["$defs"][name] };
    of["properties"].as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
}

#[test]
fn schema_and_parser_have_the_same_keys() {
    let schema = schema();
    for (name, known) in crate::parse::KEYS {
        let known: BTreeSet<String> = known.iter().map(|key| (*key).to_owned()).collect();
        assert_eq!(
            keys(&schema, name),
            known,
            "schema.rs (left) and the parser (right) differ: give the type `{name}` of schema.rs a documented field \
             for each key, then renew schemas/ by UPDATE_GOLDEN=1 cargo test -p nsm"
        );
    }
}

/// A type of mappings that no list of the parser's keys is compared with would drift.
#[test]
fn every_mapping_of_the_schema_is_compared() {
    let schema = schema();
    let by_grain_or_choice = ["HistoryByGrain", "Lateness", "OriginPath", "OriginConstant"];
    for (name, _) in schema.as_value()["$defs"].as_object().unwrap() {
        let is_compared = crate::parse::KEYS.iter().any(|(of, _)| of == name);
        let has_keys = !keys(&schema, name).is_empty();
        assert!(
            !has_keys || is_compared || by_grain_or_choice.contains(&name.as_str()),
            "name the parser's list of the keys of `{name}` in parse::KEYS"
        );
    }
}
