//! What metrics are sliced by: `plan: { of: account, values: [trial, team] }`, or `surface: { from: properties.surface, … }`.

use super::entities::{self, Entities};
use super::measure::{literal, property};
use super::values;
use crate::cursor::{Cursor, Entries};
use crate::dimension::{AsOf, By, Dimension, NONE, OTHER, RULE, Taken, label};
use crate::plan::{Literal, Measure};
use crate::source::{Path, Source};
use crate::suggest;
use activity::{DimensionIndex, EntityKind, MetricIndex};
use std::cell::Cell;

pub(super) const KNOWN: &[&str] = &["of", "from", "values", "limit", "as_of"];
/// The labels that gauges have anyway.
const LABELS: [&str; 3] = ["window", "complete", RULE];
const MOST: usize = 100;
pub(crate) const MOST_VALUES: u16 = 200;

#[derive(Clone, Copy)]
pub(crate) enum When {
    Event,
    Of(AsOf),
}

pub(crate) const WHEN: &[(&str, When)] = &[
    ("event", When::Event),
    ("bucket", When::Of(AsOf::Bucket)),
    ("current", When::Of(AsOf::Current)),
    ("opening", When::Of(AsOf::Opening)),
];

/// The dimensions that a catalogue declares, also those with mistakes, so that a metric that is sliced by such a one is not a
/// mistake too.
#[derive(Default)]
pub(super) struct Dimensions<'a>(Vec<(&'a str, Option<Declared>)>);

/// A dimension, and the entity whose attribute it is, also if events say it.
#[derive(Clone)]
struct Declared {
    dimension: Dimension,
    of: Option<EntityKind>,
}

pub(super) fn read<'a>(
    cursor: &Cursor<'a>,
    entities: Option<&Entities>,
    sources: Option<&[Source]>,
) -> Option<Dimensions<'a>> {
    let dimensions = Dimensions(cursor.named(|name, cursor| dimension(name, cursor, entities, sources))?);
    match dimensions.0.len() {
        ..=MOST => Some(dimensions),
        count => cursor.wrong_at_home(format!("{count} dimensions are too many"), format!("declare at most {MOST}")),
    }
}

impl Dimensions<'_> {
    /// All of them; `None` if one could not be read.
    pub(super) fn declared(&self) -> Option<Vec<Dimension>> {
        self.0.iter().map(|(_, declared)| Some(declared.as_ref()?.dimension.clone())).collect()
    }

    /// The attribute of an entity that a path names, as in `account.plan`; `None` if it is none.
    pub(super) fn attribute(&self, path: &str, entities: &Entities) -> Option<(DimensionIndex, Option<&Dimension>)> {
        let (entity, name) = path.split_once('.')?;
        let kind = entities.kind(entity)?;
        let at = self.0.iter().position(|(declared, _)| *declared == name)?;
        let declared = self.0[at].1.as_ref();
        let is_of = declared.is_none_or(|declared| declared.of == Some(kind));
        is_of.then(|| Some((DimensionIndex(u16::try_from(at).ok()?), declared.map(|declared| &declared.dimension))))?
    }

    /// What is wrong with a path that names no attribute but looks as if it should, and what may be meant; `None` if it does not.
    pub(super) fn no_attribute(&self, path: &str, entities: &Entities) -> Option<(String, String)> {
        let (entity, name) = path.split_once('.')?;
        let attribute = |(name, declared): &(&str, Option<Declared>)| {
            Some(format!("{}.{name}", entities.get(declared.as_ref()?.of?)?.name))
        };
        let all: Vec<String> = self.0.iter().filter_map(attribute).collect();
        let near = match entities.kind(entity) {
            Some(_) => suggest::nearest(path, all.iter().map(String::as_str)),
            // Of another word only what is an attribute but for that.
            None => {
                let meant = format!("{}.{name}", suggest::nearest(entity, entities.names())?);
                Some(all.iter().find(|attribute| **attribute == meant)?.as_str())
            }
        };
        let meant = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare it under `dimensions`, as in `{name}: {{ of: {entity}, values: [...] }}`."),
        };
        let help = format!("{meant} A property of events that is called so is `properties.{path}`");
        Some((format!("`{path}` is no attribute that is declared"), help))
    }
}

fn dimension(name: &str, cursor: &Cursor, entities: Option<&Entities>, sources: Option<&[Source]>) -> Option<Declared> {
    if LABELS.contains(&name) {
        let what = format!("gauges have a label `{name}` already");
        return cursor.wrong_at_home(what, "give the dimension another name");
    }
    let entries = cursor.entries()?;
    entries.allow(KNOWN, &[]);
    let values = told_apart(&entries);
    let from = entries.read_or("from", None, |cursor| path(cursor).map(Some));
    let as_of = entries.read_or("as_of", When::Of(AsOf::Bucket), |cursor| {
        cursor.choice("a time at which an attribute is taken", WHEN, &[])
    });
    let taken = match entries.get("of") {
        None => {
            let help = "write where its value is found, as in `from: properties.surface`, or whose attribute it is, as in \
                        `of: account`";
            from.and_then(|from| from.map(Taken::Event).or_else(|| cursor.wrong_at_home("it is of nothing", help)))
        }
        Some(of) => {
            let path = from.map(|from| from.unwrap_or_else(|| vec![name.to_owned()]));
            match as_of? {
                When::Event => path.map(Taken::Event),
                When::Of(as_of) => {
                    let of = entities::named(of, entities).and_then(|kind| told(of, kind, sources));
                    of.and_then(|of| Some(Taken::Attribute { of, path: path?, as_of }))
                }
            }
        }
    };
    as_of?;
    let (values, limit) = values?;
    let of = entries.get("of").and_then(|of| entities?.kind(of.written()?));
    Some(Declared { dimension: Dimension { name: name.to_owned(), taken: taken?, values, limit }, of })
}

/// The values that are declared, and how many are told apart at most.
fn told_apart(entries: &Entries) -> Option<(Vec<Literal>, u16)> {
    let values = entries.get("values").map(values_of);
    let limit = entries.get("limit").map(limit_of);
    match (values, limit) {
        (None, None) => {
            let help = "write the values that are told apart, as in `values: [trial, team]`; any other is `__other__`. Or \
                        tell apart those that turn up first, as in `limit: 20`";
            entries.require("values", help)?;
            None
        }
        (None, Some(limit)) => Some((Vec::new(), limit?)),
        (Some(values), None) => values.map(|values| {
            let declared = few(values.len());
            (values, declared)
        }),
        (Some(values), Some(limit)) => {
            let (values, limit) = (values?, limit?);
            match few(values.len()) {
                declared if declared < limit => Some((values, limit)),
                declared => entries.get("limit")?.wrong(
                    format!("of {limit} values that are told apart {declared} are declared: none can be admitted"),
                    format!("write a number above {declared}, or remove `limit`: any other value is `__other__`"),
                ),
            }
        }
    }
}

/// How many values are declared.
fn few(count: usize) -> u16 {
    u16::try_from(count).expect("more than can be numbered were refused")
}

fn limit_of(cursor: &Cursor) -> Option<u16> {
    let help = format!("write how many values are told apart at most, from 1 to {MOST_VALUES}, as in `limit: 20`");
    match cursor.literal()? {
        Literal::Int(limit) if (1..=i64::from(MOST_VALUES)).contains(&limit) => u16::try_from(limit).ok(),
        Literal::Int(limit) => cursor.wrong(format!("`{limit}` is out of range"), help),
        _ => cursor.mismatch("a whole number", &help),
    }
}

/// The entity, if some source tells its attributes.
fn told(cursor: &Cursor, of: EntityKind, sources: Option<&[Source]>) -> Option<EntityKind> {
    let tells = |source: &Source| source.attributes.as_ref().is_some_and(|attributes| attributes.entity == of);
    if sources.is_none_or(|sources| sources.iter().any(tells)) {
        return Some(of);
    }
    let entity = cursor.text()?;
    let help = format!(
        "add the topic of its records, as in `crm: {{ topic: crm.{entity}s, attributes_of: {entity} }}`; or, if every event \
         says the value, write `as_of: event`"
    );
    cursor.wrong(format!("no source tells attributes of `{entity}`"), help)
}

fn path(cursor: &Cursor) -> Option<Path> {
    let name = cursor.text()?;
    property(name).or_else(|| cursor.wrong(format!("`{name}` is not a path"), values::PATH_HELP))
}

/// A value that is told apart by its label: `1` and `"1"` would be one series twice.
struct Value(Literal);

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        label(&self.0) == label(&other.0)
    }
}

fn values_of(cursor: &Cursor) -> Option<Vec<Literal>> {
    let values = cursor.one_or_more(|cursor| match literal(cursor)? {
        Literal::Text(text) if [NONE, OTHER].contains(&text.as_str()) => {
            cursor.wrong(format!("`{text}` stands for what no value is declared for"), "remove it")
        }
        value => Some(Value(value)),
    })?;
    match values.len() {
        count if count <= usize::from(MOST_VALUES) => Some(values.into_iter().map(|Value(value)| value).collect()),
        count => cursor.wrong(format!("{count} values are too many"), format!("declare at most {MOST_VALUES}")),
    }
}

/// The dimensions that a metric is sliced by.
pub(super) fn by(
    cursor: &Cursor,
    counted: Option<&Measure>,
    entities: Option<&Entities>,
    dimensions: Option<&Dimensions>,
) -> Option<Vec<By>> {
    let first = Cell::new(None);
    cursor.one_or_more(|cursor| {
        let (dimension, declared) = named(cursor, dimensions?)?;
        let name = cursor.text()?;
        if let Taken::Attribute { of, .. } = declared.taken {
            match counted?.entity() {
                Some(kind) => follows(cursor, name, kind, of, entities?)?,
                None => is_the_owner(cursor, name, of, &first, entities?)?,
            }
        }
        Some(By { dimension, first: MetricIndex(0) })
    })
}

/// Reports dimensions that are as of a window's opening: most metrics are of no other time than that which is looked at.
pub(super) fn are_not_of_openings(cursor: &Cursor, by: &[By], dimensions: &Dimensions) -> Option<()> {
    let declared = |by: &By| dimensions.0[usize::from(by.dimension.0)].1.as_ref().map(|declared| &declared.dimension);
    let is_of_opening = |of: &&Dimension| matches!(of.taken, Taken::Attribute { as_of: AsOf::Opening, .. });
    match by.iter().filter_map(declared).find(is_of_opening) {
        None => Some(()),
        Some(of) => cursor.wrong(
            format!("`{}` is as of the opening of a window, and this type of metric has none", of.name),
            "remove it, or write it in a metric of `type: movements`",
        ),
    }
}

/// The dimension of a name.
pub(super) fn named<'d>(cursor: &Cursor, dimensions: &'d Dimensions) -> Option<(DimensionIndex, &'d Dimension)> {
    let name = cursor.text()?;
    let Some(at) = dimensions.0.iter().position(|(declared, _)| *declared == name) else {
        let names: Vec<&str> = dimensions.0.iter().map(|(name, _)| *name).collect();
        let help = match suggest::nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => {
                format!("declare it, as in `dimensions: {{ {name}: {{ of: account, values: […] }} }}`")
            }
            None => format!("declare it under `dimensions`, or write {}", suggest::or(&names)),
        };
        return cursor.wrong(format!("there is no dimension `{name}`"), help);
    };
    let declared = dimensions.0[at].1.as_ref()?;
    Some((DimensionIndex(u16::try_from(at).ok()?), &declared.dimension))
}

/// Whether all attributes by which a metric of events is sliced are of the same entity as the `first`: each event goes to the
/// shard of the one whose attributes it follows.
fn is_the_owner<'n>(
    cursor: &Cursor<'n>,
    name: &'n str,
    of: EntityKind,
    first: &Cell<Option<(&'n str, EntityKind)>>,
    entities: &Entities,
) -> Option<()> {
    let (before, owner) = first.get().unwrap_or((name, of));
    first.set(Some((before, owner)));
    if owner == of {
        return Some(());
    }
    let (of, owner) = (&entities.get(of)?.name, &entities.get(owner)?.name);
    let what =
        format!("`{name}` is an attribute of `{of}`, and `{before}` one of `{owner}`: events follow one of them");
    cursor.wrong(what, format!("write a metric for each: one that is sliced by `{before}`, and one by `{name}`"))
}

/// Whether what is counted has the attributes of an entity: it is that entity, or lies beside it and names it.
pub(super) fn follows(
    cursor: &Cursor,
    name: &str,
    kind: EntityKind,
    of: EntityKind,
    entities: &Entities,
) -> Option<()> {
    let owner = entities.get(of)?;
    let counted = entities.get(kind)?;
    if kind == of || counted.places_of(owner).is_some() {
        return Some(());
    }
    let what =
        format!("`{name}` is an attribute of `{}`, and one `{}` may have many of them", owner.name, counted.name);
    let shard_by = &owner.key[owner.shard_by];
    let help = if owner.key.iter().all(|field| counted.key.contains(field)) {
        format!("declare `{}` with `shard_by: {shard_by}`, so that it lies beside its `{}`", counted.name, owner.name)
    } else {
        let further = counted.key.iter().filter(|field| !owner.key.contains(field));
        let key: Vec<&str> = owner.key.iter().chain(further).map(String::as_str).collect();
        let (name, key) = (format!("{}_{}", owner.name, counted.name), key.join(", "));
        format!("count pairs: declare `{name}: {{ key: [{key}], shard_by: {shard_by} }}` and count that")
    };
    cursor.wrong(what, help)
}
