//! The catalogue's file, and whether it goes together with the configuration.

use crate::config::{Config, Read};
use crate::failure::Failure;
use catalog::Plan;
use std::path::Path;

/// The plan of a file. What is wrong is text with line and column.
pub(crate) fn load(file: &Path) -> Result<Plan, String> {
    let name = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| {
        format!("{name}: the catalogue cannot be read: {error}; set `catalogue` to the path of one")
    })?;
    catalog::parse(&text).map_err(|mistakes| mistakes.render(&name.to_string(), &text))
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

/// Where a source reads what the pipeline writes.
pub(crate) fn clashes(config: &Config, plan: &Plan) -> Vec<String> {
    let owned = [("activity", &config.topics.activity), ("dead_letter", &config.topics.dead_letter)];
    let clash = |(setting, topic): (&str, &String)| {
        let source = plan.sources.iter().find(|source| source.topic == *topic)?;
        Some(format!(
            "topics.{setting}: source `{}` of the catalogue reads `{topic}`, which nsm writes; give one of them another topic",
            source.name
        ))
    };
    owned.into_iter().filter_map(clash).collect()
}
