//! One entity: its days, its windows, its attributes, and those that belong to it.

use crate::lists::Unanswered;
use crate::records::Shards;
use crate::totals::Withheld;
use activity::record::Record;
use activity::standing::Standing;
use activity::{Bucket, EntityKey, EntityKind, Grain, MetricIndex, Millis, Window, key};
use catalog::{Metric, Names, Plan, Taken};
use serde::Serialize;
use state::{Store, decode_record};
use std::collections::{BTreeMap, BTreeSet};

/// How many days a strip shows.
pub const STRIP_DAYS: i32 = 60;

/// One entity.
#[derive(Clone, Debug, Serialize)]
pub struct Portrait {
    /// The entity's name in the catalogue.
    pub entity: String,
    /// The parts of its id.
    pub id: Vec<String>,
    /// Its attributes, by the names of the dimensions.
    pub attributes: BTreeMap<String, String>,
    /// The day of shard time.
    pub as_of: String,
    /// The metrics that count it.
    pub metrics: Vec<OfMetric>,
    /// The entities that name it as their owner, by id; `None` if nobody looked for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<Member>>,
}

/// How an entity stands to one metric.
#[derive(Clone, Debug, Serialize)]
pub struct OfMetric {
    /// The metric's name.
    pub metric: String,
    /// The last [`STRIP_DAYS`] days, the present one last: `#` where it was active, `.` where it was not. `None` if the metric
    /// has no windows of days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<String>,
    /// Each of the metric's windows.
    pub windows: Vec<OfWindow>,
}

/// How an entity stands to a window.
#[derive(Clone, Debug, Serialize)]
pub struct OfWindow {
    /// The window.
    pub window: String,
    /// Whether it counts.
    pub member: bool,
    /// The bucket in which it was last active; `None` if in none that is kept.
    pub last_active: Option<String>,
    /// When it falls out if nothing further happens, or when it did.
    pub until: Option<String>,
}

/// An entity that belongs to another.
#[derive(Clone, Debug, Serialize)]
pub struct Member {
    /// The entity's name in the catalogue.
    pub entity: String,
    /// The parts of its id.
    pub id: Vec<String>,
    /// The metrics that count it.
    pub metrics: Vec<OfMetric>,
}

/// Looks at the entity of a kind with an id of these parts; `None` if nothing is kept of it. For that one record is read. To look
/// for its members, too, takes reading all records of its shard.
///
/// # Errors
/// If a shard cannot be read, or holds what must not be shown.
///
/// # Panics
/// If the id has not as many parts as the entity's key.
pub fn portrait<S: Store + ?Sized>(
    store: &mut S,
    plan: &Plan,
    shards: u16,
    (kind, id): (EntityKind, &[&str]),
    with_members: bool,
) -> Result<Option<Portrait>, Unanswered> {
    let entity = &plan.entities[usize::from(kind.0)];
    assert_eq!(id.len(), entity.key.len(), "an id has a part for each field of the key");
    let shards = Shards::read(store, plan, shards)?;
    let key = EntityKey::of(kind, id);
    let shard = shards.shard_of(plan, &key);
    let own = shards.records(store, shard, std::slice::from_ref(&key))?.remove(0);
    let members = with_members.then(|| members(store, plan, &shards, &key)).transpose()?;
    if own.is_none() && members.as_ref().is_none_or(Vec::is_empty) {
        return Ok(None);
    }
    let time = shards.time();
    let names = shards.names_by_now(store, plan)?;
    let (own, look) = (own.unwrap_or_default(), Look { plan, names: &names, time });
    let mut owners = owners(store, plan, &shards, &key)?;
    Ok(Some(Portrait {
        entity: entity.name.clone(),
        id: id.iter().map(|part| (*part).to_owned()).collect(),
        attributes: look.attributes(kind, &own),
        as_of: plan.shown(Grain::Day, plan.bucket(Grain::Day, time)),
        metrics: look.metrics(kind, &own, &owners),
        members: members.map(|members| {
            owners.insert(kind, own);
            members.iter().map(|(key, record)| look.member(key, record, &owners)).collect()
        }),
    }))
}

/// Records of owners, by what they are.
type Owners = BTreeMap<EntityKind, Record>;

/// The records of those that an entity names as its owners, by kind. They lie in its shard, and own its members, too.
fn owners<S: Store + ?Sized>(store: &mut S, plan: &Plan, shards: &Shards, key: &EntityKey) -> Result<Owners, Withheld> {
    let keys: BTreeSet<EntityKey> = plan.followed_by(key.kind()).filter_map(|of| of.owner_of(key)).collect();
    let keys: Vec<EntityKey> = keys.into_iter().collect();
    let records = shards.records(store, shards.shard_of(plan, key), &keys)?;
    Ok(keys.iter().zip(records).filter_map(|(key, record)| Some((key.kind(), record?))).collect())
}

/// Those of an entity's shard that name it as their owner, in the order of their keys.
fn members<S: Store + ?Sized>(
    store: &mut S,
    plan: &Plan,
    shards: &Shards,
    owner: &EntityKey,
) -> Result<Vec<(EntityKey, Record)>, Withheld> {
    let (shard, mut members) = (shards.shard_of(plan, owner), Vec::new());
    let places: Vec<_> =
        (0..).map(EntityKind).zip(&plan.entities).map(|(kind, _)| plan.places_of(kind, owner.kind())).collect();
    let portions = if places.iter().any(Option::is_some) { store.portions() } else { 0 };
    for portion in 0..portions {
        for (key, bytes) in shards.portion(store, shard, portion)? {
            let places = places.get(usize::from(key.kind().0)).and_then(Option::as_ref);
            if places.and_then(|places| key::of_parts(key.as_bytes(), owner.kind(), places)).as_ref() == Some(owner) {
                let record = decode_record(shard, &key, &bytes)?;
                members.push((key, record));
            }
        }
    }
    members.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    Ok(members)
}

/// Looks at records as of shard time.
#[derive(Clone, Copy)]
struct Look<'l> {
    plan: &'l Plan,
    names: &'l Names,
    time: Millis,
}

impl Look<'_> {
    fn attributes(self, kind: EntityKind, record: &Record) -> BTreeMap<String, String> {
        let today = self.plan.bucket(Grain::Day, self.time);
        let own = self.plan.followed_by(kind).filter(|of| of.places.is_none()).map(|of| {
            let value = self.plan.values(record.attribute(of.dimension), of.as_of, Window::AS_OF).at(today);
            let label = self.plan.label(self.names, of.dimension, value).unwrap_or_default();
            (self.plan.dimension(of.dimension).name.clone(), label.into_owned())
        });
        own.collect()
    }

    fn member(self, key: &EntityKey, record: &Record, owners: &Owners) -> Member {
        let kind = key.kind();
        Member {
            entity: self.plan.entities[usize::from(kind.0)].name.clone(),
            id: key.parts().map(std::borrow::Cow::into_owned).collect(),
            metrics: self.metrics(kind, record, owners),
        }
    }

    fn metrics(self, kind: EntityKind, record: &Record, owners: &Owners) -> Vec<OfMetric> {
        let counting = (0..)
            .map(MetricIndex)
            .zip(&self.plan.metrics)
            .filter(|(_, of)| of.entity() == Some(kind) && of.counts_entities());
        counting.map(|(index, metric)| self.metric(index, metric, record, owners)).collect()
    }

    fn metric(self, index: MetricIndex, metric: &Metric, record: &Record, owners: &Owners) -> OfMetric {
        let timeline = |dimension| {
            let Taken::Attribute { of, .. } = self.plan.dimension(dimension).taken else { return None };
            let told = if metric.entity() == Some(of) { Some(record) } else { owners.get(&of) };
            told.and_then(|record| record.attribute(dimension))
        };
        let window = |window: &activity::Window| {
            let grain = window.grain;
            let as_of = self.plan.bucket(grain, self.time);
            let last_active = self.plan.last_recorded(index, grain, record, as_of);
            let steps = || self.plan.contribution(index, *window, record, timeline);
            let standing = last_active.and_then(|last_active| Standing::of(last_active, steps(), as_of));
            OfWindow {
                window: window.to_string(),
                member: standing.is_some_and(|standing| standing.is_member()),
                last_active: standing.map(|standing| self.plan.shown(grain, standing.last_active)),
                until: standing.map(|standing| self.plan.shown(grain, standing.until)),
            }
        };
        let has_days = metric.windows_of(Grain::Day).next().is_some();
        let today = self.plan.bucket(Grain::Day, self.time);
        let was_active = |day: Bucket| self.plan.last_recorded(index, Grain::Day, record, day) == Some(day);
        let mark = |ago: i32| if was_active(today.plus(-ago)) { '#' } else { '.' };
        OfMetric {
            metric: metric.name.clone(),
            days: has_days.then(|| (0..STRIP_DAYS).rev().map(mark).collect()),
            windows: metric.windows.iter().map(window).collect(),
        }
    }
}
