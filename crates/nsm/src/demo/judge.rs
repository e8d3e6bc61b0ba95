//! What the gauges have to be, by the truth of the simulated product.

use super::page::Page;
use super::view::{View, grouped, whole};
use crate::check;
use activity::Millis;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use product::{DayLine, Of, Truth};

/// The gauges beside the truth.
pub(super) struct Verdict {
    /// Metric, window, gauge, truth.
    rows: Vec<(String, String, Option<u64>, Option<u64>)>,
    day: String,
}

/// Compares what a page shows with what is to be counted in all that was sent.
pub(super) fn judge(view: &View, page: &Page, truth: &Truth) -> Verdict {
    let as_of = page.get("northstar_gauges_as_of_timestamp_seconds").unwrap_or(0.0);
    let at = Millis(i64::try_from(whole(as_of * 1_000.0)).unwrap_or(0));
    let day = Timestamp::from_millisecond(at.0).unwrap_or_default().to_zoned(TimeZone::UTC).date().to_string();
    let days = truth.days();
    let until = days.iter().position(|line| line.day == day).map_or(0, |at| at + 1);
    let row = |row: &super::view::Row| {
        let expected = expected(&row.metric, row.slice.as_ref(), &row.window, &days[..until]);
        let name = row.part().map_or_else(|| row.metric.clone(), |part| format!("  {part}"));
        (name, row.window.clone(), row.now.map(whole), expected)
    };
    Verdict { rows: view.rows.iter().map(row).collect(), day }
}

/// The truth about a metric of the demo's catalogue, as of the last of these days.
fn expected(metric: &str, slice: Option<&(String, String)>, window: &str, days: &[DayLine]) -> Option<u64> {
    let of = |of: &Of| match window {
        "1d" => Some(of.d1),
        "7d" => Some(of.d7),
        "28d" => Some(of.d28),
        _ => None,
    };
    let over = |value: fn(&DayLine) -> u64| {
        let length: usize = window.strip_suffix('d')?.parse().ok()?;
        Some(days.iter().rev().take(length).map(value).sum())
    };
    let last = days.last()?;
    match metric {
        "active_users" => of(&last.users),
        "active_accounts" => match slice {
            Some((_, plan)) => of(&last.accounts_active_by_plan.get(plan.as_str()).copied().unwrap_or_default()),
            None => of(&last.accounts),
        },
        "assistant_users" => of(last.launched.get("assistant_asked")?),
        "documents_edited" => over(|day| day.by_event.get("document_edited").copied().unwrap_or(0)),
        "editing_seconds" => over(|day| day.sums.get("seconds").map_or(0, |of| of.units.unsigned_abs())),
        _ => None,
    }
}

impl Verdict {
    /// How many gauges are what they have to be, and how many there are.
    pub(super) fn equal(&self) -> (usize, usize) {
        let is_equal = |row: &&(String, String, Option<u64>, Option<u64>)| row.2.is_some() && row.2 == row.3;
        (self.rows.iter().filter(is_equal).count(), self.rows.len())
    }

    pub(super) fn is_exact(&self) -> bool {
        let (equal, of) = self.equal();
        equal == of
    }

    /// The gauges beside the truth, as a table.
    pub(super) fn table(&self) -> String {
        let shown = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), grouped);
        let row = |(metric, window, gauge, truth): &(String, String, Option<u64>, Option<u64>)| {
            let equal = if gauge.is_some() && gauge == truth { "yes" } else { "NO" };
            vec![metric.clone(), window.clone(), shown(*gauge), shown(*truth), equal.to_owned()]
        };
        let table = check::table(&["metric", "window", "gauge", "truth", "equal"], self.rows.iter().map(row).collect());
        let (equal, of) = self.equal();
        format!("{table}\n\n{equal} of {of} gauges as of {} are exactly what was simulated.", self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::{CATALOGUE, launches};
    use product::{Company, DAY, Product, Settings, Span};

    #[test]
    fn there_is_a_truth_for_every_gauge_and_a_wrong_one_is_seen() {
        let plan = catalog::parse(CATALOGUE).unwrap();
        let start = Millis(1_767_225_600_000);
        let until = Millis(start.0 + 10 * DAY);
        let mut product = Product::new(Settings {
            seed: 1,
            company: &Company::DOCUMENTS,
            accounts: 20,
            start,
            launches: launches(until),
        });
        product.go_on(Span { from: start, until, records: 2_000 });
        product.by_ref().for_each(drop);
        let mut view = View::new(&plan, String::new(), String::new());
        let page = Page::parse(&format!("northstar_gauges_as_of_timestamp_seconds {}\n", (until.0 - 1) / 1_000));
        let absent = judge(&view, &page, product.truth());
        assert!(absent.rows.iter().all(|row| row.3.is_some_and(|truth| truth > 0)), "{:?}", absent.rows);
        assert_eq!(absent.equal(), (0, view.rows.len()));
        for (row, judged) in view.rows.iter_mut().zip(&absent.rows) {
            #[expect(clippy::cast_precision_loss, reason = "few")]
            let truth = judged.3.unwrap() as f64;
            row.now = Some(truth);
        }
        assert!(judge(&view, &page, product.truth()).is_exact());
        view.rows[3].now = view.rows[3].now.map(|value| value + 1.0);
        let wrong = judge(&view, &page, product.truth());
        assert!(!wrong.is_exact() && wrong.table().contains("NO"), "{}", wrong.table());
    }
}
