//! What a catalogue means and costs, for people.

use super::explained::{
    Explained, FormulaExplained, Keeps, MetricExplained, ShownExplained, SourceExplained, TreeExplained,
};
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};

/// At how many columns sentences are wrapped.
const WIDTH: u16 = 100;

pub(super) fn render(explained: &Explained) -> String {
    let Explained { catalogue, product, version, time_zone, history, sources, metrics, formulas, north_stars, shards } =
        explained;
    let history: Vec<String> = history.iter().map(|(grain, count)| format!("{count} {grain}s")).collect();
    let head = format!(
        "{catalogue}: product {product}, version {version}, days of {time_zone}, {} of history",
        history.join(", ")
    );
    let head = textwrap::fill(&head, usize::from(WIDTH));
    let mut parts = vec![head, table(&["source", "topic", "clock", "lateness"], sources.iter().map(source).collect())];
    let waited_for: Vec<&str> = sources.iter().filter(|of| of.clock == "event").map(|of| of.name.as_str()).collect();
    if !waited_for.is_empty() {
        let text = format!(
            "While {} is silent, all gauges wait: with event time only its own records move its clock.",
            waited_for.join(" or ")
        );
        parts.push(textwrap::fill(&text, usize::from(WIDTH)));
    }
    parts.extend(metrics.iter().map(|of| metric(of, *shards)));
    parts.extend(formulas.iter().map(formula));
    parts.extend(north_stars.iter().map(tree));
    let shown: Vec<&ShownExplained> =
        metrics.iter().map(|of| &of.shown).chain(formulas.iter().map(|of| &of.shown)).collect();
    let series = shown.iter().map(|of| of.series.len()).sum::<usize>();
    let at_most = if shown.iter().any(|of| of.admits) { "at most " } else { "" };
    let (metrics, has) = (shown.len(), if shown.len() == 1 { "metric has" } else { "metrics have" });
    let of_trees = north_stars.iter().map(|of| of.series.len()).sum::<usize>();
    let of_trees = if of_trees > 0 { format!(" The North Star tree has {of_trees}.") } else { String::new() };
    parts.push(format!("{metrics} {has} {at_most}{series} series.{of_trees}"));
    parts.join("\n\n") + "\n"
}

fn source(source: &SourceExplained) -> Vec<String> {
    let clock = format!("{} time", source.clock);
    let lateness = source.lateness.iter().map(|(grain, bound)| format!("{grain} {bound}"));
    let lateness = lateness.collect::<Vec<_>>().join(", ");
    vec![source.name.clone(), source.topic.clone(), clock, lateness]
}

fn metric(metric: &MetricExplained, shards: u16) -> String {
    let rows = [
        ("counts", &metric.counts),
        ("windows", &metric.windows),
        ("late", &metric.late),
        ("state", &state(metric, shards)),
        ("series", &series(&metric.name, &metric.shown)),
    ];
    told(&metric.name, &metric.description, &rows)
}

fn formula(formula: &FormulaExplained) -> String {
    let rows = [
        ("is", &formula.follows),
        ("windows", &formula.windows),
        ("state", &"None: it follows from other metrics.".to_owned()),
        ("series", &series(&formula.name, &formula.shown)),
    ];
    told(&formula.name, &formula.description, &rows)
}

fn tree(tree: &TreeExplained) -> String {
    let TreeExplained { name, goals, pairs, series } = tree;
    let label = |role| if role == "north_star" { "is" } else { role };
    let pairs: Vec<String> = pairs.iter().map(|pair| format!("{}: {}", pair.name, pair.holds)).collect();
    let of_pairs = if pairs.is_empty() { "" } else { ", northstar_pair_met{…}" };
    let series = format!("{}: northstar_goal_…{{north_star=\"{name}\", …}}{of_pairs}", series.len());
    let goals = goals.iter().map(|goal| (label(goal.role), &goal.aims));
    let rows: Vec<_> = goals.chain(pairs.iter().map(|pair| ("pair", pair))).chain([("series", &series)]).collect();
    told(&format!("North Star {name}"), "", &rows)
}

/// A metric with what there is to say of it.
fn told(name: &str, description: &str, rows: &[(&str, &String)]) -> String {
    let rows = rows.iter().map(|(label, text)| vec![String::new(), (*label).to_owned(), (*text).clone()]);
    let mut body = plain();
    body.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH).add_rows(rows);
    let head = match description {
        "" => name.to_owned(),
        description => format!("{name}: {description}"),
    };
    let head = textwrap::fill(&head, usize::from(WIDTH));
    format!("{head}\n{}", drawn(&mut body))
}

/// The figures follow from the formats in which state is stored.
fn state(metric: &MetricExplained, shards: u16) -> String {
    let MetricExplained { entity, owner, keeps, bytes_once, bytes_always, counters, counter_steps, .. } = metric;
    let grains = metric.grains.join(", each ");
    let ids = "in window's memory 20 to 40 bytes for each event that may still come again";
    let records = match (entity.as_ref().or(owner.as_ref()), bytes_once.zip(*bytes_always), keeps) {
        (Some(entity), Some((once, always)), Keeps::Bits) => format!(
            "In the record of each {entity}: {once} bytes if it was active once, up to {always} if all the time, since there is a bit \
             for each {grains} from the first to the last one in which it was"
        ),
        (Some(entity), Some((once, always)), Keeps::Numbers) => format!(
            "In the record of each {entity}: {once} bytes for an event that adds 1, about {always} if there is one all the time, since \
             there is a number for each {grains} in which there was one; {ids}"
        ),
        (Some(entity), Some((once, always)), Keeps::Times) => format!(
            "In the record of each {entity}: {once} bytes for one event, about {always} if there is one on each day, since each is \
             kept with its time"
        ),
        (Some(entity), None, _) => format!("Nothing of its own in the record of each {entity}"),
        (None, ..) => format!("No records; {ids}"),
    };
    let counter = if *counters == 1 { "1 counter".to_owned() } else { format!("{counters} counters") };
    format!("{records}. In each of {shards} shards: {counter} of at most {counter_steps} steps, a few bytes each.")
}

/// All of them in one line.
fn series(name: &str, shown: &ShownExplained) -> String {
    let ShownExplained { lengths, series, label, slices, admits, .. } = shown;
    let window = if lengths.is_empty() { String::new() } else { format!("window=\"{}\", ", lengths.join("|")) };
    let own = label.as_ref().map_or_else(String::new, |label| format!(", {label}=\"…\""));
    let labels = format!("{window}complete=\"false|true\"{own}");
    let slices = slices.iter().map(|(name, label)| format!(", nsm_{name}{{{labels}, {label}=\"…\"}}"));
    let at_most = if *admits { "at most " } else { "" };
    format!("{at_most}{}: nsm_{name}{{{labels}}}{}", series.len(), slices.collect::<String>())
}

/// A table without lines, whose columns start where their headings do.
pub(crate) fn table(heading: &[&str], rows: Vec<Vec<String>>) -> String {
    let rows = rows.into_iter().map(|row| row.into_iter().map(harmless).collect::<Vec<_>>());
    let mut table = plain();
    table.set_header(heading.to_vec()).add_rows(rows);
    drawn(&mut table)
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING);
    table
}

fn drawn(table: &mut Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// The text with what a terminal would obey written out: ids are what events say.
fn harmless(text: String) -> String {
    match text.contains(char::is_control) {
        true => text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.into() }).collect(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_do_not_command_the_terminal() {
        let told = table(&["id"], vec![vec!["a\u{1b}[2J\nb".into()], vec!["Zoë".into()]]);
        assert_eq!(told, "id\na\\u{1b}[2J\\nb\nZoë");
    }
}
