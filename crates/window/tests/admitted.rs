//! What numbers of admitted values mean: a shard is told, keeps it, and stops where it is told otherwise.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod support;

use activity::admission::Admitted;
use activity::pack::Pack;
use activity::{DimensionIndex, DimensionValue, Millis};
use support::Single;

const CATALOGUE: &str = "
version: 1
product: test
sources: { usage: { topic: usage, attributes_of: { entity: account, events: [group] } } }
entities: { account: { key: account_id } }
dimensions: { plan: { of: account, values: [trial, team], limit: 9 } }
metrics:
  accounts: { type: simple, measure: { agg: count_distinct, entity: account, events: any }, windows: [7d], by: plan }
";

/// What numbers mean is told by packs, and kept.
#[test]
fn a_shard_keeps_what_numbers_mean_and_stops_if_one_means_something_else() {
    let named = |number, value: &str| Admitted {
        dimension: DimensionIndex(0),
        number: DimensionValue(number),
        value: value.into(),
    };
    let mut shard = Single::new(support::plan(CATALOGUE));
    let clock = Millis(1_750_000_000_000);
    let first = Pack { admitted: vec![named(4, "school"), named(3, "family")], ..shard.pack(clock) };
    shard.apply(&first).unwrap();
    // It repeats positions, so that nothing else of it counts; but its writer may never say it again.
    shard.apply(&Pack { admitted: vec![named(5, "club")], ..first.clone() }).unwrap();
    let again = Pack { admitted: first.admitted.clone(), ..shard.pack(clock) };
    shard.apply(&again).unwrap();
    shard.commit();
    shard.reopen();
    assert_eq!(shard.state.header().admitted, [named(3, "family"), named(4, "school"), named(5, "club")]);
    let pack = shard.pack(clock);
    for other in [named(3, "school"), named(6, "club"), named(3, "firm")] {
        let told = shard.apply(&Pack { admitted: vec![other], ..pack.clone() }).unwrap_err().to_string();
        assert!(told.contains("dimension `plan`") && told.contains("a new `group`"), "{told}");
    }
}
