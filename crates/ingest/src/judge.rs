//! The judgement of one record: what it is good for, or why it is rejected. Ingest judges, once; what it decided is in the
//! log from then on.

use activity::admission::Admitted;
use activity::clock::PartitionClock;
use activity::{Grain, Millis, PerGrain};
use catalog::{ClockKind, Source};
use event::{Reader, Reject, SchemaId, SchemaText, Touches};
use kafka::Record;
use tracing::{info, warn};

/// How records of one source are judged.
#[derive(Debug)]
pub(crate) struct Judge {
    source: String,
    reader: Reader,
    clock: ClockKind,
    /// By grain, of those that the catalogue has.
    lateness_ms: PerGrain<i64>,
    /// The largest of them: what is later counts nowhere.
    longest_ms: i64,
    payload_bytes: usize,
}

/// An event that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// When it happened.
    pub(crate) time: Millis,
    /// How far that lies behind its partition's clock, in milliseconds; negative if it lies ahead.
    behind_ms: i64,
}

/// The wall clock, asked only when it matters.
pub type Clock<'a> = &'a dyn Fn() -> Millis;

/// The bound of the far future. It is behind the wall clock until something lies past it: a worker that stood still must
/// not take what is new for what is far ahead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Horizon {
    bound_ms: i64,
    now: Millis,
}

impl Horizon {
    pub(crate) fn new(bound_ms: i64) -> Horizon {
        Horizon { bound_ms, now: Millis(i64::MIN) }
    }

    fn check(&mut self, time: Millis, clock: Clock<'_>) -> Result<(), Reject> {
        if time.0 > self.now.0.saturating_add(self.bound_ms) {
            self.now = clock();
        }
        match time.0 > self.now.0.saturating_add(self.bound_ms) {
            true => Err(Reject::FarFuture { event_time: time, now: self.now, bound_ms: self.bound_ms }),
            false => Ok(()),
        }
    }
}

impl Judge {
    /// The judge of a source, for a catalogue with windows of these grains.
    pub(crate) fn new(reader: Reader, source: &Source, grains: &[Grain], payload_bytes: usize) -> Judge {
        let lateness_ms = source.lateness_ms;
        let longest_ms = grains.iter().map(|grain| lateness_ms[*grain]).max().unwrap_or(0);
        Judge { source: source.name.clone(), reader, clock: source.clock, lateness_ms, longest_ms, payload_bytes }
    }

    /// Whether an event still counts in buckets of a grain.
    pub(crate) fn is_in_time(&self, event: Accepted, grain: Grain) -> bool {
        event.behind_ms <= self.lateness_ms[grain]
    }

    /// Whether the source's clock moves without data.
    pub(crate) fn moves_when_idle(&self) -> bool {
        self.clock == ClockKind::Log
    }

    /// The schema that has to be learnt before this record can be judged; `None` if it can be.
    pub(crate) fn unknown_schema(&self, record: &Record<'_>) -> Option<SchemaId> {
        let payload = record.payload.filter(|payload| payload.len() <= self.payload_bytes)?;
        self.reader.unknown_schema(payload)
    }

    /// Learns a schema, and says in the log what it means for the source's records.
    pub(crate) fn learn(&mut self, id: SchemaId, schema: &SchemaText) {
        let source = &self.source;
        match self.reader.learn(id, schema) {
            Ok(lacking) if lacking.is_empty() => info!(%source, schema = id.0, "learnt a schema"),
            Ok(lacking) => {
                let lacking = lacking.join(", ");
                info!(%source, schema = id.0, lacking, "learnt a schema; what it lacks is missing in its records");
            }
            Err(reject) => warn!(%source, schema = id.0, "records of this schema are rejected: {reject}"),
        }
    }

    /// Learns the number of a value that was admitted to a dimension.
    pub(crate) fn learn_value(&mut self, admitted: &Admitted) {
        self.reader.learn_value(admitted);
    }

    /// Reads a record, moves the partition's clock, and fills `touches`. The record's own log time counts before its event
    /// time is judged.
    pub(crate) fn read(
        &self,
        record: &Record<'_>,
        partition: &mut PartitionClock,
        horizon: &mut Horizon,
        clock: Clock<'_>,
        touches: &mut Touches,
    ) -> Result<Accepted, Reject> {
        if let (ClockKind::Log, Some(stamp)) = (self.clock, record.timestamp)
            && horizon.check(stamp, clock).is_ok()
        {
            partition.advance(stamp);
        }
        let headers = record.headers.iter();
        // An event may have no data, where it is told by headers.
        let payload = record.payload.or_else(|| self.reader.is_event_without_data(headers.clone()).then_some(&[]));
        let time = match payload {
            Some(payload) if payload.len() > self.payload_bytes => {
                return Err(Reject::TooLarge { bytes: payload.len(), limit: self.payload_bytes });
            }
            Some(payload) => self.reader.read_with(payload, headers, touches)?,
            None => {
                self.reader.deleted(record.key, touches)?;
                record.timestamp.ok_or(Reject::Empty)?
            }
        };
        horizon.check(time, clock)?;
        // A record that was deleted has no time of its own.
        if self.clock == ClockKind::Event && payload.is_some() {
            partition.advance(time);
        }
        let clock = partition.now().unwrap_or(time);
        let behind_ms = clock.0.saturating_sub(time.0);
        // What an attribute has become is never too late to know.
        match behind_ms > self.longest_ms && touches.changed().is_none() {
            true => Err(Reject::Late { event_time: time, clock, bound_ms: self.longest_ms }),
            false => Ok(Accepted { time, behind_ms }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity::{Offset, PartitionId};
    use kafka::{Headers, Partition};

    const NOW: i64 = 1_750_000_000_000;
    const HOUR: i64 = 3_600_000;

    /// One partition's records, judged in turn at a wall clock that stands at [`NOW`].
    struct Court {
        judge: Judge,
        clock: PartitionClock,
        horizon: Horizon,
    }

    impl Court {
        fn of(clock: &str) -> Court {
            let text = format!(
                "
version: 1
product: test
sources: {{ usage: {{ topic: usage, clock: {clock}, lateness: {{ day: 1d }}, fields: {{ timestamp: {{ path: timestamp, unit: ms }} }} }} }}
entities: {{ user: {{ key: user_id }} }}
metrics:
  users: {{ type: simple, measure: {{ agg: count_distinct, entity: user, events: any }}, windows: [1d] }}
"
            );
            let plan = catalog::parse(&text).unwrap_or_else(|mistakes| panic!("{}", mistakes.render("test", &text)));
            let judge = Judge::new(Reader::new(&plan, 0), &plan.sources[0], &plan.grains(), 200);
            Court { judge, clock: PartitionClock::default(), horizon: Horizon::new(HOUR) }
        }

        /// The reason of a rejection, or `ok`; times are relative to [`NOW`].
        fn read(&mut self, stamp: i64, payload: Option<&str>) -> &'static str {
            let record = Record {
                partition: Partition { id: PartitionId(0), ..Partition::default() },
                offset: Offset(0),
                timestamp: Some(Millis(NOW + stamp)),
                key: None,
                payload: payload.map(str::as_bytes),
                headers: Headers::default(),
            };
            let (clock, horizon) = (&mut self.clock, &mut self.horizon);
            let read = self.judge.read(&record, clock, horizon, &|| Millis(NOW), &mut Touches::default());
            read.map_or_else(|reject| reject.reason(), |_| "ok")
        }

        fn event(&mut self, stamp: i64, time: i64) -> &'static str {
            let payload = format!("{{\"event\":\"e\",\"user_id\":\"u\",\"timestamp\":{}}}", NOW + time);
            self.read(stamp, Some(&payload))
        }

        fn at(&self) -> Option<i64> {
            self.clock.now().map(|time| time.0 - NOW)
        }
    }

    #[test]
    fn a_live_source_moves_by_its_stamps_and_a_historical_one_by_its_events() {
        let mut live = Court::of("log");
        assert_eq!(live.event(-5, -HOUR), "ok");
        assert_eq!(live.event(-9, -HOUR), "ok");
        assert_eq!(live.at(), Some(-5));
        let mut history = Court::of("event");
        assert_eq!(history.event(-5, -9 * HOUR), "ok");
        assert_eq!(history.event(-5, -10 * HOUR), "ok");
        assert_eq!(history.at(), Some(-9 * HOUR));
    }

    #[test]
    fn late_is_below_the_clock_minus_the_bound_and_the_bound_itself_is_in_time() {
        let mut live = Court::of("log");
        assert_eq!(live.event(0, -24 * HOUR), "ok");
        assert_eq!(live.event(0, -24 * HOUR - 1), "late");
        let mut history = Court::of("event");
        assert_eq!(history.event(0, -50 * HOUR), "ok");
        assert_eq!(history.event(0, -26 * HOUR), "ok");
        assert_eq!(history.event(0, -50 * HOUR - 1), "late");
    }

    #[test]
    fn the_far_future_is_rejected_and_moves_no_clock() {
        let mut live = Court::of("log");
        assert_eq!(live.event(HOUR + 1, 0), "ok");
        assert_eq!(live.at(), None);
        assert_eq!(live.event(HOUR, HOUR), "ok");
        assert_eq!(live.at(), Some(HOUR));
        let mut history = Court::of("event");
        assert_eq!(history.event(0, HOUR + 1), "far_future");
        assert_eq!(history.at(), None);
    }

    #[test]
    fn a_worker_that_stood_still_asks_for_the_time_again() {
        let mut court = Court::of("log");
        court.horizon.now = Millis(NOW - 1_000 * HOUR);
        assert_eq!(court.event(0, 0), "ok");
    }

    #[test]
    fn rubbish_is_rejected_and_its_stamp_still_counts_as_log_time() {
        let mut live = Court::of("log");
        assert_eq!(live.read(-3, Some("{")), "broken_json");
        assert_eq!(live.read(-2, None), "empty");
        assert_eq!(live.read(-1, Some(&" ".repeat(201))), "too_large");
        assert_eq!(live.at(), Some(-1));
    }
}
