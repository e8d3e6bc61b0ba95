//! Lists of entities: who counts in a metric's window, who came in, who fell out, and who is about to.
//!
//! A list is read from the entities' records, portion by portion, while window goes on writing: each row is as of some moment
//! of the reading. It is read only where gauges may be shown, too: no shard is rebuilding, dirty or of another catalogue.

mod asked;

pub use asked::{Asked, LISTS};

use crate::records::Shards;
use crate::totals::Withheld;
use activity::record::Record;
use activity::standing::Standing;
use activity::{
    Bucket, DimensionIndex, DimensionValue, EntityKey, EntityKind, MetricIndex, Millis, Track, Window, key,
};
use catalog::{Followed, Plan};
use serde::Serialize;
use state::{Store, StoreError, decode_record};
use std::borrow::Cow;
use std::collections::BTreeMap;
use thiserror::Error;

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// A whole metric that counts distinct entities.
    pub metric: MetricIndex,
    /// One of its windows.
    pub window: Window,
    /// Which entities are listed.
    pub kind: Kind,
    /// Only those with one of these values of each of these attributes.
    pub segments: BTreeMap<DimensionIndex, Vec<DimensionValue>>,
}

/// Which entities are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Those that count.
    Members,
    /// Those that count, and came in at a time or later.
    Entered(Millis),
    /// Those that do not count, and fell out at a time or later.
    FellOut(Millis),
    /// Those that count, and will no more after so many milliseconds if nothing further happens.
    DueToFallOut(i64),
}

/// A list, in the order of the keys.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// The metric's name.
    pub metric: String,
    /// The window.
    pub window: String,
    /// Which list it is.
    pub list: &'static str,
    /// What is listed, in words: `came in since 2026-11-15`.
    pub words: String,
    /// The bucket of shard time: what the list is as of.
    pub as_of: String,
    /// The names of the key's fields, in order.
    pub fields: Vec<String>,
    /// The names of the attributes that rows tell, in order.
    pub attributes: Vec<String>,
    /// The entities.
    pub rows: Vec<Told>,
}

/// Why there is no list.
#[derive(Debug, Error)]
pub enum Unanswered {
    /// The question cannot be answered by the catalogue.
    #[error("{}", .0.join("\n"))]
    Asked(Vec<String>),
    /// What is asked for is not kept any more.
    #[error(
        "what happened at {asked} is not kept any more: the first bucket that can be told from the one before is {first}"
    )]
    NotKept {
        /// The bucket asked for.
        asked: String,
        /// The first that is kept.
        first: String,
    },
    /// Shards cannot be read.
    #[error(transparent)]
    Withheld(#[from] Withheld),
}

impl From<StoreError> for Unanswered {
    fn from(error: StoreError) -> Unanswered {
        Unanswered::Withheld(error.into())
    }
}

/// A row in words, for JSON and tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The parts of its id, by the names of the key's fields.
    pub id: BTreeMap<String, String>,
    /// Its attributes, by the names of the dimensions.
    pub attributes: BTreeMap<String, String>,
    /// Whether it counts.
    pub member: bool,
    /// The bucket in which it was last active.
    pub last_active: String,
    /// Since when it counts, or did when it counted last; `None` if that began before what is kept.
    pub since: Option<String>,
    /// When it falls out if nothing further happens, or when it did.
    pub until: String,
}

/// Reads the list that is asked for.
///
/// # Errors
/// If the question has no answer, a shard cannot be read, or holds what must not be shown.
pub fn list<S: Store + ?Sized>(store: &mut S, plan: &Plan, shards: u16, asked: &Asked) -> Result<Answer, Unanswered> {
    let read = Shards::read(store, plan, shards)?;
    let wanted = asked.wanted(plan, read.time()).map_err(Unanswered::Asked)?;
    let mut reading = Reading::new(plan, &wanted, &read);
    reading.check_kept()?;
    for shard in read.all() {
        read.each(store, shard, |key, bytes| {
            let record = decode_record(shard, &key, bytes)?;
            reading.take(key, &record);
            Ok(())
        })?;
        reading.settle();
    }
    Ok(reading.answer())
}

/// One entity of a list.
struct Row {
    /// Its key.
    key: EntityKey,
    /// How it stands to the window.
    standing: Standing,
    /// Whether its run is known to begin where it seems to: whether all is kept that it could have begun with.
    since_is_known: bool,
    /// The values of the attributes that rows tell.
    attributes: Vec<DimensionValue>,
}

/// A list that is being read.
struct Reading<'r> {
    plan: &'r Plan,
    wanted: &'r Wanted,
    entity: EntityKind,
    as_of: Bucket,
    /// The first as-of bucket for which every shard keeps all that can count.
    origin: Bucket,
    attributes: Vec<Followed>,
    rows: Vec<Row>,
    /// The rows of this shard begin here.
    begins: usize,
    /// What is known of owners in this shard.
    owners: BTreeMap<EntityKey, Vec<(usize, DimensionValue)>>,
}

impl<'r> Reading<'r> {
    fn new(plan: &'r Plan, wanted: &'r Wanted, shards: &Shards) -> Reading<'r> {
        let entity = plan.metric(wanted.metric).entity().expect("a metric that counts entities");
        let grain = wanted.window.grain;
        Reading {
            plan,
            wanted,
            entity,
            as_of: plan.bucket(grain, shards.time()),
            origin: plan.floor(grain, shards.fastest()).plus(i32::from(wanted.window.longest()) - 1),
            attributes: plan.followed_by(entity).collect(),
            rows: Vec::new(),
            begins: 0,
            owners: BTreeMap::new(),
        }
    }

    /// Takes in the record of an entity, which may be a row, or whose attributes rows may follow.
    fn take(&mut self, key: EntityKey, record: &Record) {
        let of_others = |(_, attribute): &(usize, &Followed)| attribute.of == key.kind() && attribute.places.is_some();
        let followed = self.attributes.iter().enumerate().filter(of_others);
        let values: Vec<_> = followed.map(|(at, attribute)| (at, self.value(attribute, record))).collect();
        if !values.is_empty() {
            self.owners.insert(key.clone(), values);
        }
        if key.kind() != self.entity {
            return;
        }
        let Wanted { metric, window, .. } = *self.wanted;
        let mask = record.mask(Track { metric, grain: window.grain });
        let Some(standing) =
            mask.and_then(|mask| Standing::of(mask, |bucket| self.plan.until(window, bucket), self.as_of))
        else {
            return;
        };
        if self.is_wanted(&standing) {
            let own = |attribute: &Followed| match attribute.places {
                None => self.value(attribute, record),
                Some(_) => DimensionValue::NONE,
            };
            let attributes = self.attributes.iter().map(own).collect();
            self.rows.push(Row { key, standing, since_is_known: standing.from > self.origin, attributes });
        }
    }

    /// Whether it can be told who came in or fell out at a time.
    fn check_kept(&self) -> Result<(), Unanswered> {
        let (Kind::Entered(since) | Kind::FellOut(since)) = self.wanted.kind else { return Ok(()) };
        let grain = self.wanted.window.grain;
        let (asked, first) = (self.plan.bucket(grain, since), self.origin.plus(1));
        if asked >= first {
            return Ok(());
        }
        Err(Unanswered::NotKept { asked: self.plan.shown(grain, asked), first: self.plan.shown(grain, first) })
    }

    fn is_wanted(&self, standing: &Standing) -> bool {
        let bucket = |time| self.plan.bucket(self.wanted.window.grain, time);
        match self.wanted.kind {
            Kind::Members => standing.is_member(),
            Kind::Entered(since) => standing.has_entered(bucket(since)),
            Kind::FellOut(since) => standing.has_fallen_out(bucket(since)),
            Kind::DueToFallOut(within_ms) => standing.falls_out(self.after(within_ms)),
        }
    }

    fn value(&self, attribute: &Followed, record: &Record) -> DimensionValue {
        let timeline = record.attribute(attribute.dimension);
        self.plan.values(timeline, attribute.as_of, self.wanted.window.grain).at(self.as_of)
    }

    /// The bucket as of which those are asked for that are due to fall out in so many milliseconds.
    fn after(&self, ms: i64) -> Bucket {
        self.as_of.plus(i32::try_from(ms / self.wanted.window.grain.nominal_ms()).unwrap_or(i32::MAX))
    }

    /// All records of a shard were seen: its rows get their owners' attributes, and those of other segments go.
    fn settle(&mut self) {
        let Reading { wanted, attributes, rows, begins, owners, .. } = self;
        for row in &mut rows[*begins..] {
            for (at, attribute) in attributes.iter().enumerate() {
                let owner =
                    attribute.places.as_ref().and_then(|of| key::of_parts(row.key.as_bytes(), attribute.of, of));
                let told = owner.and_then(|owner| owners.get(&owner)).into_iter().flatten();
                told.filter(|(of, _)| *of == at).for_each(|(_, value)| row.attributes[at] = *value);
            }
        }
        let is_in = |row: &Row| {
            let mut values = attributes.iter().zip(&row.attributes);
            values.all(|(of, value)| wanted.segments.get(&of.dimension).is_none_or(|wanted| wanted.contains(value)))
        };
        let of_shard = rows.split_off(*begins);
        rows.extend(of_shard.into_iter().filter(is_in));
        *begins = rows.len();
        owners.clear();
    }

    fn answer(mut self) -> Answer {
        self.rows.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        let Reading { plan, wanted, as_of, .. } = self;
        let (grain, shown) =
            (wanted.window.grain, |time| plan.shown(wanted.window.grain, plan.bucket(wanted.window.grain, time)));
        let (list, words) = match wanted.kind {
            Kind::Members => (LISTS[0], "count".to_owned()),
            Kind::Entered(since) => (LISTS[1], format!("count, and did not before {}", shown(since))),
            Kind::FellOut(since) => (LISTS[2], format!("do not count, and did until {} or later", shown(since))),
            Kind::DueToFallOut(within_ms) => {
                let by = self.after(within_ms);
                (LISTS[3], format!("count, and will not as of {} if nothing further happens", plan.shown(grain, by)))
            }
        };
        Answer {
            metric: plan.metric(wanted.metric).name.clone(),
            window: wanted.window.to_string(),
            list,
            words,
            as_of: plan.shown(grain, as_of),
            fields: plan.entities[usize::from(self.entity.0)].key.clone(),
            attributes: self.attributes.iter().map(|of| plan.dimension(of.dimension).name.clone()).collect(),
            rows: self.rows.iter().map(|row| self.told(row)).collect(),
        }
    }

    fn told(&self, row: &Row) -> Told {
        let (plan, grain) = (self.plan, self.wanted.window.grain);
        let fields = &plan.entities[usize::from(self.entity.0)].key;
        let attribute = |(of, value): (&Followed, &DimensionValue)| {
            let dimension = plan.dimension(of.dimension);
            (dimension.name.clone(), dimension.label(*value).into_owned())
        };
        Told {
            id: fields.iter().cloned().zip(row.key.parts().map(Cow::into_owned)).collect(),
            attributes: self.attributes.iter().zip(&row.attributes).map(attribute).collect(),
            member: row.standing.is_member(),
            last_active: plan.shown(grain, row.standing.last_active),
            since: row.since_is_known.then(|| plan.shown(grain, row.standing.from)),
            until: plan.shown(grain, row.standing.until),
        }
    }
}
