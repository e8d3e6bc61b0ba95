//! What a record says about the attributes of the entity that it names.

use crate::admitted::Values;
use crate::keys::{KeyMaker, origin};
use crate::reject::Reject;
use crate::slots::{Slots, Trie};
use crate::touches::Touches;
use crate::value::Value;
use activity::pack::Attribute;
use activity::{DimensionIndex, DimensionValue};
use catalog::{Attributes, Fields, Origin, Path, Plan, Taken};

/// Reads the attributes that dimensions are made of.
#[derive(Debug)]
pub(crate) struct AttributeReader {
    /// Which events tell them; `None` if every record does, and none is an event.
    events: Option<Vec<String>>,
    key: KeyMaker,
    asked: Vec<Asked>,
}

/// An attribute, and where it is found.
#[derive(Debug)]
struct Asked {
    dimension: DimensionIndex,
    slot: usize,
}

impl AttributeReader {
    /// The paths of everything that is read.
    pub(crate) fn paths(plan: &Plan, fields: &Fields, attributes: &Attributes) -> Vec<Path> {
        let key = &plan.entities[usize::from(attributes.entity.0)].key;
        let key = key.iter().filter_map(|name| match origin(fields, name) {
            Origin::Path(path) => Some(path.clone()),
            Origin::Constant(_) => None,
        });
        key.chain(asked(plan, attributes).map(|(_, path)| path)).collect()
    }

    /// The reader of a source's records, by a trie of these paths.
    pub(crate) fn new(plan: &Plan, fields: &Fields, attributes: &Attributes, trie: &Trie) -> AttributeReader {
        let kind = attributes.entity;
        let slot = |path: &Path| trie.slot(path).expect("the trie was made of every attribute's path");
        let asked = asked(plan, attributes).map(|(dimension, path)| Asked { dimension, slot: slot(&path) });
        AttributeReader {
            events: attributes.events.clone(),
            key: KeyMaker::new(kind, &plan.entities[usize::from(kind.0)], fields, trie),
            asked: asked.collect(),
        }
    }

    /// Whether every record tells attributes, and none is an event.
    pub(crate) fn is_all(&self) -> bool {
        self.events.is_none()
    }

    /// Whether an event of this name tells attributes.
    pub(crate) fn is_told_by(&self, event: &str) -> bool {
        self.events.as_ref().is_some_and(|events| events.iter().any(|name| name == event))
    }

    /// Puts what a record says into `touches`. An attribute that it does not mention stays what it was.
    pub(crate) fn read(&self, slots: &Slots<'_>, known: &Values, touches: &mut Touches) -> Result<(), Reject> {
        let said =
            || self.asked.iter().map(|of| (of.dimension, &slots[of.slot])).filter(|(_, of)| **of != Value::Missing);
        let mut undecided = Vec::new();
        let values = said().map(|(dimension, said)| {
            let value = known.find(dimension, said).unwrap_or_else(|| {
                undecided.push(Values::undecided(dimension, said));
                DimensionValue::NONE
            });
            Attribute { dimension, value }
        });
        let named = touches.change(values, |out, digits| self.key.make(slots, out, digits))?;
        touches.leave_undecided(undecided);
        let fields = || self.key.missing_fields(slots).map(|field| field.name().to_owned()).collect();
        if named { Ok(()) } else { Err(Reject::NoEntity { event: "attributes".into(), fields: fields() }) }
    }

    /// The record of a key was deleted from a compacted topic: its entity has no attributes any more. The key is the entity's
    /// id as text.
    pub(crate) fn deleted(&self, key: &[u8], touches: &mut Touches) -> Result<(), Reject> {
        let id = std::str::from_utf8(key).ok().filter(|id| !id.is_empty()).ok_or(Reject::Empty)?;
        let none = |asked: &Asked| Attribute { dimension: asked.dimension, value: DimensionValue::NONE };
        let named = touches.change(self.asked.iter().map(none), |out, _| Ok(self.key.of_one_part(id, out)))?;
        if named { Ok(()) } else { Err(Reject::Empty) }
    }
}

fn asked<'p>(plan: &'p Plan, attributes: &'p Attributes) -> impl Iterator<Item = (DimensionIndex, Path)> {
    plan.attributes_of(attributes.entity).filter_map(|(index, dimension)| match &dimension.taken {
        Taken::Attribute { path, .. } => Some((index, [attributes.object.as_slice(), path].concat())),
        Taken::Event(_) | Taken::Bins(_) | Taken::Excluded => None,
    })
}
