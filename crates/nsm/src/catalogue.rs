//! The catalogue's file, and whether it goes together with the configuration.

use crate::config::{Config, Read};
use crate::failure::Failure;
use crate::run::schemas::needs_registry;
use catalog::{Plan, Source};
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
    let folder = file.parent().unwrap_or(Path::new(""));
    let beside = |name: &str| std::fs::read_to_string(folder.join(name)).map_err(|error| error.to_string());
    match catalog::parse_with(&text, &beside) {
        Ok(plan) => match lacking(&text, &plan) {
            mistakes if mistakes.is_empty() => Ok(Catalogue { file: name, plan, text }),
            mistakes => Err(Report { file: name, text, mistakes }),
        },
        Err(mistakes) => Err(Report { file: name, text, mistakes: mistakes.0 }),
    }
}

/// What metrics need of records that their schema does not have.
fn lacking(text: &str, plan: &Plan) -> Vec<Mistake> {
    let tree = yaml::load(text).expect("it was read before");
    let lacking = |(at, source): (usize, &Source)| {
        let why = event::Reader::check(plan, at).err()?;
        let path = ["sources", &source.name, "schema"];
        let place = tree.find(&path).expect("only a schema can lack something").place;
        Some(Mistake::new(place, &path.join("."), why.to_string(), "correct `fields`, the metrics, or the schema"))
    };
    plan.sources.iter().enumerate().filter_map(lacking).collect()
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

/// Where a source reads what the pipeline writes, or needs what the configuration has not.
fn clashes(config: &Config, catalogue: &Catalogue) -> Report {
    let tree = yaml::load(&catalogue.text).expect("it was read before");
    let topics = &config.topics;
    let owned = [("activity", &topics.activity), ("dead_letter", &topics.dead_letter), ("admitted", &topics.admitted)];
    let clash = |(setting, topic): (&str, &String)| {
        let source = catalogue.plan.sources.iter().find(|source| source.topic == *topic)?;
        let path = ["sources", &source.name, "topic"];
        let what = format!("source `{}` reads `{topic}`, which nsm itself writes", source.name);
        let help = format!("write another topic here, or another `topics.{setting}` in the configuration");
        let place = tree.find(&path).expect("every source has a topic").place;
        Some(Mistake::new(place, &path.join("."), what, help))
    };
    let unregistered = |source: &&Source| needs_registry(source) && config.registry.url.is_none();
    let unregistered = catalogue.plan.sources.iter().find(unregistered).map(|source| {
        let path = ["sources", &source.name, "format"];
        let what = format!("the records of source `{}` name schemas of a registry, and `registry.url` is not set", source.name);
        let help = "write the registry's address into the configuration, or here `wire: plain` and a `schema` where records name none";
        Mistake::new(tree.find(&path).expect("it is not the default").place, &path.join("."), what, help)
    });
    let mistakes = owned.into_iter().filter_map(clash).chain(unregistered).collect();
    Report { file: catalogue.file.clone(), text: catalogue.text.clone(), mistakes }
}
