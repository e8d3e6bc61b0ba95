//! Percentiles, against all values in their order.

use super::plan;
use crate::dimension::Taken;
use crate::{Plan, Slice};
use activity::{Bucket, DimensionValue, MetricIndex, Window};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn median(rest: &str) -> Plan {
    plan(&format!("type: simple, windows: [7d], measure: {{ value: properties.amount, events: any, {rest} }}"))
}

/// What every percentile comes to when these values were counted.
fn told(plan: &Plan, values: &[i64]) -> Vec<Option<f64>> {
    let Some(Taken::Bins(bins)) = plan.dimensions.last().map(|of| &of.taken) else { panic!("there are bins") };
    let mut counted = BTreeMap::<DimensionValue, i128>::new();
    values.iter().for_each(|value| *counted.entry(bins.place(*value)).or_default() += 1);
    let units = |index: MetricIndex, _: Window, _: Bucket| {
        let Some(Slice { value, .. }) = plan.slice(index) else { panic!("a bin") };
        Some(counted.get(&value).copied().unwrap_or(0))
    };
    let evaluate = |formula| plan.evaluate(formula, None, Window::days(7), Bucket(0), &units);
    plan.formulas.iter().map(evaluate).collect()
}

proptest! {
    #[test]
    fn percentiles_are_off_by_no_more_than_they_say(
        mut values in proptest::collection::vec(prop_oneof![0i64..200, 0i64..1_000_000, 99_000_000i64..100_000_000], 1..60),
        error in 6i64..=100, percent in 1usize..=99,
    ) {
        let plan = median(&format!(
            "agg: percentile, percentiles: [{percent}], up_to: 1000000, decimals: 2, error: {:.3}",
            f64::from(i32::try_from(error).unwrap()) / 1e3
        ));
        let told = told(&plan, &values)[0].expect("there are values");
        values.sort_unstable();
        let exact = values[(values.len() * percent).div_ceil(100) - 1];
        let exact = f64::from(i32::try_from(exact).unwrap()) / 100.0;
        let most = exact * f64::from(i32::try_from(error).unwrap()) / 1e3;
        prop_assert!((told - exact).abs() <= most * (1.0 + 1e-9), "{} is told as {}", exact, told);
    }
}

#[test]
fn nothing_is_told_of_what_is_not_told_apart() {
    let plan = median("agg: median, up_to: 1000");
    assert_eq!(plan.formulas[0].label, None);
    for (values, expected) in [
        (&[][..], None),
        (&[-1, 5, 7], Some(5.0)),
        (&[-1, -2, 7], None),
        (&[3, 7, 1_000_000], Some(7.0)),
        (&[3, 1_000_000, 1_000_000], None),
        (&[0], Some(0.0)),
    ] {
        assert_eq!(told(&plan, values), [expected], "{values:?}");
    }
}
