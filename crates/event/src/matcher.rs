//! Which metrics want an event.

use crate::admitted::{Short, Undecided, Values};
use crate::amount::Amount;
use crate::keys::{Field, origin};
use crate::slots::Trie;
use crate::touches::At;
use crate::value::Value;
use activity::{DimensionIndex, DimensionValue, EntityKind, MetricIndex};
use catalog::{Asks, Bins, By, Condition, Dimension, Fields, Literal, Marks, Measure, Metric, Path, Plan, Said, Taken};
use hashbrown::HashMap;
use smallvec::SmallVec;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The metrics by event name, so that an event meets only those that may want it.
#[derive(Debug)]
pub(crate) struct Matcher {
    by_name: HashMap<Box<str>, Candidates>,
    /// Those for an event whose name no metric has.
    of_any_name: Candidates,
    /// By metric.
    conditions: Vec<Vec<Test>>,
    /// By dimension; `None` for one whose value no event says, or no metric asks for.
    dimensions: Vec<Option<SaidBy>>,
    /// By metric: what it is sliced by at the event.
    slicers: Vec<Vec<By>>,
    /// By rule: what holds of excluded traffic.
    rules: Vec<Vec<Test>>,
    /// By metric: the rules whose traffic it counts all the same, as bits.
    included: Vec<u64>,
}

/// How an event says the value of a dimension.
#[derive(Debug)]
enum SaidBy {
    /// As it stands in a slot.
    Slot(usize),
    /// As a number that lies in a bin.
    Bins(Amount, Bins),
}

/// The metrics that may want an event, by what they count; each list ascends.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    /// Those that count distinct entities, by ascending entity.
    pub(crate) distinct: BTreeMap<EntityKind, Vec<MetricIndex>>,
    /// Those that count events or add up a value of them, by the entity whose attributes their slices follow.
    pub(crate) additive: BTreeMap<Option<EntityKind>, Additive>,
    /// Those that keep what happens to entities, by ascending entity and by the time that is kept.
    pub(crate) marked: BTreeMap<(EntityKind, At), Vec<MetricIndex>>,
}

/// The metrics that may want an event itself; each list ascends.
#[derive(Debug, Default)]
pub(crate) struct Additive {
    /// Those that count events.
    pub(crate) counts: Vec<MetricIndex>,
    /// Those that add up a value of events.
    pub(crate) sums: Vec<MetricIndex>,
}

/// One event, and what was found out about it, each thing once.
#[derive(Debug)]
pub(crate) struct Facts<'e> {
    slots: &'e [Value<'e>],
    /// The rules that exclude it, as bits.
    pub(crate) excluding: u64,
    /// The values of the dimensions that were asked for. More than 16 would live on the heap.
    values: RefCell<SmallVec<[(DimensionIndex, DimensionValue); 16]>>,
    known: &'e Values,
    /// Values that were asked for and have no number yet.
    undecided: RefCell<Vec<Undecided>>,
    /// Where a number is written as text.
    digits: RefCell<String>,
}

#[derive(Debug)]
struct Test {
    slot: usize,
    asks: Asked,
}

/// [`Asks`], with the field of this source.
#[derive(Debug)]
enum Asked {
    OneOf(Vec<Literal>),
    Domain(Vec<Literal>),
    Key { field: Field, is_same: bool },
}

impl Matcher {
    /// The matcher of the plan's metrics, for records of these fields.
    pub(crate) fn new(plan: &Plan, trie: &Trie, fields: &Fields) -> Matcher {
        let path_of = |property: &Path| [fields.properties.as_slice(), property].concat();
        let metrics = &plan.metrics;
        let names = metrics.iter().flat_map(|metric| metric.events.iter().flatten());
        let by_name = names.map(|name| (name.as_str().into(), candidates(plan, Some(name)))).collect();
        let slot = |property: &Path| trie.slot(&path_of(property)).expect("the trie was made of every property's path");
        let test = |condition: &Condition| Test {
            slot: slot(&condition.property),
            asks: match condition.asks.clone() {
                Asks::OneOf(values) => Asked::OneOf(values),
                Asks::Domain(domains) => Asked::Domain(domains),
                Asks::Key { name, is_same } => {
                    Asked::Key { field: Field::new(&name, origin(fields, &name), trie), is_same }
                }
            },
        };
        let said = |dimension: &Dimension| match &dimension.taken {
            Taken::Event(property) => trie.slot(&path_of(property)).map(SaidBy::Slot),
            Taken::Bins(bins) => {
                let amount = Amount::new(&bins.value, path_of(&bins.value), bins.decimals, trie);
                Some(SaidBy::Bins(amount, bins.clone()))
            }
            Taken::Attribute { .. } | Taken::Excluded => None,
        };
        let dimensions: Vec<Option<SaidBy>> = plan.dimensions.iter().map(said).collect();
        let is_said = |by: &By| dimensions[usize::from(by.dimension.0)].is_some();
        let slicers = metrics.iter().map(|metric| metric.by.iter().copied().filter(is_said).collect()).collect();
        let conditions = metrics.iter().map(|metric| metric.conditions.iter().map(test).collect()).collect();
        let rules = plan.exclude.iter().map(|rule| rule.conditions.iter().map(test).collect()).collect();
        let bits = |metric: &Metric| metric.include.iter().map(|rule| 1 << rule).sum();
        let included = metrics.iter().map(bits).collect();
        Matcher { by_name, of_any_name: candidates(plan, None), conditions, dimensions, slicers, rules, included }
    }

    /// What may want an event of this name.
    pub(crate) fn candidates(&self, event: &str) -> &Candidates {
        self.by_name.get(event).unwrap_or(&self.of_any_name)
    }

    /// The event of these slots, by what is known of values.
    /// `digits` is where numbers may be written as text.
    pub(crate) fn facts<'e>(&self, slots: &'e [Value<'e>], known: &'e Values, digits: String) -> Facts<'e> {
        // A rule without tests is one by attributes, which window knows.
        let all_hold = |tests: &[Test]| !tests.is_empty() && tests.iter().all(|test| test.holds(slots));
        let holds = |(at, tests): (usize, &Vec<Test>)| u64::from(all_hold(tests)) << at;
        let excluding = self.rules.iter().enumerate().map(holds).sum();
        Facts {
            slots,
            excluding,
            values: RefCell::default(),
            known,
            undecided: RefCell::default(),
            digits: digits.into(),
        }
    }

    /// The candidates that do want the event, and then their slices that do, ascending.
    pub(crate) fn wanting(&self, candidates: &[MetricIndex], facts: &Facts<'_>) -> impl Iterator<Item = MetricIndex> {
        let wants = |metric: &MetricIndex| {
            let at = usize::from(metric.0);
            facts.excluding & !self.included[at] == 0 && self.conditions[at].iter().all(|test| test.holds(facts.slots))
        };
        let slicers = |metric: MetricIndex| &self.slicers[usize::from(metric.0)];
        let sliced = candidates.iter().copied().filter(move |metric| !slicers(*metric).is_empty() && wants(metric));
        let slices =
            sliced.flat_map(move |metric| slicers(metric).iter().map(|by| by.slice(self.value(by.dimension, facts))));
        candidates.iter().copied().filter(wants).chain(slices)
    }

    /// The value that an event says of a dimension, worked out when it is first asked for. Here, and nowhere else, what a record
    /// says becomes a value at event.
    pub(crate) fn value(&self, dimension: DimensionIndex, facts: &Facts<'_>) -> DimensionValue {
        let mut values = facts.values.borrow_mut();
        if let Some((_, value)) = values.iter().find(|(of, _)| *of == dimension) {
            return *value;
        }
        let value = match self.dimensions[usize::from(dimension.0)].as_ref().expect("slicers are by what events say") {
            SaidBy::Slot(slot) => {
                let said = &facts.slots[*slot];
                facts.known.find(dimension, said).unwrap_or_else(|| {
                    facts.undecided.borrow_mut().push(Values::undecided(dimension, said));
                    DimensionValue::NONE
                })
            }
            // An event without a number is rejected by the metric that adds these up.
            SaidBy::Bins(amount, bins) => {
                let number = amount.read(facts.slots, &mut facts.digits.borrow_mut());
                number.map_or(DimensionValue::NONE, |number| bins.place(number))
            }
        };
        values.push((dimension, value));
        value
    }
}

impl Facts<'_> {
    /// The values that were asked for and have no number yet: before they do, what was found out is not true. And where
    /// numbers were written.
    pub(crate) fn undecided(self) -> (Vec<Undecided>, String) {
        (self.undecided.into_inner(), self.digits.into_inner())
    }
}

impl Test {
    fn holds(&self, slots: &[Value<'_>]) -> bool {
        match (&self.asks, &slots[self.slot]) {
            (Asked::OneOf(values), value) => values.iter().any(|literal| value.is(literal)),
            (Asked::Domain(domains), Value::Text(email)) => email.rsplit_once('@').is_some_and(|(_, domain)| {
                let is = |of: &Literal| matches!(of, Literal::Text(text) if text.eq_ignore_ascii_case(domain));
                domains.iter().any(is)
            }),
            (Asked::Domain(_), _) => false,
            (Asked::Key { field, is_same }, value) => same_id(value, field.value(slots)) == Some(*is_same),
        }
    }
}

/// Whether two values are the same id; a number is the same as its digits. `None` if one of them is none.
fn same_id(one: &Value<'_>, other: &Value<'_>) -> Option<bool> {
    match (one, other) {
        (Value::Text(one), Value::Text(other)) => (!one.is_empty() && !other.is_empty()).then(|| one == other),
        (Value::Integer(one), Value::Integer(other)) => Some(one == other),
        (Value::Text(text), number @ Value::Integer(_)) | (number @ Value::Integer(_), Value::Text(text)) => {
            (!text.is_empty()).then(|| number.label(&mut Short::default()) == Some(text.as_ref()))
        }
        _ => None,
    }
}

fn candidates(plan: &Plan, event: Option<&String>) -> Candidates {
    let mut candidates = Candidates::default();
    for (metric, index) in plan.metrics.iter().zip(0..) {
        if !plan.is_recorded(MetricIndex(index)) {
            continue;
        }
        let wanted = metric.events.as_ref().is_none_or(|names| event.is_some_and(|event| names.contains(event)));
        if !wanted {
            continue;
        }
        let owner = plan.owner(metric);
        let of_its_kind = match metric.measure {
            Measure::Distinct(entity) => candidates.distinct.entry(entity).or_default(),
            Measure::Count => &mut candidates.additive.entry(owner).or_default().counts,
            Measure::Events(entity) => &mut candidates.additive.entry(Some(entity)).or_default().counts,
            Measure::Sum { .. } => &mut candidates.additive.entry(owner).or_default().sums,
            Measure::Marks(Marks { entity, ref said, .. }) => {
                let at = if matches!(said, Said::Label(_)) { At::Day } else { At::Moment };
                candidates.marked.entry((entity, at)).or_default()
            }
        };
        of_its_kind.push(MetricIndex(index));
    }
    candidates
}
