//! Prometheus text, as a scrape gives it.

use std::collections::BTreeMap;

/// The samples of one scrape.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scrape {
    samples: BTreeMap<String, f64>,
}

impl Scrape {
    /// # Panics
    /// When the text is no exposition.
    #[track_caller]
    pub(crate) fn parse(text: &str) -> Scrape {
        let sample = |line: &str| {
            let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line:?}"));
            (name.to_owned(), value.parse().unwrap_or_else(|e| panic!("{line:?}: {e}")))
        };
        let samples = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(sample);
        Scrape { samples: samples.collect() }
    }

    /// The sample of that name, with its labels as they are written: `name{label="value"}`.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.samples.get(name).copied()
    }

    /// The sum of the samples of that name, whatever their labels.
    pub fn sum(&self, name: &str) -> f64 {
        let of_name = |sample: &str| sample.split('{').next() == Some(name);
        self.samples.iter().filter(|(sample, _)| of_name(sample)).map(|(_, value)| value).sum()
    }

    /// The North Star gauges, by name and labels.
    pub fn gauges(&self) -> BTreeMap<String, f64> {
        let gauges = self.samples.iter().filter(|(name, _)| name.starts_with("nsm_"));
        gauges.map(|(name, value)| (name.clone(), *value)).collect()
    }

    /// The reasons for which the gauges are said to be absent.
    ///
    /// # Panics
    /// When a reason has no sample.
    #[track_caller]
    pub fn withheld(&self) -> Vec<&str> {
        let is_given = |reason: &&str| {
            let value = self.get(&format!("northstar_gauges_withheld{{reason=\"{reason}\"}}"));
            value.unwrap_or_else(|| panic!("no northstar_gauges_withheld of {reason}")) != 0.0
        };
        REASONS.into_iter().filter(is_given).collect()
    }
}

/// Every reason there is: each has a sample at any time, so that an alert can be written for it.
const REASONS: [&str; 8] =
    ["store", "absent", "dirty", "rebuilding", "other_catalogue", "went_back", "no_time", "stale"];
