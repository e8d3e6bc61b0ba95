//! Dimensions: what metrics are sliced by.

use crate::kinds::Bins;
use crate::plan::{Literal, Metric, Plan};
use crate::source::Path;
use activity::admission::Admitted;
use activity::timeline::{Timeline, Values};
use activity::{DimensionIndex, DimensionValue, EntityKey, EntityKind, Extent, MetricIndex, Window, key};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The label of those that have no value of a dimension.
pub const NONE: &str = "__none__";
/// The label of those with a value that the dimension does not tell apart.
pub const OTHER: &str = "__other__";
/// The label that tells apart by which rule something is excluded.
pub const RULE: &str = "rule";

/// Something that metrics can be sliced by, and which values it is told apart by.
#[derive(Clone, Debug, PartialEq)]
pub struct Dimension {
    /// Its name, fit for a Prometheus label: `[a-z][a-z0-9_]*`.
    pub name: String,
    /// Where a value comes from.
    pub taken: Taken,
    /// The values that are told apart from the start.
    pub values: Vec<Literal>,
    /// How many values are told apart at most, at least one: those that are declared, and then those that are admitted in the order
    /// in which they turn up. All others are [`OTHER`].
    pub limit: u16,
}

/// Where the value of a dimension comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Taken {
    /// At event: it is a property of the event that counts. An entity counts in the slice of every value with which an event of
    /// its was seen in the window.
    Event(Path),
    /// It is an attribute of an entity, as records about that entity tell it. An entity that counts does so in one slice.
    Attribute {
        /// The entity.
        of: EntityKind,
        /// The attribute's place in what a record says about its entity.
        path: Path,
        /// Which of its values over time is taken.
        as_of: AsOf,
    },
    /// At event, too: it is the bin in which a number of the event lies. It is declared by metrics that tell percentiles, and no slices
    /// are shown by it.
    Bins(Bins),
    /// It is no property of anything: its values are the rules by attributes, and what counts but for a rule is in its slice.
    /// It is declared by having such rules.
    Excluded,
}

/// Which of an attribute's values over time is taken for the value of a metric as of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// The one that held at the end of that bucket: history stays as it was.
    Bucket,
    /// The latest that is known: history is told anew with every change.
    Current,
    /// The one that held when the window opened, at the end of the last bucket before it: of those with whom it is compared.
    Opening,
}

/// A dimension that a metric is sliced by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct By {
    /// The dimension.
    pub dimension: DimensionIndex,
    /// The slice that value 0 has, or would have; those of the others follow it.
    pub first: MetricIndex,
}

/// An attribute that an entity has: its own, or that of its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// The dimension that the attribute is.
    pub dimension: DimensionIndex,
    /// Whose attribute it is.
    pub of: EntityKind,
    /// Where the parts of the owner's key are in that of the entity; `None` if the attribute is its own.
    pub places: Option<Vec<usize>>,
    /// Which of its values over time is taken.
    pub as_of: AsOf,
}

impl AsOf {
    /// How many buckets before the one that is looked at the value of a window is taken.
    #[must_use]
    pub fn back(self, window: Window) -> u16 {
        match (self, window.extent) {
            (AsOf::Opening, Extent::Trailing(length)) => length,
            _ => 0,
        }
    }
}

impl Followed {
    /// Whose attribute it is of an entity with this key; `None` if it is its own.
    #[must_use]
    pub fn owner_of(&self, key: &EntityKey) -> Option<EntityKey> {
        key::of_parts(key.as_bytes(), self.of, self.places.as_ref()?)
    }
}

/// What a metric counts of one value of a dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The metric, a whole one.
    pub metric: MetricIndex,
    /// The dimension.
    pub dimension: DimensionIndex,
    /// The value.
    pub value: DimensionValue,
}

impl Dimension {
    /// All values that it can have: none, those that it declares, those that may be admitted, and any other. Of what is excluded
    /// those alone that it declares.
    pub fn all_values(&self) -> impl Iterator<Item = DimensionValue> + use<> {
        let is_of_rules = self.taken == Taken::Excluded;
        let (first, last) = (u16::from(is_of_rules), self.other().0 - u16::from(is_of_rules));
        (first..=last).map(DimensionValue)
    }

    /// The value of what was found, if it equals one that is declared.
    pub fn declared(&self, is_it: impl Fn(&Literal) -> bool) -> Option<DimensionValue> {
        (1..).zip(&self.values).find(|(_, value)| is_it(value)).map(|(at, _)| DimensionValue(at))
    }

    /// The numbers of the values that may be admitted, in the order in which they are given away; none if only declared values are
    /// told apart.
    pub fn admissible(&self) -> impl Iterator<Item = DimensionValue> + use<> {
        let declared = u16::try_from(self.values.len()).expect("a checked plan has few values");
        (declared + 1..=self.limit).map(DimensionValue)
    }

    /// How a value is called in labels; `None` if it is one that was not admitted yet.
    #[must_use]
    pub(crate) fn label<'l>(&'l self, admitted: Option<&'l str>, value: DimensionValue) -> Option<Cow<'l, str>> {
        if value == DimensionValue::NONE {
            Some(NONE.into())
        } else if value == self.other() {
            Some(OTHER.into())
        } else {
            let declared = self.values.get(usize::from(value.0) - 1).map(label);
            declared.or_else(|| admitted.map(Cow::Borrowed))
        }
    }

    /// Whether each event says itself in which slice it is.
    #[must_use]
    pub fn is_said(&self) -> bool {
        matches!(self.taken, Taken::Event(_) | Taken::Bins(_))
    }

    /// What the slices of a metric by this dimension are called together.
    #[must_use]
    pub fn slices_of(&self, metric: &str) -> String {
        match self.taken {
            Taken::Excluded => format!("{metric}_excluded"),
            Taken::Event(_) | Taken::Attribute { .. } | Taken::Bins(_) => format!("{metric}_by_{}", self.name),
        }
    }

    /// The value of all that is not told apart.
    #[must_use]
    pub fn other(&self) -> DimensionValue {
        DimensionValue(self.limit + 1)
    }
}

/// What values that were admitted are called, as far as that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(BTreeMap<(DimensionIndex, DimensionValue), String>);

impl<'a> FromIterator<&'a Admitted> for Names {
    fn from_iter<I: IntoIterator<Item = &'a Admitted>>(all: I) -> Names {
        let named = |Admitted { dimension, number, value }: &Admitted| ((*dimension, *number), value.clone());
        Names(all.into_iter().map(named).collect())
    }
}

/// How a declared value is called in labels.
pub fn label(declared: &Literal) -> Cow<'_, str> {
    match declared {
        Literal::Text(text) => text.into(),
        Literal::Bool(value) => value.to_string().into(),
        Literal::Int(value) => value.to_string().into(),
        Literal::Float(value) => value.to_string().into(),
    }
}

impl By {
    /// The slice of a value.
    #[must_use]
    pub fn slice(&self, value: DimensionValue) -> MetricIndex {
        MetricIndex(self.first.0 + value.0)
    }
}

impl Plan {
    /// The dimension of an index.
    #[must_use]
    pub fn dimension(&self, index: DimensionIndex) -> &Dimension {
        &self.dimensions[usize::from(index.0)]
    }

    /// How a value of a dimension is called in labels; `None` if it is one that was not admitted yet.
    #[must_use]
    pub fn label<'l>(
        &'l self,
        names: &'l Names,
        dimension: DimensionIndex,
        value: DimensionValue,
    ) -> Option<Cow<'l, str>> {
        self.dimension(dimension).label(names.0.get(&(dimension, value)).map(String::as_str), value)
    }

    /// The values that a dimension has by now, and what each is called: none, those that are declared, those that were admitted, and
    /// any other.
    pub fn labels<'l>(
        &'l self,
        names: &'l Names,
        dimension: DimensionIndex,
    ) -> impl Iterator<Item = (DimensionValue, Cow<'l, str>)> {
        let values = self.dimension(dimension).all_values();
        values.filter_map(move |value| Some((value, self.label(names, dimension, value)?)))
    }

    /// Whether values are admitted to a dimension.
    #[must_use]
    pub fn admits(&self) -> bool {
        self.dimensions.iter().any(|dimension| dimension.admissible().next().is_some())
    }

    /// The slice of an index; `None` if it is that of a whole metric.
    #[must_use]
    pub fn slice(&self, index: MetricIndex) -> Option<Slice> {
        usize::from(index.0).checked_sub(self.metrics.len()).map(|at| self.slices[at])
    }

    /// All whole metrics, and then all slices.
    pub fn series(&self) -> impl Iterator<Item = MetricIndex> + use<> {
        let count = self.metrics.len() + self.slices.len();
        (0..u16::try_from(count).expect("a checked plan has few slices")).map(MetricIndex)
    }

    /// The attributes that an entity has, its own and those of its owners, by ascending dimension.
    pub fn followed_by(&self, entity: EntityKind) -> impl Iterator<Item = Followed> {
        (0..).map(DimensionIndex).zip(&self.dimensions).filter_map(move |(dimension, declared)| {
            let Taken::Attribute { of, as_of, .. } = declared.taken else { return None };
            let places = if of == entity { None } else { Some(self.places_of(entity, of)?) };
            Some(Followed { dimension, of, places, as_of })
        })
    }

    /// The entity whose attributes filter or slice a metric of events: an event is in the slices of the one that it names.
    /// `None` if they follow none, or if the metric counts entities.
    #[must_use]
    pub fn owner(&self, metric: &Metric) -> Option<EntityKind> {
        let of = |dimension: DimensionIndex| match self.dimension(dimension).taken {
            Taken::Attribute { of, .. } => Some(of),
            Taken::Event(_) | Taken::Bins(_) | Taken::Excluded => None,
        };
        let filtering = || self.filtering(metric).map(|required| required.dimension);
        metric.by.iter().map(|by| by.dimension).chain(filtering()).find_map(of).filter(|_| metric.entity().is_none())
    }

    /// Where the parts of an owner's key are in that of another kind of entity; `None` if it does not own them.
    #[must_use]
    pub fn places_of(&self, entity: EntityKind, owner: EntityKind) -> Option<Vec<usize>> {
        let of = |kind: EntityKind| self.entities.get(usize::from(kind.0));
        of(entity).filter(|_| entity != owner)?.places_of(of(owner)?)
    }

    /// The values of an attribute for a window as of every bucket of its grain.
    #[must_use]
    pub fn values(&self, timeline: Option<&Timeline>, as_of: AsOf, window: Window) -> Values {
        let by_bucket = |timeline: &Timeline| timeline.by_bucket(|time| self.bucket(window.grain, time));
        match (timeline, as_of) {
            (None, _) => Values::default(),
            (Some(timeline), AsOf::Current) => timeline.current(),
            (Some(timeline), AsOf::Bucket | AsOf::Opening) => by_bucket(timeline).later(as_of.back(window).into()),
        }
    }

    /// The dimensions that are attributes of an entity, ascending.
    pub fn attributes_of(&self, entity: EntityKind) -> impl Iterator<Item = (DimensionIndex, &Dimension)> {
        let all = (0..).map(DimensionIndex).zip(&self.dimensions);
        all.filter(move |(_, dimension)| matches!(dimension.taken, Taken::Attribute { of, .. } if of == entity))
    }
}

/// Numbers the slices of the metrics, and tells all of them; `None` if they are more than can be numbered.
pub(crate) fn slices(metrics: &mut [Metric], dimensions: &[Dimension]) -> Option<Vec<Slice>> {
    let (mut slices, wholes) = (Vec::new(), metrics.len());
    for (metric, of) in (0..).map(MetricIndex).zip(metrics) {
        for by in &mut of.by {
            let mut values = dimensions[usize::from(by.dimension.0)].all_values().peekable();
            let before = usize::from(values.peek().map_or(0, |first| first.0));
            by.first = MetricIndex(u16::try_from(wholes + slices.len() - before).ok()?);
            slices.extend(values.map(|value| Slice { metric, dimension: by.dimension, value }));
        }
    }
    (wholes + slices.len() < usize::from(u16::MAX)).then_some(slices)
}
