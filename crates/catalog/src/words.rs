//! Metrics in plain words.

mod formula;
mod tree;

use crate::dimension::{By, Dimension, Taken};
use crate::filter::Requirement;
use crate::kinds::Family;
use crate::plan::{Asks, Condition, Literal, Marks, Measure, Metric, Plan, Said};
use activity::{Bucket, Extent, Grain, Period, Window};
use jiff::Timestamp;

/// What a metric means, in sentences that an analyst can check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// What counts: `Every user with an event "read" counts once; two are the same if user_id is equal.`
    pub counts: String,
    /// Over which time: `In the trailing 24 hours of UTC, and the trailing 1, 7 and 28 days of Europe/Berlin.`
    pub windows: String,
    /// Until when what comes late still counts, by source.
    pub late: String,
}

impl Plan {
    /// What a metric of this plan means.
    #[must_use]
    pub fn words(&self, metric: &Metric) -> Words {
        Words { counts: self.counts(metric), windows: self.windows(&metric.windows), late: self.late(metric) }
    }

    /// A bucket for people: a day's date, or when a minute or an hour begins.
    #[must_use]
    pub fn shown(&self, grain: Grain, bucket: Bucket) -> String {
        match grain {
            Grain::Day => self.calendar.date(bucket).map_or_else(|| format!("day {bucket}"), |date| date.to_string()),
            Grain::Minute | Grain::Hour => {
                let ms = i64::from(bucket.0) * grain.nominal_ms();
                Timestamp::from_millisecond(ms).map_or_else(|_| format!("{ms} ms"), |time| time.to_string())
            }
        }
    }

    fn counts(&self, metric: &Metric) -> String {
        let events = metric.events.as_ref().map(|names| quoted(names));
        let event = |article: &str, any: &str| match &events {
            Some(names) => format!("{article} {names}"),
            None => any.to_owned(),
        };
        let required = metric.required.iter().map(|required| self.requirement(required));
        let conditions: Vec<String> = metric.conditions.iter().map(condition).chain(required).collect();
        let conditions =
            if conditions.is_empty() { String::new() } else { format!(" where {}", conditions.join(" and ")) };
        let owner = self.owner(metric).map(|owner| self.entities[usize::from(owner.0)].name.as_str());
        let once = owner.map_or_else(|| "once".to_owned(), |owner| format!("once for its {owner}"));
        let counts = match &metric.measure {
            Measure::Distinct(kind) | Measure::Events(kind) | Measure::Marks(Marks { entity: kind, .. }) => {
                let entity = &self.entities[usize::from(kind.0)];
                let (name, event, are) =
                    (&entity.name, event("an event", "any event"), if entity.key.len() == 1 { "is" } else { "are" });
                let key = and(&entity.key);
                let place = |of: &Family| of.moves.iter().position(|index| std::ptr::eq(self.metric(*index), metric));
                let family = metric.role.as_ref().map(|role| &self.families[role.family]);
                let words = family.and_then(|of| Some(of.kind.words(place(of)?)));
                let words = words.unwrap_or_else(|| "counts once".to_owned());
                let named = match &metric.measure {
                    Measure::Marks(Marks { said: Said::Steps(steps), .. }) if steps.is_empty() => {
                        format!("Every {name}{conditions}")
                    }
                    Measure::Marks(Marks { said: Said::Steps(steps), .. }) => {
                        let steps: Vec<String> = steps.iter().map(|names| quoted(names)).collect();
                        format!("Of the steps {}{conditions}, every {name}", steps.join(", then "))
                    }
                    _ => format!("Every {name} with {event}{conditions}"),
                };
                let of = match &metric.measure {
                    Measure::Marks(Marks { said: Said::Label(of), .. }) => format!(" of {}", self.dimension(*of).name),
                    _ => String::new(),
                };
                format!("{named} {words}{of}; two are the same if {key} {are} equal.")
            }
            Measure::Count => {
                format!("{}{conditions} counts, each event_id {once}.", event("Every event", "Every event"))
            }
            Measure::Sum { value, decimals } => {
                let rounded = match decimals {
                    0 => "to a whole number".to_owned(),
                    1 => "to 1 decimal".to_owned(),
                    _ => format!("to {decimals} decimals"),
                };
                let (value, event) = (value.join("."), event("every event", "every event"));
                format!("{value} of {event}{conditions} adds up, rounded {rounded} each time, each event_id {once}.")
            }
        };
        let excluded = (0..).zip(&self.exclude).filter(|(at, _)| !metric.include.contains(at));
        let excluded: Vec<String> = excluded.map(|(_, rule)| rule.name.clone()).collect();
        let without = (!excluded.is_empty()).then(|| format!(" Excluded traffic does not count: {}.", and(&excluded)));
        let by = |by: &By| {
            let Dimension { name, taken, values, limit, .. } = self.dimension(by.dimension);
            let name = match owner {
                Some(owner) if matches!(taken, Taken::Attribute { .. }) => format!("its {owner}'s {name}"),
                _ => name.clone(),
            };
            if usize::from(*limit) > values.len() { format!("{name} (at most {limit} values)") } else { name }
        };
        let rules = self.excluded(metric);
        let is_named = |by: &&By| rules != Some(**by) && !matches!(self.dimension(by.dimension).taken, Taken::Bins(_));
        let by: Vec<String> = metric.by.iter().filter(is_named).map(by).collect();
        let sliced = (!by.is_empty()).then(|| format!(" It is sliced by {}.", and(&by)));
        let beside = rules.map_or("", |_| " What it lacks because of an attribute is counted by rule.");
        counts + &without.unwrap_or_default() + beside + &sliced.unwrap_or_default()
    }

    /// As of when an attribute is asked goes with the dimension.
    fn requirement(&self, Requirement { dimension, one_of }: &Requirement) -> String {
        let dimension = self.dimension(*dimension);
        let of = match dimension.taken {
            Taken::Attribute { of, .. } => self.entities[usize::from(of.0)].name.as_str(),
            Taken::Event(_) | Taken::Bins(_) | Taken::Excluded => "",
        };
        // A requirement is of values that are declared, or of none, or of all others.
        let values = one_of.iter().filter_map(|value| dimension.label(None, *value));
        let values = or(values.map(|value| format!("\"{value}\"")));
        format!("{of}.{} is {values}", dimension.name)
    }

    fn windows(&self, windows: &[Window]) -> String {
        let length = |window: Window| match window.extent {
            Extent::Trailing(length) => Some(length.to_string()),
            Extent::ToDate(_) | Extent::AsOf => None,
        };
        let lengths =
            |grain| windows.iter().filter(|of| of.grain == grain).copied().filter_map(length).collect::<Vec<_>>();
        let of = |grain: Grain| match lengths(grain).as_slice() {
            [] => None,
            [one] if one == "1" => Some(format!("1 {}", grain.name())),
            lengths => Some(format!("{} {}s", and(lengths), grain.name())),
        };
        let sliding: Vec<String> = [Grain::Minute, Grain::Hour].into_iter().filter_map(of).collect();
        let sliding = (!sliding.is_empty()).then(|| format!("the trailing {} of UTC", sliding.join(" and ")));
        let zone = self.calendar.zone_name();
        let days = of(Grain::Day).map(|days| format!("the trailing {days} of {zone}"));
        let to_date = windows.iter().filter_map(|window| match window.extent {
            Extent::ToDate(Period::Week) => Some(format!("the week from {:?} on", self.calendar.week_starts())),
            Extent::ToDate(period) => Some(format!("the {}", period.name())),
            Extent::Trailing(_) | Extent::AsOf => None,
        });
        let to_date: Vec<String> = to_date.collect();
        let to_date = (!to_date.is_empty()).then(|| format!("{} to date of {zone}", and(&to_date)));
        if windows.contains(&Window::AS_OF) {
            return format!("None: it is told as of the end of each day of {zone}, or as of now.");
        }
        format!("In {}.", sliding.into_iter().chain(days).chain(to_date).collect::<Vec<_>>().join(", and "))
    }

    fn late(&self, metric: &Metric) -> String {
        let is_share = metric.role.as_ref().is_some_and(|role| !self.families[role.family].kind.parts().is_empty());
        if is_share {
            return "What its parts count when it comes late is in it, too.".to_owned();
        }
        if metric.events.as_ref().is_some_and(Vec::is_empty) {
            return "What is told of attributes is never too late.".to_owned();
        }
        let grains = || Grain::ALL.into_iter().filter(|grain| metric.windows_of(*grain).next().is_some());
        let bounds: Vec<(&str, String)> = self
            .sources
            .iter()
            .map(|source| {
                let bound = |grain: Grain| format!("{} in its {}", span(source.lateness_ms[grain]), grain.name());
                (source.name.as_str(), and(&grains().map(bound).collect::<Vec<_>>()))
            })
            .collect();
        let all_alike = bounds.windows(2).all(|pair| pair[0].1 == pair[1].1);
        let bounds = match bounds.as_slice() {
            [(_, bound), ..] if all_alike => bound.clone(),
            bounds => bounds.iter().map(|(name, bound)| format!("{bound} if of {name}")).collect::<Vec<_>>().join("; "),
        };
        format!("An event still counts when it comes late, by its source's clock: up to {bounds}.")
    }
}

/// A time in the largest unit of which it is a whole number: `31d`.
#[must_use]
pub fn span(ms: i64) -> String {
    let coarsest = Grain::ALL.into_iter().rev().find(|grain| ms % grain.nominal_ms() == 0).unwrap_or(Grain::Minute);
    format!("{}{}", ms / coarsest.nominal_ms(), coarsest.letter())
}

fn condition(Condition { property, asks }: &Condition) -> String {
    let property = property.join(".");
    match asks {
        Asks::OneOf(values) => format!("{property} is {}", or(values.iter().map(literal))),
        Asks::Domain(domains) => format!("the domain of {property} is {}", or(domains.iter().map(literal))),
        Asks::Key { name, is_same: true } => format!("{property} is the same as {name}"),
        Asks::Key { name, is_same: false } => format!("{property} is another one than {name}"),
    }
}

fn literal(literal: &Literal) -> String {
    match literal {
        Literal::Bool(value) => value.to_string(),
        Literal::Int(value) => value.to_string(),
        Literal::Float(value) => format!("{value:?}"),
        Literal::Text(value) => format!("\"{value}\""),
    }
}

fn quoted(names: &[String]) -> String {
    or(names.iter().map(|name| format!("\"{name}\"")))
}

fn or(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(" or ")
}

/// `a, b and c`.
fn and(items: &[String]) -> String {
    match items {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        items => items.concat(),
    }
}
