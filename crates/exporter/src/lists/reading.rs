//! A page of a list, while it is read.

use super::{Answer, Kind, LISTS, Told, Unanswered, Wanted};
use crate::records::Shards;
use crate::totals::Withheld;
use activity::record::Record;
use activity::standing::{self, Standing};
use activity::timeline::Timeline;
use activity::{Bucket, DimensionIndex, DimensionValue, EntityKey, EntityKind, Shard};
use catalog::{Followed, Names, Plan};
use state::{Store, decode_record};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// A page that is being read.
pub(super) struct Reading<'r> {
    plan: &'r Plan,
    wanted: &'r Wanted,
    shards: &'r Shards,
    entity: EntityKind,
    as_of: Bucket,
    /// The first as-of bucket for which every shard keeps all that can count.
    origin: Bucket,
    attributes: Vec<Followed>,
    /// The first entities after the one that the page is after; no more than it may have.
    page: BTreeMap<EntityKey, Row>,
    /// Whether more follow.
    is_cut: bool,
    total: usize,
}

/// One entity of a list.
struct Row {
    /// How it stands to the window.
    standing: Standing,
    /// The values of the attributes that rows tell.
    attributes: Vec<DimensionValue>,
}

/// An entity that may stand to the window as is wanted: if attributes do not filter the metric, it does.
struct Candidate {
    key: EntityKey,
    record: Record,
}

impl<'r> Reading<'r> {
    pub(super) fn new(plan: &'r Plan, wanted: &'r Wanted, shards: &'r Shards) -> Reading<'r> {
        let entity = plan.metric(wanted.metric).entity().expect("a metric that counts entities");
        let (grain, reach) = (wanted.window.grain, plan.reach_of(plan.metric(wanted.metric), wanted.window));
        Reading {
            plan,
            wanted,
            shards,
            entity,
            as_of: plan.bucket(grain, shards.time()),
            origin: plan.floor(grain, shards.fastest()).plus(i32::from(reach) - 1),
            attributes: plan.followed_by(entity).collect(),
            page: BTreeMap::new(),
            is_cut: false,
            total: 0,
        }
    }

    /// Whether it can be told who came in or fell out at a time.
    pub(super) fn check_kept(&self) -> Result<(), Unanswered> {
        let (Kind::Entered(since) | Kind::FellOut(since)) = self.wanted.kind else { return Ok(()) };
        let grain = self.wanted.window.grain;
        let (asked, first) = (self.plan.bucket(grain, since), self.origin.plus(1));
        if asked >= first {
            return Ok(());
        }
        Err(Unanswered::NotKept { asked: self.plan.shown(grain, asked), first: self.plan.shown(grain, first) })
    }

    /// Takes in the entities of one portion of a shard, with their owners' attributes.
    pub(super) fn take<S: Store + ?Sized>(
        &mut self,
        store: &mut S,
        shard: Shard,
        portion: u32,
    ) -> Result<(), Withheld> {
        let found = self.shards.portion(store, shard, portion)?.into_iter();
        let is_filtered = self.plan.filtering(self.plan.metric(self.wanted.metric)).next().is_some();
        let mut candidates = Vec::new();
        for (key, bytes) in found.filter(|(key, _)| key.kind() == self.entity) {
            let record = decode_record(shard, &key, &bytes)?;
            let may_stand = is_filtered || self.standing(&record, |_| None).is_some();
            candidates.extend(may_stand.then_some(Candidate { key, record }));
        }
        let owners = self.owners(store, shard, &candidates)?;
        candidates.into_iter().for_each(|candidate| self.list(candidate, &owners));
        Ok(())
    }

    /// How an entity with these attributes stands to the window, if it is wanted.
    fn standing<'t>(
        &self,
        record: &Record,
        timeline: impl Fn(DimensionIndex) -> Option<&'t Timeline>,
    ) -> Option<Standing> {
        let Wanted { metric, window, kind, .. } = *self.wanted;
        let last_active = self.plan.last_recorded(metric, window.grain, record, self.as_of)?;
        let steps = self.plan.contribution(metric, window, record, timeline);
        let counted_before = |since| standing::counts(&steps, self.plan.bucket(window.grain, since).plus(-1));
        let was = match kind {
            Kind::Entered(since) | Kind::FellOut(since) => counted_before(since),
            Kind::Members | Kind::DueToFallOut(_) => false,
        };
        let standing = Standing::of(last_active, steps, self.as_of)?;
        let is_wanted = match kind {
            Kind::Members => standing.is_member(),
            Kind::Entered(_) => standing.is_member() && !was,
            Kind::FellOut(_) => !standing.is_member() && was,
            Kind::DueToFallOut(within_ms) => standing.falls_out(self.after(within_ms)),
        };
        is_wanted.then_some(standing)
    }

    /// The records of those whose attributes the candidates follow. An owner lies in the shard of what follows it.
    fn owners<S: Store + ?Sized>(
        &self,
        store: &mut S,
        shard: Shard,
        candidates: &[Candidate],
    ) -> Result<BTreeMap<EntityKey, Record>, Withheld> {
        let of_candidate =
            |of: &Candidate| self.attributes.iter().filter_map(|by| by.owner_of(&of.key)).collect::<Vec<_>>();
        let keys: BTreeSet<EntityKey> = candidates.iter().flat_map(of_candidate).collect();
        let keys: Vec<EntityKey> = keys.into_iter().collect();
        let records = self.shards.records(store, shard, &keys)?;
        Ok(keys.into_iter().zip(records).filter_map(|(key, record)| Some((key, record?))).collect())
    }

    /// Counts a candidate if it is of the segments, and puts it into the page if it belongs there.
    fn list(&mut self, candidate: Candidate, owners: &BTreeMap<EntityKey, Record>) {
        let Candidate { key, record } = candidate;
        let timeline = |of: &Followed| {
            let told = match of.places {
                None => Some(&record),
                Some(_) => of.owner_of(&key).and_then(|owner| owners.get(&owner)),
            };
            told.and_then(|record| record.attribute(of.dimension))
        };
        let of_dimension = |dimension| self.attributes.iter().find(|of| of.dimension == dimension).and_then(timeline);
        let Some(standing) = self.standing(&record, of_dimension) else { return };
        let value = |of: &Followed| self.plan.values(timeline(of), of.as_of, self.wanted.window).at(self.as_of);
        let attributes: Vec<DimensionValue> = self.attributes.iter().map(value).collect();
        let is_in = |(of, value): (&Followed, &DimensionValue)| {
            self.wanted.segments.get(&of.dimension).is_none_or(|wanted| wanted.contains(value))
        };
        if !self.attributes.iter().zip(&attributes).all(is_in) {
            return;
        }
        self.total += 1;
        if self.wanted.after.as_ref().is_some_and(|after| key <= *after) {
            return;
        }
        self.page.insert(key, Row { standing, attributes });
        if self.wanted.limit.is_some_and(|limit| self.page.len() > limit) {
            self.page.pop_last();
            self.is_cut = true;
        }
    }

    /// The bucket as of which those are asked for that are due to fall out in so many milliseconds.
    fn after(&self, ms: i64) -> Bucket {
        self.as_of.plus(i32::try_from(ms / self.wanted.window.grain.nominal_ms()).unwrap_or(i32::MAX))
    }

    /// The page, with admitted values called by these names.
    pub(super) fn answer(self, names: &Names) -> Answer {
        let Reading { plan, wanted, as_of, .. } = self;
        let grain = wanted.window.grain;
        let before = |since| plan.shown(grain, plan.bucket(grain, since).plus(-1));
        let (list, words) = match wanted.kind {
            Kind::Members => (LISTS[0], "count".to_owned()),
            Kind::Entered(since) => (LISTS[1], format!("count, and did not as of {}", before(since))),
            Kind::FellOut(since) => (LISTS[2], format!("do not count, and did as of {}", before(since))),
            Kind::DueToFallOut(within_ms) => {
                let by = self.after(within_ms);
                (LISTS[3], format!("count, and will not as of {} if nothing further happens", plan.shown(grain, by)))
            }
        };
        let last = self.page.keys().next_back().filter(|_| self.is_cut);
        Answer {
            metric: plan.metric(wanted.metric).name.clone(),
            window: wanted.window.to_string(),
            list,
            words,
            as_of: plan.shown(grain, as_of),
            fields: plan.entities[usize::from(self.entity.0)].key.clone(),
            attributes: self.attributes.iter().map(|of| plan.dimension(of.dimension).name.clone()).collect(),
            total: self.total,
            rows: self.page.iter().map(|(key, row)| self.told(key, row, names)).collect(),
            next: last.map(|key| key.parts().map(Cow::into_owned).collect()),
        }
    }

    fn told(&self, key: &EntityKey, row: &Row, names: &Names) -> Told {
        let (plan, grain) = (self.plan, self.wanted.window.grain);
        let fields = &plan.entities[usize::from(self.entity.0)].key;
        let attribute = |(of, value): (&Followed, &DimensionValue)| {
            let label = plan.label(names, of.dimension, *value).unwrap_or_default();
            (plan.dimension(of.dimension).name.clone(), label.into_owned())
        };
        // A run that seems to begin with what is kept may have begun before.
        let since = Some(row.standing.from).filter(|from| *from > self.origin);
        Told {
            id: fields.iter().cloned().zip(key.parts().map(Cow::into_owned)).collect(),
            attributes: self.attributes.iter().zip(&row.attributes).map(attribute).collect(),
            member: row.standing.is_member(),
            last_active: plan.shown(grain, row.standing.last_active),
            since: since.map(|since| plan.shown(grain, since)),
            until: plan.shown(grain, row.standing.until),
        }
    }
}
