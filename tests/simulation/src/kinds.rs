//! What an entity counts for in metrics of every kind, by looking at all buckets in which it was active.

use activity::{Bucket, Window};
use catalog::Metric;
use std::collections::BTreeSet;

/// Whether it counts in the window up to `as_of`: for the metric itself, or for one that its type makes.
pub(crate) fn counts(metric: &Metric, buckets: &BTreeSet<Bucket>, window: Window, as_of: Bucket) -> bool {
    let length = i32::from(window.longest());
    let of = |as_of: Bucket| buckets.range(as_of.plus(1 - length)..=as_of).count();
    let (now, before) = (of(as_of) > 0, of(as_of.plus(-length)) > 0);
    let earlier = buckets.range(..=as_of.plus(-length)).next().is_some();
    match metric.name.as_str() {
        "comings_new" => now && !earlier,
        "comings_retained" => now && before,
        "comings_resurrected" => now && !before && earlier,
        "comings_lapsed" => !now && before,
        "regulars" => of(as_of) >= 2,
        _ => metric.label().map_or(now, |(_, days)| of(as_of).to_string() == days),
    }
}

/// How many buckets after the last one that it covers a window may still tell something.
pub(crate) fn echoes(window: Window) -> i32 {
    2 * i32::from(window.longest())
}
