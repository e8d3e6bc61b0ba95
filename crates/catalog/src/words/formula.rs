//! Formulas in plain words.

use super::and;
use crate::formula::{Formula, Law, Term};
use crate::plan::Plan;

impl Plan {
    /// How a formula follows from other metrics, in a sentence that an analyst can check.
    #[must_use]
    pub fn follows(&self, formula: &Formula) -> String {
        let how = match &formula.law {
            Law::Ratio { numerator, denominator } => {
                let how = format!("{} over {}", self.term(numerator), self.term(denominator));
                format!("{how}, as of the same time; nothing where the denominator is 0.")
            }
            Law::Derived { written, terms, .. } => {
                let written = written.split_whitespace().collect::<Vec<_>>().join(" ");
                let stands_for = |(name, term): &(String, Term)| {
                    let said = self.term(term);
                    (said != *name).then(|| format!("{name} is {said}"))
                };
                let stand_for: Vec<String> = terms.iter().filter_map(stands_for).collect();
                let stand_for = match stand_for.as_slice() {
                    [] => String::new(),
                    stand_for => format!(", where {}", and(stand_for)),
                };
                format!("{written}{stand_for}, as of the same time; nothing where a denominator is 0.")
            }
            Law::Percentile { of, percent } => format!(
                "The value that {percent} of 100 events of {} are not above, by the nearest rank; off by no more than the stated error. \
                 Nothing if there are no events.",
                self.gauge(of.of).name()
            ),
            Law::Median { waiting, reached } => {
                let name = |terms: &[Term]| terms.first().map(|term| self.gauge(term.of).name()).unwrap_or_default();
                let (waiting, reached) = (name(waiting), name(reached));
                format!(
                    "The first day at whose end no more than half are left, by {waiting} and {reached}: each day leaves the share of \
                     those waiting that has not reached it. Nothing if more than half are left at the end."
                )
            }
        };
        let by: Vec<String> = formula.by.iter().map(|by| self.dimension(*by).name.clone()).collect();
        if by.is_empty() { how } else { format!("{how} It is sliced by {}.", and(&by)) }
    }

    /// A term: `active_users in 28d`, `active_users 7d earlier`.
    fn term(&self, Term { of, window, offset }: &Term) -> String {
        let name = self.gauge(*of).name();
        let window = window.map(|window| format!(" in {window}")).unwrap_or_default();
        let earlier = offset.map(|by| format!(" {}{} earlier", by.buckets, by.grain.letter())).unwrap_or_default();
        format!("{name}{window}{earlier}")
    }

    /// The names of the metrics that a formula names, in order.
    pub fn parts(&self, formula: &Formula) -> impl Iterator<Item = &str> {
        formula.terms().map(|term| self.gauge(term.of).name())
    }

    /// Over which windows a formula is shown.
    #[must_use]
    pub fn windows_of_formula(&self, formula: &Formula) -> String {
        let all_own = formula.terms().all(|term| term.window.is_some());
        match formula.windows.first().filter(|_| all_own) {
            Some(window) => format!("Each part has its own; it is shown as {window}."),
            None => self.windows(&formula.windows),
        }
    }
}
