//! Entries by key, of which those go first that were not asked for of late.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::borrow::Borrow;
use std::hash::BuildHasher;
use std::ops::{Index, IndexMut};

/// Entries by key. Each has a place, by which it is found at once; [`Cache::shrink`] and [`Cache::clear`] change places,
/// nothing else does.
#[derive(Debug)]
pub struct Cache<K, T> {
    entries: Vec<Entry<K, T>>,
    places: HashTable<usize>,
    hasher: DefaultHashBuilder,
    /// The place that is looked at next when entries have to go.
    hand: usize,
}

#[derive(Debug)]
struct Entry<K, T> {
    key: K,
    value: T,
    /// It was asked for since the hand last came by.
    is_used: bool,
}

impl<K, T> Default for Cache<K, T> {
    fn default() -> Cache<K, T> {
        Cache { entries: Vec::new(), places: HashTable::new(), hasher: DefaultHashBuilder::default(), hand: 0 }
    }
}

impl<K: Borrow<[u8]>, T> Cache<K, T> {
    /// Whether there is an entry of a key. It does not count as asked for.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.place(key).is_some()
    }

    /// The place of a key's entry, which is asked for by this.
    pub fn find(&mut self, key: &[u8]) -> Option<usize> {
        let at = self.place(key)?;
        self.entries[at].is_used = true;
        Some(at)
    }

    fn place(&self, key: &[u8]) -> Option<usize> {
        let is_it = |at: &usize| self.entries[*at].key.borrow() == key;
        self.places.find(self.hasher.hash_one(key), is_it).copied()
    }

    /// Adds the entry of a key that has none, and tells its place. Until it is asked for again, it is the first to go.
    pub fn add(&mut self, key: K, value: T) -> usize {
        let Cache { entries, places, hasher, .. } = self;
        let (hash, at) = (hasher.hash_one(key.borrow()), entries.len());
        entries.push(Entry { key, value, is_used: false });
        places.insert_unique(hash, at, |at| hasher.hash_one(entries[*at].key.borrow()));
        at
    }

    /// The key of the entry at a place.
    #[must_use]
    pub fn key(&self, at: usize) -> &K {
        &self.entries[at].key
    }

    /// Lets go of entries until there are at most `limit`. It goes round (a clock's hand): an entry that was asked for since it
    /// last came by is spared once.
    pub fn shrink(&mut self, limit: usize) {
        while self.entries.len() > limit {
            let at = if self.hand < self.entries.len() { self.hand } else { 0 };
            self.hand = at;
            if std::mem::take(&mut self.entries[at].is_used) {
                self.hand += 1;
            } else {
                self.remove(at);
            }
        }
    }

    /// Removes an entry. The last one takes its place.
    fn remove(&mut self, at: usize) {
        let Cache { entries, places, hasher, .. } = self;
        let last = entries.len() - 1;
        let hash = |at: usize| hasher.hash_one(entries[at].key.borrow());
        if let Ok(place) = places.find_entry(hash(at), |place| *place == at) {
            place.remove();
        }
        if let Some(place) = places.find_mut(hash(last), |place| *place == last) {
            *place = at;
        }
        entries.swap_remove(at);
    }

    /// Lets go of everything.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.places.clear();
    }
}

impl<K, T> Index<usize> for Cache<K, T> {
    type Output = T;

    fn index(&self, at: usize) -> &T {
        &self.entries[at].value
    }
}

impl<K, T> IndexMut<usize> for Cache<K, T> {
    fn index_mut(&mut self, at: usize) -> &mut T {
        &mut self.entries[at].value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn every_entry_is_found_by_its_key_until_it_goes(
            steps in proptest::collection::vec((any::<u8>(), proptest::option::of(0usize..20)), 0..300),
        ) {
            let mut cache: Cache<Vec<u8>, u8> = Cache::default();
            let mut added = BTreeMap::new();
            for (key, limit) in steps {
                if cache.find(&[key]).is_none() {
                    added.insert(key, cache.add(vec![key], key));
                }
                if let Some(limit) = limit {
                    let before = added.len();
                    cache.shrink(limit);
                    added.retain(|key, _| cache.contains(&[*key]));
                    prop_assert_eq!(added.len(), before.min(limit));
                }
                for key in added.keys() {
                    let at = cache.find(&[*key]).unwrap();
                    prop_assert_eq!((cache[at], cache.key(at)), (*key, &vec![*key]));
                }
            }
        }
    }

    #[test]
    fn what_is_asked_for_stays_longer_than_what_is_not() {
        let mut cache: Cache<Vec<u8>, ()> = Cache::default();
        for key in 0..100 {
            cache.add(vec![key], ());
            assert!(cache.find(&[0]).is_some(), "{key}");
            cache.shrink(3);
        }
    }
}
