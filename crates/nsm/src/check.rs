//! `nsm check`: what is wrong with the configuration and the catalogue, or what the metrics count.

use crate::catalogue::{self, Catalogue};
use crate::cli::Check;
use crate::config::Read;
use crate::failure::Failure;
use activity::Grain;
use catalog::{ClockKind, Plan, Source};
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use std::fmt::Write;

/// Checks the configuration that was read, and the catalogue that is named or else the configuration's own.
pub(crate) fn check(read: &Read, arguments: &Check) -> Result<(), Failure> {
    let Catalogue { file, plan, .. } = catalogue::settled(read, arguments.catalogue.as_deref())?;
    print!("{}", render(&file, &plan));
    Ok(())
}

fn render(file: &str, plan: &Plan) -> String {
    let zone = plan.calendar.zone_name();
    let history = |grain: &Grain| format!("{} {}s", plan.history[*grain], grain.name());
    let history = plan.grains().iter().map(history).collect::<Vec<_>>().join(", ");
    let mut out =
        format!("{file}: product {}, version {}, days of {zone}, {history} of history\n\n", plan.product, plan.version);
    let sources = plan.sources.iter().map(|of| source(plan, of)).collect();
    let metrics = plan.words().into_iter().map(|(name, words)| vec![name, words]).collect();
    let _ = writeln!(out, "{}\n", table(&["source", "topic", "clock", "lateness"], sources));
    let _ = writeln!(out, "{}", table(&["metric", "counts"], metrics));
    out
}

fn source(plan: &Plan, source: &Source) -> Vec<String> {
    let clock = match source.clock {
        ClockKind::Log => "log time",
        ClockKind::Event => "event time",
    };
    let lateness = |grain: &Grain| span(source.lateness_ms[*grain]);
    let lateness = plan.grains().iter().map(lateness).collect::<Vec<_>>().join(", ");
    vec![source.name.clone(), source.topic.clone(), clock.to_owned(), lateness]
}

/// In the largest unit of which it is a whole number.
fn span(ms: i64) -> String {
    let coarsest = Grain::ALL.into_iter().rev().find(|grain| ms % grain.nominal_ms() == 0).unwrap_or(Grain::Minute);
    format!("{}{}", ms / coarsest.nominal_ms(), coarsest.letter())
}

/// A table without lines, whose columns start where their headings do.
pub(crate) fn table(heading: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(heading.to_vec()).add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use std::path::Path;

    #[test]
    fn example_is_explained() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples/music.yaml");
        let plan = catalogue::load(&file).unwrap().plan;
        let text = render("music.yaml", &plan).replace(&plan.version.to_string(), "VERSION");
        golden::check("check.txt", &text);
    }
}
