//! What there is to say under a catalogue: names of events, properties, attributes. Read from the checked plan, so that any
//! catalogue can be judged; the pipeline reads the same plan, but the oracle reads the catalogue by itself.

use std::collections::BTreeMap;

use crate::say;
use catalog::{Asks, Condition, Dimension, Literal, Marks, Measure, Metric, Path, Plan, Said, Taken};

/// Events that no metric names: those of `any` count them.
const UNNAMED: [&str; 2] = ["noted", "looked_around"];
/// How often events come, against one another: what begins and ends something happens less often than what is counted.
const OFTEN: u32 = 10;
const SELDOM: u32 = 2;
/// How many values are said of a dimension that it does not tell apart.
const UNDECLARED: u16 = 2;

/// Everything that can be said.
pub(crate) struct Vocabulary {
    /// The events, by name.
    pub(crate) events: BTreeMap<String, Word>,
    /// The gaps by which sessions are told apart, in milliseconds.
    pub(crate) gaps: Vec<i64>,
    /// What tells excluded traffic, by rule; nothing of rules that ask attributes.
    pub(crate) rules: Vec<Vec<Condition>>,
    /// By entity: its attributes.
    pub(crate) attributes: Vec<BTreeMap<Path, Values>>,
}

/// What can be said of an event.
#[derive(Clone, Default)]
pub(crate) struct Word {
    /// How often it comes, against others.
    pub(crate) weight: u32,
    /// What its properties may be.
    pub(crate) says: BTreeMap<Path, Values>,
}

/// What a property or an attribute may be.
#[derive(Clone, Default)]
pub(crate) struct Values {
    /// Values that the catalogue tells apart.
    pub(crate) declared: Vec<Literal>,
    /// How many others there are.
    pub(crate) others: u16,
    /// Whether others are told apart as they turn up.
    pub(crate) is_open: bool,
    /// Of which form it has to be if it is a number, as which it is always there.
    pub(crate) number: Option<Number>,
    /// The field of a key with which it is compared.
    pub(crate) like: Option<String>,
}

/// A number that an event has to say.
#[derive(Clone, Copy)]
pub(crate) struct Number {
    /// The most decimals that a metric takes.
    pub(crate) decimals: u8,
    /// The range outside of which some metric rejects it; none if there is no such metric.
    pub(crate) range: Option<(i64, i64)>,
}

impl Vocabulary {
    pub(crate) fn of(plan: &Plan) -> Vocabulary {
        let names = plan.metrics.iter().flat_map(named);
        let told = plan.sources.iter().filter_map(|source| source.attributes.as_ref()?.events.as_ref()).flatten();
        let names = names.chain(told.cloned()).chain(UNNAMED.map(str::to_owned));
        let rules: Vec<Vec<Condition>> = plan.exclude.iter().map(|rule| rule.conditions.clone()).collect();
        let mut events: BTreeMap<String, Word> = names.map(|name| (name, Word::default())).collect();
        for (name, word) in &mut events {
            let wanting: Vec<&Metric> = plan.metrics.iter().filter(|metric| wants(metric, name)).collect();
            let is_seldom = |metric: &&Metric| metric.events.is_some() && matches!(metric.measure, Measure::Marks(_));
            word.weight = if wanting.iter().any(is_seldom) { SELDOM } else { OFTEN };
            wanting.iter().for_each(|metric| word.learn(plan, metric));
            // What tells excluded traffic, people say by who they are.
            word.says.retain(|property, _| !rules.iter().flatten().any(|of| of.property == *property));
        }
        let mut attributes = vec![BTreeMap::<Path, Values>::new(); plan.entities.len()];
        for dimension in &plan.dimensions {
            if let Taken::Attribute { of, path, .. } = &dimension.taken {
                attributes[usize::from(of.0)].entry(path.clone()).or_default().tell_apart(dimension);
            }
        }
        let gap = |metric| match said(metric) {
            Some(Said::Moment { gap_ms }) => Some(*gap_ms),
            _ => None,
        };
        let gaps = plan.metrics.iter().filter_map(gap).collect();
        Vocabulary { events, gaps, rules, attributes }
    }
}

impl Word {
    /// What a metric that wants the event asks of it.
    fn learn(&mut self, plan: &Plan, metric: &Metric) {
        for condition in &metric.conditions {
            let values = self.says.entry(condition.property.clone()).or_default();
            match &condition.asks {
                Asks::OneOf(one_of) => values.declare(one_of),
                Asks::Domain(one_of) => values.declare(&one_of.iter().map(say::address).collect::<Vec<_>>()),
                Asks::Key { name, .. } => values.like = Some(name.clone()),
            }
            values.others = values.others.max(1);
        }
        let told_apart = match said(metric) {
            Some(Said::Label(dimension)) => Some(*dimension),
            _ => None,
        };
        for dimension in metric.by.iter().map(|by| by.dimension).chain(told_apart).map(|of| plan.dimension(of)) {
            if let Taken::Event(path) = &dimension.taken {
                self.says.entry(path.clone()).or_default().tell_apart(dimension);
            }
        }
        if let Some((path, decimals)) = metric.value() {
            let number = &mut self.says.entry(path.clone()).or_default().number;
            let before = number.map_or((decimals, None), |number| (number.decimals.max(decimals), number.range));
            *number = Some(Number { decimals: before.0, range: range(metric).or(before.1) });
        }
    }
}

impl Values {
    fn declare(&mut self, values: &[Literal]) {
        let new: Vec<Literal> = values.iter().filter(|value| !self.declared.contains(value)).cloned().collect();
        self.declared.extend(new);
    }

    fn tell_apart(&mut self, dimension: &Dimension) {
        self.declare(&dimension.values);
        let room = usize::from(dimension.limit).saturating_sub(dimension.values.len());
        self.is_open |= room > 0;
        let others = if room == 0 { UNDECLARED } else { u16::try_from(room).unwrap_or(UNDECLARED).min(UNDECLARED) };
        self.others = if self.others == 0 { others } else { self.others.min(others) };
    }
}

/// The events that a metric names.
fn named(metric: &Metric) -> Vec<String> {
    let steps = match said(metric) {
        Some(Said::Steps(steps)) => steps.concat(),
        _ => Vec::new(),
    };
    metric.events.iter().flatten().cloned().chain(steps).collect()
}

fn wants(metric: &Metric, event: &str) -> bool {
    metric.events.as_ref().is_none_or(|events| events.iter().any(|name| name == event))
        || named(metric).iter().any(|name| name == event)
}

/// The range of whole numbers outside of which an event is rejected, if that is less than all.
fn range(metric: &Metric) -> Option<(i64, i64)> {
    match said(metric) {
        Some(Said::Value { range, .. }) if *range.end() < 1_000 => Some((*range.start(), *range.end())),
        _ => None,
    }
}

/// What a metric keeps of an event beside its time, if it keeps that.
fn said(metric: &Metric) -> Option<&Said> {
    match &metric.measure {
        Measure::Marks(Marks { said, .. }) => Some(said),
        _ => None,
    }
}
