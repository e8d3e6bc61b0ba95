//! The step function: what the log hands over and the time, to what is to be written.

use crate::Settings;
use crate::admission::{Admission, Admissions};
use crate::batch::Batch;
use crate::forwarded::Forwarded;
use crate::judge::{Accepted, Clock, Horizon, Judge};
use crate::metrics::{Metrics, Tally};
use crate::note::Note;
use crate::partition::{Progress, Waiting};
use crate::rhythm::{Due, Rhythm};
use crate::schemas::{Found, Schemas};
use activity::pack::{Coverage, Pack};
use activity::{Bucket, Grain, MetricIndex, Millis, Offset, PerGrain, TopicId, key};
use catalog::Plan;
use event::{At, Reader, Touches};
use kafka::{Committed, Item, Partition, Position, Record, TopicInfo, Transaction};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// The ingest step function. It holds what is under way; nothing in it is needed after a crash.
#[derive(Debug)]
pub struct Ingest {
    pub(crate) plan: Arc<Plan>,
    pub(crate) settings: Settings,
    pub(crate) judges: Vec<Judge>,
    pub(crate) schemas: Box<dyn Schemas>,
    pub(crate) admission: Admission,
    horizon: Horizon,
    topics: Vec<TopicInfo>,
    activity: TopicId,
    pub(crate) partitions: BTreeMap<Partition, Progress>,
    forwarded: Forwarded,
    batch: Batch,
    tally: Tally,
    touches: Touches,
    /// The grains of the catalogue's windows.
    by_grain: Vec<OfGrain>,
    /// A day, and the times around the last event that lie in it.
    day: (Bucket, Range<Millis>),
    new: Vec<MetricIndex>,
    rhythm: Rhythm,
    pub(crate) metrics: Metrics,
}

/// Which metrics have windows of a grain.
#[derive(Debug)]
struct OfGrain {
    grain: Grain,
    /// By metric and slice.
    has_windows: Vec<bool>,
}

impl OfGrain {
    fn new(grain: Grain, plan: &Plan) -> OfGrain {
        OfGrain {
            grain,
            has_windows: plan.series().map(|of| plan.metric(of).windows_of(grain).next().is_some()).collect(),
        }
    }
}

impl Ingest {
    /// An ingest that owns nothing yet.
    #[must_use]
    pub fn new(
        plan: Arc<Plan>,
        settings: Settings,
        metrics: Metrics,
        schemas: Box<dyn Schemas>,
        admissions: Box<dyn Admissions>,
    ) -> Ingest {
        let grains = plan.grains();
        let judge = |(at, source)| Judge::new(Reader::new(&plan, at), source, &grains, settings.payload_bytes);
        Ingest {
            judges: plan.sources.iter().enumerate().map(judge).collect(),
            schemas,
            admission: Admission::new(plan.clone(), admissions),
            horizon: Horizon::new(settings.future_ms),
            topics: Vec::new(),
            activity: TopicId::default(),
            partitions: BTreeMap::new(),
            forwarded: Forwarded::new(settings.cache_entities, &plan),
            batch: Batch::new(settings.shards),
            tally: Tally::default(),
            touches: Touches::default(),
            by_grain: grains.iter().map(|grain| OfGrain::new(*grain, &plan)).collect(),
            day: (Bucket(0), Millis(0)..Millis(0)),
            new: Vec::new(),
            rhythm: Rhythm::default(),
            plan,
            settings,
            metrics,
        }
    }

    /// Takes these partitions over, and gives up all others. `topics` are the sources' topics, in the catalogue's order.
    /// What was forwarded stays known, as long as it is in this activity topic.
    pub(crate) fn assign(&mut self, topics: Vec<TopicInfo>, activity: TopicId, partitions: Vec<Progress>) {
        self.abort();
        if self.activity != activity {
            self.forwarded.clear();
        }
        self.admission.tell_anew();
        self.metrics.lag.reset();
        self.topics = topics;
        self.activity = activity;
        self.partitions = partitions.into_iter().map(|progress| (progress.partition, progress)).collect();
    }

    /// Takes what the log hands over.
    pub(crate) fn take(&mut self, item: Item<'_>, clock: Clock<'_>) {
        match item {
            Item::Record(record) => self.take_record(&record, clock),
            Item::End(position) => {
                // Past a record that waits there is no end to be reached.
                let progress = self.partitions.get_mut(&position.partition);
                if let Some(progress) = progress.filter(|progress| progress.waiting.is_none()) {
                    progress.reached(position.next);
                }
            }
        }
    }

    fn take_record(&mut self, record: &Record<'_>, clock: Clock<'_>) {
        let Some(progress) = self.partitions.get_mut(&record.partition) else {
            return;
        };
        let source = usize::from(record.partition.topic.0);
        if progress.waiting.is_some() {
            return;
        }
        if let Some(id) = self.judges[source].unknown_schema(record) {
            match self.schemas.find(id) {
                Found::Schema(schema) => self.judges[source].learn(id, &schema),
                // Its verdict is the registry's.
                Found::Nothing => {}
                Found::Pending => return progress.wait(Waiting::Schema(id)),
            }
        }
        let (judged, moved) = loop {
            let mut moved = progress.current.clock;
            let judged = self.judges[source].read(record, &mut moved, &mut self.horizon, clock, &mut self.touches);
            let undecided = self.touches.undecided();
            // Of a record that does not count nothing has to be decided.
            if undecided.is_empty() || judged.is_err() {
                break (judged, moved);
            }
            if !self.admission.decide(undecided, &mut self.judges) {
                return progress.wait(Waiting::Values(undecided.to_vec()));
            }
        };
        progress.current.clock = moved;
        progress.taken(record.offset);
        self.tally.events += 1;
        match judged {
            Ok(event) => self.fold(source, event),
            Err(reject) => {
                *self.tally.rejected.entry(reject.reason()).or_default() += 1;
                let topic = &self.plan.sources[source].topic;
                self.batch.reject(topic, record, &reject, self.settings.dead_letter_bytes);
            }
        }
    }

    /// Adds the change of attributes that the record tells, and what the event touches and was not forwarded yet, in its bucket of every grain for which it is in time.
    fn fold(&mut self, source: usize, event: Accepted) {
        for rule in self.touches.excluded() {
            *self.tally.excluded.entry(rule).or_default() += 1;
        }
        if let Some(changed) = self.touches.changed() {
            let shard = key::shard_of(changed.shard_key, self.settings.shards);
            self.batch.change(shard, event.time, changed);
            self.tally.changed += 1;
        }
        if self.touches.counts_nowhere() {
            return;
        }
        let mut buckets = PerGrain::default();
        for at in 0..self.by_grain.len() {
            let grain = self.by_grain[at].grain;
            if !self.judges[source].is_in_time(event, grain) {
                self.tally.late[grain] += 1;
                continue;
            }
            let bucket = match grain {
                Grain::Day => self.day(event.time),
                Grain::Minute | Grain::Hour => self.plan.bucket(grain, event.time),
            };
            buckets[grain] = Some(bucket);
            self.fold_into(at, bucket);
        }
        self.count(buckets);
        // What is kept with its time counts by the day.
        if let Some(day) = buckets[Grain::Day] {
            for happened in self.touches.happened() {
                let shard = key::shard_of(happened.shard_key, self.settings.shards);
                let at = match happened.at {
                    At::Moment => event.time,
                    At::Day => self.plan.start(Grain::Day, day),
                };
                self.batch.mark(shard, at, happened);
                self.tally.counted += 1;
            }
        }
    }

    /// Adds the event itself, if metrics count it or add it up, in its bucket of every grain for which it is in time and of
    /// which one of them has windows.
    fn count(&mut self, in_time: PerGrain<Option<Bucket>>) {
        for counted in self.touches.counted() {
            let has_windows = |of: &OfGrain| counted.metrics.iter().any(|metric| of.has_windows[usize::from(metric.0)]);
            let mut buckets = PerGrain::default();
            for OfGrain { grain, .. } in self.by_grain.iter().filter(|of| has_windows(of)) {
                buckets[*grain] = in_time[*grain];
            }
            if buckets != PerGrain::default() {
                self.batch.count(counted.shard(self.settings.shards), buckets, counted);
                self.tally.counted += 1;
            }
        }
    }

    fn fold_into(&mut self, at: usize, bucket: Bucket) {
        let grain = self.by_grain[at].grain;
        for touch in self.touches.iter() {
            self.forwarded.keep_new(touch.key, grain, bucket, touch.metrics, &mut self.new);
            if self.new.is_empty() {
                self.tally.repeated += 1;
            } else {
                self.tally.new += 1;
                let shard = key::shard_of(touch.shard_key, self.settings.shards);
                self.batch.add(shard, grain, bucket, &self.new, touch.key);
            }
        }
    }

    /// The day of a time. Most events are of the day of the one before.
    fn day(&mut self, time: Millis) -> Bucket {
        if !self.day.1.contains(&time) {
            self.day = self.plan.calendar.stretch(time);
        }
        self.day.0
    }

    /// The partitions that are owned.
    pub(crate) fn owned(&self) -> Vec<Partition> {
        self.partitions.keys().copied().collect()
    }

    /// Whether one of these topics, in the catalogue's order, is another one than when the partitions were taken over.
    pub(crate) fn are_replaced(&self, topics: &[TopicInfo]) -> bool {
        self.topics.iter().zip(topics).any(|(before, now)| before.id != now.id)
    }

    /// The broker was asked at `asked_at`, and said that a partition's committed records end at `end`. One that a fetch had
    /// found empty, and still is, is idle: its clock moves with the wall, if its source's does.
    pub(crate) fn learn_end(&mut self, partition: Partition, end: Offset, asked_at: Millis) {
        let Some(progress) = self.partitions.get_mut(&partition) else {
            return;
        };
        let source = usize::from(partition.topic.0);
        self.metrics.show_lag(&self.plan.sources[source].topic, partition.id, end.0 - progress.current.next.0);
        let is_idle = progress.at_end && !progress.paused && end == progress.current.next;
        if is_idle && self.judges[source].moves_when_idle() {
            progress.idle(Millis(asked_at.0 - self.settings.idle_margin_ms));
        }
    }

    /// Which partitions are to be paused (`true`) or resumed, because they run ahead of the slowest one that has something
    /// to read. Those at their end hold nobody back: they have nothing to say.
    pub(crate) fn alignment(&mut self) -> Vec<(Partition, bool)> {
        let reading = self.partitions.values().filter(|progress| !progress.at_end);
        let slowest = reading.filter_map(|progress| progress.current.clock.now()).min();
        let limit =
            slowest.map(|time| Millis(time.0 + i64::from(self.settings.run_ahead_days) * Grain::Day.nominal_ms()));
        let mut changes = Vec::new();
        // Those that wait are not read at all.
        for progress in self.partitions.values_mut().filter(|progress| progress.waiting.is_none()) {
            let ahead = limit.is_some_and(|limit| progress.current.clock.now() > Some(limit));
            if ahead != progress.paused && !(ahead && progress.at_end) {
                progress.paused = ahead;
                changes.push((progress.partition, ahead));
            }
        }
        changes
    }

    /// What is to be written now. Who owns nothing has nothing to say.
    pub(crate) fn due(&self, now: Millis) -> Due {
        if self.partitions.is_empty() {
            return Due::Nothing;
        }
        let has_news = self.partitions.values().any(|progress| progress.span().is_some());
        self.rhythm.due(now, has_news.then(|| self.batch.bytes()), &self.settings)
    }

    /// A heartbeat's look around is over.
    pub(crate) fn beat(&mut self, now: Millis) {
        self.rhythm.beat(now);
    }

    /// Everything under way as one transaction. [`Ingest::commit`] or [`Ingest::abort`] has to follow.
    pub(crate) fn seal(&mut self, now: Millis) -> Transaction {
        self.rhythm.transact(now);
        let empty = Pack {
            catalogue: self.plan.version,
            sealed_at: now,
            sources: self.coverage(),
            admitted_by: self.admission.topic(),
            admitted: self.admission.untold().to_vec(),
            ..Pack::default()
        };
        let (packs, dead_letters) = self.batch.seal(empty);
        let changed = self.partitions.values().filter(|progress| progress.span().is_some());
        let position = |progress: &Progress| {
            let note = Note {
                catalogue: self.plan.version,
                source: progress.topic_id,
                activity: self.activity,
                admitted: self.admission.topic(),
                clock: progress.current.clock.now(),
            };
            (progress.partition, Committed { next: progress.current.next, note: note.to_string() })
        };
        Transaction { packs, dead_letters, positions: changed.map(position).collect() }
    }

    fn coverage(&self) -> Vec<Coverage> {
        let of_source = |(at, topic): (usize, &TopicInfo)| {
            let owned = self.partitions.values().filter(|progress| usize::from(progress.partition.topic.0) == at);
            Coverage {
                topic: self.plan.sources[at].topic.clone(),
                topic_id: topic.id,
                partitions: i32::from(topic.partitions),
                spans: owned.filter_map(Progress::span).collect(),
            }
        };
        self.topics.iter().enumerate().map(of_source).collect()
    }

    /// The sealed transaction was written.
    pub(crate) fn commit(&mut self) {
        self.metrics.add(&std::mem::take(&mut self.tally), &self.plan);
        self.forwarded.committed();
        self.admission.told();
        self.partitions.values_mut().for_each(Progress::commit);
    }

    /// Everything since the last commit is thrown away: the positions to start from again.
    pub(crate) fn abort(&mut self) -> Vec<Position> {
        self.batch.clear();
        self.tally = Tally::default();
        self.forwarded.aborted();
        self.partitions.values_mut().map(Progress::abort).collect()
    }

    /// Gives up every partition, and what is under way.
    pub(crate) fn release(&mut self) {
        self.abort();
        self.partitions.clear();
        self.metrics.lag.reset();
    }
}
