//! The watch: looks at the pages of all processes again and again, and keeps what it saw.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use pipeline::Pages;
use services::Scrape;

use crate::schedule::Role;

/// How often the pages are looked at.
const PERIOD: Duration = Duration::from_millis(200);
/// The names of the counters that are added up over all processes and their restarts.
const COUNTERS: [&str; 8] = [
    "northstar_ingest_events_total",
    "northstar_ingest_late_total",
    "northstar_ingest_transactions_total",
    "northstar_window_claims_total",
    "northstar_window_packs_repeated_total",
    "northstar_window_packs_total",
    "northstar_window_refused_total",
    "northstar_worker_restarts_total",
];

/// What a page of an exporter showed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    /// Whether it was taken in a declared recovery.
    pub(crate) recovering: bool,
    /// Where the shards stand that the gauges stand for; empty if there are none.
    pub(crate) stands: Vec<i64>,
    /// The gauges, by name and labels, as they are written.
    pub(crate) gauges: BTreeMap<String, String>,
    /// Why there are none; `down` if nobody served the page.
    pub(crate) withheld: String,
}

/// The thread that looks, and what it saw.
pub(crate) struct Watch {
    shared: Arc<Shared>,
    /// Dropped, it ends the thread.
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    /// Role and port of the processes.
    places: Mutex<Vec<(Role, u16)>>,
    recovering: AtomicBool,
    rounds: AtomicU64,
    seen: Mutex<Seen>,
}

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// All samples, of all exporters.
    pub(crate) samples: Vec<Sample>,
    /// The counters' increase, by name and labels.
    pub(crate) counters: BTreeMap<String, f64>,
    /// The last page of each place.
    pages: BTreeMap<u16, Scrape>,
    /// The last sample of each exporter.
    last: BTreeMap<u16, Sample>,
}

impl Watch {
    /// Begins to look.
    pub(crate) fn start() -> Watch {
        let shared = Arc::new(Shared::default());
        let (stop, stopped) = channel();
        let of = shared.clone();
        let thread = std::thread::spawn(move || {
            let mut pages = BTreeMap::new();
            while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                let places = lock(&of.places).clone();
                for (role, port) in places {
                    of.look(role, port, pages.entry(port).or_insert_with(|| Pages::at(port)));
                }
                of.rounds.fetch_add(1, Ordering::SeqCst);
            }
        });
        Watch { shared, stop, thread }
    }

    /// Tells which processes there are.
    pub(crate) fn look_at(&self, places: Vec<(Role, u16)>) {
        let ports: Vec<u16> = places.iter().map(|(_, port)| *port).collect();
        *lock(&self.shared.places) = places;
        lock(&self.shared.seen).last.retain(|port, _| ports.contains(port));
    }

    /// Declares that a recovery begins, or that it is over.
    pub(crate) fn declare(&self, recovering: bool) {
        self.shared.recovering.store(recovering, Ordering::SeqCst);
    }

    /// How often all pages were looked at.
    pub(crate) fn rounds(&self) -> u64 {
        self.shared.rounds.load(Ordering::SeqCst)
    }

    /// The sum of the samples of a name on the page of a place, as it was last seen.
    pub(crate) fn sum(&self, port: u16, name: &str) -> f64 {
        lock(&self.shared.seen).pages.get(&port).map_or(0.0, |page| page.sum(name))
    }

    /// Whether every exporter shows gauges that stand at these offsets, or further.
    pub(crate) fn shows(&self, stands: &[i64]) -> bool {
        let reaches = |sample: &Sample| {
            sample.stands.len() == stands.len() && sample.stands.iter().zip(stands).all(|(at, least)| at >= least)
        };
        let seen = lock(&self.shared.seen);
        !seen.last.is_empty() && seen.last.values().all(reaches)
    }

    /// Where the gauges stand at least that every exporter shows; `None` if one shows none.
    pub(crate) fn stands(&self) -> Option<Vec<i64>> {
        let seen = lock(&self.shared.seen);
        let least = |one: Vec<i64>, other: &Vec<i64>| one.iter().zip(other).map(|(a, b)| *a.min(b)).collect();
        let mut all = seen.last.values().map(|sample| &sample.stands);
        let first = all.next()?.clone();
        Some(all.fold(first, least)).filter(|stands: &Vec<i64>| !stands.is_empty())
    }

    /// The latest sample in words.
    pub(crate) fn told(&self) -> String {
        let seen = lock(&self.shared.seen);
        let told = seen.last.values().map(|sample| match sample.stands.is_empty() {
            true => format!("absent ({})", sample.withheld),
            false => format!("{} gauges at {:?}", sample.gauges.len(), sample.stands),
        });
        told.collect::<Vec<_>>().join("; ")
    }

    /// Ends the thread: what was seen.
    pub(crate) fn end(self) -> Seen {
        drop(self.stop);
        self.thread.join().expect("pages are read");
        std::mem::take(&mut lock(&self.shared.seen))
    }
}

impl Shared {
    /// A sample belongs to a recovery if any of the time that it took does.
    fn look(&self, role: Role, port: u16, pages: &Pages) {
        let before = self.recovering.load(Ordering::SeqCst);
        let text = pages.get("metrics").map(|(_, text)| text);
        let recovering = before || self.recovering.load(Ordering::SeqCst);
        let mut seen = lock(&self.seen);
        if role == Role::Exporter {
            let sample = Sample::of(text.as_deref(), recovering);
            seen.last.insert(port, sample.clone());
            seen.samples.push(sample);
        }
        if let Some(text) = text {
            seen.count(port, Scrape::parse(&text));
        }
    }
}

impl Sample {
    fn of(page: Option<&str>, recovering: bool) -> Sample {
        let Some(page) = page else {
            return Sample { recovering, withheld: "down".to_owned(), ..Sample::default() };
        };
        let lines = page.lines().filter(|line| line.starts_with("nsm_"));
        let gauges = lines.filter_map(|line| line.rsplit_once(' '));
        let scrape = Scrape::parse(page);
        let shards = scrape.of("northstar_gauges_next_offset").count();
        let stands = (0..shards).filter_map(|shard| {
            #[expect(clippy::cast_possible_truncation, reason = "offsets are whole")]
            scrape.get(&format!("northstar_gauges_next_offset{{shard=\"{shard}\"}}")).map(|next| next as i64)
        });
        Sample {
            recovering,
            stands: stands.collect(),
            gauges: gauges.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            withheld: scrape.withheld().join(", "),
        }
    }
}

impl Seen {
    /// Adds what has come since the last page of the place. Who counts less than before has begun anew.
    fn count(&mut self, port: u16, page: Scrape) {
        let before = self.pages.remove(&port).unwrap_or_default();
        for name in COUNTERS {
            for (sample, now) in page.of(name) {
                let was = before.get(sample).filter(|was| *was <= now).unwrap_or(0.0);
                *self.counters.entry(sample.to_owned()).or_default() += now - was;
            }
        }
        self.pages.insert(port, page);
    }

    /// The sum of a counter's increases, whatever its labels.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        self.of(name).fold(0.0, |sum, (_, value)| sum + value)
    }

    /// A counter's increases, by labels.
    pub(crate) fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        let labels =
            move |sample: &'a str| sample.strip_prefix(name).filter(|rest| rest.is_empty() || rest.starts_with('{'));
        self.counters.iter().filter_map(move |(sample, value)| Some((labels(sample)?, *value)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
