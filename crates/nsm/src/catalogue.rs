//! The catalogue's file, and whether it goes together with the configuration.

use crate::config::{Config, Read};
use crate::failure::Failure;
use catalog::Plan;
use std::path::Path;
use yaml::{Mistake, Report};

/// A catalogue without mistakes.
#[derive(Debug)]
pub(crate) struct Catalogue {
    /// Its file.
    pub(crate) file: String,
    pub(crate) plan: Plan,
    text: String,
}

/// The catalogue of a file, or what is wrong with it.
pub(crate) fn load(file: &Path) -> Result<Catalogue, Report> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| {
        let what = format!("{name}: the catalogue cannot be read: {error}");
        let mistakes = vec![Mistake::nowhere(what, "set `catalogue` in the configuration to the path of one")];
        Report { file: name.clone(), text: String::new(), mistakes }
    })?;
    match catalog::parse(&text) {
        Ok(plan) => Ok(Catalogue { file: name, plan, text }),
        Err(mistakes) => Err(Report { file: name, text, mistakes: mistakes.0 }),
    }
}

/// `file` or else the configuration's catalogue, if there is nothing wrong with configuration and catalogue.
pub(crate) fn settled(read: &Read, file: Option<&Path>) -> Result<Catalogue, Failure> {
    if file.is_none() && read.is_blind {
        return Err(Failure::Mistakes(vec![read.report.clone()]));
    }
    let (catalogue, report) = match load(file.unwrap_or(&read.config.catalogue)) {
        Ok(catalogue) => {
            let report = clashes(&read.config, &catalogue);
            (Some(catalogue), report)
        }
        Err(report) => (None, report),
    };
    Failure::of(vec![read.report.clone(), report])?;
    Ok(catalogue.expect("a catalogue that is not there is a mistake"))
}

/// Where a source reads what the pipeline writes.
fn clashes(config: &Config, catalogue: &Catalogue) -> Report {
    let tree = yaml::load(&catalogue.text).expect("it was read before");
    let owned = [("activity", &config.topics.activity), ("dead_letter", &config.topics.dead_letter)];
    let clash = |(setting, topic): (&str, &String)| {
        let source = catalogue.plan.sources.iter().find(|source| source.topic == *topic)?;
        let path = ["sources", &source.name, "topic"];
        let what = format!("source `{}` reads `{topic}`, which nsm itself writes", source.name);
        let help = format!("write another topic here, or another `topics.{setting}` in the configuration");
        let place = tree.find(&path).expect("every source has a topic").place;
        Some(Mistake::new(place, &path.join("."), what, help))
    };
    let mistakes = owned.into_iter().filter_map(clash).collect();
    Report { file: catalogue.file.clone(), text: catalogue.text.clone(), mistakes }
}
