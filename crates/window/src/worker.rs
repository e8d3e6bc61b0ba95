//! The thin loop: polls the log, opens shards, steps, and commits what the step says.

use crate::error::WindowError;
use crate::mail::Mail;
use crate::metrics::Metrics;
use crate::opening::{LogRange, Opening, open};
use crate::shard::{Known, Settings, ShardState};
use activity::fence::{Fence, Refusal};
use activity::header::Header;
use activity::pack::Pack;
use activity::{Millis, Offset, PartitionId, Shard, TopicId};
use catalog::Plan;
use kafka::{Consumer, Item, LogError, Ownership, Partition, Patience, Position, TopicIndex};
use state::{Commit, Store, StoreError, Verdict, decode_record};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tracing::{info, warn};

/// The window worker over a log and a store.
#[derive(Debug)]
pub struct Worker<L, S> {
    log: L,
    store: S,
    plan: Arc<Plan>,
    settings: Settings,
    metrics: Metrics,
    /// The shards that are owned; `None` for one whose state is not known now.
    shards: BTreeMap<Shard, Option<ShardState>>,
    /// What was known of events in shards whose state is not: it holds whatever the store has become.
    known: BTreeMap<Shard, (TopicId, Known)>,
    /// The last commit of each shard, for what has to be replayed if the store goes back.
    committed: BTreeMap<Shard, Fence>,
    /// Wall time as of this turn, and when a portion was last swept.
    now: Millis,
    swept_at: Millis,
    /// What was handed over and not applied yet, by shard.
    inbox: BTreeMap<Shard, Mail>,
}

/// Why a shard's state cannot be gone on with.
enum Setback {
    /// It is not what it was: it has to be read again.
    Reopen,
    /// The store gave no answer: it has to be read again when the store is back.
    Unanswered(StoreError),
    /// The worker has to stop.
    Stop(WindowError),
}

impl From<StoreError> for Setback {
    fn from(error: StoreError) -> Setback {
        match error {
            StoreError::Unreachable { .. } => Setback::Unanswered(error),
            StoreError::Corrupt { .. } | StoreError::Unfit { .. } => Setback::Stop(WindowError::Store(error)),
        }
    }
}

impl From<WindowError> for Setback {
    fn from(error: WindowError) -> Setback {
        Setback::Stop(error)
    }
}

impl From<LogError> for Setback {
    fn from(error: LogError) -> Setback {
        Setback::Stop(error.into())
    }
}

impl<L: Consumer, S: Store> Worker<L, S> {
    /// A worker that has joined nothing yet: the first turn does.
    pub fn new(log: L, store: S, plan: Arc<Plan>, settings: Settings, metrics: Metrics) -> Worker<L, S> {
        let (shards, known, inbox) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (committed, now, swept_at) = (BTreeMap::new(), Millis::default(), Millis::default());
        Worker { log, store, plan, settings, metrics, shards, known, committed, now, swept_at, inbox }
    }

    /// One turn: waits at most `wait` for packs, applies those that are due and commits. `now`, the wall time, decides only
    /// how many packs share a commit, and how fast shards are swept.
    ///
    /// # Errors
    /// If the worker has to stop.
    pub fn turn(&mut self, now: Millis, wait: Duration) -> Result<(), WindowError> {
        self.now = now;
        let inbox = &mut self.inbox;
        let ownership = self.log.poll(wait, &mut |item| match item {
            Item::Record(record) => {
                let mail = inbox.entry(shard_of(record.partition)).or_default();
                let payload = record.payload.unwrap_or_default().to_vec();
                mail.bytes += payload.len();
                mail.since.get_or_insert(now);
                mail.records.push((record.offset, payload));
            }
            Item::End(position) => inbox.entry(shard_of(position.partition)).or_default().end = Some(position.next),
        })?;
        let settings = self.settings;
        let answered = self.work(|mail| mail.is_due(now, &settings))?;
        match ownership {
            Some(Ownership::Assigned(partitions)) => {
                self.lay_down();
                let shards = partitions.iter().map(|partition| (shard_of(*partition), None));
                self.shards = shards.collect();
                self.known.retain(|shard, _| self.shards.contains_key(shard));
                self.reopen()?;
                self.start()
            }
            Some(Ownership::Revoked) => {
                self.lay_down();
                Ok(self.log.release()?)
            }
            None if answered && self.reopen()? => self.start(),
            None => Ok(()),
        }
    }

    /// Gives everything up: the orderly end.
    ///
    /// # Errors
    /// If the log refuses; then its session runs out.
    pub fn drain(mut self) -> Result<(), WindowError> {
        self.work(|_| true)?;
        self.shards.clear();
        Ok(self.log.release()?)
    }

    /// Gives all shards up, but for what is known of their events: some of them may come back.
    fn lay_down(&mut self) {
        self.metrics.event_ids.reset();
        for (shard, state) in std::mem::take(&mut self.shards) {
            if let Some(state) = state {
                self.known.insert(shard, (state.stored().topic, state.known()));
            }
        }
    }

    /// Applies what was handed over and is due. A shard whose state turns out not to be what it was is read again later. `false` if the
    /// store gave no answer: then nobody asks it again in this turn, since every question may take as long as its time-out.
    fn work(&mut self, is_due: impl Fn(&Mail) -> bool) -> Result<bool, WindowError> {
        let mut answered = true;
        let due: Vec<(Shard, Mail)> = self.inbox.extract_if(.., |_, mail| is_due(mail)).collect();
        for (shard, mail) in due {
            let Some(slot @ Some(_)) = self.shards.get_mut(&shard) else {
                continue;
            };
            let mut state = slot.take().expect("matched above");
            let applied = if answered { self.apply(&mut state, shard, &mail) } else { Err(Setback::Reopen) };
            match applied {
                Ok(()) => {
                    self.shards.insert(shard, Some(state));
                }
                Err(setback) => {
                    self.known.insert(shard, (state.stored().topic, state.known()));
                    answered &= self.set_back(shard, setback)?;
                    // What comes now would be thrown away: it is read again when the state is known.
                    self.log.pause(partition_of(shard), true)?;
                }
            }
        }
        Ok(answered)
    }

    fn apply(&mut self, state: &mut ShardState, shard: Shard, mail: &Mail) -> Result<(), Setback> {
        let mut packs = Vec::with_capacity(mail.records.len());
        for (offset, payload) in mail.records.iter().filter(|(offset, _)| *offset >= state.reads_from()) {
            let pack = Pack::decode(payload);
            packs.push((*offset, pack.map_err(|source| WindowError::Pack { shard, offset: *offset, source })?));
        }
        self.fetch(state, shard, &packs)?;
        for (at, (offset, pack)) in packs.iter().enumerate() {
            // A pack of the mail may have been handed over twice.
            if *offset < state.reads_from() {
                continue;
            }
            state.apply(*offset, pack)?;
            if state.pending_bytes() >= self.settings.batch_bytes {
                self.commit(state, shard)?;
                // With a commit the records at hand may be let go of.
                self.fetch(state, shard, &packs[at + 1..])?;
            }
        }
        if let Some(end) = mail.end {
            state.caught_up_to(end);
        }
        self.sweep(state, shard)?;
        self.commit(state, shard)?;
        self.discard(state, shard)
    }

    /// Reads the records that packs need and that are not at hand.
    fn fetch(&mut self, state: &mut ShardState, shard: Shard, packs: &[(Offset, Pack)]) -> Result<(), Setback> {
        let missing = state.missing(packs);
        self.metrics.records_read.inc_by(missing.len() as u64);
        if missing.is_empty() {
            return Ok(());
        }
        let stored = state.stored();
        // Records of another state, which the store has held for a moment, would spoil this one.
        let found = self.store.records(shard, stored.incarnation, &missing)?;
        let found = found.under(&stored).ok_or(Setback::Reopen)?;
        for (key, record) in missing.into_iter().zip(found) {
            state.admit(key, record)?;
        }
        Ok(())
    }

    fn commit(&mut self, state: &mut ShardState, shard: Shard) -> Result<(), Setback> {
        let Some(commit) = state.commit() else {
            return Ok(());
        };
        self.write(shard, &commit)?;
        state.committed(&self.settings);
        Ok(())
    }

    /// Writes a commit through the fence. Whatever is stored instead of what was expected is found out by reading again.
    fn write(&mut self, shard: Shard, commit: &Commit) -> Result<(), Setback> {
        match self.store.commit(shard, commit)? {
            Verdict::Committed => {
                self.metrics.commits.inc();
                self.committed.insert(shard, commit.next);
                Ok(())
            }
            Verdict::Refused(refusal) => {
                self.metrics.refused.with_label_values(&[refusal.reason()]).inc();
                let reason = refusal.reason();
                match refusal {
                    Refusal::Stale | Refusal::OtherIncarnation => info!(%shard, reason, "another owner wrote on"),
                    _ => warn!(%shard, reason, "the store is not as it was left: reading it again"),
                }
                Err(Setback::Reopen)
            }
        }
    }

    /// Looks through a portion of the shard for what the floor has slid over, now and then: who was just started has other
    /// things to do.
    fn sweep(&mut self, state: &mut ShardState, shard: Shard) -> Result<(), Setback> {
        let since = self.now.0.saturating_sub(self.swept_at.0);
        if (0..self.settings.sweep_ms).contains(&since) {
            return Ok(());
        }
        let portions = self.store.portions();
        let (Some(floors), Some(portion)) = (state.floors().copied(), state.sweep.next(portions)) else {
            return Ok(());
        };
        self.swept_at = self.now;
        let stored = state.stored();
        let portion = self.store.portion(shard, stored.incarnation, portion)?.under(&stored);
        for (key, stored) in portion.ok_or(Setback::Reopen)? {
            let record = decode_record(shard, &key, &stored)?;
            state.records.sweep(key, record, &floors);
        }
        Ok(())
    }

    fn discard(&mut self, state: &mut ShardState, shard: Shard) -> Result<(), Setback> {
        let Some(incarnation) = state.to_discard() else {
            return Ok(());
        };
        self.store.discard(shard, incarnation)?;
        info!(%shard, %incarnation, "deleted what a rebuild has replaced");
        state.discarded(incarnation);
        self.commit(state, shard)
    }

    /// Opens every shard whose state is not known; `true` if one was opened.
    fn reopen(&mut self) -> Result<bool, WindowError> {
        let mut opened = false;
        let unknown: Vec<Shard> =
            self.shards.iter().filter(|(_, state)| state.is_none()).map(|(shard, _)| *shard).collect();
        for shard in unknown {
            match self.open(shard) {
                Ok(state) => {
                    self.shards.insert(shard, Some(state));
                    opened = true;
                }
                Err(setback) => {
                    if !self.set_back(shard, setback)? {
                        break;
                    }
                }
            }
        }
        Ok(opened)
    }

    /// Reads every shard that is open from where it stands.
    fn start(&mut self) -> Result<(), WindowError> {
        // It comes again.
        self.inbox.clear();
        let open = self.shards.iter().filter_map(|(shard, state)| Some((*shard, state.as_ref()?.reads_from())));
        let positions: Vec<Position> =
            open.map(|(shard, next)| Position { partition: partition_of(shard), next }).collect();
        Ok(self.log.start(&positions)?)
    }

    fn open(&mut self, shard: Shard) -> Result<ShardState, Setback> {
        let stored = match self.store.stored(shard)? {
            None => None,
            Some(stored) => {
                let header = Header::decode(&stored.header).map_err(|error| StoreError::Corrupt {
                    place: format!("the header of shard {shard}"),
                    reason: error.to_string(),
                })?;
                Some((stored.state, header))
            }
        };
        // Asked after the store: what is stored is of a log that has not ended before.
        let log = self.range(shard)?;
        let (fence, header) = match open(shard, self.plan.version, stored, log)? {
            Opening::Continue(fence, header) => {
                let replayed = self.replayed(shard, &fence);
                self.metrics.replayed.inc_by(replayed);
                (fence, header)
            }
            Opening::Claim { expected, claimed, header, reason } => {
                warn!(%shard, reason, incarnation = %claimed.incarnation, "building the shard's state from its log");
                self.metrics.claims.with_label_values(&[reason]).inc();
                let commit = Commit {
                    expected,
                    next: claimed,
                    header: header.encode(),
                    counters: Vec::new(),
                    records: Vec::new(),
                };
                let replayed = self.replayed(shard, &claimed);
                self.write(shard, &commit)?;
                self.metrics.replayed.inc_by(replayed);
                (claimed, header)
            }
        };
        let snapshot = self.store.snapshot(shard)?.ok_or(Setback::Reopen)?;
        if snapshot.stored.state.fence != fence {
            return Err(Setback::Reopen);
        }
        let (plan, metrics) = (self.plan.clone(), self.metrics.clone());
        let mut state = ShardState::new(shard, plan, metrics, (fence, header), snapshot.counters)?;
        if let Some((_, known)) = self.known.remove(&shard).filter(|(topic, _)| *topic == fence.topic) {
            state.adopt(known);
        }
        let (next, reads_from) = (fence.next, state.reads_from());
        info!(%shard, %next, %reads_from, incarnation = %fence.incarnation, "opened the shard");
        Ok(state)
    }

    /// How many offsets this worker has to apply once more, if a shard goes on from here.
    fn replayed(&mut self, shard: Shard, from: &Fence) -> u64 {
        let before = self.committed.insert(shard, *from).filter(|before| before.topic == from.topic);
        before.map_or(0, |before| u64::try_from(before.next.0 - from.next.0).unwrap_or(0))
    }

    fn range(&mut self, shard: Shard) -> Result<LogRange, LogError> {
        let bounds = self.log.bounds(&[partition_of(shard)], Patience::Long)?[0];
        let topic = self.log.topics(Patience::Long)?[0].id;
        Ok(LogRange { topic, start: bounds.start, end: bounds.stable_end })
    }

    /// Leaves the shard to be read again, unless the worker has to stop. `false` if the store gave no answer.
    fn set_back(&self, shard: Shard, setback: Setback) -> Result<bool, WindowError> {
        match setback {
            Setback::Stop(error) => Err(error),
            Setback::Reopen => Ok(true),
            Setback::Unanswered(error) => {
                self.metrics.unanswered.inc();
                warn!(%shard, %error, "the shard's state is not known: reading it again");
                Ok(false)
            }
        }
    }
}

fn shard_of(partition: Partition) -> Shard {
    Shard(u16::try_from(partition.id.0).expect("Kafka numbers partitions from 0, and a topic of shards has few"))
}

fn partition_of(shard: Shard) -> Partition {
    Partition { topic: TopicIndex(0), id: PartitionId(i32::from(shard.0)) }
}
