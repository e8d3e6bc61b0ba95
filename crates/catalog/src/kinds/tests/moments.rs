//! Kinds of what people do, one after the other and in how many ways, against brute force.

use super::marks::{DAYS, HOUR, contributes, day};
use super::{plan, plan_with};
use activity::marks::Keep;
use proptest::prelude::*;
use std::collections::BTreeSet;

proptest! {
    #[test]
    fn different_values_of_the_window_agree_with_brute_force(
        said in proptest::collection::btree_set((0i64..80, 1i64..7), 0..40), count in 1usize..7, length in 1i32..40, floor in 0i32..60,
    ) {
        let plan = plan_with(
            "dimensions: { feature: { from: properties.feature, limit: 10 } }",
            &format!(
                "type: simple, windows: [{length}d], \
                 measure: {{ agg: count_distinct, entity: user, events: any, at_least: {{ values: {count}, of: feature }} }}"
            ),
        );
        let at_midnight = said.iter().map(|(day, value)| (day * 24, *value)).collect();
        let told = &contributes(&plan, &at_midnight, Keep::None, floor)["users"];
        for as_of in floor + length - 1..DAYS {
            let is_covered = |day: i64| (as_of - length + 1..=as_of).contains(&i32::try_from(day).unwrap());
            let values: BTreeSet<i64> = said.iter().filter(|(day, _)| is_covered(*day)).map(|(_, value)| *value).collect();
            prop_assert_eq!(told[usize::try_from(as_of).unwrap()], i128::from(values.len() >= count), "as of {}", as_of);
        }
    }

    #[test]
    fn sessions_agree_with_brute_force(
        hours in proptest::collection::btree_set(0i64..80 * 24, 0..60), gap in 1i64..24, length in 1i32..20, floor in 0i32..60,
    ) {
        let plan = plan(&format!("type: sessions, entity: user, events: any, gap: {gap}h, windows: [{length}d]"));
        let happened = hours.iter().map(|hour| (*hour, 0)).collect();
        let told = contributes(&plan, &happened, Keep::Joined, floor);
        let (begins, lasts) = (|hour: &i64| hours.range(hour - gap..*hour).next().is_none(), |hour: &i64| {
            // The hour until the next full one is of a session if an event before it and one after it are.
            let (before, after) = (hours.range(..=hour).next_back(), hours.range(hour + 1..).next());
            before.zip(after).is_some_and(|(before, after)| after - before <= gap)
        });
        for as_of in floor + length..DAYS {
            let is_covered = |hour: i64| (as_of - length + 1..=as_of).contains(&day(hour));
            let begun = hours.iter().filter(|hour| is_covered(**hour) && begins(hour)).count();
            let passed = (0..i64::from(DAYS) * 24).filter(|hour| is_covered(*hour) && lasts(hour)).count();
            let value = |name: &str| told[name][usize::try_from(as_of).unwrap()];
            prop_assert_eq!(value("users"), i128::try_from(begun).unwrap(), "as of {}", as_of);
            prop_assert_eq!(value("users_seconds"), i128::try_from(passed).unwrap() * i128::from(HOUR), "as of {}", as_of);
        }
    }
}
