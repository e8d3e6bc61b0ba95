//! What was compared, as tables, and what was wrong.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fmt, fs};

use serde_json::Value;

const STREAM: [&str; 6] = ["catalogue", "records", "copies", "too late", "attributes told", "as of"];
const COMPARED: [&str; 7] = ["catalogue", "kind", "metrics", "series", "compared", "not 0", "wrong"];

/// A row for every catalogue, one for each of its kinds of metrics, and the differences.
#[derive(Default)]
pub(crate) struct Report {
    streams: Vec<[String; STREAM.len()]>,
    rows: Vec<[String; COMPARED.len()]>,
    complaints: Vec<String>,
}

impl Report {
    /// Adds the oracle's verdict on a catalogue.
    pub(crate) fn add(&mut self, catalogue: &str, verdict: &Value) {
        let name = || catalogue.to_owned();
        let stream = |key: &str| verdict["stream"][key].to_string();
        let as_of = format!("{} days, {} hours, {} minutes", stream("days"), stream("hours"), stream("minutes"));
        self.streams.push([name(), stream("records"), stream("copies"), stream("too_late"), stream("told"), as_of]);
        for (kind, told) in verdict["kinds"].as_object().expect("an object") {
            let number = |key: &str| told[key].as_u64().expect("a number");
            let cell = |key: &str| number(key).to_string();
            let [metrics, series, compared, not_zero, wrong] =
                ["metrics", "series", "compared", "not_zero", "wrong"].map(cell);
            self.rows.push([name(), kind.clone(), metrics, series, compared, not_zero, wrong]);
            // A comparison of nothing with nothing would say nothing.
            if number("not_zero") == 0 {
                self.complaints.push(format!("{catalogue}: all values of {kind} are 0"));
            }
        }
        let wrong = verdict["wrong"].as_array().expect("a list");
        self.complaints.extend(wrong.iter().map(|wrong| format!("{catalogue}: {}", wrong.as_str().expect("text"))));
    }

    /// Both together, catalogues in order.
    pub(crate) fn and(mut self, other: Report) -> Report {
        self.streams.extend(other.streams);
        self.rows.extend(other.rows);
        self.complaints.extend(other.complaints);
        self.streams.sort_unstable();
        self.rows.sort_unstable();
        self
    }

    /// Complains about kinds of metrics that have a page, and that no catalogue has.
    pub(crate) fn expect_kinds(&mut self) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/kinds");
        let pages = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let name = |path: &Path| path.file_stem().map(|name| name.to_string_lossy().into_owned());
        let pages: BTreeSet<String> =
            pages.filter_map(|page| name(&page.expect("the folder can be read").path())).collect();
        let had: BTreeSet<String> = self.rows.iter().map(|row| row[1].clone()).collect();
        self.complaints.extend(pages.difference(&had).map(|kind| format!("no catalogue has a metric of {kind}")));
    }

    /// Whether everything is equal.
    pub(crate) fn is_right(&self) -> bool {
        self.complaints.is_empty()
    }
}

/// Writes rows under their head: texts to the left, numbers to the right.
fn table<const N: usize>(f: &mut fmt::Formatter<'_>, head: [&str; N], rows: &[[String; N]]) -> fmt::Result {
    let head = head.map(str::to_owned);
    let rows = || [&head].into_iter().chain(rows);
    let width = |at: usize| rows().map(|row| row[at].len()).max().unwrap_or(0);
    for row in rows() {
        for (at, cell) in row.iter().enumerate() {
            let gap = if at == 0 { "" } else { "  " };
            match at < 2 && cell.parse::<u64>().is_err() {
                true => write!(f, "{gap}{cell:<0$}", width(at))?,
                false => write!(f, "{gap}{cell:>0$}", width(at))?,
            }
        }
        writeln!(f)?;
    }
    writeln!(f)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        table(f, STREAM, &self.streams)?;
        table(f, COMPARED, &self.rows)?;
        self.complaints.iter().try_for_each(|complaint| writeln!(f, "FAILED: {complaint}"))
    }
}
