//! Probes: events of users that nobody has seen, and the moment at which a gauge shows each.

use crate::clock;
use crate::random::Random;
use crate::send::Sender;
use crate::workload::{PARTITIONS, Writer};
use services::Scrape;
use std::time::{Duration, Instant};

/// So many probes can be under way at a time, each counted by a metric of its own, so that a gauge that grows can only mean
/// the one.
const LANES: u64 = 8;
/// Probes' users are numbered from here.
const USERS: u64 = 1 << 41;
/// The next probe is sent this long after the last was seen, at most: else all would keep time with the program's cycles.
const PHASE: Duration = Duration::from_millis(100);
const SEED: u64 = 11;

/// A probe that was seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) partition: i32,
    pub(crate) sent_at: Instant,
    pub(crate) seen_at: Instant,
}

impl Seen {
    /// From produce to gauge.
    pub(crate) fn took(&self) -> Duration {
        self.seen_at.duration_since(self.sent_at)
    }
}

struct Lane {
    event: String,
    gauge: String,
    partition: i32,
    sent: u32,
    /// When the probe that is under way was sent.
    under_way: Option<Instant>,
    next_at: Instant,
}

/// Sends probes, and sees them come.
pub(crate) struct Probes {
    lanes: Vec<Lane>,
    sender: Sender,
    writer: Writer,
    random: Random,
    users: u64,
}

/// The metrics that count probes. Seven days, so that the gauges do not begin anew at midnight.
pub(crate) fn metrics() -> String {
    let metric = |lane| {
        format!(
            "  probe_{lane}: {{ type: simple, windows: [7d], \
             measure: {{ agg: count_distinct, entity: user, events: [probe_{lane}] }} }}\n"
        )
    };
    (0..LANES).map(metric).collect()
}

impl Probes {
    pub(crate) fn new(brokers: &str, topic: &str) -> Probes {
        let now = clock::now();
        let lane = |lane: u64| Lane {
            event: format!("probe_{lane}"),
            gauge: format!("nsm_probe_{lane}{{window=\"7d\",complete=\"false\"}}"),
            partition: i32::try_from(lane).expect("few lanes") % PARTITIONS,
            sent: 0,
            under_way: None,
            next_at: now,
        };
        Probes {
            lanes: (0..LANES).map(lane).collect(),
            sender: Sender::new(brokers, topic, Duration::ZERO),
            writer: Writer::default(),
            random: Random::new(SEED),
            users: USERS,
        }
    }

    /// Looks which probes the page shows, and sends those that are due.
    pub(crate) fn turn(&mut self, page: Option<&Scrape>, seen: &mut Vec<Seen>) {
        let now = clock::now();
        for lane in &mut self.lanes {
            let shown = page.and_then(|page| page.get(&lane.gauge));
            if let (Some(sent_at), Some(shown)) = (lane.under_way, shown) {
                assert!(shown <= f64::from(lane.sent), "{} shows {shown}, but {} were sent", lane.gauge, lane.sent);
                if shown >= f64::from(lane.sent) {
                    seen.push(Seen { partition: lane.partition, sent_at, seen_at: now });
                    lane.under_way = None;
                    lane.next_at = now + PHASE.mul_f64(self.random.fraction());
                }
            }
            if lane.under_way.is_none() && now >= lane.next_at {
                self.users += 1;
                let mut event =
                    self.writer.write(self.users, self.users, &lane.event, clock::wall_ms(), self.random.next());
                event.partition = lane.partition;
                lane.under_way = Some(clock::now());
                lane.sent += 1;
                self.sender.send(event);
            }
        }
        self.sender.poll();
    }
}
