//! The exporter role.

use super::stores::{Stores, Timed};
use super::supervise::{Trouble, Turn, Work};
use crate::cli::Role;
use crate::clock;
use crate::config::Config;
use crate::stop::Stop;
use ::exporter::{Board, Metrics, Shown, Withheld};
use activity::Millis;
use catalog::Plan;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a scrape shows. It is apart from the board, which is busy while it reads the store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf(Arc<Mutex<Option<Shown>>>);

impl Shelf {
    /// The gauges, if they may be shown at `now`.
    pub(crate) fn at(&self, now: Millis) -> Option<Arc<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.at(now)
    }

    fn put(&self, shown: Option<Shown>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = shown;
    }
}

/// What the exporter is made of. The board outlives the connection: it knows how far shards were seen.
pub(crate) struct ExporterRole {
    stores: Stores,
    board: Board,
    metrics: Metrics,
    refresh: Duration,
    shelf: Shelf,
    stop: Stop,
}

impl ExporterRole {
    pub(crate) fn new(
        config: &Config,
        plan: Arc<Plan>,
        metrics: Metrics,
        stores: Stores,
        shelf: Shelf,
        stop: Stop,
    ) -> ExporterRole {
        ExporterRole {
            stores,
            board: Board::new(plan, config.board_settings(), metrics.clone()),
            metrics,
            refresh: config.exporter.refresh,
            shelf,
            stop,
        }
    }
}

impl Work for ExporterRole {
    type Worker = Timed;

    fn build(&mut self) -> Result<Self::Worker, Trouble> {
        self.stores.connect(Role::Exporter).map_err(|error| {
            let reason = Withheld::from(error);
            self.metrics.withheld.with_label_values(&[reason.reason()]).set(1);
            match reason {
                Withheld::Store(error) => error.into(),
                other => Trouble::Final(other.to_string()),
            }
        })
    }

    /// Gauges that are absent are no trouble: the process serves, and its own metrics say why they are.
    fn turn(&mut self, store: &mut Self::Worker) -> Result<Turn, Trouble> {
        self.shelf.put(self.board.refresh(store, clock::wall()));
        self.stop.wait(self.refresh);
        Ok(Turn::Done)
    }

    fn drain(&mut self, _: Self::Worker) -> Result<(), Trouble> {
        Ok(())
    }
}
