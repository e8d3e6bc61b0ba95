//! The board: the gauges as they were last read, and whether they may be shown.

use crate::gauges;
use crate::metrics::Metrics;
use crate::totals::{Stands, Totals, Withheld};
use activity::{Millis, Shard};
use catalog::Plan;
use state::Store;
use std::collections::BTreeMap;
use std::sync::Arc;
use tracing::{info, warn};

/// What the exporter can be told beside the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many shards there are.
    pub shards: u16,
    /// Gauges whose last pack is older than this are absent, in milliseconds.
    pub stale_ms: i64,
}

/// Reads the shards again and again, and decides each time whether gauges may be shown.
#[derive(Debug)]
pub struct Board {
    plan: Arc<Plan>,
    settings: Settings,
    metrics: Metrics,
    /// The furthest that each shard was seen.
    furthest: BTreeMap<Shard, Stands>,
    withheld: Option<&'static str>,
}

/// Gauges that may be shown, for a while.
///
/// Invariant: they are given only within the staleness bound of the wall stamp of every shard's last pack.
#[derive(Clone, Debug)]
pub struct Shown {
    text: Arc<str>,
    until: Millis,
}

impl Shown {
    /// The gauges as Prometheus text at wall time `now`; `None` once they are too old.
    #[must_use]
    pub fn at(&self, now: Millis) -> Option<Arc<str>> {
        (now <= self.until).then(|| self.text.clone())
    }
}

impl Board {
    /// A board that has read nothing yet.
    #[must_use]
    pub fn new(plan: Arc<Plan>, settings: Settings, metrics: Metrics) -> Board {
        Board { plan, settings, metrics, furthest: BTreeMap::new(), withheld: None }
    }

    /// Reads all shards, at wall time `now`: what may be shown from now on. `None` hides what was shown before.
    #[must_use]
    pub fn refresh<S: Store + ?Sized>(&mut self, store: &mut S, now: Millis) -> Option<Shown> {
        let read = self.read(store, now);
        self.metrics.show_withheld(read.as_ref().err());
        let reason = read.as_ref().err().map(Withheld::reason);
        if reason != self.withheld {
            match &read {
                Ok(_) => info!("the North Star gauges are shown"),
                Err(withheld) => warn!(reason = withheld.reason(), %withheld, "the North Star gauges are absent"),
            }
            self.withheld = reason;
        }
        read.ok()
    }

    fn read<S: Store + ?Sized>(&mut self, store: &mut S, now: Millis) -> Result<Shown, Withheld> {
        let totals = Totals::read(store, &self.plan, self.settings.shards)?;
        self.metrics.show(&totals, now);
        self.metrics.read_at.set(now.0 / 1_000);
        self.check_forward(&totals)?;
        let time = totals.time().ok_or(Withheld::NoTime)?;
        let sealed_at = totals.sealed_at().ok_or(Withheld::NoTime)?;
        let until = self.fresh_until(sealed_at, now)?;
        let as_of = totals.as_of(&self.plan, time);
        if as_of.is_empty() {
            return Err(Withheld::Apart { time });
        }
        let text = gauges::render(&self.plan, &totals, time, &as_of).into();
        Ok(Shown { text, until })
    }

    /// A shard that stands before where it was seen, in the same log, is catching up after its store went back.
    fn check_forward(&mut self, totals: &Totals) -> Result<(), Withheld> {
        for (shard, stands) in totals.stands() {
            let furthest = self.furthest.entry(shard).or_insert(stands);
            if furthest.topic == stands.topic && stands.next < furthest.next {
                return Err(Withheld::WentBack { shard, seen: furthest.next, next: stands.next });
            }
            *furthest = stands;
        }
        Ok(())
    }

    fn fresh_until(&self, sealed_at: Millis, now: Millis) -> Result<Millis, Withheld> {
        let (age_ms, bound_ms) = (now.0.saturating_sub(sealed_at.0), self.settings.stale_ms);
        if age_ms.saturating_abs() > bound_ms {
            return Err(Withheld::Stale { age_ms, bound_ms });
        }
        Ok(Millis(sealed_at.min(now).0 + bound_ms))
    }
}
