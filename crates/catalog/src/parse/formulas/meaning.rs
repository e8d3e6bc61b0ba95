//! What formulas mean, once all that they name is known.

use super::{Draft, Written, WrittenTerm};
use crate::dimension::Dimension;
use crate::formula::{Formula, FormulaIndex, Law, Operand, Shift, Term};
use crate::plan::Metric;
use crate::suggest;
use activity::{DimensionIndex, Grain, MetricIndex, PerGrain, Window};
use std::collections::{BTreeMap, BTreeSet};
use std::slice;

/// How many values a formula looks at, with all the formulas that it names and one for each of them. It bounds how deep
/// formulas are nested, too.
const MOST_LOOKED_AT: usize = 256;

/// What is known of a metric that formulas may name.
struct Known {
    of: Operand,
    windows: Vec<Window>,
    by: Vec<DimensionIndex>,
    /// How many buckets back it looks.
    back: u16,
    /// How many values it looks at.
    looks: usize,
}

/// Metrics by name; `None` for one that has a mistake, of which nothing more is said.
pub(in crate::parse) struct Names(BTreeMap<String, Option<Known>>);

impl Names {
    /// The metrics that have state, but for those that only a label tells apart from others, and the names of those with mistakes.
    pub(in crate::parse) fn of(metrics: &[Metric], failed: &[&str]) -> Names {
        let known = |(index, metric): (MetricIndex, &Metric)| Known {
            of: Operand::Metric(index),
            windows: metric.windows.clone(),
            by: metric.by.iter().map(|by| by.dimension).collect(),
            back: 0,
            looks: 1,
        };
        // No expression has a `#`: those that only a label tells apart are named by types alone.
        let name = |metric: &Metric| match metric.label() {
            None => metric.name.clone(),
            Some((_, value)) => format!("{}#{value}", metric.name),
        };
        let named = (0..).map(MetricIndex).zip(metrics);
        let known = named.map(|(index, metric)| (name(metric), Some(known((index, metric)))));
        Names(known.chain(failed.iter().map(|name| ((*name).to_owned(), None))).collect())
    }

    /// What is known of a metric; of one that a declaration with a mistake would make, as of that one itself.
    fn get(&self, name: &str) -> Option<Option<&Known>> {
        let is_of = |of: &str| name.strip_prefix(of).is_some_and(|suffix| suffix.starts_with('_'));
        let of_failed = || self.0.iter().any(|(of, known)| known.is_none() && is_of(of));
        self.0.get(name).map(Option::as_ref).or_else(|| of_failed().then_some(None))
    }
}

/// What formulas mean, in the order in which they are written. Nothing here goes deeper with how deep they are nested.
pub(in crate::parse) fn resolve<'a>(
    drafts: Vec<Draft<'a>>,
    mut names: Names,
    dimensions: &[Dimension],
    history: PerGrain<u16>,
) -> Option<Vec<Formula>> {
    let mut pending: Vec<(FormulaIndex, Draft)> = (0..).map(FormulaIndex).zip(drafts).collect();
    let mut formulas: BTreeMap<u16, Formula> = BTreeMap::new();
    let mut complete = true;
    while !pending.is_empty() {
        let waited_for: BTreeSet<&str> = pending.iter().map(|(_, draft)| draft.name).collect();
        let is_ready = |draft: &Draft| !draft.terms.iter().any(|term| waited_for.contains(term.metric));
        let (ready, waiting): (Vec<_>, Vec<_>) = pending.into_iter().partition(|(_, draft)| is_ready(draft));
        if ready.is_empty() {
            let cycle = cycle(&waiting);
            names.0.extend(cycle.into_iter().map(|name| (name.to_owned(), None)));
            complete = false;
        }
        for (index, draft) in ready {
            let resolved = draft.resolve(&names, &waited_for, dimensions, history);
            complete &= resolved.is_some();
            let known = resolved.map(|(formula, back, looks)| {
                let (windows, by) = (formula.windows.clone(), formula.by.clone());
                formulas.insert(index.0, formula);
                Known { of: Operand::Formula(index), windows, by, back, looks }
            });
            if draft.label.is_none() {
                names.0.insert(draft.name.to_owned(), known);
            }
        }
        pending = waiting.into_iter().filter(|(_, draft)| !names.0.contains_key(draft.name)).collect();
    }
    complete.then(|| formulas.into_values().collect())
}

/// The names of a cycle among formulas each of which waits for another, which is reported.
fn cycle<'a>(waiting: &[(FormulaIndex, Draft<'a>)]) -> Vec<&'a str> {
    let find = |name: &str| waiting.iter().map(|(_, draft)| draft).find(|draft| draft.name == name);
    let mut path: Vec<&Draft<'a>> = vec![&waiting[0].1];
    loop {
        let last = path[path.len() - 1];
        let next = last.terms.iter().find_map(|term| find(term.metric)).expect("each waits for another");
        if let Some(from) = path.iter().position(|draft| draft.name == next.name) {
            path.drain(..from);
            let made_of: Vec<String> =
                path.iter().skip(1).chain([&next]).map(|draft| format!("`{}`", draft.name)).collect();
            let what = format!("`{}` follows from {}", next.name, made_of.join(", which follows from "));
            next.home.wrong_at_home::<()>(what, "a metric cannot follow from itself: name others in one of them");
            return path.iter().map(|draft| draft.name).collect();
        }
        path.push(next);
    }
}

impl Draft<'_> {
    /// What it means, how many buckets back it looks, and at how many values.
    fn resolve(
        &self,
        names: &Names,
        formulas: &BTreeSet<&str>,
        dimensions: &[Dimension],
        history: PerGrain<u16>,
    ) -> Option<(Formula, u16, usize)> {
        let known = self.terms.iter().map(|term| term.known(names, formulas)).collect::<Vec<_>>();
        let known: Vec<&Known> = known.into_iter().collect::<Option<_>>()?;
        let parts = || self.terms.iter().zip(known.iter().copied());
        let back = parts().map(|(term, known)| term.back(known, history)).collect::<Vec<_>>();
        let back = back.into_iter().collect::<Option<Vec<u16>>>()?.into_iter().max().unwrap_or(0);
        let looks = known.iter().map(|known| known.looks).fold(1, usize::saturating_add);
        if looks > MOST_LOOKED_AT {
            let what = format!("`{}` looks at {looks} values, with all that it follows from", self.name);
            return self.home.wrong_at_home(what, format!("name fewer formulas in it: at most {MOST_LOOKED_AT}"));
        }
        let windows = self.windows(&parts().collect::<Vec<_>>());
        let by = self.sliced(parts(), dimensions);
        let terms: Vec<Term> = parts().map(|(term, known)| term.meant(known)).collect();
        let law = match (&self.law, terms.as_slice()) {
            (Written::Ratio, [numerator, denominator]) => {
                Law::Ratio { numerator: *numerator, denominator: *denominator }
            }
            (Written::Percentile(percent), [of]) => Law::Percentile { of: *of, percent: *percent },
            (Written::Ratio | Written::Percentile(_), _) => unreachable!("a ratio has two terms, a percentile one"),
            (Written::Median, terms) => {
                let (waiting, reached) = terms.split_at(terms.len() / 2);
                Law::Median { waiting: waiting.to_vec(), reached: reached.to_vec() }
            }
            (Written::Derived { written, steps, names }, terms) => Law::Derived {
                written: written.clone(),
                steps: steps.clone(),
                terms: names.iter().cloned().zip(terms.iter().copied()).collect(),
            },
        };
        let (name, description) = (self.name.to_owned(), self.description.to_owned());
        Some((Formula { name, label: self.label.clone(), description, law, windows: windows?, by: by? }, back, looks))
    }

    /// Those that are written, or all that fit every term.
    fn windows(&self, parts: &[(&WrittenTerm, &Known)]) -> Option<Vec<Window>> {
        let fits = |window: &Window, (term, known): &(&WrittenTerm, &Known)| {
            term.meant(known).window_for(*window, &known.windows).is_some()
        };
        let have = || parts.iter().map(|(term, known)| term.has(known)).collect::<Vec<_>>().join("; ");
        let own = parts.iter().filter_map(|(term, _)| term.window.as_ref().map(|(_, window)| *window));
        let all_own = own.clone().count() == parts.len();
        if let Some((cursor, windows)) = &self.windows {
            if all_own && windows.len() > 1 {
                let help = "write one: it is only what the value is shown as";
                return cursor.wrong("every part has a window of its own, and so the same value in all of these", help);
            }
            let misfit = windows.iter().find(|window| !parts.iter().all(|part| fits(window, part)));
            return match misfit {
                None => Some(windows.clone()),
                Some(window) => {
                    let what = format!("not every part goes with a window of {window}");
                    cursor.wrong(what, format!("write windows that all of them have: {}", have()))
                }
            };
        }
        let mut windows: Vec<Window> = match all_own {
            true => own.max_by_key(|window| (window.grain, window.longest())).into_iter().collect(),
            false => {
                parts.iter().filter(|(term, _)| term.window.is_none()).flat_map(|(_, of)| of.windows.clone()).collect()
            }
        };
        windows.retain(|window| parts.iter().all(|part| fits(window, part)));
        windows.sort_unstable();
        windows.dedup();
        if windows.is_empty() {
            let what = format!("the parts of `{}` have no window in common", self.name);
            let help = format!("give one of them a `window`, of the grain that the others have: {}", have());
            return self.home.wrong_at_home(what, help);
        }
        Some(windows)
    }

    /// The dimensions by which it is sliced, if every part is.
    fn sliced<'k>(
        &self,
        mut parts: impl Iterator<Item = (&'k WrittenTerm<'k>, &'k Known)>,
        dimensions: &[Dimension],
    ) -> Option<Vec<DimensionIndex>> {
        let Some((cursor, by)) = &self.by else { return Some(Vec::new()) };
        let lacking = parts.find_map(|(term, known)| {
            let lacks = by.iter().find(|dimension| !known.by.contains(dimension))?;
            Some((term.metric, &dimensions[usize::from(lacks.0)].name))
        });
        match lacking {
            None => Some(by.clone()),
            Some((metric, dimension)) => {
                let what = format!("`{metric}` is not sliced by `{dimension}`");
                cursor.wrong(what, format!("remove `{dimension}` here, or add it to the `by` of `{metric}`"))
            }
        }
    }
}

impl WrittenTerm<'_> {
    /// Reports a mistake where the metric's name stands.
    fn wrong<T>(&self, what: String, help: String) -> Option<T> {
        match self.stands.1 {
            None => self.stands.0.wrong(what, help),
            Some(at) => self.stands.0.wrong_within(at, self.metric.chars().count(), what, help),
        }
    }

    /// What is known of its metric, and goes with its own window.
    fn known<'n>(&self, names: &'n Names, formulas: &BTreeSet<&str>) -> Option<&'n Known> {
        let Some(known) = names.get(self.metric) else {
            let at = self.stands.1.map_or_else(String::new, |at| format!(", at character {}", at + 1));
            let near =
                suggest::nearest(self.metric, names.0.keys().map(String::as_str).chain(formulas.iter().copied()));
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "write the name of one of the `metrics`".to_owned(),
            };
            return self.wrong(format!("there is no metric `{}`{at}", self.metric), help);
        };
        let known = known?;
        match &self.window {
            Some((cursor, window)) if !known.windows.contains(window) => {
                let what = format!("`{}` has no window `{window}`", self.metric);
                cursor.wrong(what, format!("write {}", suggest::or(&known.windows)))
            }
            _ => Some(known),
        }
    }

    /// How many buckets back it looks, if that is kept.
    fn back(&self, known: &Known, history: PerGrain<u16>) -> Option<u16> {
        let Some((cursor, Shift { grain, buckets })) = &self.offset else { return Some(known.back) };
        let windows = self.windows(known);
        if !windows.iter().any(|window| window.grain == *grain) {
            let what = format!("an offset in {}s is of windows of {0}s, and `{}` has none", grain.name(), self.metric);
            let has = windows.first().map_or(Grain::Day, |window| window.grain);
            return cursor.wrong(what, format!("write whole {}s, as in `7{}`", has.name(), has.letter()));
        }
        let back = buckets.saturating_add(known.back);
        if back > history[*grain] {
            let (name, letter, kept) = (grain.name(), grain.letter(), history[*grain]);
            let what = format!("values of {back} {name}s before are not kept: `history` is {kept} {name}s");
            let write = match grain {
                Grain::Day => format!("history: {back}d"),
                Grain::Minute | Grain::Hour => format!("history: {{ {name}: {back}{letter} }}"),
            };
            return cursor.wrong(what, format!("write `{write}` in the catalogue, or a shorter offset"));
        }
        Some(back)
    }

    fn meant(&self, known: &Known) -> Term {
        Term {
            of: known.of,
            window: self.window.as_ref().map(|(_, window)| *window),
            offset: self.offset.as_ref().map(|(_, offset)| *offset),
        }
    }

    /// Its own window, or those of its metric.
    fn windows<'k>(&'k self, known: &'k Known) -> &'k [Window] {
        self.window.as_ref().map_or(&known.windows, |(_, own)| slice::from_ref(own))
    }

    /// Which windows it has, in words.
    fn has(&self, known: &Known) -> String {
        let windows = self.windows(known).iter().map(Window::to_string).collect::<Vec<_>>().join(", ");
        let offset = self.offset.as_ref().map(|(_, by)| format!(" and an offset in {}s", by.grain.name()));
        format!("`{}` has {windows}{}", self.metric, offset.unwrap_or_default())
    }
}
