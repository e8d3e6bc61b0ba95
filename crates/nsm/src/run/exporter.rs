//! The exporter role.

use super::supervise::{Trouble, Turn, Work};
use crate::clock;
use crate::config::Config;
use crate::stop::Stop;
use ::exporter::{Board, Metrics, Withheld};
use activity::Millis;
use catalog::Plan;
use state::{RedisConfig, RedisStore};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a scrape shows. It is apart from the board, which is busy while it reads the store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown(Arc<Mutex<Option<Gauges>>>);

#[derive(Clone, Debug)]
struct Gauges {
    text: Arc<str>,
    /// The last moment at which they may be shown.
    until: Millis,
}

impl Shown {
    /// The gauges, if they may be shown at `now`.
    pub(crate) fn at(&self, now: Millis) -> Option<Arc<str>> {
        let gauges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gauges.as_ref().filter(|gauges| now <= gauges.until).map(|gauges| gauges.text.clone())
    }

    fn set(&self, gauges: Option<Gauges>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = gauges;
    }
}

/// What the exporter is made of. The board outlives the connection: it knows how far shards were seen.
pub(crate) struct ExporterRole {
    redis: RedisConfig,
    board: Board,
    metrics: Metrics,
    stale_ms: i64,
    refresh: Duration,
    shown: Shown,
    stop: Stop,
}

impl ExporterRole {
    pub(crate) fn new(config: &Config, plan: Arc<Plan>, metrics: Metrics, shown: Shown, stop: Stop) -> ExporterRole {
        let settings = config.board_settings();
        ExporterRole {
            redis: config.redis_config(),
            board: Board::new(plan, settings, metrics.clone()),
            metrics,
            stale_ms: settings.stale_ms,
            refresh: config.exporter.refresh,
            shown,
            stop,
        }
    }

    fn gauges(&self, now: Millis) -> Option<Gauges> {
        let text = self.board.text(now)?;
        #[expect(clippy::cast_possible_truncation, reason = "it was made of milliseconds")]
        let sealed_at = (self.metrics.sealed_at.get() * 1_000.0).round() as i64;
        Some(Gauges { text, until: Millis(sealed_at.saturating_add(self.stale_ms)) })
    }
}

impl Work for ExporterRole {
    type Worker = RedisStore;

    fn build(&mut self) -> Result<RedisStore, Trouble> {
        RedisStore::connect(&self.redis).map_err(|error| {
            let reason = Withheld::from(error);
            self.metrics.withheld.with_label_values(&[reason.reason()]).set(1);
            match reason {
                Withheld::Store(error) => error.into(),
                other => Trouble::Final(other.to_string()),
            }
        })
    }

    /// Gauges that are absent are no trouble: the process serves, and its own metrics say why they are.
    fn turn(&mut self, store: &mut RedisStore) -> Result<Turn, Trouble> {
        let now = clock::wall();
        self.board.refresh(store, now);
        self.shown.set(self.gauges(now));
        self.stop.wait(self.refresh);
        Ok(Turn::Done)
    }

    fn drain(&mut self, _: RedisStore) -> Result<(), Trouble> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_vanish_when_they_are_stale() {
        let shown = Shown::default();
        assert_eq!(shown.at(Millis(0)), None);
        shown.set(Some(Gauges { text: "nsm_active 1".into(), until: Millis(10) }));
        assert_eq!(shown.at(Millis(10)).as_deref(), Some("nsm_active 1"));
        assert_eq!(shown.at(Millis(11)), None);
    }
}
