//! `nsm schema`: JSON Schemas for editors. `schemas/` holds what it prints.

use crate::cli::SchemaOf;
use crate::config;

/// The schema as text that ends in a line feed.
pub(crate) fn text(of: SchemaOf) -> String {
    let schema = match of {
        SchemaOf::Catalogue => catalog::schema(),
        SchemaOf::Config => config::schema(),
    };
    serde_json::to_string_pretty(&schema).expect("all keys are text") + "\n"
}
