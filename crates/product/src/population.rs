//! Who is active at present, by rank: the lower the rank, the more active.

use crate::dice::Dice;

/// The number of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UserId(pub(crate) u32);

impl UserId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Users by rank. Who comes takes a random rank, and the one who had it becomes the last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Population {
    by_rank: Vec<UserId>,
    /// The ranks by user.
    ranks: Vec<Option<usize>>,
}

impl Population {
    pub(crate) fn len(&self) -> usize {
        self.by_rank.len()
    }

    pub(crate) fn add(&mut self, user: UserId, dice: &mut Dice) {
        let last = self.by_rank.len();
        self.by_rank.push(user);
        self.ranks.resize(self.ranks.len().max(user.index() + 1), None);
        let rank = dice.below(last + 1);
        self.by_rank.swap(rank, last);
        self.ranks[self.by_rank[last].index()] = Some(last);
        self.ranks[user.index()] = Some(rank);
    }

    pub(crate) fn remove(&mut self, user: UserId) {
        let Some(rank) = self.ranks.get_mut(user.index()).and_then(Option::take) else { return };
        self.by_rank.swap_remove(rank);
        if let Some(moved) = self.by_rank.get(rank) {
            self.ranks[moved.index()] = Some(rank);
        }
    }

    /// One of them, each as likely; `None` if there is nobody.
    pub(crate) fn any(&self, dice: &mut Dice) -> Option<UserId> {
        (!self.by_rank.is_empty()).then(|| self.by_rank[dice.below(self.by_rank.len())])
    }

    /// One of them, by rank; `None` if there is nobody.
    pub(crate) fn draw(&self, dice: &mut Dice) -> Option<UserId> {
        (!self.by_rank.is_empty()).then(|| self.by_rank[dice.rank(self.by_rank.len())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_there_can_be_drawn_and_nobody_else() {
        let (mut population, mut dice) = (Population::default(), Dice::new(1));
        (0..50).for_each(|user| population.add(UserId(user), &mut dice));
        (0..50).filter(|user| user % 3 == 0).for_each(|user| population.remove(UserId(user)));
        population.remove(UserId(3));
        let mut drawn: Vec<u32> = (0..20_000).filter_map(|_| population.draw(&mut dice)).map(|user| user.0).collect();
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn, (0..50).filter(|user| user % 3 != 0).collect::<Vec<_>>());
        assert_eq!(population.len(), drawn.len());
    }
}
