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
}

/// Bounds that hold for every source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) future_ms: i64,
    pub(crate) payload_bytes: usize,
}

pub(crate) const DAY_MS: i64 = 86_400_000;

impl Judge {
    pub(crate) fn new(reader: Reader, source: &Source) -> Judge {
        Judge { reader, clock: source.clock, lateness_days: source.lateness_days }
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
        clock: &mut PartitionClock,
        now: Millis,
        bounds: Bounds,
        touches: &mut Touches,
    ) -> Result<Millis, Reject> {
        let latest = Millis(now.0.saturating_add(bounds.future_ms));
        if let (ClockKind::Log, Some(stamp)) = (self.clock, record.timestamp)
            && stamp <= latest
        {
            clock.advance(stamp);
        }
        let payload = record.payload.ok_or(Reject::Empty)?;
        if payload.len() > bounds.payload_bytes {
            return Err(Reject::TooLarge { bytes: payload.len(), limit: bounds.payload_bytes });
        }
        let time = self.reader.read(payload, touches)?;
        if time > latest {
            return Err(Reject::FarFuture { event_time: time, now, bound_ms: bounds.future_ms });
        }
        if self.clock == ClockKind::Event {
            clock.advance(time);
        }
        match clock.now() {
            Some(clock) if time.0 < clock.0.saturating_sub(i64::from(self.lateness_days) * DAY_MS) => {
                Err(Reject::Late { event_time: time, clock, bound_days: self.lateness_days })
            }
            _ => Ok(time),
        }
    }
}
