//! A set of buckets as bits.

use crate::types::Bucket;
use crate::varint;
use smallvec::SmallVec;

/// A set of buckets of any width: one bit a bucket from the first to the last word that holds one.
///
/// Invariant: the words' first bucket is a multiple of 64, and neither the first nor the last word is zero; so equal sets
/// are equal masks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mask {
    /// The word number of the first word: its buckets start at 64 times that.
    start: i32,
    /// Two, of 128 days, take no more room than a pointer to many.
    words: SmallVec<[u64; 2]>,
}

const BITS: i32 = 64;

fn place(bucket: Bucket) -> (i32, u64) {
    (bucket.0.div_euclid(BITS), 1 << bucket.0.rem_euclid(BITS))
}

impl Mask {
    /// Whether the bucket is in the set.
    #[must_use]
    pub fn contains(&self, bucket: Bucket) -> bool {
        let (word, bit) = place(bucket);
        let at = usize::try_from(i64::from(word) - i64::from(self.start));
        at.ok().and_then(|at| self.words.get(at)).is_some_and(|word| word & bit != 0)
    }

    /// Puts the bucket into the set; `true` if it was not there.
    pub fn insert(&mut self, bucket: Bucket) -> bool {
        let (word, bit) = place(bucket);
        if self.words.is_empty() {
            self.start = word;
        }
        if word < self.start {
            let missing = usize::try_from(i64::from(self.start) - i64::from(word)).expect("positive");
            self.words.insert_many(0, std::iter::repeat_n(0, missing));
            self.start = word;
        }
        let at = usize::try_from(i64::from(word) - i64::from(self.start)).expect("the word is not before the start");
        if at >= self.words.len() {
            self.words.resize(at + 1, 0);
        }
        let is_new = self.words[at] & bit == 0;
        self.words[at] |= bit;
        is_new
    }

    /// Takes every bucket below `floor` out of the set.
    pub fn trim(&mut self, floor: Bucket) {
        let (word, bit) = place(floor);
        if self.start > word {
            return;
        }
        let below = usize::try_from(i64::from(word) - i64::from(self.start)).unwrap_or(0).min(self.words.len());
        self.words.drain(..below);
        self.start = self.start.max(word);
        if self.start == word
            && let Some(first) = self.words.first_mut()
        {
            *first &= !(bit - 1);
        }
        let zeros = self.words.iter().take_while(|word| **word == 0).count();
        self.words.drain(..zeros);
        self.start = match self.words.is_empty() {
            true => 0,
            false => self.start.saturating_add(i32::try_from(zeros).expect("fewer words than an i32 counts")),
        };
    }

    /// How many bytes the set takes when stored, at most.
    pub(crate) fn size(&self) -> usize {
        8 + 8 * self.words.len()
    }

    /// Whether no bucket is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The runs of buckets that follow one another without a gap, each as its first and last bucket, ascending.
    pub fn runs(&self) -> impl Iterator<Item = (Bucket, Bucket)> {
        let end = self.words.len() * 64;
        let mut at = 0;
        std::iter::from_fn(move || {
            let first = self.seek(at, end, |word| word)?;
            at = self.seek(first, end, |word| !word).unwrap_or(end);
            Some((self.bucket(first), self.bucket(at - 1)))
        })
    }

    /// The buckets of the set, ascending.
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> {
        self.runs().flat_map(|(first, last)| (first.0..=last.0).map(Bucket))
    }

    /// The first bit at or after `from` that is set in the words as `of` sees them.
    fn seek(&self, from: usize, end: usize, of: impl Fn(u64) -> u64) -> Option<usize> {
        let mut at = from;
        while at < end {
            let rest = of(self.words[at / 64]) >> (at % 64);
            if rest != 0 {
                return Some(at + rest.trailing_zeros() as usize);
            }
            at = (at / 64 + 1) * 64;
        }
        None
    }

    /// The nearest buckets of the set below and above `bucket`, whether or not it is in the set itself.
    #[must_use]
    pub fn around(&self, bucket: Bucket) -> (Option<Bucket>, Option<Bucket>) {
        let end = self.words.len() * 64;
        let at = i64::from(bucket.0) - i64::from(self.start) * i64::from(BITS);
        let below = usize::try_from(at).ok().and_then(|at| self.seek_back(at.min(end)));
        let above = self.seek(usize::try_from(at + 1).unwrap_or(0), end, |word| word);
        (below.map(|bit| self.bucket(bit)), above.map(|bit| self.bucket(bit)))
    }

    /// The last bit before `until` that is set.
    fn seek_back(&self, until: usize) -> Option<usize> {
        let mut until = until;
        while let Some(at) = until.checked_sub(1) {
            let rest = self.words[at / 64] << (63 - at % 64);
            if rest != 0 {
                return Some(at - rest.leading_zeros() as usize);
            }
            until = at / 64 * 64;
        }
        None
    }

    fn bucket(&self, bit: usize) -> Bucket {
        let bit = i64::try_from(bit).expect("a mask is shorter than an i64 counts");
        let bucket = i64::from(self.start) * i64::from(BITS) + bit;
        Bucket(i32::try_from(bucket).expect("a bucket of the set is a bucket"))
    }

    /// Appends the set: its first bucket, the count of bytes, and the bits from that bucket on, least significant first.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let Some((first, last)) = self.words.first().zip(self.words.last()) else {
            varint::put_signed(0, out);
            return varint::put(0, out);
        };
        let (shift, end) = (first.trailing_zeros(), self.words.len() * 64 - last.leading_zeros() as usize);
        varint::put_signed(i64::from(self.bucket(shift as usize).0), out);
        let mut bytes = (end - shift as usize).div_ceil(8);
        varint::put(bytes as u64, out);
        for (at, word) in self.words.iter().enumerate() {
            let above = self.words.get(at + 1).filter(|_| shift > 0).map_or(0, |next| next << (64 - shift));
            let used = bytes.min(8);
            out.extend_from_slice(&(word >> shift | above).to_le_bytes()[..used]);
            bytes -= used;
        }
    }

    /// Takes a set off the front; `None` if the bytes are not one.
    pub(crate) fn take(bytes: &[u8]) -> Option<(Mask, &[u8])> {
        let (first, rest) = varint::take_signed::<i64>(bytes)?;
        let (count, rest) = varint::take(rest)?;
        let (bits, rest) = rest.split_at_checked(usize::try_from(count).ok()?)?;
        let mut mask = Mask::default();
        for (at, byte) in bits.iter().enumerate() {
            for bit in (0..8).filter(|bit| byte >> bit & 1 == 1) {
                let bucket = first.checked_add(i64::try_from(at * 8 + bit).ok()?)?;
                mask.insert(Bucket(i32::try_from(bucket).ok()?));
            }
        }
        Some((mask, rest))
    }
}

impl FromIterator<Bucket> for Mask {
    fn from_iter<I: IntoIterator<Item = Bucket>>(buckets: I) -> Mask {
        let mut mask = Mask::default();
        for bucket in buckets {
            mask.insert(bucket);
        }
        mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn buckets() -> impl Strategy<Value = BTreeSet<i32>> {
        proptest::collection::btree_set(-300..300, 0..60)
    }

    fn mask(set: &BTreeSet<i32>) -> Mask {
        set.iter().map(|bucket| Bucket(*bucket)).collect()
    }

    proptest! {
        #[test]
        fn mask_is_the_set_of_its_buckets(set in buckets(), floor in -310..310) {
            let mut mask = mask(&set);
            for bucket in -310..310 {
                prop_assert_eq!(mask.contains(Bucket(bucket)), set.contains(&bucket));
            }
            let listed: Vec<i32> = mask.runs().flat_map(|(first, last)| first.0..=last.0).collect();
            prop_assert_eq!(listed, set.iter().copied().collect::<Vec<_>>());
            mask.trim(Bucket(floor));
            let kept: Mask = set.iter().filter(|bucket| **bucket >= floor).map(|bucket| Bucket(*bucket)).collect();
            prop_assert_eq!(mask, kept);
        }

        #[test]
        fn runs_never_touch(set in buckets()) {
            let mask = mask(&set);
            let runs: Vec<_> = mask.runs().collect();
            prop_assert!(runs.windows(2).all(|pair| pair[0].1.plus(1) < pair[1].0));
        }

        #[test]
        fn mask_reads_back(set in buckets()) {
            let mut bytes = Vec::new();
            mask(&set).encode(&mut bytes);
            prop_assert_eq!(Mask::take(&bytes), Some((mask(&set), &[][..])));
        }

        #[test]
        fn neighbours_are_the_nearest_of_the_set(set in buckets(), bucket in -310..310) {
            let below = set.range(..bucket).next_back().map(|bucket| Bucket(*bucket));
            let above = set.range(bucket + 1..).next().map(|bucket| Bucket(*bucket));
            prop_assert_eq!(mask(&set).around(Bucket(bucket)), (below, above));
        }

        #[test]
        fn insertion_tells_what_is_new(set in buckets(), bucket in -300..300) {
            prop_assert_eq!(mask(&set).insert(Bucket(bucket)), !set.contains(&bucket));
        }
    }
}
