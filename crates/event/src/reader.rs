//! From the bytes of a record to what it touches.

mod paths;

use crate::admitted::Values;
use crate::amount::Amount;
use crate::attributes::AttributeReader;
use crate::avro::{Avro, SchemaId, SchemaText};
use crate::cloud::{self, Headers};
use crate::keys::{Field, KeyMaker, origin};
use crate::matcher::{Additive, Facts, Matcher};
use crate::reject::{Reject, excerpt};
use crate::skew::Skew;
use crate::slots::{Slots, Trie};
use crate::time;
use crate::touches::Touches;
use crate::value::Value;
use activity::additive::IdSpace;
use activity::admission::Admitted;
use activity::pack::Marked;
use activity::{DimensionValue, EntityKind, EventId, MetricIndex, Millis};
use catalog::{Format, Kind, Marks, Measure, Metric, Origin, Path, Plan, Said, TimeForm};
use std::collections::BTreeSet;
use std::iter;
use std::ops::Range;

/// Reads the records of one source. It is made once from the plan and shared by reference.
#[derive(Debug)]
pub struct Reader {
    trie: Trie,
    /// `None` reads JSON.
    avro: Option<Avro>,
    event: Field,
    /// The kind of a record, and the one whose events have names.
    kind: Option<(Field, String)>,
    timestamp: Field,
    time_form: TimeForm,
    skew: Option<Skew>,
    /// Where data lies that is not read; a record that has it is rejected.
    unread: Option<Field>,
    /// Whether records may have their attributes in headers.
    is_cloud: bool,
    matcher: Matcher,
    values: Values,
    /// By entity; `None` for one that no metric counts, and whose attributes no events follow.
    keys: Vec<Option<KeyMaker>>,
    /// The fields that are an event's id together; none if no metric counts events or adds something up.
    event_id: Vec<Field>,
    ids: IdSpace,
    /// By metric and slice; `None` for one that does not add anything up.
    amounts: Vec<Option<Amount>>,
    /// By metric: what is kept of events that happen to entities.
    said: Vec<Option<Said>>,
    /// `None` if no record tells attributes that a dimension asks for.
    attributes: Option<AttributeReader>,
}

impl Reader {
    /// The reader of a source of the plan. Where the source has a schema of its own that lacks what the plan needs, it rejects
    /// every record: see [`Reader::check`].
    ///
    /// # Panics
    /// If the plan is not one that was checked: without such a source, or without a place for a key field.
    #[must_use]
    pub fn new(plan: &Plan, source: usize) -> Reader {
        Reader::made(plan, source).0
    }

    /// Whether the source's own schema, if it has one, has all that the plan needs of it.
    ///
    /// # Errors
    /// What it lacks.
    ///
    /// # Panics
    /// As [`Reader::new`].
    pub fn check(plan: &Plan, source: usize) -> Result<(), String> {
        Reader::made(plan, source).1
    }

    fn made(plan: &Plan, source: usize) -> (Reader, Result<(), String>) {
        let fields = &plan.sources[source].fields;
        let named = |metric: &Metric| metric.entity().or_else(|| plan.owner(metric));
        let counted: BTreeSet<EntityKind> = plan.metrics.iter().filter_map(named).collect();
        let counts_events =
            plan.metrics.iter().any(|metric| metric.entity().is_none() || matches!(metric.measure, Measure::Events(_)));
        let entities =
            || (0..).map(EntityKind).zip(&plan.entities).map(|(kind, entity)| (kind, entity, counted.contains(&kind)));
        let path_of = |property: &Path| [fields.properties.as_slice(), property].concat();

        let mut origins = vec![&fields.event, &fields.timestamp];
        for (_, entity, _) in entities().filter(|(_, _, is_counted)| *is_counted) {
            origins.extend(entity.key.iter().map(|name| origin(fields, name)));
        }
        let (mut paths, compared) = paths::of_events(plan, fields);
        origins.extend(compared);
        let attributes = plan.sources[source].attributes.as_ref();
        paths.extend(attributes.into_iter().flat_map(|attributes| AttributeReader::paths(plan, fields, attributes)));
        paths.extend(fields.event_id.iter().filter(|_| counts_events).cloned());
        paths.extend(fields.kind.as_ref().map(|kind| kind.path.clone()));
        paths.extend(fields.skew.iter().flat_map(Skew::paths).cloned());
        let is_cloud = plan.sources[source].format == Format::CloudEvents;
        let unread = is_cloud.then(|| vec![cloud::ENCODED.to_owned()]);
        paths.extend(unread.clone());
        paths.extend(is_cloud.then(|| vec![cloud::DATA.to_owned()]));
        paths.extend(origins.into_iter().filter_map(|origin| match origin {
            Origin::Path(path) => Some(path.clone()),
            Origin::Constant(_) => None,
        }));

        let trie = Trie::of(paths.iter().map(Vec::as_slice), &fields.second_places);
        let amount = |metric: MetricIndex| {
            plan.metric(metric).value().map(|(value, decimals)| Amount::new(value, path_of(value), decimals, &trie))
        };
        let said = |metric: &Metric| match &metric.measure {
            Measure::Marks(Marks { said, .. }) => Some(said.clone()),
            Measure::Distinct(_) | Measure::Count | Measure::Sum { .. } | Measure::Events(_) => None,
        };
        let field = |name, path: &Path| Field::new(name, &Origin::Path(path.clone()), &trie);
        let key = |(kind, entity, is_counted)| bool::then(is_counted, || KeyMaker::new(kind, entity, fields, &trie));
        let (avro, fits) = match &plan.sources[source].format {
            Format::Avro { wire, schema } => {
                let (avro, fits) = Avro::new(*wire, schema.as_deref(), &trie);
                (Some(avro), fits)
            }
            Format::Json | Format::Segment | Format::CloudEvents => (None, Ok(())),
        };
        let reader = Reader {
            event: Field::new("event", &fields.event, &trie),
            kind: fields.kind.as_ref().map(|Kind { path, named }| (field("type", path), named.clone())),
            timestamp: Field::new("timestamp", &fields.timestamp, &trie),
            time_form: fields.time_form,
            skew: fields.skew.as_ref().map(|skew| Skew::new(skew, &trie)),
            unread: unread.map(|path| field("data", &path)),
            is_cloud,
            matcher: Matcher::new(plan, &trie, fields),
            values: Values::new(plan),
            keys: entities().map(key).collect(),
            event_id: fields.event_id.iter().filter(|_| counts_events).map(|path| field("event_id", path)).collect(),
            ids: IdSpace::of(&plan.sources[source].topic),
            amounts: plan.series().map(amount).collect(),
            said: plan.metrics.iter().map(said).collect(),
            attributes: attributes.map(|attributes| AttributeReader::new(plan, fields, attributes, &trie)),
            avro,
            trie,
        };
        (reader, fits)
    }

    /// The schema that has to be learnt before this record can be read; `None` if it can be.
    #[must_use]
    pub fn unknown_schema(&self, payload: &[u8]) -> Option<SchemaId> {
        self.avro.as_ref()?.unknown_schema(payload)
    }

    /// Learns a schema: returns the paths of fields that the plan needs and the schema does not have, if the source has no
    /// schema of its own that would say what they are then. They are missing in all its records.
    ///
    /// # Errors
    /// Why every record of that schema will be rejected.
    pub fn learn(&mut self, id: SchemaId, schema: &SchemaText) -> Result<Vec<String>, Reject> {
        self.avro.as_mut().map_or(Ok(Vec::new()), |avro| avro.learn(id, schema, &self.trie))
    }

    /// Learns the number of a value that was admitted to a dimension.
    pub fn learn_value(&mut self, admitted: &Admitted) {
        self.values.learn(admitted);
    }

    fn decode<'a>(&'a self, payload: &'a [u8], headers: impl Headers<'a>) -> Result<Slots<'a>, Reject> {
        let slots = match &self.avro {
            Some(avro) => avro.decode(payload)?,
            None if self.is_cloud && cloud::is_binary(headers.clone()) => cloud::decode(&self.trie, payload, headers)?,
            None => self.trie.decode(payload)?,
        };
        self.trie.check_object(&slots)?;
        Ok(slots)
    }

    /// Reads a record: when the event happened, and in `touches`, which is emptied first, what it touches. If no metric
    /// wants the event, it touches nothing, and whom it names does not matter. As long as it has values that have no number yet
    /// ([`Touches::undecided`]), what it touches cannot be told: it has to be read again once they have.
    ///
    /// # Errors
    /// Why the record does not count; it touches nothing then.
    pub fn read(&self, payload: &[u8], touches: &mut Touches) -> Result<Millis, Reject> {
        self.read_with(payload, iter::empty(), touches)
    }

    /// Reads a record that may have headers, as [`Reader::read`] does one that has none. They are looked at where the format has
    /// something to say by them.
    ///
    /// # Errors
    /// Why the record does not count; it touches nothing then.
    pub fn read_with<'a>(
        &'a self,
        payload: &'a [u8],
        headers: impl Headers<'a>,
        touches: &mut Touches,
    ) -> Result<Millis, Reject> {
        touches.clear();
        let slots = self.decode(payload, headers)?;
        self.refuse_unread(&slots)?;
        match &self.attributes {
            Some(attributes) if attributes.is_all() => {
                let time = self.time_of(&slots)?;
                attributes.read(&slots, &self.values, touches).inspect_err(|_| touches.clear())?;
                Ok(time)
            }
            attributes => {
                let event = self.event_name(&slots)?;
                let time = self.time_of(&slots)?;
                if let Some(attributes) = attributes.as_ref().filter(|attributes| attributes.is_told_by(event)) {
                    attributes.read(&slots, &self.values, touches).inspect_err(|_| touches.clear())?;
                }
                self.touch(event, &slots, touches).inspect_err(|_| touches.clear())?;
                Ok(time)
            }
        }
    }

    /// Whether a record without a payload, but with these headers, is an event all the same.
    pub fn is_event_without_data<'a>(&self, headers: impl Headers<'a>) -> bool {
        let is_event = !self.attributes.as_ref().is_some_and(AttributeReader::is_all);
        self.is_cloud && is_event && cloud::is_binary(headers)
    }

    /// Reads a record without a payload: where every record tells attributes, it says that its key's entity has none any more.
    ///
    /// # Errors
    /// If it says nothing of the kind; it touches nothing then.
    pub fn deleted(&self, key: Option<&[u8]>, touches: &mut Touches) -> Result<(), Reject> {
        touches.clear();
        let attributes = self.attributes.as_ref().filter(|attributes| attributes.is_all()).ok_or(Reject::Empty)?;
        attributes.deleted(key.ok_or(Reject::Empty)?, touches).inspect_err(|_| touches.clear())
    }

    /// Reads only when the event happened.
    ///
    /// # Errors
    /// If the record cannot be decoded or has no time that can be read.
    pub fn time(&self, payload: &[u8]) -> Result<Millis, Reject> {
        self.time_of(&self.decode(payload, iter::empty())?)
    }

    /// The event's name, or of which kind it is if only another kind has names.
    fn event_name<'v>(&'v self, slots: &'v Slots<'_>) -> Result<&'v str, Reject> {
        match &self.kind {
            None => self.event.required_text(slots),
            Some((kind, named)) => match kind.required_text(slots)? {
                kind if kind == named => self.event.required_text(slots),
                kind => Ok(kind),
            },
        }
    }

    fn time_of(&self, slots: &Slots<'_>) -> Result<Millis, Reject> {
        let time = time::read(self.timestamp.value(slots), self.time_form, self.timestamp.name())?;
        match &self.skew {
            Some(skew) => skew.correct(time, slots, &self.timestamp),
            None => Ok(time),
        }
    }

    fn refuse_unread(&self, slots: &Slots<'_>) -> Result<(), Reject> {
        match &self.unread {
            Some(field) if *field.value(slots) != Value::Missing => {
                Err(field.wrong_type("JSON in `data`", field.value(slots)))
            }
            _ => Ok(()),
        }
    }

    fn touch(&self, event: &str, slots: &Slots<'_>, touches: &mut Touches) -> Result<(), Reject> {
        let mut is_wanted = false;
        let candidates = self.matcher.candidates(event);
        let facts = self.matcher.facts(slots, &self.values, std::mem::take(&mut touches.digits_of_facts));
        touches.exclude(facts.excluding);
        for (entity, metrics) in &candidates.distinct {
            if touches.want(self.matcher.wanting(metrics, &facts)) {
                is_wanted = true;
                touches.add(|out, digits| self.key_of(*entity).make(slots, out, digits))?;
            }
        }
        for (owner, Additive { counts, sums }) in &candidates.additive {
            touches.count(
                self.matcher.wanting(counts, &facts),
                self.matcher.wanting(sums, &facts),
                |key, digits| self.counted_as(*owner, slots, key, digits),
                |metric, digits| self.amount_of(metric).read(slots, digits),
            )?;
        }
        for ((entity, at), metrics) in &candidates.marked {
            is_wanted |= touches.mark(
                *at,
                self.matcher.wanting(metrics, &facts),
                |out, digits| self.key_of(*entity).make(slots, out, digits),
                |metric, marks, digits| self.say(metric, event, (slots, &facts), marks, digits),
            )?;
        }
        let (undecided, digits) = facts.undecided();
        touches.digits_of_facts = digits;
        touches.leave_undecided(undecided);
        // Who tells attributes need not be one of those that are counted.
        match is_wanted && touches.counts_nowhere() && touches.changed().is_none() {
            true => Err(self.no_entity(event, slots)),
            false => Ok(()),
        }
    }

    /// Appends what is kept of an event for a metric.
    fn say(
        &self,
        metric: MetricIndex,
        event: &str,
        (slots, facts): (&Slots<'_>, &Facts<'_>),
        marks: &mut Vec<Marked>,
        digits: &mut String,
    ) -> Result<(), Reject> {
        match self.said[usize::from(metric.0)].as_ref().expect("every metric that keeps what happens says what") {
            Said::Value { range, .. } => {
                let value = self.amount_of(metric).within(range, slots, digits)?;
                marks.push(Marked { metric, value });
            }
            Said::Steps(steps) => {
                let named = (0..).zip(steps).filter(|(_, names)| names.iter().any(|name| name == event));
                marks.extend(named.map(|(value, _)| Marked { metric, value }));
            }
            Said::Label(dimension) => {
                let value = self.matcher.value(*dimension, facts);
                let is_said = value != DimensionValue::NONE;
                marks.extend(is_said.then(|| Marked { metric, value: value.0.into() }));
            }
            Said::Moment { .. } => marks.push(Marked { metric, value: 0 }),
        }
        Ok(())
    }

    fn key_of(&self, entity: EntityKind) -> &KeyMaker {
        self.keys[usize::from(entity.0)].as_ref().expect("every entity that a metric counts or follows has a key")
    }

    /// Under which id the event counts for metrics that follow an owner. Appends the owner's key, and says where its shard key
    /// lies, if there is an owner and the event names it.
    fn counted_as(
        &self,
        owner: Option<EntityKind>,
        slots: &Slots<'_>,
        out: &mut Vec<u8>,
        digits: &mut String,
    ) -> Result<(EventId, Option<Range<usize>>), Reject> {
        let id = self.id_of_event(slots, digits)?;
        let Some(owner) = owner else { return Ok((id, None)) };
        let start = out.len();
        let shard_key = self.key_of(owner).make(slots, out, digits)?;
        let end = if shard_key.is_some() { out.len() } else { start + 1 };
        Ok((id.under(&out[start..end]), shard_key))
    }

    fn id_of_event(&self, slots: &Slots<'_>, digits: &mut String) -> Result<EventId, Reject> {
        let (last, others) = self.event_id.split_last().expect("there is one if a metric counts events");
        let mut ids = self.ids;
        for field in others {
            ids = ids.within(field.required_id(slots, digits)?);
        }
        Ok(ids.id(last.required_id(slots, digits)?))
    }

    fn amount_of(&self, metric: MetricIndex) -> &Amount {
        self.amounts[usize::from(metric.0)].as_ref().expect("every metric that adds up has one")
    }

    #[cold]
    fn no_entity(&self, event: &str, slots: &Slots<'_>) -> Reject {
        let candidates = self.matcher.candidates(event);
        let marked = candidates.marked.iter().map(|((entity, _), metrics)| (entity, metrics));
        let wanting = candidates.distinct.iter().chain(marked);
        let facts = self.matcher.facts(slots, &self.values, String::new());
        let wanting = wanting.filter(|(_, metrics)| self.matcher.wanting(metrics, &facts).next().is_some());
        let mut fields: Vec<String> = Vec::new();
        for field in wanting.flat_map(|(entity, _)| self.key_of(*entity).missing_fields(slots)) {
            if !fields.iter().any(|name| name == field.name()) {
                fields.push(field.name().to_owned());
            }
        }
        Reject::NoEntity { event: excerpt(event), fields }
    }
}
