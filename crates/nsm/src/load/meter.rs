//! How many records may be sent by now.

use std::time::Duration;

/// At most so many at once, so that somebody looks up in between.
const AT_ONCE: u64 = 1_000;

/// Counts what was sent against a rate and an end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    /// Records a second; `None` is as fast as possible.
    rate: Option<u64>,
    /// How many in all; `None` is without end.
    total: Option<u64>,
    /// For how long; `None` is without end.
    time: Option<Duration>,
    sent: u64,
}

impl Meter {
    /// With a rate and a time the total is known: the stated rate is kept to the record.
    pub(crate) fn new(rate: Option<u64>, total: Option<u64>, time: Option<Duration>) -> Meter {
        let by_time = rate.zip(time).map(|(rate, time)| due(rate, time));
        let total = total.into_iter().chain(by_time).min();
        Meter { rate, total, time: time.filter(|_| by_time.is_none()), sent: 0 }
    }

    /// How many there will be in all, if that is known.
    pub(crate) fn total(&self) -> Option<u64> {
        self.total
    }

    /// How many more may be sent, so long after the start; `None` when that is all.
    pub(crate) fn allowed(&self, elapsed: Duration) -> Option<u64> {
        let left = self.total.map_or(u64::MAX, |total| total.saturating_sub(self.sent));
        if left == 0 || self.time.is_some_and(|time| elapsed >= time) {
            return None;
        }
        let by_rate = self.rate.map_or(u64::MAX, |rate| due(rate, elapsed).saturating_sub(self.sent));
        Some(left.min(by_rate).min(AT_ONCE))
    }

    /// So many were sent.
    pub(crate) fn sent(&mut self, count: u64) {
        self.sent += count;
    }
}

fn due(rate: u64, elapsed: Duration) -> u64 {
    u64::try_from(u128::from(rate) * elapsed.as_millis() / 1_000).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// How many were sent when it was looked up at these times.
    fn sent(mut meter: Meter, times: impl Iterator<Item = Duration>) -> u64 {
        times.for_each(|time| meter.sent(meter.allowed(time).unwrap_or(0)));
        meter.sent
    }

    #[test]
    fn the_rate_is_kept_to_the_record() {
        let meter = |time| Meter::new(Some(300), None, time);
        assert_eq!(sent(meter(None), (0..=2_000).map(ms)), 600);
        assert_eq!(sent(meter(Some(ms(1_000))), (0..=2_000).map(ms)), 300);
        assert_eq!(sent(meter(Some(ms(1_000))), [ms(70_000)].into_iter()), 300, "also if it comes late");
        assert_eq!(meter(Some(ms(1_000))).total(), Some(300));
    }

    #[test]
    fn it_ends_with_the_total_or_the_time() {
        let mut meter = Meter::new(None, Some(1_500), None);
        for allowed in [Some(1_000), Some(500), None] {
            assert_eq!(meter.allowed(ms(5)), allowed);
            meter.sent(allowed.unwrap_or(0));
        }
        let meter = Meter::new(None, None, Some(ms(10)));
        assert_eq!((meter.allowed(ms(9)), meter.allowed(ms(10)), meter.total()), (Some(1_000), None, None));
    }
}
