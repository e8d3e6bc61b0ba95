//! JSON Schemas of what people write, for editors.

use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema, schema_for};

/// The schema of a type. A key whose field is an `Option` may be left out, but not be empty, unless what it holds is a mapping
/// that says of itself that it may be null.
#[must_use]
pub fn schema_of<T: JsonSchema>() -> Schema {
    let mut schema = schema_for!(T);
    no_nulls(&mut schema);
    schema
}

/// Takes the nulls away that schemars makes of an `Option`.
fn no_nulls(schema: &mut Schema) {
    transform_subschemas(&mut no_nulls, schema);
    if schema.get("default").is_some_and(|default| default.is_null()) {
        schema.remove("default");
    }
    let types = schema.get_mut("type").and_then(|types| types.as_array_mut());
    if let Some(types) = types.filter(|types| types.iter().all(|of| of != "object")) {
        types.retain(|of| of != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            schema.insert("type".to_owned(), one);
        }
    }
    if let Some(any) = schema.get_mut("anyOf").and_then(|any| any.as_array_mut()) {
        any.retain(|of| of.get("type").is_none_or(|of| of != "null"));
        if let [one] = any.as_slice() {
            let one = one.as_object().cloned().unwrap_or_default();
            schema.remove("anyOf");
            schema.ensure_object().extend(one);
        }
    }
}
