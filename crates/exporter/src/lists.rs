//! Lists of entities: who counts in a metric's window, who came in, who fell out, and who is about to.
//!
//! A list is read from the entities' records, portion by portion, while window goes on writing: each row is as of some moment
//! of the reading. It is read only where gauges may be shown, too: no shard is rebuilding, dirty or of another catalogue.
//!
//! Invariant: what a list needs in memory is bounded by its page and one portion of a shard, however many entities there are.

mod asked;
mod reading;

pub use asked::{Asked, LISTS};

use crate::records::Shards;
use crate::totals::Withheld;
use activity::{DimensionIndex, DimensionValue, EntityKey, MetricIndex, Millis, Window};
use catalog::Plan;
use reading::Reading;
use serde::Serialize;
use state::{Store, StoreError};
use std::collections::BTreeMap;
use thiserror::Error;

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// A whole metric that counts distinct entities.
    pub metric: MetricIndex,
    /// One of its windows.
    pub window: Window,
    /// Which entities are listed.
    pub kind: Kind,
    /// Only those with one of these values of each of these attributes.
    pub segments: BTreeMap<DimensionIndex, Vec<DimensionValue>>,
    /// Of those the ones whose keys follow this one; all of them if it is `None`.
    pub after: Option<EntityKey>,
    /// Of those the first so many; all of them if it is `None`.
    pub limit: Option<usize>,
}

/// Which entities are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Those that count.
    Members,
    /// Those that count, and did not as of the bucket before this time.
    Entered(Millis),
    /// Those that do not count, and did as of the bucket before this time.
    FellOut(Millis),
    /// Those that count, and will no more after so many milliseconds if nothing further happens.
    DueToFallOut(i64),
}

/// A page of a list, in the order of the keys: by their first part, shorter ones first, then by the next one.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// The metric's name.
    pub metric: String,
    /// The window.
    pub window: String,
    /// Which list it is.
    pub list: &'static str,
    /// What is listed, in words: `count, and did not as of 2026-11-14`.
    pub words: String,
    /// The bucket of shard time: what the list is as of.
    pub as_of: String,
    /// The names of the key's fields, in order.
    pub fields: Vec<String>,
    /// The names of the attributes that rows tell, in order.
    pub attributes: Vec<String>,
    /// How many entities the whole list has.
    pub total: usize,
    /// The entities of the page.
    pub rows: Vec<Told>,
    /// If more follow, the id of the last entity of the page, part by part: what the next page is `after`.
    pub next: Option<Vec<String>>,
}

/// Why there is no list.
#[derive(Debug, Error)]
pub enum Unanswered {
    /// The question cannot be answered by the catalogue.
    #[error("{}", .0.join("\n"))]
    Asked(Vec<String>),
    /// What is asked for is not kept any more.
    #[error(
        "what happened at {asked} is not kept any more: the first bucket that can be told from the one before is {first}"
    )]
    NotKept {
        /// The bucket asked for.
        asked: String,
        /// The first that is kept.
        first: String,
    },
    /// Shards cannot be read.
    #[error(transparent)]
    Withheld(#[from] Withheld),
}

impl From<StoreError> for Unanswered {
    fn from(error: StoreError) -> Unanswered {
        Unanswered::Withheld(error.into())
    }
}

/// A row in words, for JSON and tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The parts of its id, by the names of the key's fields.
    pub id: BTreeMap<String, String>,
    /// Its attributes, by the names of the dimensions.
    pub attributes: BTreeMap<String, String>,
    /// Whether it counts.
    pub member: bool,
    /// The bucket in which it was last active.
    pub last_active: String,
    /// Since when it counts, or did when it counted last; `None` if that began before what is kept.
    pub since: Option<String>,
    /// When it falls out if nothing further happens, or when it did.
    pub until: String,
}

/// Reads the list that is asked for.
///
/// # Errors
/// If the question has no answer, a shard cannot be read, or holds what must not be shown.
pub fn list<S: Store + ?Sized>(store: &mut S, plan: &Plan, shards: u16, asked: &Asked) -> Result<Answer, Unanswered> {
    let shards = Shards::read(store, plan, shards)?;
    let wanted = asked.wanted(plan, shards.names(), shards.time()).map_err(Unanswered::Asked)?;
    let mut reading = Reading::new(plan, &wanted, &shards);
    reading.check_kept()?;
    for shard in shards.all() {
        for portion in 0..store.portions() {
            reading.take(store, shard, portion)?;
        }
    }
    let names = shards.names_by_now(store, plan)?;
    Ok(reading.answer(&names))
}
