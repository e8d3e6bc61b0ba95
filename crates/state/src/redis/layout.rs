//! Where a shard's state lies: names of keys and fields.
//!
//! | key | holds |
//! |---|---|
//! | `{nsm:SHARD}:h` | the header: fields `f` (the fence's text), `d` (`1` while a commit is under way or broke off), `b` (the header's bytes) |
//! | `{nsm:SHARD}:INC:c` | counters of incarnation INC: field `METRIC:WINDOW`, as in `0:28d` |
//! | `{nsm:SHARD}:INC:e:BUCKET` | records of incarnation INC: field = the entity key's bytes |
//!
//! All keys of a shard share a hash tag, and so one slot of a cluster.

use crate::port::CounterKey;
use activity::{EntityKey, Incarnation, MetricIndex, Shard};
use xxhash_rust::xxh3::xxh3_64;

/// Into how many hashes the records of an incarnation are spread: bucket = xxh3 of the key's bytes modulo this.
///
/// Redis keeps a hash as one compact listpack up to `hash-max-listpack-entries` fields (128 unless set higher), at a
/// third of the bytes of a hash table. With 1,024 buckets that holds up to about 100,000 entities a shard; beyond that
/// raise the setting with the number of entities, to 512 for 400,000 a shard. Part of the stored format: it cannot change
/// without a new [`activity::fence::FORMAT`].
pub(super) const BUCKETS: u16 = 1024;

pub(super) fn header(shard: Shard) -> String {
    format!("{{nsm:{shard}}}:h")
}

pub(super) fn counters(shard: Shard, incarnation: Incarnation) -> String {
    format!("{{nsm:{shard}}}:{incarnation}:c")
}

pub(super) fn bucket(shard: Shard, incarnation: Incarnation, bucket: u16) -> String {
    format!("{{nsm:{shard}}}:{incarnation}:e:{bucket}")
}

/// The header's key, then every key that an incarnation may have: its counters, then its buckets in order.
pub(super) fn every_key(shard: Shard, incarnation: Incarnation) -> Vec<String> {
    let buckets = (0..BUCKETS).map(|number| bucket(shard, incarnation, number));
    [header(shard), counters(shard, incarnation)].into_iter().chain(buckets).collect()
}

pub(super) fn bucket_of(key: &EntityKey) -> u16 {
    let bucket = xxh3_64(key.as_bytes()) % u64::from(BUCKETS);
    u16::try_from(bucket).expect("a remainder of a u16 fits in a u16")
}

pub(super) fn counter_field(key: CounterKey) -> String {
    format!("{}:{}", key.metric.0, key.window)
}

pub(super) fn parse_counter_field(field: &[u8]) -> Option<CounterKey> {
    let (metric, window) = std::str::from_utf8(field).ok()?.split_once(':')?;
    Some(CounterKey { metric: MetricIndex(metric.parse().ok()?), window: window.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity::EntityKind;

    /// These names are the stored format: another release has to find what this one wrote.
    #[test]
    fn names_are_the_stored_format() {
        let (shard, incarnation) = (Shard(3), Incarnation(7));
        let keys = every_key(shard, incarnation);
        assert_eq!(keys[..3], ["{nsm:3}:h", "{nsm:3}:7:c", "{nsm:3}:7:e:0"]);
        assert_eq!(keys.len(), 1026);
        assert_eq!(keys[1025], "{nsm:3}:7:e:1023");
        assert_eq!(bucket_of(&EntityKey::of(EntityKind(0), &["ada"])), 799);
    }

    #[test]
    fn counter_field_reads_back() {
        let key = CounterKey { metric: MetricIndex(12), window: activity::Window::days(28) };
        assert_eq!(counter_field(key), "12:28d");
        assert_eq!(parse_counter_field(b"12:28d"), Some(key));
        for field in [&b"12"[..], b"12:", b"12:28", b"12:28d:1", b"12:d", b"70000:1d", b"\xff:1d"] {
            assert_eq!(parse_counter_field(field), None);
        }
    }
}
