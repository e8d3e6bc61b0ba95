//! The sweep: when a shard was opened, or its floor has slid, every stored record is looked at once, a portion at a time, so
//! that entities that never come back do not stay for ever. It changes no value: what lies below the floor contributes
//! nothing.

/// Which portions are still to be looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sweep {
    cursor: u32,
    left: u32,
    slid: bool,
}

impl Sweep {
    /// The sweep of a shard that was just opened: a former owner may not have come to the end of its own.
    pub(crate) fn opened() -> Sweep {
        Sweep { slid: true, ..Sweep::default() }
    }

    /// The floor has slid: all portions are to be looked at again, going on from where the sweep is.
    pub(crate) fn restart(&mut self) {
        self.slid = true;
    }

    /// The next of so many portions to look at, if any is left.
    pub(crate) fn next(&mut self, portions: u32) -> Option<u32> {
        if std::mem::take(&mut self.slid) {
            self.left = portions;
        }
        self.left = self.left.checked_sub(1)?;
        let portion = self.cursor % portions;
        self.cursor = (portion + 1) % portions;
        Some(portion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_portion_is_looked_at_once_however_often_the_floor_slides() {
        let mut sweep = Sweep::default();
        assert_eq!(sweep.next(4), None);
        sweep.restart();
        assert_eq!([sweep.next(4), sweep.next(4)], [Some(0), Some(1)]);
        sweep.restart();
        assert_eq!(std::iter::from_fn(|| sweep.next(4)).collect::<Vec<_>>(), [2, 3, 0, 1]);
    }
}
