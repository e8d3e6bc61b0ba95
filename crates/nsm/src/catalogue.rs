//! The catalogue's file, and whether it goes together with the configuration.

use crate::config::{Config, Read};
use crate::failure::Failure;
use crate::run::schemas::needs_registry;
use catalog::Plan;
use std::path::Path;

/// The plan of a file, and of the files that it names beside it. What is wrong is text with line and column.
pub(crate) fn load(file: &Path) -> Result<Plan, String> {
    let name = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| {
        format!("{name}: the catalogue cannot be read: {error}; set `catalogue` to the path of one")
    })?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let beside = |name: &str| std::fs::read_to_string(folder.join(name)).map_err(|error| error.to_string());
    let plan = catalog::parse_with(&text, &beside).map_err(|mistakes| mistakes.render(&name.to_string(), &text))?;
    let lacking = |(at, source): (usize, &catalog::Source)| {
        let why = event::Reader::check(&plan, at).err()?;
        Some(format!("{name}: source `{}`: {why}; correct `fields`, the metrics, or the schema", source.name))
    };
    let lacking: Vec<String> = plan.sources.iter().enumerate().filter_map(lacking).collect();
    if lacking.is_empty() { Ok(plan) } else { Err(lacking.join("\n")) }
}

/// The plan of the configuration's catalogue, if there is nothing wrong with the two.
pub(crate) fn settled(read: &Read) -> Result<Plan, Failure> {
    let mut mistakes = read.mistakes.clone();
    if read.is_blind {
        Failure::of(mistakes.clone())?;
    }
    let plan = match load(&read.config.catalogue) {
        Ok(plan) => {
            mistakes.extend(clashes(&read.config, &plan));
            Some(plan)
        }
        Err(mistake) => {
            mistakes.push(mistake);
            None
        }
    };
    Failure::of(mistakes)?;
    Ok(plan.expect("a catalogue that is not there is a mistake"))
}

/// Where a source reads what the pipeline writes, or needs what the configuration has not.
pub(crate) fn clashes(config: &Config, plan: &Plan) -> Vec<String> {
    let owned = [("activity", &config.topics.activity), ("dead_letter", &config.topics.dead_letter)];
    let clash = |(setting, topic): (&str, &String)| {
        let source = plan.sources.iter().find(|source| source.topic == *topic)?;
        Some(format!(
            "topics.{setting}: source `{}` of the catalogue reads `{topic}`, which nsm writes; give one of them another topic",
            source.name
        ))
    };
    let unregistered = plan.sources.iter().find(|source| needs_registry(source) && config.registry.url.is_none());
    let unregistered = unregistered.map(|source| {
        format!(
            "registry.url: source `{}` of the catalogue has records that name schemas of a registry; write its address, or \
             `wire: plain` and a `schema` where they name none",
            source.name
        )
    });
    owned.into_iter().filter_map(clash).chain(unregistered).collect()
}
