//! Where in a record that lies which metrics ask of events.

use crate::keys::origin;
use catalog::{Asks, Condition, Fields, Marks, Measure, Metric, Origin, Path, Plan, Said, Taken};

/// The paths of what conditions, values and dimensions ask, and the fields of keys with which conditions compare.
pub(super) fn of_events<'p>(plan: &'p Plan, fields: &'p Fields) -> (Vec<Path>, Vec<&'p Origin>) {
    let path_of = |property: &Path| [fields.properties.as_slice(), property].concat();
    let excluded = plan.exclude.iter().flat_map(|rule| &rule.conditions);
    let conditions = plan.metrics.iter().flat_map(|metric| &metric.conditions).chain(excluded);
    let conditions: Vec<&Condition> = conditions.collect();
    let compared = conditions.iter().filter_map(|condition| match &condition.asks {
        Asks::Key { name, .. } => Some(origin(fields, name)),
        Asks::OneOf(_) | Asks::Domain(_) => None,
    });
    let compared = compared.collect();
    let mut paths: Vec<Path> = conditions.iter().map(|condition| path_of(&condition.property)).collect();
    paths.extend(plan.metrics.iter().filter_map(Metric::value).map(|(value, _)| path_of(value)));
    let labels = plan.metrics.iter().filter_map(|metric| match metric.measure {
        Measure::Marks(Marks { said: Said::Label(of), .. }) => Some(of),
        _ => None,
    });
    let slicing = plan.metrics.iter().flat_map(|metric| &metric.by).map(|by| by.dimension);
    let dimensions = slicing.chain(labels).map(|of| plan.dimension(of));
    paths.extend(dimensions.filter_map(|dimension| match &dimension.taken {
        Taken::Event(property) => Some(path_of(property)),
        Taken::Bins(bins) => Some(path_of(&bins.value)),
        Taken::Attribute { .. } | Taken::Excluded => None,
    }));
    (paths, compared)
}
