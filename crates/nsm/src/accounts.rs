//! `nsm accounts`: the entities that count in a metric's window, came in, fell out, or are about to.

use crate::check;
use crate::cli::{Accounts, ListFormat};
use crate::config::Config;
use crate::failure::Failure;
use catalog::Plan;
use exporter::lists::{self, Answer, Asked, LISTS, Told};
use state::{RedisStore, Store};
use std::borrow::Cow;

/// Prints the list that is asked for.
pub(crate) fn accounts(config: &Config, plan: &Plan, accounts: &Accounts) -> Result<(), Failure> {
    let mut store = RedisStore::connect(&config.redis_config()).map_err(Failure::new)?;
    print!("{}", show(&mut store, plan, config.shards(), accounts)?);
    Ok(())
}

fn show<S: Store>(store: &mut S, plan: &Plan, shards: u16, accounts: &Accounts) -> Result<String, Failure> {
    let answer = lists::list(store, plan, shards, &asked(accounts)).map_err(Failure::new)?;
    match accounts.format {
        ListFormat::Table => Ok(table(&answer)),
        ListFormat::Json => Ok(serde_json::to_string_pretty(&answer).expect("all keys are text") + "\n"),
        ListFormat::Csv => csv(&answer).map_err(Failure::new),
    }
}

fn asked(accounts: &Accounts) -> Asked {
    let Accounts { metric, entered, fell_out, due_to_fall_out, window, since, within, segments, limit, after, .. } =
        accounts;
    let chosen = [false, *entered, *fell_out, *due_to_fall_out].iter().position(|is_chosen| *is_chosen);
    Asked {
        metric: metric.clone(),
        list: chosen.map(|at| LISTS[at].to_owned()),
        window: window.clone(),
        since: since.clone(),
        within: within.clone(),
        segments: segments.clone(),
        limit: *limit,
        after: after.clone(),
    }
}

/// The columns: the parts of the id, the attributes, and how each stands.
fn heading<'a>(answer: &'a Answer, standing: [&'a str; 3]) -> Vec<&'a str> {
    answer.fields.iter().chain(&answer.attributes).map(String::as_str).chain(standing).collect()
}

fn row<'t>(answer: &'t Answer, told: &'t Told) -> Vec<&'t str> {
    let id = answer.fields.iter().map(|field| told.id[field].as_str());
    let attributes = answer.attributes.iter().map(|name| told.attributes[name].as_str());
    // Before what is kept.
    let since = told.since.as_deref().unwrap_or("earlier");
    id.chain(attributes).chain([told.last_active.as_str(), since, told.until.as_str()]).collect()
}

fn table(answer: &Answer) -> String {
    let Answer { metric, window, words, as_of, total, rows, next, .. } = answer;
    let title = format!("{metric} {window} as of {as_of}: {total} {words}\n");
    if rows.is_empty() {
        return title;
    }
    let rows = rows.iter().map(|told| row(answer, told).into_iter().map(str::to_owned).collect()).collect();
    let until = if answer.rows.iter().all(|told| told.member) { "falls out" } else { "fell out" };
    let heading = heading(answer, ["last active", "since", until]);
    let table = title + "\n" + &check::table(&heading, rows) + "\n";
    match next {
        None => table,
        Some(last) => {
            let after: Vec<String> = last.iter().map(|part| format!(" --after {part}")).collect();
            table + &format!("\nThese are {} of {total}; the next ones follow{}\n", answer.rows.len(), after.concat())
        }
    }
}

fn csv(answer: &Answer) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut write = |cells: Vec<&str>| writer.write_record(cells.into_iter().map(|cell| harmless(cell).into_owned()));
    write(heading(answer, ["last_active", "since", "until"]))?;
    answer.rows.iter().try_for_each(|told| write(row(answer, told)))?;
    let bytes = writer.into_inner().map_err(|error| error.into_error())?;
    Ok(String::from_utf8(bytes).expect("all of it was text"))
}

/// A cell that no spreadsheet runs as a formula, as it does what begins with one of these signs: a quote in front makes it text.
fn harmless(cell: &str) -> Cow<'_, str> {
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        true => Cow::Owned(format!("'{cell}")),
        false => Cow::Borrowed(cell),
    }
}

#[cfg(test)]
mod tests;
