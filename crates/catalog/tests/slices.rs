//! Dimensions, attributes, and the slices that are made of them.

use activity::admission::Admitted;
use activity::{DimensionIndex, DimensionValue, EntityKind, MetricIndex};
use catalog::{Names, Plan, parse};

fn plan(text: &str) -> Plan {
    parse(text).unwrap_or_else(|mistakes| panic!("{}", mistakes.render("catalogue.yaml", text)))
}

const SLICED: &str = "
version: 1
product: commissions
sources:
  usage: { topic: usage, attributes_of: { entity: account, events: [group], path: traits } }
  crm: { topic: crm, attributes_of: account }
entities: { account: { key: account_id } }
dimensions:
  plan: { of: account, values: [trial, 2, true] }
  tier: { of: account, from: plan.tier, values: [a], as_of: current }
  surface: { from: properties.surface, values: [web] }
  segment: { of: account, as_of: event, values: [smb] }
metrics:
  plays: { type: simple, measure: { agg: count, events: any }, windows: [7d], by: surface }
  accounts:
    type: simple
    measure: { agg: count_distinct, entity: account, events: any }
    windows: [7d]
    by: [tier, plan, segment]
";

#[test]
fn slices_are_numbered_behind_the_metrics_by_dimension_and_value() {
    let plan = plan(SLICED);
    assert_eq!(plan.metrics.len() + plan.slices.len(), 2 + 3 + (3 + 5 + 3));
    let label = |index| {
        let slice = plan.slice(MetricIndex(index)).unwrap();
        let dimension = plan.dimension(slice.dimension);
        let names = Names::default();
        let value = plan.label(&names, slice.dimension, slice.value).unwrap();
        format!("{}/{}={value}", plan.metric(MetricIndex(index)).name, dimension.name)
    };
    let labels: Vec<String> = (2..16).map(label).collect();
    assert_eq!(
        labels[..6],
        [
            "plays/surface=__none__",
            "plays/surface=web",
            "plays/surface=__other__",
            "accounts/tier=__none__",
            "accounts/tier=a",
            "accounts/tier=__other__"
        ]
    );
    assert_eq!(
        labels[6..11],
        [
            "accounts/plan=__none__",
            "accounts/plan=trial",
            "accounts/plan=2",
            "accounts/plan=true",
            "accounts/plan=__other__"
        ]
    );
    assert_eq!(labels[11], "accounts/segment=__none__");
    let by = plan.metrics[1].by[1];
    assert_eq!(plan.slice(by.slice(DimensionValue(2))).unwrap().value, DimensionValue(2));
    assert_eq!(plan.dimensions[3].taken, catalog::Taken::Event(vec!["segment".into()]));
    let attributes = plan.sources[0].attributes.as_ref().unwrap();
    assert_eq!(
        (attributes.object.as_slice(), attributes.events.as_deref()),
        (&["traits".to_owned()][..], Some(&["group".to_owned()][..]))
    );
    assert_eq!(plan.sources[1].attributes.as_ref().unwrap().events, None);
}

#[test]
fn what_slices_mean_belongs_to_the_version() {
    let version = |text: &str| plan(text).version;
    for (from, to) in [
        ("as_of: current", "as_of: bucket"),
        ("[trial, 2, true]", "[2, trial, true]"),
        ("from: plan.tier, ", ""),
        ("by: [tier, plan, segment]", "by: [tier, plan]"),
        ("properties.surface", "properties.app"),
        ("values: [web]", "values: [web], limit: 2"),
        ("values: [web]", "limit: 1"),
    ] {
        assert!(SLICED.contains(from));
        assert_ne!(version(SLICED), version(&SLICED.replace(from, to)), "{from}");
    }
}

#[test]
fn values_that_may_be_admitted_have_slices_from_the_start_and_labels_once_they_are() {
    let plan = plan(&SLICED.replace("values: [web]", "values: [web], limit: 4"));
    assert_eq!(plan.slices.len(), 6 + (3 + 5 + 3));
    let surface = DimensionIndex(2);
    assert_eq!(plan.dimension(surface).admissible().map(|of| of.0).collect::<Vec<_>>(), [2, 3, 4]);
    assert!(plan.admits());
    let words = plan.words(&plan.metrics[0]).counts;
    assert!(words.ends_with("It is sliced by surface (at most 4 values)."), "{words}");
    let labels = |names: &Names| {
        let labels = plan.labels(names, surface).map(|(value, label)| (value.0, label.into_owned()));
        labels.collect::<Vec<_>>()
    };
    let named =
        |labels: &[(u16, &str)]| labels.iter().map(|(of, label)| (*of, (*label).to_owned())).collect::<Vec<_>>();
    assert_eq!(labels(&Names::default()), named(&[(0, "__none__"), (1, "web"), (5, "__other__")]));
    let admitted = |dimension, number, value: &str| Admitted {
        dimension: DimensionIndex(dimension),
        number: DimensionValue(number),
        value: value.into(),
    };
    let names = [admitted(2, 3, "app"), admitted(1, 2, "of another")];
    assert_eq!(labels(&names.iter().collect()), named(&[(0, "__none__"), (1, "web"), (3, "app"), (5, "__other__")]));
}

#[test]
fn a_dimension_of_declared_values_alone_admits_none() {
    assert!(!plan(SLICED).admits());
}

#[test]
fn events_follow_the_entity_whose_attributes_slice_them() {
    let owned = plan(&SLICED.replace("by: surface", "by: [surface, plan, tier]"));
    assert_eq!(owned.owner(&owned.metrics[0]), Some(EntityKind(0)));
    assert_eq!(owned.owner(&owned.metrics[1]), None, "accounts are counted themselves");
    let counts = owned.words(&owned.metrics[0]).counts;
    assert_eq!(
        counts,
        "Every event counts, each event_id once for its account. It is sliced by surface, its account's plan and its \
         account's tier."
    );
    // A track is its number and 15 in one varint, a count, and for each bucket that of the one before and what is added.
    let footprint = owned.footprint(MetricIndex(0));
    assert_eq!(footprint.once, Some(1 + 1 + 3 + 1));
    assert_eq!(footprint.always, Some(1 + 2 + (3 + 1) + 2 * (6 + 3 + 1 + 400)));
    let unowned = plan(SLICED);
    assert_eq!(unowned.owner(&unowned.metrics[0]), None, "events say their surface themselves");
    assert_eq!(unowned.footprint(MetricIndex(0)).once, None);
}

const FILTERED: &str = "
version: 1
product: commissions
sources:
  usage: { topic: usage }
  crm: { topic: crm, attributes_of: account }
entities: { account: { key: account_id } }
dimensions:
  plan: { of: account, values: [free, trial, 7] }
  surface: { of: account, as_of: event, values: [web, 1] }
exclude:
  bots: { bot: true }
  free: { account.plan: free }
  trial: { account.plan: [trial, __none__] }
metrics:
  plays: { type: simple, measure: { agg: count, events: any, where: { account.surface: web, long: true } }, windows: [7d], include: free }
  paid:
    type: simple
    measure: { agg: count_distinct, entity: account, events: any, where: { account.plan: [__other__, 7], properties.account.plan: x } }
    windows: [7d]
    by: plan
    include: [free, trial, bots]
";

#[test]
fn a_path_that_names_an_attribute_is_that_and_any_other_a_property() {
    let plan = plan(FILTERED);
    let [plays, paid] = plan.metrics.as_slice() else { panic!("two metrics") };
    let required = |dimension, one_of: &[u16]| catalog::Requirement {
        dimension: activity::DimensionIndex(dimension),
        one_of: one_of.iter().map(|value| DimensionValue(*value)).collect(),
    };
    let properties =
        |metric: &catalog::Metric| metric.conditions.iter().map(|of| of.property.join(".")).collect::<Vec<_>>();
    assert_eq!((properties(plays), &plays.required), (vec!["surface".into(), "long".into()], &vec![]));
    assert_eq!((properties(paid), &paid.required), (vec!["account.plan".into()], &vec![required(0, &[3, 4])]));
    assert_eq!(plan.exclude[2].required, [required(0, &[0, 2])]);
    assert!(plan.exclude[2].conditions.is_empty());
    assert_eq!(plan.owner(plays), Some(EntityKind(0)), "the account's plan says whether a play counts");
    assert_eq!(plan.filtering(plays).collect::<Vec<_>>(), [&required(0, &[0, 2])]);
    assert_eq!(plan.excluded(paid), None, "it includes all rules");
    let by = plan.excluded(plays).unwrap();
    let dimension = plan.dimension(by.dimension);
    let declared = Names::default();
    let labels: Vec<_> = plan.labels(&declared, by.dimension).map(|(_, label)| label.into_owned()).collect();
    assert_eq!((dimension.slices_of("plays"), labels), ("plays_excluded".into(), vec!["free".into(), "trial".into()]));
    assert_eq!(by.slice(DimensionValue(1)), MetricIndex(2), "the first slice of all");
    assert_eq!(plan.values_of(plays, by).collect::<Vec<_>>(), [DimensionValue(2)], "it includes what is free");
    assert_eq!(
        plan.words(paid).counts,
        "Every account with any event where account.plan is \"x\" and account.plan is \"7\" or \"__other__\" counts once; \
         two are the same if account_id is equal. It is sliced by plan."
    );
}

#[test]
fn what_filters_mean_belongs_to_the_version() {
    for (from, to) in [
        ("free: { account.plan: free }", "free: { account.plan: trial }"),
        ("[__other__, 7]", "[__other__]"),
        ("properties.account.plan", "properties.account.plans"),
        ("include: free", "include: trial"),
    ] {
        assert!(FILTERED.contains(from));
        assert_ne!(plan(FILTERED).version, plan(&FILTERED.replace(from, to)).version, "{from}");
    }
}
