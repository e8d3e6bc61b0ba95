//! `nsm query`: the metrics' values as of a time.

mod answer;
mod render;
mod wanted;

use crate::cli::{Format, Query};
use crate::config::Config;
use crate::failure::Failure;
use answer::Answer;
pub(crate) use answer::{number, timestamp};
use catalog::Plan;
use exporter::Totals;
use state::{RedisStore, Store};
use wanted::Wanted;
pub(crate) use wanted::moment;

/// Prints the values that `query` asks for.
pub(crate) fn query(config: &Config, plan: &Plan, query: &Query) -> Result<(), Failure> {
    let wanted = Wanted::of(plan, query)?;
    let mut store = RedisStore::connect(&config.redis_config()).map_err(Failure::new)?;
    print!("{}", show(&mut store, plan, config.shards(), &wanted, query.format)?);
    Ok(())
}

fn show<S: Store>(store: &mut S, plan: &Plan, shards: u16, wanted: &Wanted, format: Format) -> Result<String, Failure> {
    let totals = Totals::read(store, plan, shards).map_err(Failure::new)?;
    let answer = Answer::of(plan, &totals, wanted)?;
    Ok(match format {
        Format::Table => render::table(&answer),
        Format::Json => render::json(&answer),
    })
}

#[cfg(test)]
mod tests;
