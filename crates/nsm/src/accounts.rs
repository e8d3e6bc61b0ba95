//! `nsm accounts`: the entities that count in a metric's window, came in, fell out, or are about to.

use crate::check;
use crate::cli::{Accounts, ListFormat};
use crate::config::Config;
use crate::failure::Failure;
use catalog::Plan;
use exporter::lists::{self, Answer, Asked, LISTS, Told};
use state::{RedisStore, Store};

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
    let Accounts { metric, entered, fell_out, due_to_fall_out, window, since, within, segments, .. } = accounts;
    let chosen = [false, *entered, *fell_out, *due_to_fall_out].iter().position(|is_chosen| *is_chosen);
    Asked {
        metric: metric.clone(),
        list: chosen.map(|at| LISTS[at].to_owned()),
        window: window.clone(),
        since: since.clone(),
        within: within.clone(),
        segments: segments.clone(),
    }
}

/// The columns: the parts of the id, the attributes, and how each stands.
fn heading(answer: &Answer) -> Vec<&str> {
    let named = answer.fields.iter().chain(&answer.attributes).map(String::as_str);
    named.chain(["last active", "since", "until"]).collect()
}

fn row<'t>(answer: &'t Answer, told: &'t Told) -> Vec<&'t str> {
    let id = answer.fields.iter().map(|field| told.id[field].as_str());
    let attributes = answer.attributes.iter().map(|name| told.attributes[name].as_str());
    // Before what is kept.
    let since = told.since.as_deref().unwrap_or("earlier");
    id.chain(attributes).chain([told.last_active.as_str(), since, told.until.as_str()]).collect()
}

fn table(answer: &Answer) -> String {
    let Answer { metric, window, words, as_of, rows, .. } = answer;
    let title = format!("{metric} {window} as of {as_of}: {} {words}\n", rows.len());
    if rows.is_empty() {
        return title;
    }
    let rows = rows.iter().map(|told| row(answer, told).into_iter().map(str::to_owned).collect()).collect();
    title + "\n" + &check::table(&heading(answer), rows) + "\n"
}

fn csv(answer: &Answer) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(heading(answer).iter().map(|name| name.replace(' ', "_")))?;
    answer.rows.iter().try_for_each(|told| writer.write_record(row(answer, told)))?;
    let bytes = writer.into_inner().map_err(|error| error.into_error())?;
    Ok(String::from_utf8(bytes).expect("all of it was text"))
}

#[cfg(test)]
mod tests;
