//! How far the pipeline is, by a page of its metrics.

use services::Scrape;

/// How far ingest and window have come, since the process was started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    /// Events of committed transactions.
    pub(crate) events: u64,
    /// Committed transactions, each with a pack to every shard.
    pub(crate) transactions: u64,
    /// Packs that window has applied or skipped.
    pub(crate) packs: u64,
}

impl Progress {
    /// What a page says.
    pub(crate) fn of(scrape: &Scrape) -> Progress {
        let count = |name: &str| whole(scrape.get(name));
        Progress {
            events: count("northstar_ingest_events_total"),
            transactions: count("northstar_ingest_transactions_total{outcome=\"committed\"}"),
            packs: count("northstar_window_packs_total") + count("northstar_window_packs_repeated_total"),
        }
    }

    /// How many packs are written that window has not applied.
    pub(crate) fn packs_behind(&self, shards: u64) -> u64 {
        (self.transactions * shards).saturating_sub(self.packs)
    }
}

/// A sample that is a whole number, 0 if there is none.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are small and not negative")]
pub(crate) fn whole(sample: Option<f64>) -> u64 {
    sample.unwrap_or(0.0).max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_from_the_page() {
        let page = "# HELP x y\nnorthstar_ingest_events_total 7\n\
                    northstar_ingest_transactions_total{outcome=\"committed\"} 3\nnorthstar_window_packs_total 40\n\
                    northstar_window_packs_repeated_total 2\n";
        let progress = Progress::of(&Scrape::parse(page));
        assert_eq!((progress.packs_behind(16), progress.events), (6, 7));
    }
}
