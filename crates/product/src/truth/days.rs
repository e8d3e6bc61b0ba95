//! On which days somebody was active.

use super::Of;

/// The days of every user or account, by number; a bit a day.
#[derive(Clone, Debug, Default)]
pub(super) struct Days(Vec<Vec<u64>>);

impl Days {
    /// Somebody was active on a day.
    pub(super) fn mark(&mut self, who: u32, day: usize) {
        let who = who as usize;
        if self.0.len() <= who {
            self.0.resize_with(who + 1, Vec::new);
        }
        let (days, word) = (&mut self.0[who], day / 64);
        if days.len() <= word {
            days.resize(word + 1, 0);
        }
        days[word] |= 1 << (day % 64);
    }

    /// How many were ever active.
    pub(super) fn ever(&self) -> u64 {
        self.0.iter().filter(|days| !days.is_empty()).count() as u64
    }

    /// How many were active in the days up to each of the first `count` days.
    pub(super) fn trailing(&self, count: usize) -> Vec<Of> {
        let mut found = vec![Of::default(); count];
        self.each(count, |_, day, since| found[day].add(since));
        found
    }

    /// Goes through the first `count` days of everybody, from the first active one on: who, the day, and how many days ago
    /// the last active one was.
    pub(super) fn each(&self, count: usize, mut see: impl FnMut(u32, usize, usize)) {
        for (who, days) in (0..).zip(&self.0) {
            let mut last = None;
            for day in (0..count).filter(|_| !days.is_empty()) {
                if days.get(day / 64).is_some_and(|word| word & (1 << (day % 64)) != 0) {
                    last = Some(day);
                }
                if let Some(last) = last {
                    see(who, day, day - last);
                }
            }
        }
    }
}
