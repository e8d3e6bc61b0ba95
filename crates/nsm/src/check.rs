//! `nsm check`: what is wrong with the configuration and the catalogue, or what the metrics count and cost.

mod explained;
mod text;

use crate::catalogue;
use crate::cli::{Check, Format};
use crate::config::Read;
use crate::failure::Failure;
use explained::Explained;
pub(crate) use text::table;

/// Checks the configuration that was read, and the catalogue that is named or else the configuration's own.
pub(crate) fn check(read: &Read, arguments: &Check) -> Result<(), Failure> {
    let settled = catalogue::settled(read, arguments.catalogue.as_deref());
    let explained = settled.map(|catalogue| Explained::of(&catalogue, read.config.shards()));
    match (arguments.format, &explained) {
        (Format::Json, Ok(explained)) => print!("{}", explained::json(explained)),
        (Format::Json, Err(failure)) => print!("{}", explained::json(&failure.listed())),
        (Format::Table, Ok(explained)) => print!("{}", text::render(explained)),
        (Format::Table, Err(_)) => {}
    }
    explained.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use catalog::{AsOf, Taken};
    use product::Company;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// The example of every company can be checked, and shows what there is to show.
    #[test]
    fn examples_are_right_and_slice_in_every_way() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples");
        for company in Company::ALL.into_iter().filter(|company| **company != Company::DOCUMENTS) {
            let catalogue::Catalogue { plan, .. } =
                catalogue::load(&folder.join(format!("{}.yaml", company.name))).unwrap();
            assert_eq!(plan.product, company.name);
            let ways: BTreeSet<&str> = plan
                .metrics
                .iter()
                .flat_map(|metric| &metric.by)
                .filter_map(|by| match plan.dimension(by.dimension).taken {
                    Taken::Event(_) => Some("event"),
                    Taken::Attribute { as_of: AsOf::Bucket, .. } => Some("bucket"),
                    Taken::Attribute { as_of: AsOf::Current, .. } => Some("current"),
                    Taken::Attribute { as_of: AsOf::Opening, .. } => Some("opening"),
                    Taken::Bins(_) | Taken::Excluded => None,
                })
                .collect();
            assert_eq!(ways.len(), 3, "{}: {ways:?}", company.name);
            assert_ne!(plan.calendar.zone_name(), "UTC");
            assert!(!plan.exclude.is_empty() && plan.metrics.iter().any(|metric| !metric.include.is_empty()));
            assert!(plan.metrics.iter().all(|metric| metric.description.contains(['?', '.'])), "{}", company.name);
        }
    }

    /// What is said of the example and of a catalogue that has everything.
    #[test]
    fn catalogues_are_explained() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for (file, name) in [
            ("deploy/examples/music.yaml", "check"),
            ("crates/catalog/tests/catalogues/rich.yaml", "check-rich"),
            ("crates/catalog/tests/catalogues/segments.yaml", "check-segments"),
            ("crates/catalog/tests/catalogues/formulas.yaml", "check-formulas"),
            ("crates/catalog/tests/catalogues/kinds.yaml", "check-kinds"),
            ("crates/catalog/tests/catalogues/tree.yaml", "check-tree"),
        ] {
            let mut catalogue = catalogue::load(&folder.join(file)).unwrap();
            catalogue.file = file.rsplit('/').next().unwrap().to_owned();
            let mut explained = Explained::of(&catalogue, 16);
            // It changes with the time-zone database.
            explained.version = "VERSION".to_owned();
            let text = text::render(&explained);
            assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
            golden::check(&format!("{name}.txt"), &text);
            golden::check(&format!("{name}.json"), &explained::json(&explained));
        }
    }
}
