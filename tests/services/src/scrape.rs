//! Prometheus text, as a scrape gives it.

use std::collections::BTreeMap;

/// The samples of one scrape.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scrape {
    samples: BTreeMap<String, f64>,
}

impl Scrape {
    /// The samples of a page.
    ///
    /// # Panics
    /// When the text is no exposition.
    #[track_caller]
    pub fn parse(text: &str) -> Scrape {
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

    /// The samples of that name, whatever their labels, each with its name and labels.
    pub fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        let of_name = move |sample: &str| sample.split('{').next() == Some(name);
        self.samples.iter().filter(move |(sample, _)| of_name(sample)).map(|(sample, value)| (sample.as_str(), *value))
    }

    /// The sum of the samples of that name, whatever their labels.
    pub fn sum(&self, name: &str) -> f64 {
        self.of(name).fold(0.0, |sum, (_, value)| sum + value)
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
const REASONS: [&str; 9] =
    ["store", "absent", "dirty", "rebuilding", "other_catalogue", "went_back", "no_time", "apart", "stale"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_with_their_labels() {
        let scrape = Scrape::parse("# HELP x y\nnsm_a{window=\"1d\"} 5\nb{reason=\"c\"} 1\nb{reason=\"d\"} 2\nbb 4\n");
        assert_eq!((scrape.get("nsm_a{window=\"1d\"}"), scrape.get("nsm_a")), (Some(5.0), None));
        assert_eq!((scrape.sum("b"), scrape.gauges().len()), (3.0, 1));
    }
}
