//! A history under any catalogue: events that its metrics name, and what attributes are told, from a seed alone.
//!
//! Records come in the order in which they are to be sent, each with its log time. What is meant to be hard is frequent:
//! events that are late, by just as much as they may be and by a millisecond more; that lie at midnight and where clocks
//! are changed; that come again by another partition; attributes that are told late, twice at the same moment, or taken away.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use activity::Grain;
use catalog::{Path, Plan, Source};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use product::{DAY, Dice};
use serde_json::Value;

use crate::people::People;
use crate::say;
use crate::vocabulary::{Values, Vocabulary, Word};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// How many events there are for each person.
const EVENTS_A_PERSON: u64 = 120;
const LEAST_PEOPLE: u64 = 60;

/// A record to be sent.
pub(crate) struct Record {
    /// The place of its source in the plan.
    pub(crate) source: usize,
    /// Decides the partition, together with how often it was sent before.
    pub(crate) key: String,
    pub(crate) is_copy: bool,
    /// Nothing where a key is deleted.
    pub(crate) payload: Option<String>,
    /// The log time, in milliseconds.
    pub(crate) stamp: i64,
}

/// Makes the records of a history.
pub(crate) struct History<'p> {
    plan: &'p Plan,
    vocabulary: Vocabulary,
    people: People,
    dice: Dice,
    /// The events' names by weight.
    words: Vec<(usize, u32)>,
    names: Vec<Rc<(String, Word)>>,
    /// In milliseconds.
    span: (i64, i64),
    /// How many events there are, and how many there were.
    events: u64,
    made: u64,
    /// Who made the last event, and when the last one of each person happened.
    last: usize,
    at_last: BTreeMap<usize, i64>,
    /// Where the reporting zone's clocks are changed.
    changes: Vec<i64>,
    /// Whose attributes were told, by entity.
    told: BTreeSet<(usize, Vec<String>)>,
    /// What comes before the next event.
    ready: VecDeque<Record>,
    /// What comes again, by when and the number of the event.
    copies: BTreeMap<(i64, u64), Record>,
}

impl<'p> History<'p> {
    /// So many events between two times.
    pub(crate) fn new(plan: &'p Plan, seed: u64, events: u64, from: Timestamp, until: Timestamp) -> History<'p> {
        let vocabulary = Vocabulary::of(plan);
        let span = (from.as_millisecond(), until.as_millisecond());
        let mut dice = Dice::new(seed);
        let rules: Vec<usize> = (0..plan.exclude.len()).filter(|at| !vocabulary.rules[*at].is_empty()).collect();
        let count = usize::try_from((events / EVENTS_A_PERSON).max(LEAST_PEOPLE)).expect("no more than memory holds");
        let people = People::new(plan, count, span, &rules, &mut dice);
        let names = vocabulary.events.iter().map(|(name, word)| Rc::new((name.clone(), word.clone()))).collect();
        let words = vocabulary.events.values().enumerate().map(|(at, word)| (at, word.weight)).collect();
        let zone = TimeZone::get(plan.calendar.zone_name()).expect("the plan's zone is one");
        let changes = zone.following(from).map(|change| change.timestamp()).take_while(|at| *at < until);
        History {
            plan,
            people,
            dice,
            words,
            names,
            span,
            events,
            made: 0,
            last: 0,
            at_last: BTreeMap::new(),
            changes: changes.map(|at| at.as_millisecond()).collect(),
            told: BTreeSet::new(),
            ready: VecDeque::new(),
            copies: BTreeMap::new(),
            vocabulary,
        }
    }

    /// When the next event is sent: they are spread evenly, each anywhere in its share of the time.
    fn moment(&mut self) -> i64 {
        let (from, until) = self.span;
        let share = |number: u64| {
            let into = i128::from(until - from) * i128::from(number) / i128::from(self.events);
            from + i64::try_from(into).expect("it lies in the span")
        };
        self.dice.within(share(self.made)..share(self.made + 1))
    }

    /// Makes the next event, what is told of attributes before it, and perhaps a copy for later.
    fn go_on(&mut self) {
        let at = self.moment();
        let usage: Vec<usize> =
            (0..self.plan.sources.len()).filter(|source| has_events(self.source(*source))).collect();
        let source = if self.dice.chance(600) { usage[0] } else { usage[self.dice.below(usage.len())] };
        let (ids, rule) = self.ids(at);
        let time = self.time(source, at);
        let named = Rc::clone(&self.names[self.dice.weighted(&self.words)]);
        let (name, word) = &*named;
        let of = &self.plan.sources[source];
        let mut event = say::Event::new(of, name, &format!("{source}-{}", self.made), time, &mut self.dice);
        self.people.fields.iter().zip(&ids).for_each(|(field, id)| event.name(field, id.as_ref()));
        for (property, values) in &word.says {
            let value = match &values.like {
                Some(field) => self.like(field, &ids),
                None => say::value(values, &mut self.dice),
            };
            if let Some(value) = value {
                event.say(&[of.fields.properties.as_slice(), property].concat(), value);
            }
        }
        for (number, conditions) in self.vocabulary.rules.iter().enumerate() {
            for (property, value) in say::flags(conditions, rule == Some(number), &mut self.dice) {
                event.say(&[of.fields.properties.as_slice(), &property].concat(), value);
            }
        }
        if let Some(told) =
            of.attributes.as_ref().filter(|told| told.events.as_ref().is_some_and(|of| of.contains(name)))
        {
            for (path, value) in attributes(&self.vocabulary.attributes[usize::from(told.entity.0)], &mut self.dice) {
                event.say(&[told.object.as_slice(), &path].concat(), value);
            }
        }
        let key = ids.iter().flatten().next().cloned().unwrap_or_default();
        let record = |stamp, is_copy| Record { source, key: key.clone(), is_copy, payload: Some(event.text()), stamp };
        let (event, copy) = (record(at, false), record(at, true));
        if self.dice.chance(30) {
            let after = say::span(&mut self.dice, &[(10 * MINUTE, 60), (5 * HOUR, 30), (5 * DAY, 10)]);
            self.copies.insert((at + after, self.made), Record { stamp: at + after, ..copy });
        }
        self.tell(&ids, at);
        self.ready.push_back(event);
        self.made += 1;
    }

    fn source(&self, number: usize) -> &'p Source {
        &self.plan.sources[number]
    }

    /// Whom an event names, by field, and which excluded traffic it is. A field may be missing.
    fn ids(&mut self, at: i64) -> (Vec<Option<String>>, Option<usize>) {
        self.last = self.people.somebody(at, self.last, &mut self.dice);
        let person = self.people.person(self.last);
        let mut id = |ids: &Vec<String>| match self.dice.weighted(&[(0, 985), (1, 10), (2, 5)]) {
            0 => Some(ids[self.dice.below(ids.len())].clone()),
            1 => None,
            _ => Some(String::new()),
        };
        (person.ids.iter().map(&mut id).collect(), person.rule)
    }

    /// The id of a field that the event names, or another one.
    fn like(&mut self, field: &str, ids: &[Option<String>]) -> Option<Value> {
        let place = self.people.fields.iter().position(|name| name == field)?;
        let another = self.people.somebody(self.span.0, self.last, &mut self.dice);
        match self.dice.weighted(&[(0, 45), (1, 45), (2, 10)]) {
            0 => ids[place].clone().map(Value::from),
            1 => self.people.person(another).ids[place].first().cloned().map(Value::from),
            _ => None,
        }
    }

    /// When an event happened that is sent at a time. Nothing happens before the history.
    fn time(&mut self, source: usize, at: i64) -> i64 {
        let lateness = self.source(source).lateness_ms;
        let bounds = [lateness[Grain::Minute], lateness[Grain::Hour], lateness[Grain::Day]];
        let bound = bounds[self.dice.below(bounds.len())];
        let time = match self.dice.weighted(&[(0, 880), (1, 10), (2, 40), (3, 10), (4, 30), (5, 15), (6, 15)]) {
            0 => at - self.dice.within(0..5_000),
            1 => at + self.dice.within(0..5 * MINUTE),
            2 => at - self.dice.within(0..2 * bound),
            // The latest that may be, and what is a moment later than that.
            3 => at - bound - self.dice.within(-1..2),
            4 => self.near_midnight(at),
            5 => self.near_change(at),
            _ => self.a_gap_before(at),
        };
        let time = time.max(self.span.0);
        self.at_last.insert(self.last, time);
        time
    }

    /// Just before, at, or just after the beginning of the day of a time.
    fn near_midnight(&mut self, at: i64) -> i64 {
        let calendar = &self.plan.calendar;
        let day = calendar.day(activity::Millis(at));
        calendar.start_of(day).map_or(at, |start| start.0) + self.dice.within(-1..2)
    }

    /// Within hours of where clocks were changed, if that was a few days ago.
    fn near_change(&mut self, at: i64) -> i64 {
        let last = self.changes.iter().copied().rfind(|change| (at - 3 * DAY..at).contains(change));
        last.map_or(at, |change| change + self.dice.weighted(&[(-1, 1), (0, 1), (1, 1), (-HOUR, 1), (HOUR, 1)]))
    }

    /// As far before the last event of the same person as sessions are apart, or a moment less or more.
    fn a_gap_before(&mut self, at: i64) -> i64 {
        let gaps = &self.vocabulary.gaps;
        match self.at_last.get(&self.last) {
            Some(last) if !gaps.is_empty() => last - gaps[self.dice.below(gaps.len())] - self.dice.within(-1..2),
            _ => at,
        }
    }

    /// Tells attributes of those whom an event names: at first of most of them, and then now and again.
    fn tell(&mut self, ids: &[Option<String>], at: i64) {
        for (number, source) in self.plan.sources.iter().enumerate() {
            let Some(of) = source.attributes.as_ref().filter(|of| of.events.is_none()) else { continue };
            let entity = usize::from(of.entity.0);
            let id = |name: &String| {
                self.people.fields.iter().position(|field| field == name).and_then(|at| ids[at].clone())
            };
            let key: Option<Vec<String>> = self.plan.entities[entity].key.iter().map(id).collect();
            let Some(key) = key.filter(|key| !key.iter().any(String::is_empty)) else { continue };
            let is_new = self.told.insert((entity, key.clone()));
            if self.vocabulary.attributes[entity].is_empty() || !self.dice.chance(if is_new { 850 } else { 15 }) {
                continue;
            }
            let told = self.telling(number, entity, &key, at, is_new);
            self.ready.extend(told);
        }
    }

    /// One or two records about the attributes of an entity, of the same moment, or one that takes them all away.
    fn telling(&mut self, number: usize, entity: usize, key: &[String], at: i64, is_new: bool) -> Vec<Record> {
        let source = self.source(number);
        let object = source.attributes.as_ref().map(|of| of.object.clone()).unwrap_or_default();
        let text = key.join("-");
        if !is_new && key.len() == 1 && self.dice.chance(30) {
            return vec![Record { source: number, key: text, is_copy: false, payload: None, stamp: at }];
        }
        let late = say::span(&mut self.dice, &[(1, 80), (HOUR, 5), (DAY, 5), (60 * DAY, 10)]);
        let twice = self.dice.chance(60);
        let known = &self.vocabulary.attributes[entity];
        let records = [false, true].into_iter().filter(|is_second| !is_second || twice).map(|is_second| {
            let mut record =
                say::Event::new(source, "told", &format!("{text}-{at}-{is_second}"), at - late, &mut self.dice);
            self.plan.entities[entity].key.iter().zip(key).for_each(|(field, id)| record.name(field, Some(id)));
            for (path, value) in attributes(known, &mut self.dice) {
                // Of two of one moment the one holds that was admitted later, which nobody else can know.
                if !(twice && known[&path].is_open) {
                    record.say(&[object.as_slice(), &path].concat(), value);
                }
            }
            Record { source: number, key: text.clone(), is_copy: is_second, payload: Some(record.text()), stamp: at }
        });
        records.collect()
    }
}

impl Iterator for History<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        if self.ready.is_empty() && self.made < self.events {
            self.go_on();
        }
        let next = self.ready.front().map_or(self.span.1, |record| record.stamp);
        match self.copies.first_entry() {
            Some(copy) if copy.key().0 < next => Some(copy.remove()),
            _ => self.ready.pop_front(),
        }
    }
}

/// Whether records of a source are events.
fn has_events(source: &Source) -> bool {
    source.attributes.as_ref().is_none_or(|attributes| attributes.events.is_some())
}

/// What is told of some of the attributes.
fn attributes(known: &BTreeMap<Path, Values>, dice: &mut Dice) -> Vec<(Path, Value)> {
    let some = known.iter().filter_map(|(path, values)| {
        let value = if dice.chance(700) { say::value(values, dice) } else { None };
        value.map(|value| (path.clone(), value))
    });
    some.collect()
}
