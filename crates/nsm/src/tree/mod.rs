//! `nsm tree`: how the metrics of the North Star trees stand.

mod answer;
mod render;

use crate::cli::{Format, Tree};
use crate::config::Config;
use crate::failure::Failure;
use crate::query::moment;
use answer::Answer;
use catalog::Plan;
use exporter::Totals;
use state::{RedisStore, Store};

/// Prints how they stand.
pub(crate) fn tree(config: &Config, plan: &Plan, tree: &Tree) -> Result<(), Failure> {
    let mut store = RedisStore::connect(&config.redis_config()).map_err(Failure::new)?;
    print!("{}", show(&mut store, plan, config.shards(), tree)?);
    Ok(())
}

fn show<S: Store>(store: &mut S, plan: &Plan, shards: u16, tree: &Tree) -> Result<String, Failure> {
    if plan.north_stars.is_empty() {
        return Err(Failure::new("the catalogue has no `north_star`: write one that says where metrics are to get"));
    }
    let as_of = tree.as_of.as_deref().map(|text| moment(plan, "--as-of", text)).transpose().map_err(Failure::new)?;
    let totals = Totals::read(store, plan, shards).map_err(Failure::new)?;
    let answer = Answer::of(plan, &totals, as_of)?;
    Ok(match tree.format {
        Format::Table => render::table(&answer),
        Format::Json => render::json(&answer),
    })
}

#[cfg(test)]
mod tests;
