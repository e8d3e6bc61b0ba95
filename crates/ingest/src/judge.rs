//! The judgement of one record: what it is good for, or why it is rejected. Ingest judges, once; what it decided is in the
//! log from then on.

use activity::Millis;
use activity::clock::PartitionClock;
use catalog::{ClockKind, Source};
use event::{Reader, Reject, Touches};
use kafka::Record;

/// How records of one source are judged.
#[derive(Debug)]
pub(crate) struct Judge {
    reader: Reader,
    clock: ClockKind,
    lateness_days: u16,
    payload_bytes: usize,
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

pub(crate) const DAY_MS: i64 = 86_400_000;

impl Judge {
    pub(crate) fn new(reader: Reader, source: &Source, payload_bytes: usize) -> Judge {
        Judge { reader, clock: source.clock, lateness_days: source.lateness_days, payload_bytes }
    }

    /// Whether the source's clock moves without data.
    pub(crate) fn moves_when_idle(&self) -> bool {
        self.clock == ClockKind::Log
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
    ) -> Result<Millis, Reject> {
        if let (ClockKind::Log, Some(stamp)) = (self.clock, record.timestamp)
            && horizon.check(stamp, clock).is_ok()
        {
            partition.advance(stamp);
        }
        let payload = record.payload.ok_or(Reject::Empty)?;
        if payload.len() > self.payload_bytes {
            return Err(Reject::TooLarge { bytes: payload.len(), limit: self.payload_bytes });
        }
        let time = self.reader.read(payload, touches)?;
        horizon.check(time, clock)?;
        if self.clock == ClockKind::Event {
            partition.advance(time);
        }
        match partition.now() {
            Some(clock) if time.0 < clock.0.saturating_sub(i64::from(self.lateness_days) * DAY_MS) => {
                Err(Reject::Late { event_time: time, clock, bound_days: self.lateness_days })
            }
            _ => Ok(time),
        }
    }
}
