//! Totals: the counters of all shards, added up, and how far the shards have come.

use crate::value::{Told, Value};
use activity::clock::PartitionProgress;
use activity::counter::Counter;
use activity::header::Header;
use activity::{
    Bucket, CatalogVersion, Grain, Incarnation, MetricIndex, Millis, Offset, PartitionId, PerGrain, Shard, TopicId,
    Window,
};
use catalog::{Cut, Gauge, Names, Plan};
use state::{CounterKey, Store, StoreError, Stored};
use std::collections::BTreeMap;
use thiserror::Error;

/// What all shards hold, each read in one call.
#[derive(Clone, Debug)]
pub struct Totals {
    shards: Vec<ShardTotals>,
    names: Names,
    /// What the shard that has come furthest keeps.
    first_as_of: PerGrain<Option<Bucket>>,
}

/// What one shard holds at one moment.
#[derive(Clone, Debug)]
struct ShardTotals {
    stands: Stands,
    header: Header,
    counters: BTreeMap<CounterKey, Counter>,
}

/// Where a shard stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stands {
    /// The activity topic.
    pub topic: TopicId,
    /// The generation of its keys.
    pub incarnation: Incarnation,
    /// The next offset: values stand for everything before it.
    pub next: Offset,
}

/// Why there is no total to be shown.
#[derive(Debug, Error)]
pub enum Withheld {
    /// A shard cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing is stored of a shard.
    #[error("nothing is stored of shard {shard}: no window worker has opened it yet, or the store was emptied")]
    Absent {
        /// The shard.
        shard: Shard,
    },
    /// A commit broke off midway.
    #[error("shard {shard} is of no known state: a commit broke off midway, and no window worker has rebuilt it yet")]
    Dirty {
        /// The shard.
        shard: Shard,
    },
    /// A shard is being rebuilt.
    #[error("shard {shard} is rebuilding: it stands at offset {next} of {until}")]
    Rebuilding {
        /// The shard.
        shard: Shard,
        /// Where it stands.
        next: Offset,
        /// Where it was to come to when the rebuild began.
        until: Offset,
    },
    /// The state was made by another catalogue.
    #[error(
        "shard {shard} was made by catalogue {found}, this one is {known}: use the catalogue that window runs with"
    )]
    OtherCatalogue {
        /// The shard.
        shard: Shard,
        /// The version found.
        found: CatalogVersion,
        /// The version that runs.
        known: CatalogVersion,
    },
    /// A shard stands before where it was seen.
    #[error("shard {shard} went back from offset {seen} to {next}: the store is older than it was, and catching up")]
    WentBack {
        /// The shard.
        shard: Shard,
        /// The highest offset seen.
        seen: Offset,
        /// Where it stands.
        next: Offset,
    },
    /// Shard time is not known yet.
    #[error("shard time is not known yet: some partition of a source topic was not heard of")]
    NoTime,
    /// Shards stand so far apart that nothing is kept by all of them as of the slowest.
    #[error("the slowest shard stands at {time} ms since 1970, from which the fastest keeps no values any more")]
    Apart {
        /// Shard time.
        time: Millis,
    },
    /// The last pack is too old, or of a time that has not come yet.
    #[error(
        "the slowest shard's last pack was written {age_ms} ms ago, more than the bound of {bound_ms} ms; if that is \
         negative, the clocks of this machine and of ingest's differ"
    )]
    Stale {
        /// The age of the last pack's wall stamp.
        age_ms: i64,
        /// The bound.
        bound_ms: i64,
    },
}

impl Withheld {
    /// The name under which it is shown.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Withheld::Store(_) => "store",
            Withheld::Absent { .. } => "absent",
            Withheld::Dirty { .. } => "dirty",
            Withheld::Rebuilding { .. } => "rebuilding",
            Withheld::OtherCatalogue { .. } => "other_catalogue",
            Withheld::WentBack { .. } => "went_back",
            Withheld::NoTime => "no_time",
            Withheld::Apart { .. } => "apart",
            Withheld::Stale { .. } => "stale",
        }
    }

    /// Every [`Withheld::reason`] that there is.
    pub const REASONS: [&'static str; 9] =
        ["store", "absent", "dirty", "rebuilding", "other_catalogue", "went_back", "no_time", "apart", "stale"];
}

impl Totals {
    /// Reads all shards.
    ///
    /// # Errors
    /// If a shard cannot be read, or holds what must not be shown.
    pub fn read<S: Store + ?Sized>(store: &mut S, plan: &Plan, shards: u16) -> Result<Totals, Withheld> {
        let shards = (0..shards).map(|shard| ShardTotals::read(store, plan, Shard(shard)));
        let shards: Vec<ShardTotals> = shards.collect::<Result<_, _>>()?;
        let names = shards.iter().flat_map(|shard| &shard.header.admitted).collect();
        let fastest = shards.iter().filter_map(|shard| shard.header.time).max();
        let first = |grain| fastest.map(|time| plan.origin(grain, plan.floor(grain, time)));
        Ok(Totals { shards, names, first_as_of: PerGrain::of(first) })
    }

    /// What values that were admitted to dimensions are called: no counter here has any other.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The value of a metric as of a bucket; `None` if some shard no longer keeps that bucket.
    #[must_use]
    pub fn value(&self, plan: &Plan, metric: MetricIndex, window: Window, as_of: Bucket) -> Option<Value> {
        let key = CounterKey { metric, window };
        let of_shard = |shard: &ShardTotals| shard.counters.get(&key).map_or(Some(0), |counter| counter.value(as_of));
        let units = self.shards.iter().map(of_shard).sum::<Option<i128>>()?;
        Some(Value { units, decimals: plan.metric(metric).decimals() })
    }

    /// The value of a gauge, or of a slice of it, as of a bucket; `None` if it has none, or if what it follows from is not kept by
    /// all shards.
    #[must_use]
    pub fn told(&self, plan: &Plan, gauge: Gauge<'_>, cut: Option<Cut>, window: Window, as_of: Bucket) -> Option<Told> {
        let kept = |metric: MetricIndex, window: Window, as_of: Bucket| {
            self.keeps(window.grain, as_of).then(|| self.value(plan, metric, window, as_of))?
        };
        match gauge {
            Gauge::Metric(index, _) => kept(plan.kept_as(index, cut)?, window, as_of).map(Told::Exact),
            Gauge::Formula(formula) => {
                let units = |metric, window, as_of| kept(metric, window, as_of).map(|value| value.units);
                plan.evaluate(formula, cut, window, as_of, &units).map(Told::Double)
            }
        }
    }

    /// Whether every shard keeps values as of a bucket. A counter that is not there says nothing about that.
    #[must_use]
    pub fn keeps(&self, grain: Grain, as_of: Bucket) -> bool {
        self.first_as_of(grain).is_none_or(|first| first <= as_of)
    }

    /// Shard time: the slowest shard's; `None` if one has none yet.
    #[must_use]
    pub fn time(&self) -> Option<Millis> {
        self.shards.iter().map(|shard| shard.header.time).min().flatten()
    }

    /// The first as-of bucket of a grain for which every shard keeps values; `None` if all of them keep everything.
    #[must_use]
    pub fn first_as_of(&self, grain: Grain) -> Option<Bucket> {
        self.first_as_of[grain]
    }

    /// The bucket of shard time at each grain for which every shard keeps values, of that one and of the one before. Shards
    /// that catch up may stand hours apart, and keep no minutes in common.
    #[must_use]
    pub fn as_of(&self, plan: &Plan, time: Millis) -> Vec<(Grain, Bucket)> {
        let grains = plan.grains().into_iter().map(|grain| (grain, plan.bucket(grain, time)));
        grains.filter(|(grain, as_of)| self.first_as_of(*grain).is_none_or(|first| first < *as_of)).collect()
    }

    /// The oldest of the shards' last packs' wall stamps.
    #[must_use]
    pub fn sealed_at(&self) -> Option<Millis> {
        self.shards.iter().map(|shard| shard.header.sealed_at).min()
    }

    /// Where each shard stands.
    pub fn stands(&self) -> impl Iterator<Item = (Shard, Stands)> {
        (0..).map(Shard).zip(self.shards.iter().map(|shard| shard.stands))
    }

    /// Up to where each source partition is covered in all shards, by topic; those that some shard has not heard of are left
    /// out.
    pub fn covered(&self) -> impl Iterator<Item = ((&str, PartitionId), Offset)> {
        let mut covered: BTreeMap<_, Option<Offset>> = BTreeMap::new();
        for source in self.shards.iter().flat_map(|shard| &shard.header.sources) {
            for (partition, progress) in (0..).map(PartitionId).zip(&source.partitions) {
                let slowest = covered.entry((source.topic.as_str(), partition)).or_insert(progress.next);
                *slowest = progress.next.min(*slowest);
            }
        }
        covered.into_iter().filter_map(|(partition, next)| Some((partition, next?)))
    }

    /// How far each source has come, by topic: the slowest clock of its partitions over all shards; `None` if one of them
    /// is not known.
    #[must_use]
    pub fn watermarks(&self) -> BTreeMap<&str, Option<Millis>> {
        let mut watermarks = BTreeMap::new();
        for source in self.shards.iter().flat_map(|shard| &shard.header.sources) {
            let slowest = source.partitions.iter().map(PartitionProgress::allows).min().flatten();
            let watermark = watermarks.entry(source.topic.as_str()).or_insert(slowest);
            *watermark = slowest.min(*watermark);
        }
        watermarks
    }
}

/// The header of what is stored of a shard, if it may be shown.
pub(crate) fn header(plan: &Plan, shard: Shard, stored: &Stored) -> Result<Header, Withheld> {
    let fence = stored.state.fence;
    if stored.state.dirty {
        return Err(Withheld::Dirty { shard });
    }
    if fence.catalogue != plan.version {
        return Err(Withheld::OtherCatalogue { shard, found: fence.catalogue, known: plan.version });
    }
    let corrupt = |reason| StoreError::Corrupt { place: format!("the header of shard {shard}"), reason };
    let header = Header::decode(&stored.header).map_err(|error| corrupt(error.to_string()))?;
    match header.rebuild_until {
        Some(until) => Err(Withheld::Rebuilding { shard, next: fence.next, until }),
        None => Ok(header),
    }
}

impl ShardTotals {
    fn read<S: Store + ?Sized>(store: &mut S, plan: &Plan, shard: Shard) -> Result<ShardTotals, Withheld> {
        let snapshot = store.snapshot(shard)?.ok_or(Withheld::Absent { shard })?;
        let (fence, header) = (snapshot.stored.state.fence, header(plan, shard, &snapshot.stored)?);
        let counter = |(key, bytes): (CounterKey, Vec<u8>)| match Counter::decode(&bytes) {
            Some(counter) => Ok((key, counter)),
            None => {
                let place = format!("the counter of metric {}, {}, of shard {shard}", key.metric, key.window);
                Err(StoreError::Corrupt { place, reason: "no counter".into() })
            }
        };
        let counters = snapshot.counters.into_iter().map(counter).collect::<Result<_, _>>()?;
        let stands = Stands { topic: fence.topic, incarnation: fence.incarnation, next: fence.next };
        Ok(ShardTotals { stands, header, counters })
    }
}
