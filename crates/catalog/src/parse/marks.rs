//! Metrics of what happened to entities when: states, what they are worth, surveys and conversions.

use super::dimensions::Dimensions;
use super::entities;
use super::filters::{self, Attributes, Tests};
use super::measure::{self, MOST_DECIMALS, Wanted};
use super::values::{self, Units, millis, span};
use crate::cursor::{Cursor, Entries};
use crate::dimension::{By, Taken};
use crate::kinds::{Conversion, Kind, Movements, SCALES, Scale, Sessions, State, Survey, TimeToValue, Within};
use crate::plan::{Literal, Marks, Measure, Said};
use crate::source::Path;
use activity::marks::Keep;
use activity::{EntityKind, Extent, Grain, Window};
use std::ops::RangeInclusive;

pub(crate) const STATE_KNOWN: &[&str] = &["agg", "entity", "from", "until", "events", "value", "decimals", "where"];
pub(crate) const SURVEY_KNOWN: &[&str] =
    &["type", "description", "entity", "score", "decimals", "scale", "events", "where", "windows", "by", "include"];
pub(crate) const CONVERSION_KNOWN: &[&str] =
    &["type", "description", "entity", "base", "conversion", "steps", "within", "windows", "by", "include"];
pub(crate) const TIME_TO_VALUE_KNOWN: &[&str] =
    &["type", "description", "entity", "base", "value", "windows", "by", "include"];
pub(crate) const SESSIONS_KNOWN: &[&str] =
    &["type", "description", "entity", "events", "where", "gap", "windows", "by", "include"];
pub(crate) const BASE_KNOWN: &[&str] = &["events"];
pub(crate) const FURTHER_KNOWN: &[&str] = &["events", "within"];
/// How long after its first step one may convert.
pub(crate) const WITHIN: &Units = &[(Grain::Minute, 1..=1440), (Grain::Hour, 1..=720), (Grain::Day, 1..=90)];
/// How long a session lasts without an event.
pub(crate) const GAP: &Units = &[(Grain::Minute, 1..=1440), (Grain::Hour, 1..=24)];
/// How many days of a time to value are told apart at most.
pub(crate) const DAYS: &Units = &[(Grain::Day, 1..=90)];
/// How far back what is held may be compared.
pub(crate) const COMPARED: &Units = &[(Grain::Day, 1..=400)];
const MOST_STEPS: usize = 10;

/// What holds of an entity: by events that begin and end it, by what the latest event says, or by attributes alone.
pub(super) fn state(entries: &Entries, attributes: Attributes<'_>) -> Option<Wanted> {
    entries.allow(STATE_KNOWN, &[]);
    let entity = entity(entries, attributes);
    let begun = [entries.get("from"), entries.get("until")];
    let (said, events, state) = match (begun, entries.get("events")) {
        ([None, None], None) => {
            let needs =
                "write which attributes must hold, as in `where: { account.status: customer }`, or which events say it";
            entries.require("where", needs)?;
            (Some(Said::Steps(Vec::new())), Some(Vec::new()), State::Attributes)
        }
        ([None, None], Some(of)) => {
            let events = events(of);
            (value(entries, "value", i64::MIN..=i64::MAX), events, State::Worth)
        }
        ([from, until], None) => {
            let list = |cursor: Option<&Cursor>, name: &str, help: &str| match cursor {
                Some(cursor) => events(cursor),
                None => entries.require(name, help).and(None),
            };
            let from = list(from, "from", "write the events that begin it, as in `from: [subscribed]`");
            let ending = list(until, "until", "write the events that end it, as in `until: [cancelled]`");
            let both = from.zip(ending).map(|(from, ending)| vec![from, ending]);
            let both = both.and_then(|both| until.and_then(|until| apart(until, both)));
            let all = both.as_ref().map(|both| named(both));
            (both.map(Said::Steps), all, State::Begun)
        }
        (_, Some(events)) => {
            return events.wrong_at_home(
                "`events` stands beside `from` or `until`",
                "write `events` and `value` for what something is worth, or `from` and `until` for what holds",
            );
        }
    };
    for of_worth in ["value", "decimals"].into_iter().filter(|_| state != State::Worth) {
        if let Some(other) = entries.get(of_worth) {
            let what = format!("`{of_worth}` is for a state that has `events`");
            other.wrong_at_home::<()>(what, "remove it, or write `events` and `value` alone");
        }
    }
    let marks = |entity, said| Measure::Marks(Marks { entity, said, keep: Keep::Last });
    let measure = entity.zip(said).map(|(entity, said)| marks(entity, said));
    let tests = entries
        .read_or("where", Tests::default(), |cursor| filters::tests(&cursor.entries()?, measure.as_ref(), attributes));
    let tests = tests?;
    if let (State::Attributes, Some(condition)) = (&state, tests.conditions.first()) {
        return entries.get("where")?.wrong_at_home(
            format!("`{}` is a property of events, and this state has no events", condition.property.join(".")),
            "write an attribute behind its entity's name, as in `account.status: customer`, or the events that say it",
        );
    }
    Some(Wanted { measure: measure?, events: Some(events?), tests, kind: Some(Kind::State(state)), of_values: None })
}

/// How what is held moves: its state must be worth something.
pub(super) fn movements(cursor: &Cursor, wanted: Wanted) -> Option<Wanted> {
    match wanted.kind {
        Some(Kind::State(State::Worth)) => Some(Wanted { kind: Some(Kind::Movements(Movements)), ..wanted }),
        _ => cursor.wrong_at_home(
            "only what is worth something moves",
            "write `measure: { agg: state, entity: account, events: [subscription_changed], value: properties.mrr }`",
        ),
    }
}

/// What people answer.
pub(super) fn survey(entries: &Entries, attributes: Attributes<'_>) -> Option<Wanted> {
    let entity = entity(entries, attributes);
    let scale = entries.read_or("scale", Scale::Nps, |cursor| cursor.choice("a scale", SCALES, &[]));
    let range = if scale == Some(Scale::Nps) { 0..=10 } else { i64::MIN..=i64::MAX };
    if let (Some(Scale::Nps), Some(decimals)) = (scale, entries.get("decimals")) {
        decimals.wrong_at_home::<()>("scores from 0 to 10 have no decimals", "remove it, or write `scale: mean`");
    }
    let said = value(entries, "score", range);
    let events =
        entries.require("events", "write the events that are answers, as in `events: [nps_answered]`").and_then(events);
    let marks = |entity, said| Measure::Marks(Marks { entity, said, keep: Keep::None });
    let measure = entity.zip(said).map(|(entity, said)| marks(entity, said));
    let tests = entries
        .read_or("where", Tests::default(), |cursor| filters::tests(&cursor.entries()?, measure.as_ref(), attributes));
    Some(Wanted {
        measure: measure?,
        events: Some(events?),
        tests: tests?,
        kind: Some(Kind::Survey(Survey { scale: scale? })),
        of_values: None,
    })
}

/// Who went on in time: `base` and `conversion`, or several `steps`.
pub(super) fn conversion<'a>(entries: &Entries<'a>, attributes: Attributes<'_>) -> Option<Wanted> {
    let entity = entity(entries, attributes);
    let (steps, within) = match (entries.get("steps"), entries.get("within")) {
        (Some(steps), within) => {
            for other in ["base", "conversion"] {
                if let Some(cursor) = entries.get(other) {
                    let what = format!("`{other}` stands beside `steps`");
                    cursor.wrong_at_home::<()>(what, "remove it, or write `base` and `conversion` without `steps`");
                }
            }
            let names = events(steps).and_then(|names| match names.len() {
                2..=MOST_STEPS => Some(names.into_iter().map(|name| vec![name]).collect()),
                _ => steps.wrong(
                    "a funnel has two to ten steps",
                    "write the events in their order, as in `steps: [cart_created, checkout_completed]`",
                ),
            });
            let help = "write how long after the first step the last may come, as in `within: 14d`";
            (names, within.or_else(|| entries.require("within", help)).and_then(read_within))
        }
        (None, outside) => {
            let (steps, within) = pair(entries, "conversion");
            let within = match outside {
                Some(outside) => outside.wrong_at_home(
                    "`within` stands outside of `conversion`",
                    "write it in `conversion`, and only there",
                ),
                None => within.and_then(|entries| {
                    entries.require("within", "write how soon, as in `within: 14d`").and_then(read_within)
                }),
            };
            (steps, within)
        }
    };
    let (steps, within) = (steps?, within?);
    let kind = Conversion { steps: u16::try_from(steps.len()).expect("a few"), within };
    let events = Some(named(&steps));
    let measure = Measure::Marks(Marks { entity: entity?, said: Said::Steps(steps), keep: Keep::None });
    Some(Wanted { measure, events, tests: Tests::default(), kind: Some(Kind::Conversion(kind)), of_values: None })
}

/// Uses of the product, one after the other.
pub(super) fn sessions(entries: &Entries, attributes: Attributes<'_>) -> Option<Wanted> {
    let entity = entity(entries, attributes);
    let events = entries.require("events", "write `events: any`, or the names of events").and_then(measure::events);
    let help = "write after how long without an event a session has ended, as in `gap: 30m`";
    let gap = entries.require("gap", help).and_then(|cursor| span(cursor, "a gap", GAP)).map(millis);
    let marks = |entity, gap_ms| Measure::Marks(Marks { entity, said: Said::Moment { gap_ms }, keep: Keep::Joined });
    let measure = entity.zip(gap).map(|(entity, gap_ms)| marks(entity, gap_ms));
    let tests = entries
        .read_or("where", Tests::default(), |cursor| filters::tests(&cursor.entries()?, measure.as_ref(), attributes));
    let kind = Some(Kind::Sessions(Sessions { gap_ms: gap? }));
    Some(Wanted { measure: measure?, events: events?, tests: tests?, kind, of_values: None })
}

/// How long it takes from one event to another.
pub(super) fn time_to_value<'a>(entries: &Entries<'a>, attributes: Attributes<'_>) -> Option<Wanted> {
    let entity = entity(entries, attributes);
    let (steps, value) = pair(entries, "value");
    let within = value.and_then(|entries| {
        let cursor = entries.require("within", "write how long is told apart, as in `within: 60d`")?;
        Some(span(cursor, "a time to value", DAYS)?.longest())
    });
    let (steps, within) = (steps?, within?);
    let conversion = Conversion { steps: 2, within: Within::Days(within) };
    let events = Some(named(&steps));
    let measure = Measure::Marks(Marks { entity: entity?, said: Said::Steps(steps), keep: Keep::None });
    let kind = Some(Kind::TimeToValue(TimeToValue { conversion, within }));
    Some(Wanted { measure, events, tests: Tests::default(), kind, of_values: None })
}

/// The events that begin something, under `base`, and those that end it, under a key; and what else stands under that.
fn pair<'a>(entries: &Entries<'a>, key: &str) -> (Option<Vec<Vec<String>>>, Option<Entries<'a>>) {
    let of = |name: &str, known: &[&str], help: &str| {
        let entries = entries.require(name, help)?.entries()?;
        entries.allow(known, &[]);
        Some(entries)
    };
    let list = |of: &Entries<'a>| {
        let cursor = of.require("events", "write the names of events, as in `events: [trial_started]`")?;
        Some((events(cursor)?, cursor.clone()))
    };
    let base = of("base", BASE_KNOWN, "write the events that begin it, as in `base: { events: [trial_started] }`");
    let help =
        format!("write the events that end it and how soon, as in `{key}: {{ events: [subscribed], within: 14d }}`");
    let further = of(key, FURTHER_KNOWN, &help);
    let both = base.as_ref().and_then(list).zip(further.as_ref().and_then(list));
    (both.and_then(|((base, _), (further, at))| apart(&at, vec![base, further])), further)
}

fn read_within(cursor: &Cursor) -> Option<Within> {
    let span = span(cursor, "a time to convert in", WITHIN)?;
    Some(if span.grain == Grain::Day { Within::Days(span.longest()) } else { Within::Ms(millis(span)) })
}

fn entity(entries: &Entries, attributes: Attributes<'_>) -> Option<EntityKind> {
    let help = "write to what it happens, one of the catalogue's `entities`";
    entries.require("entity", help).and_then(|cursor| entities::named(cursor, attributes.entities))
}

/// Names of events, which must be known: what happened is told by them.
fn events(cursor: &Cursor) -> Option<Vec<String>> {
    match cursor.written() {
        Some("any") => cursor.wrong("`any` does not say which events", "write their names, as in `[subscribed]`"),
        _ => cursor.one_or_more(measure::event),
    }
}

/// The lists, unless the last one, which stands here, names an event of another: it would be both at once.
fn apart(cursor: &Cursor, lists: Vec<Vec<String>>) -> Option<Vec<Vec<String>>> {
    let (last, others) = lists.split_last()?;
    match last.iter().find(|name| others.iter().any(|other| other.contains(name))) {
        None => Some(lists),
        Some(both) => cursor.wrong_at_home(
            format!("`{both}` would be the beginning and the end at once"),
            "write each event in one place, or another name of what happened",
        ),
    }
}

/// All names of some lists, each once.
fn named(lists: &[Vec<String>]) -> Vec<String> {
    let mut all: Vec<String> = lists.concat();
    all.sort_unstable();
    all.dedup();
    all
}

/// The value of a property under a key; `range` is in units of its last decimal.
fn value(entries: &Entries, key: &str, range: RangeInclusive<i64>) -> Option<Said> {
    let (value, decimals) = amount(entries, key)?;
    Some(Said::Value { value, decimals, range })
}

/// The property under a key, and to how many decimals its values are rounded.
pub(super) fn amount(entries: &Entries, key: &str) -> Option<(Path, u8)> {
    let help = format!("write the property, as in `{key}: properties.amount`");
    let value = entries.require(key, &help).and_then(|cursor| {
        if cursor.written().is_none() {
            return cursor.mismatch("a property", values::PATH_HELP);
        }
        let name = cursor.text()?;
        measure::property(name).or_else(|| cursor.wrong(format!("`{name}` is not a property"), values::PATH_HELP))
    });
    let decimals = entries.read_or("decimals", 0, |cursor| match cursor.literal()? {
        Literal::Int(decimals) if (0..=MOST_DECIMALS.into()).contains(&decimals) => u8::try_from(decimals).ok(),
        _ => cursor.mismatch(
            &format!("a whole number from 0 to {MOST_DECIMALS}"),
            "write how many are kept, as in `decimals: 2`",
        ),
    });
    Some((value?, decimals?))
}

/// Reports dimensions that events say: what happened to an entity is kept once, whatever else its events say.
pub(super) fn are_followed(
    cursor: &Cursor,
    counted: Option<&Measure>,
    by: &[By],
    dimensions: &Dimensions,
) -> Option<()> {
    let Some(Measure::Marks(_)) = counted else { return Some(()) };
    let declared = dimensions.declared()?;
    let of = |by: &By| &declared[usize::from(by.dimension.0)];
    match by.iter().map(of).find(|dimension| matches!(dimension.taken, Taken::Event(_))) {
        None => Some(()),
        Some(said) => cursor.wrong(
            format!("`{}` is said by events, and this type of metric is sliced by attributes alone", said.name),
            "remove it here, or make it an attribute of the entity",
        ),
    }
}

/// Reports windows that are not of the last days.
pub(super) fn are_of_days(cursor: &Cursor, windows: &[Window]) -> Option<()> {
    let is_other = |window: &&Window| window.grain != Grain::Day || !matches!(window.extent, Extent::Trailing(_));
    match windows.iter().find(is_other) {
        None => Some(()),
        Some(other) => cursor.wrong(
            format!("`{other}` is not a number of days"),
            "this type of metric is told of whole days: write windows as in `[28d, 90d]`",
        ),
    }
}
