//! A page of metrics, as a scrape gives it.

use std::collections::HashMap;

/// The samples of one scrape, by name and labels as they are written.
#[derive(Debug, Default)]
pub(crate) struct Scrape(HashMap<String, f64>);

impl Scrape {
    pub(crate) fn parse(text: &str) -> Scrape {
        let sample = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        Scrape(text.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// A whole number, 0 if there is none.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are small and not negative")]
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.get(name).unwrap_or(0.0).max(0.0) as u64
    }

    /// The sum over all labels.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        self.0.iter().filter(|(sample, _)| sample.split('{').next() == Some(name)).map(|(_, value)| value).sum()
    }

    /// How many North Star gauges there are.
    pub(crate) fn gauges(&self) -> usize {
        self.0.keys().filter(|name| name.starts_with("nsm_")).count()
    }

    /// How far ingest and window have come.
    pub(crate) fn progress(&self) -> Progress {
        Progress {
            events: self.count("northstar_ingest_events_total"),
            transactions: self.count("northstar_ingest_transactions_total{outcome=\"committed\"}"),
            packs: self.count("northstar_window_packs_total") + self.count("northstar_window_packs_repeated_total"),
        }
    }
}

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
    /// How many packs are written that window has not applied.
    pub(crate) fn packs_behind(&self, shards: u64) -> u64 {
        (self.transactions * shards).saturating_sub(self.packs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_from_the_page() {
        let page = "# HELP x y\nnorthstar_ingest_events_total 7\n\
                    northstar_ingest_transactions_total{outcome=\"committed\"} 3\nnorthstar_window_packs_total 40\n\
                    northstar_window_packs_repeated_total 2\nnsm_a{window=\"1d\"} 5\n\
                    northstar_ingest_rejected_total{reason=\"a\"} 1\nnorthstar_ingest_rejected_total{reason=\"b\"} 2\n";
        let scrape = Scrape::parse(page);
        assert_eq!(scrape.progress().packs_behind(16), 6);
        assert_eq!(scrape.progress().events, 7);
        assert_eq!((scrape.gauges(), scrape.sum("northstar_ingest_rejected_total")), (1, 3.0));
    }
}
