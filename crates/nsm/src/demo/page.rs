//! What `/metrics` shows, read as Prometheus would.

use std::collections::BTreeMap;

/// The samples of a page, by name and labels as they are written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Page(BTreeMap<String, f64>);

impl Page {
    pub(super) fn parse(text: &str) -> Page {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let read =
            |line: &str| line.rsplit_once(' ').and_then(|(name, value)| Some((name.to_owned(), value.parse().ok()?)));
        Page(samples.filter_map(read).collect())
    }

    /// A sample by its name and labels.
    pub(super) fn get(&self, sample: &str) -> Option<f64> {
        self.0.get(sample).copied()
    }

    /// The samples of a metric: what stands between the braces of each, and its value.
    pub(super) fn of<'a>(&'a self, metric: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        let labels = move |name: &'a str| name.strip_prefix(metric)?.strip_prefix('{')?.strip_suffix('}');
        self.0.iter().filter_map(move |(name, value)| Some((labels(name)?, *value)))
    }

    /// The sum of a metric's samples.
    pub(super) fn sum(&self, metric: &str) -> f64 {
        self.get(metric).into_iter().chain(self.of(metric).map(|(_, value)| value)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_found_by_name_and_labels() {
        let page = Page::parse("# HELP a b\n# TYPE a gauge\na{x=\"1\"} 2\na{x=\"2\"} 3.5\nab{x=\"3\"} 9\nc 4\n");
        assert_eq!(page.get("a{x=\"1\"}"), Some(2.0));
        assert_eq!(page.of("a").collect::<Vec<_>>(), [("x=\"1\"", 2.0), ("x=\"2\"", 3.5)]);
        assert_eq!((page.sum("a"), page.sum("c"), page.sum("d")), (5.5, 4.0, 0.0));
    }
}
