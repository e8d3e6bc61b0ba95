//! What must hold before something counts: of events, `plan: [team]`, and of attributes of entities, `account.plan: [team]`.

use super::dimensions::{self, Dimensions};
use super::entities::Entities;
use super::measure::{literal, property};
use super::metrics::Declared;
use super::values;
use crate::cursor::{Cursor, Entries, Entry};
use crate::dimension::{AsOf, By, Dimension, NONE, OTHER, RULE, Taken, label};
use crate::filter::Requirement;
use crate::plan::{Asks, Condition, Literal, Measure, Metric, Rule};
use crate::suggest;
use activity::{DimensionIndex, DimensionValue, EntityKind, MetricIndex};

/// The attributes that can be named; each part `None` if it could not be read.
#[derive(Clone, Copy)]
pub(super) struct Attributes<'d> {
    pub(super) entities: Option<&'d Entities<'d>>,
    pub(super) dimensions: Option<&'d Dimensions<'d>>,
}

/// What must hold; all of it.
#[derive(Default)]
pub(super) struct Tests {
    pub(super) conditions: Vec<Condition>,
    pub(super) required: Vec<Requirement>,
}

/// What must hold, by the name of a property or an attribute; of that which is `counted`, if that is known.
pub(super) fn tests(entries: &Entries, counted: Option<&Measure>, attributes: Attributes<'_>) -> Option<Tests> {
    let (mut complete, mut tests) = (true, Tests::default());
    for entry in entries.iter() {
        complete &= test(entry, counted, attributes, &mut tests).is_some();
    }
    complete.then_some(tests)
}

fn test(entry: &Entry, counted: Option<&Measure>, attributes: Attributes<'_>, tests: &mut Tests) -> Option<()> {
    let Entry { name, value } = entry;
    let (entities, dimensions) = (attributes.entities?, attributes.dimensions?);
    if let Some((dimension, declared)) = dimensions.attribute(name, entities) {
        let declared = declared?;
        match &declared.taken {
            Taken::Event(path) => {
                let one_of = value.one_or_more(|cursor| said(cursor, declared))?;
                add(entry, tests, Condition { property: path.clone(), asks: Asks::OneOf(one_of) })
            }
            Taken::Attribute { as_of: AsOf::Opening, .. } => {
                let what =
                    format!("`{name}` is as of the opening of a window, and what is asked here is so as of each day");
                value.wrong_at_home(what, "write a dimension with `as_of: bucket`, or with `as_of: current`")
            }
            Taken::Attribute { of, .. } => {
                if let Some(kind) = counted.and_then(Measure::entity) {
                    dimensions::follows(value, &declared.name, kind, *of, entities)?;
                }
                let mut one_of = value.one_or_more(|cursor| value_of(cursor, declared))?;
                one_of.sort_unstable();
                tests.required.push(Requirement { dimension, one_of });
                Some(())
            }
            Taken::Bins(_) | Taken::Excluded => None,
        }
    } else if let Some((what, help)) = dimensions.no_attribute(name, entities) {
        value.wrong_at_home(what, help)
    } else {
        let property =
            property(name).or_else(|| value.wrong_at_home(format!("`{name}` is not a property"), values::PATH_HELP));
        let asks = if value.is_map() { compared(value, entities) } else { value.one_or_more(literal).map(Asks::OneOf) };
        add(entry, tests, Condition { property: property?, asks: asks? })
    }
}

/// How a property is compared with what the field of a key names.
pub(crate) const COMPARED: &[&str] = &["differs_from", "same_as"];

/// `{ differs_from: user_id }`
fn compared(cursor: &Cursor, entities: &Entities) -> Option<Asks> {
    let help = "for a property of an object, write its path, as in `plan.name: team`; to compare it with who does it, write \
                `{ differs_from: user_id }`";
    let entries = cursor.entries()?;
    let told: Vec<_> = COMPARED.iter().filter_map(|name| Some((*name, entries.get(name)?))).collect();
    let [(how, field)] = told.as_slice() else {
        return cursor.mismatch("a value or a list of values", help);
    };
    entries.allow(COMPARED, &[]);
    let (name, known) = (field.text()?, entities.key_fields()?);
    match known.contains(&name) {
        true => Some(Asks::Key { name: name.to_owned(), is_same: *how == "same_as" }),
        false => {
            field.wrong(format!("`{name}` is no field of an entity's key"), format!("write {}", suggest::or(&known)))
        }
    }
}

fn add(Entry { name, value }: &Entry, tests: &mut Tests, condition: Condition) -> Option<()> {
    if tests.conditions.iter().any(|other| other.property == condition.property) {
        let what = format!("`{name}` is a property that stands here already");
        return value.wrong_at_home(what, "write its values as one list, as in `[a, b]`");
    }
    tests.conditions.push(condition);
    Some(())
}

/// A value that events say of a dimension.
fn said(cursor: &Cursor, dimension: &Dimension) -> Option<Literal> {
    let of = value_of(cursor, dimension)?;
    let declared = usize::from(of.0).checked_sub(1).and_then(|at| dimension.values.get(at));
    declared.cloned().or_else(|| {
        let what = format!("`{}` is said by events, and of these only declared values can be asked", dimension.name);
        cursor.wrong(what, "write values that the dimension declares")
    })
}

/// A value of a dimension, as its label is written.
fn value_of(cursor: &Cursor, dimension: &Dimension) -> Option<DimensionValue> {
    let literal = literal(cursor)?;
    let written = label(&literal);
    let all = || [NONE.into()].into_iter().chain(dimension.values.iter().map(label)).chain([OTHER.into()]);
    let found = (0..).map(DimensionValue).zip(all()).find(|(_, label)| *label == written);
    found.map(|(value, _)| value).or_else(|| {
        let all: Vec<String> = all().map(|label: std::borrow::Cow<'_, str>| label.into_owned()).collect();
        let help = match suggest::nearest(&written, all.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare it under `dimensions`, or write {}", suggest::or(&all)),
        };
        cursor.wrong(format!("`{written}` is no declared value of `{}`", dimension.name), help)
    })
}

/// Whether all attributes that filter and slice a metric are of one entity, which what counts has or names, if any filter it.
pub(super) fn are_of_one(cursor: &Cursor, metric: &Metric, declared: Declared<'_>) -> Option<()> {
    let (entities, dimensions) = (declared.attributes.entities?, declared.attributes.dimensions?.declared()?);
    let of = |index: DimensionIndex| match dimensions[usize::from(index.0)].taken {
        Taken::Attribute { of, .. } => Some((index, of)),
        Taken::Event(_) | Taken::Bins(_) | Taken::Excluded => None,
    };
    let name = |index: DimensionIndex| dimensions[usize::from(index.0)].name.as_str();
    let entity = |kind: EntityKind| entities.get(kind).map(|entity| entity.name.as_str());
    let wanted = metric.required.iter().filter_map(|required| of(required.dimension).map(|of| (of, None)));
    let rules = declared.rules?.iter().enumerate().filter(|(at, _)| !metric.include.contains(at));
    let excluded = rules.flat_map(|(_, rule)| {
        rule.required.iter().filter_map(|required| of(required.dimension).map(|of| (of, Some(rule.name.as_str()))))
    });
    let filters: Vec<_> = wanted.chain(excluded).collect();
    let Some(((first, owner), _)) = filters.first().copied() else { return Some(()) };
    for ((index, of), rule) in &filters {
        let unfollowed = match metric.entity() {
            Some(kind) if kind != *of => entities.get(kind)?.places_of(entities.get(*of)?).is_none(),
            _ => false,
        };
        if let (Some(rule), Some(kind)) = (rule, metric.entity())
            && unfollowed
        {
            let (counted, of, name) = (entity(kind)?, entity(*of)?, name(*index));
            let what = format!("`{rule}` excludes by `{of}.{name}`, and one `{counted}` may have many of them");
            let help =
                format!("write `include: [{rule}]`, or count something that names one `{of}` and lies beside it");
            return cursor.wrong_at_home(what, help);
        }
    }
    let others = filters.iter().map(|(of, _)| *of).chain(metric.by.iter().filter_map(|by| of(by.dimension)));
    match others.into_iter().find(|(_, of)| *of != owner) {
        None => Some(()),
        Some((index, of)) => {
            let (owner, of) = (entity(owner)?, entity(of)?);
            let what = format!(
                "the attributes that filter and slice a metric are of one entity, and `{}` is of `{owner}`, `{}` of `{of}`",
                name(first),
                name(index)
            );
            cursor.wrong_at_home(what, "write a metric for each, and `include` the rule that is of the other")
        }
    }
}

/// Declares the dimension of rules by attributes, if there are any, and slices by it the metrics for which one of them holds.
pub(super) fn slice_by_rules(metrics: &mut [Metric], dimensions: &mut Vec<Dimension>, rules: &[Rule]) {
    let by_attribute = || rules.iter().enumerate().filter(|(_, rule)| !rule.required.is_empty());
    if by_attribute().next().is_none() {
        return;
    }
    let dimension = DimensionIndex(u16::try_from(dimensions.len()).expect("there are few dimensions"));
    for metric in metrics {
        let holds = by_attribute().any(|(at, _)| !metric.include.contains(&at));
        metric.by.extend(holds.then_some(By { dimension, first: MetricIndex(0) }));
    }
    let values: Vec<_> = by_attribute().map(|(_, rule)| Literal::Text(rule.name.clone())).collect();
    let limit = u16::try_from(values.len()).expect("there are few rules");
    dimensions.push(Dimension { name: RULE.to_owned(), taken: Taken::Excluded, values, limit });
}
