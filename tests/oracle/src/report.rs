//! What was compared, as a table, and what was wrong.

use std::fmt;

use serde_json::Value;

const HEAD: [&str; 10] =
    ["company", "records", "copies", "late", "metrics", "slices", "series", "days, hours", "compared", "wrong"];

/// A row for every company, and the differences.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<[String; HEAD.len()]>,
    complaints: Vec<String>,
}

impl Report {
    /// Adds the oracle's verdict on a company.
    pub(crate) fn add(&mut self, company: &str, verdict: &Value) {
        let stream = |name: &str| verdict["stream"][name].to_string();
        let total = |name: &str| verdict["total"][name].as_u64().expect("a number");
        let late = format!("{} / {}", stream("too_late_for_its_hour"), stream("too_late_for_its_day"));
        self.rows.push([
            company.to_owned(),
            stream("records"),
            stream("copies"),
            late,
            total("metrics").to_string(),
            total("slices").to_string(),
            total("series").to_string(),
            format!("{}, {}", total("days"), total("hours")),
            total("compared").to_string(),
            total("wrong").to_string(),
        ]);
        // A comparison of nothing with nothing would say nothing.
        if total("not_zero") * 4 < total("compared") {
            self.complaints.push(format!("{company}: only {} of the values are not 0", total("not_zero")));
        }
        let wrong = verdict["wrong"].as_array().expect("a list");
        self.complaints.extend(wrong.iter().map(|wrong| format!("{company}: {}", wrong.as_str().expect("text"))));
    }

    /// Whether everything is equal.
    pub(crate) fn is_right(&self) -> bool {
        self.complaints.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = HEAD.map(str::to_owned);
        let rows = || [&head].into_iter().chain(&self.rows);
        let width = |at: usize| rows().map(|row| row[at].len()).max().unwrap_or(0);
        for row in rows() {
            write!(f, "{:<1$}", row[0], width(0))?;
            row.iter().enumerate().skip(1).try_for_each(|(at, cell)| write!(f, "  {cell:>0$}", width(at)))?;
            writeln!(f)?;
        }
        self.complaints.iter().try_for_each(|complaint| writeln!(f, "FAILED: {complaint}"))
    }
}
