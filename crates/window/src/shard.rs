//! The step function: a shard's state, the packs that move it on, and what has to be written.

mod events;
mod families;
mod marks;
mod masks;
mod segments;

pub(crate) use self::events::Known;
use self::families::Families;
use self::segments::Segments;
use crate::counters::Counters;
use crate::error::WindowError;
use crate::metrics::Metrics;
use crate::records::Records;
use crate::seen::Seen;
use crate::sweep::Sweep;
use activity::additive::Additive;
use activity::continuity::{self, Verdict};
use activity::counter::Counter;
use activity::fence::Fence;
use activity::header::Header;
use activity::pack::Pack;
use activity::record::{Floors, Record};
use activity::{EntityKey, Grain, Offset, Shard, Track};
use catalog::Plan;
use state::{Commit, CounterKey, StoreError};
use std::sync::Arc;

/// What window can be told beside the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// A batch of this many bytes is written at once.
    pub batch_bytes: usize,
    /// Packs of a shard are gathered until they take this many bytes; less than a sixteenth of it is not kept waiting.
    pub gather_bytes: usize,
    /// How long they are gathered at most, in milliseconds.
    pub gather_ms: i64,
    /// How many records a shard keeps at hand between batches.
    pub cache_entities: usize,
    /// At least so long, in milliseconds, between two portions of shards that are swept: there is no hurry.
    pub sweep_ms: i64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            batch_bytes: 4 << 20,
            gather_bytes: 256 << 10,
            gather_ms: 400,
            cache_entities: 100_000,
            sweep_ms: 50,
        }
    }
}

/// A shard that is owned: what is stored, and what was applied since.
#[derive(Debug)]
pub struct ShardState {
    shard: Shard,
    plan: Arc<Plan>,
    metrics: Metrics,
    /// The fence that is stored.
    stored: Fence,
    /// The offset after the last record applied.
    next: Offset,
    /// The offset of the next record to take: before `next` as long as ids of events are read again.
    reads: Offset,
    header: Header,
    /// Below what nothing is kept: what shard time says; `None` as long as there is none.
    floors: Option<Floors>,
    header_changed: bool,
    /// The events that were counted and may come again.
    seen: Seen,
    counters: Counters,
    segments: Segments,
    families: Families,
    pub(crate) records: Records,
    pub(crate) sweep: Sweep,
}

impl ShardState {
    /// The state that is stored.
    ///
    /// # Errors
    /// If a counter cannot be read.
    pub fn new(
        shard: Shard,
        plan: Arc<Plan>,
        metrics: Metrics,
        (stored, header): (Fence, Header),
        counters: Vec<(CounterKey, Vec<u8>)>,
    ) -> Result<ShardState, StoreError> {
        let mut held = Counters::of(&plan);
        for (key, bytes) in counters {
            let is_restored = Counter::decode(&bytes).is_some_and(|counter| held.restore(key, counter));
            if !is_restored {
                let CounterKey { metric, window } = key;
                let place = format!("the counter of metric {metric}, window {window}, shard {shard}");
                return Err(StoreError::Corrupt { place, reason: "it is no counter of the catalogue".into() });
            }
        }
        let floors = header.time.map(|time| plan.floors(time));
        let (segments, families) = (Segments::of(&plan), Families::of_plan(&plan));
        // Records are stored together with the header that covers them.
        let is_empty = header.sources.is_empty();
        Ok(ShardState {
            shard,
            plan,
            metrics,
            stored,
            next: stored.next,
            reads: header.ids_from.unwrap_or(stored.next).min(stored.next),
            floors,
            header,
            header_changed: false,
            seen: Seen::default(),
            counters: held,
            segments,
            families,
            records: Records::default(),
            sweep: Sweep::opened(is_empty),
        })
    }

    /// The offset of the next record to take.
    #[must_use]
    pub fn reads_from(&self) -> Offset {
        self.reads
    }

    /// The fence of what is stored.
    #[must_use]
    pub fn stored(&self) -> Fence {
        self.stored
    }

    /// How far the shard has come.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The entities of packs, each with its offset, whose records are needed and not at hand, each once.
    #[must_use]
    pub fn missing(&self, packs: &[(Offset, Pack)]) -> Vec<EntityKey> {
        let to_apply = packs.iter().filter(|(offset, _)| *offset >= self.next);
        let mut missing: Vec<EntityKey> = Vec::new();
        for (_, pack) in to_apply {
            let keys = pack.deltas.iter().flat_map(|delta| delta.keys.iter().flatten());
            let keys = keys.chain(pack.changes.iter().map(|change| change.key.as_slice()));
            let keys = keys.chain(pack.marks.iter().map(|mark| mark.key.as_slice()));
            let keys = keys.chain(pack.additive.iter().filter_map(Additive::owner));
            let needed = keys.filter(|key| !self.records.is_at_hand(key));
            missing.extend(needed.filter_map(|key| EntityKey::parse(key).ok()));
            let owners = pack.deltas.iter().flat_map(|delta| self.segments.owners(delta));
            let of_marked = pack
                .marks
                .iter()
                .flat_map(|mark| self.segments.owners_for(&mark.key, mark.values.iter().map(|of| of.metric)));
            let of_counted = pack.additive.iter().flat_map(|events| {
                let owner = events.owner().unwrap_or_default();
                self.segments.owners_for(owner, events.counts.iter().copied())
            });
            let owners = owners.chain(of_marked).chain(of_counted);
            missing.extend(owners.filter(|key| !self.records.is_at_hand(key.as_bytes())));
        }
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// Takes the stored record of an entity that [`ShardState::missing`] named; `None` if there is none.
    ///
    /// # Errors
    /// If the record cannot be read.
    pub fn admit(&mut self, key: EntityKey, stored: Option<Vec<u8>>) -> Result<(), StoreError> {
        let decode = |bytes: Vec<u8>| state::decode_record(self.shard, &key, &bytes);
        let record = stored.map_or_else(|| Ok(Record::default()), decode)?;
        self.records.admit(key, record);
        Ok(())
    }

    /// Takes the pack at `offset`: applies it, if it is the next one, and remembers only the ids of its events if it was applied
    /// before. The records of its entities must be at hand.
    ///
    /// # Errors
    /// If it cannot be applied; then the shard stops before it.
    pub fn apply(&mut self, offset: Offset, pack: &Pack) -> Result<(), WindowError> {
        let shard = self.shard;
        self.reads = offset.next();
        if offset < self.next {
            self.remember(offset, pack);
            self.settle_events();
            return Ok(());
        }
        if pack.catalogue != self.plan.version {
            let (found, known) = (pack.catalogue, self.plan.version);
            return Err(WindowError::OtherCatalogue { shard, found, known });
        }
        // Also a pack that repeats positions may be the only one of its writer that tells these.
        if let Err((known, told)) = self.header.admit(&pack.admitted) {
            let dimension = self.plan.dimension(told.dimension).name.clone();
            return Err(WindowError::OtherValues { shard, offset, dimension, known, told });
        }
        match continuity::judge(&self.header, pack) {
            Err(source) => return Err(WindowError::Continuity { shard, offset, source }),
            Ok(Verdict::Repeated) => {
                self.remember(offset, pack);
                self.metrics.repeated.inc();
            }
            Ok(Verdict::Next) => {
                let behind = self.runs_behind(pack);
                for delta in &pack.deltas {
                    self.apply_delta(offset, delta, behind)?;
                }
                pack.changes.iter().for_each(|change| self.apply_change(change));
                pack.marks.iter().for_each(|mark| self.apply_mark(mark));
                for additive in &pack.additive {
                    self.apply_additive(offset, additive, behind)?;
                }
                continuity::advance(&mut self.header, pack);
                self.slide();
                self.metrics.packs.inc();
            }
        }
        self.next = offset.next();
        self.header.ids_from = self.seen.from(self.header.time);
        self.header_changed = true;
        self.caught_up_to(self.next);
        Ok(())
    }

    /// A fetch has confirmed that the log holds nothing to apply before `end`: a rebuild that had to come so far is done.
    pub fn caught_up_to(&mut self, end: Offset) {
        if self.header.rebuild_until.is_some_and(|until| end >= until) {
            self.header.rebuild_until = None;
            self.header_changed = true;
        }
    }

    /// Whether a partition of the pack joined late and stood behind shard time before the pack: its deltas were judged by a
    /// clock that was behind, too. Only such a partition may bring what lies below the floor.
    fn runs_behind(&self, pack: &Pack) -> bool {
        pack.sources.iter().any(|coverage| {
            let known = self.header.sources.iter().find(|source| source.topic == coverage.topic);
            coverage.spans.iter().any(|span| {
                let partition = known.and_then(|source| source.partition(span.partition));
                partition.and_then(|partition| partition.clock) < self.header.time
            })
        })
    }

    /// Below what nothing is kept.
    pub(crate) fn floors(&self) -> Option<&Floors> {
        self.floors.as_ref()
    }

    /// Moves the floors after shard time. Below them records are let go of, and counters below the first as-of bucket whose
    /// whole reach is kept: `floor + reach - 1`.
    fn slide(&mut self) {
        let Some(time) = self.header.time else {
            return;
        };
        let floors = self.plan.floors(time);
        let before = self.floors.replace(floors);
        for grain in self.plan.grains() {
            if before.is_some_and(|before| floors[grain] <= before[grain]) {
                continue;
            }
            let origin = self.plan.origin(grain, floors[grain]);
            for metric in self.plan.series() {
                for at in self.counters.places(Track { metric, grain }) {
                    self.counters.change(at).slide(origin);
                }
            }
            // Every minute would be too often: what lies below the floor changes no value.
            if grain != Grain::Minute || before.is_none_or(|before| floors[Grain::Hour] > before[Grain::Hour]) {
                self.sweep.slide(grain, floors[grain]);
            }
        }
    }

    /// How many bytes a commit would carry now, about.
    #[must_use]
    pub fn pending_bytes(&mut self) -> usize {
        self.records.changed_bytes()
    }

    /// What has to be written; `None` if nothing changed.
    #[must_use]
    pub fn commit(&mut self) -> Option<Commit> {
        if !self.header_changed && self.records.are_written() {
            return None;
        }
        Some(Commit {
            expected: Some(self.stored),
            next: Fence { next: self.next, ..self.stored },
            header: self.header.encode(),
            counters: self.counters.writes(),
            records: self.records.writes(self.floors.as_ref()),
        })
    }

    /// The commit was written.
    pub fn committed(&mut self, settings: &Settings) {
        self.stored.next = self.next;
        self.header_changed = false;
        self.counters.committed();
        self.settle_events();
        self.show_events();
        self.records.committed(settings.cache_entities);
    }

    /// An incarnation whose keys may be deleted: none while the shard is rebuilding, for then nobody may miss the old.
    #[must_use]
    pub fn to_discard(&self) -> Option<activity::Incarnation> {
        let rebuilt = self.header.rebuild_until.is_none() && self.stored.next == self.next;
        self.header.discarded.first().copied().filter(|_| rebuilt)
    }

    /// The keys of an incarnation were deleted.
    pub fn discarded(&mut self, incarnation: activity::Incarnation) {
        self.header.discarded.retain(|of| *of != incarnation);
        self.header_changed = true;
    }
}
