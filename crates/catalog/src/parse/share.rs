//! Shares within an owner: `adoption: { type: share, of: account, numerator: regular_seats, denominator: active_seats }`.

use super::filters::{self, Tests};
use super::metrics::{Declared, windows};
use super::{baseline, dimensions, entities, exclude, marks};
use crate::cursor::{Cursor, Entries};
use crate::dimension::{Dimension, Taken};
use crate::kinds::{Family, Kind, Share, window_of_part};
use crate::plan::{Marks, Measure, Metric, Said};
use crate::suggest;
use activity::marks::Keep;
use activity::{EntityKind, MetricIndex, Window};

pub(crate) const KNOWN: &[&str] =
    &["type", "description", "of", "numerator", "denominator", "at_least", "where", "windows", "by", "include"];

/// A share as it is written: its parts may stand below it.
pub(super) struct Draft<'a> {
    name: &'a str,
    metric: Metric,
    of: EntityKind,
    parts: [(Cursor<'a>, &'a str); 2],
    at_least: Option<u32>,
    windows: Option<(Cursor<'a>, Vec<Window>)>,
    home: Cursor<'a>,
}

pub(super) fn read<'a>(
    name: &'a str,
    home: &Cursor<'a>,
    entries: &Entries<'a>,
    declared: Declared<'_>,
) -> Option<Draft<'a>> {
    entries.allow(KNOWN, &[]);
    let attributes = declared.attributes;
    let of =
        entries.require("of", "write whose shares they are, one of the catalogue's `entities`, as in `of: account`");
    let of = of.and_then(|cursor| entities::named(cursor, attributes.entities));
    let part = |key: &str, help: &str| {
        let cursor = entries.require(key, help)?;
        Some((cursor.clone(), cursor.text()?))
    };
    let numerator = part("numerator", "write a metric that counts members of it, as in `numerator: regular_seats`");
    let denominator = part("denominator", "write of which that is a share, as in `denominator: active_seats`");
    let at_least = entries.read_or("at_least", None, |cursor| baseline::share(cursor).map(Some));
    let measure = of.map(|entity| Measure::Marks(Marks { entity, said: Said::Steps(Vec::new()), keep: Keep::None }));
    let tests = entries
        .read_or("where", Tests::default(), |cursor| filters::tests(&cursor.entries()?, measure.as_ref(), attributes));
    let windows = entries.read_or("windows", None, |cursor| Some(Some((cursor.clone(), windows(cursor)?))));
    let by = entries.read_or("by", Vec::new(), |cursor| {
        let by = dimensions::by(cursor, measure.as_ref(), attributes.entities, attributes.dimensions)?;
        marks::are_followed(cursor, measure.as_ref(), &by, attributes.dimensions?)?;
        dimensions::are_not_of_openings(cursor, &by, attributes.dimensions?)?;
        Some(by)
    });
    let include = entries.read_or("include", Vec::new(), |cursor| exclude::include(cursor, declared.rules));
    let description = entries.read_or("description", "", Cursor::text)?;
    let Tests { conditions, required } = tests?;
    if !conditions.is_empty() {
        let asked = entries.get("where")?;
        return asked.wrong_at_home(
            "`where` of a share asks attributes alone",
            "write what events have to say in the `where` of its parts",
        );
    }
    let metric = Metric {
        name: name.to_owned(),
        description: description.to_owned(),
        measure: measure?,
        events: Some(Vec::new()),
        conditions,
        required,
        windows: Vec::new(),
        by: by?,
        include: include?,
        role: None,
    };
    filters::are_of_one(home, &metric, declared)?;
    asks_own_attributes(home, &metric, of?, declared)?;
    let parts = [numerator?, denominator?];
    Some(Draft { name, metric, of: of?, parts, at_least: at_least?, windows: windows?, home: home.clone() })
}

/// Reports attributes of others than those whose shares they are: what steps a share is at hand in its owner's record alone.
fn asks_own_attributes(home: &Cursor, metric: &Metric, owner: EntityKind, declared: Declared<'_>) -> Option<()> {
    let dimensions = declared.attributes.dimensions?.declared()?;
    let rules = declared.rules?.iter().enumerate().filter(|(at, _)| !metric.include.contains(at));
    let required = metric.required.iter().chain(rules.flat_map(|(_, rule)| &rule.required));
    let asked = metric.by.iter().map(|by| by.dimension).chain(required.map(|required| required.dimension));
    let of_other = |dimension: &&Dimension| matches!(dimension.taken, Taken::Attribute { of, .. } if of != owner);
    match asked.map(|index| &dimensions[usize::from(index.0)]).find(of_other) {
        None => Some(()),
        Some(other) => home.wrong_at_home(
            format!("`{}` is no attribute of that whose shares these are", other.name),
            "remove it from `by` and `where`, or write `include` with the rule that asks it",
        ),
    }
}

impl<'a> Draft<'a> {
    /// What it is called.
    pub(super) fn name(&self) -> &'a str {
        self.name
    }

    /// What it means, once all other metrics that have state are known; `failed` are those that have a mistake.
    pub(super) fn resolve(
        self,
        (metrics, families): (&[Metric], &[Family]),
        failed: &[&str],
        declared: Declared<'_>,
    ) -> Option<(Metric, Kind, Cursor<'a>)> {
        let known = (metrics, families);
        let [numerator, denominator] = self.parts.each_ref().map(|part| self.part(part, known, failed, declared));
        let parts = [numerator?, denominator?];
        let [above, below] = parts.map(|part| &metrics[usize::from(part.0)]);
        let goes = |window: &Window| below.windows.contains(&window_of_part(below, *window));
        let windows: Vec<Window> = match &self.windows {
            None => above.windows.iter().copied().filter(goes).collect(),
            Some((cursor, windows)) => {
                let misfit = windows.iter().find(|window| !above.windows.contains(window) || !goes(window));
                if let Some(misfit) = misfit {
                    let what = format!("not both parts have a window `{misfit}`");
                    return cursor
                        .wrong(what, format!("write windows that `{}` and `{}` have", above.name, below.name));
                }
                windows.clone()
            }
        };
        if windows.is_empty() {
            let what = format!("`{}` and `{}` have no window in common", above.name, below.name);
            return self.home.wrong_at_home(what, "give both of them a window of the same length");
        }
        let decimals = [above.decimals(), below.decimals()];
        let (numerator, denominator) = (parts[0], parts[1]);
        let share = Share { of: self.of, numerator, denominator, decimals, at_least: self.at_least };
        Some((Metric { windows, ..self.metric }, Kind::Share(share), self.home))
    }

    /// The metric of a name, if it counts members of what the share is of, or that itself.
    fn part(
        &self,
        (cursor, name): &(Cursor<'a>, &'a str),
        (metrics, families): (&[Metric], &[Family]),
        failed: &[&str],
        declared: Declared<'_>,
    ) -> Option<MetricIndex> {
        let is_of_failed =
            |of: &&&str| name.strip_prefix(**of).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
        if failed.iter().any(|of| is_of_failed(&of)) {
            return None;
        }
        let Some(at) = metrics.iter().position(|metric| metric.name == *name && metric.label().is_none()) else {
            let near = suggest::nearest(name, metrics.iter().map(|metric| metric.name.as_str()));
            let help = near.map_or_else(
                || "write the name of a metric that counts entities".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            return cursor.wrong(format!("there is no metric `{name}` that has state"), help);
        };
        let metric = &metrics[at];
        if metric.role.as_ref().is_some_and(|role| !families[role.family].kind.parts().is_empty()) {
            return cursor.wrong(format!("`{name}` is of a share itself"), "name a metric that counts entities");
        }
        let entities = declared.attributes.entities?;
        let owner = entities.get(self.of)?;
        let is_its_own = |kind: EntityKind| {
            kind == self.of || entities.get(kind).is_some_and(|entity| entity.places_of(owner).is_some())
        };
        if !metric.entity().is_some_and(is_its_own) {
            let what = format!("`{name}` does not count what names one `{}` and lies beside it", owner.name);
            let help = format!(
                "name a metric of such an entity, as of `{{ key: [{}, user_id], shard_by: {} }}`",
                owner.key.join(", "),
                owner.key[owner.shard_by]
            );
            return cursor.wrong(what, help);
        }
        let mut rules = declared.rules?.iter().enumerate();
        let rule = rules.find(|(at, rule)| !rule.required.is_empty() && !metric.include.contains(at));
        if !metric.required.is_empty() || rule.is_some() {
            let what = format!("attributes filter `{name}`, and its part in a share is not filtered");
            let help = match rule {
                Some((_, rule)) => format!("write `include: [{}]` there: the share leaves it out", rule.name),
                None => "write that `where` at the share, and not at its parts".to_owned(),
            };
            return cursor.wrong(what, help);
        }
        Some(MetricIndex(u16::try_from(at).ok()?))
    }
}
