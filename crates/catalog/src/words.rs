//! Metrics in plain words.

use crate::plan::{Condition, Literal, Measure, Metric, Part, Plan};
use activity::{Bucket, Extent, Grain, Period, Window};
use jiff::Timestamp;

impl Plan {
    /// Each metric's name and what it counts, in the catalogue's order: `active_users` and `distinct user with any event in
    /// the trailing 1, 7, 28 days (America/New_York)`.
    #[must_use]
    pub fn words(&self) -> Vec<(String, String)> {
        self.metrics.iter().map(|metric| (metric.name.clone(), self.sentence(metric))).collect()
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

    fn sentence(&self, metric: &Metric) -> String {
        let counted = match &metric.measure {
            Measure::Distinct(entity) => format!("distinct {} with", self.entities[usize::from(entity.0)].name),
            Measure::Count => "count of".to_owned(),
            Measure::Sum { value, decimals: 0 } => format!("sum of {} (whole numbers) of", value.join(".")),
            Measure::Sum { value, decimals } => format!("sum of {} ({decimals} decimals) of", value.join(".")),
        };
        let events = match &metric.events {
            None => "any event".to_owned(),
            Some(names) => format!("event {}", or(names.iter().map(|name| format!("\"{name}\"")))),
        };
        let conditions: Vec<String> = metric.conditions.iter().map(condition).collect();
        let conditions =
            if conditions.is_empty() { String::new() } else { format!(" where {}", conditions.join(" and ")) };
        let windows = Grain::ALL.into_iter().filter_map(|grain| self.lengths(metric, grain));
        let trailing = windows.collect::<Vec<_>>().join(", ");
        let to_date = metric.windows.iter().filter_map(|window| match window.extent {
            Extent::ToDate(Period::Week) => Some(format!("week from {:?} on", self.calendar.week_starts())),
            Extent::ToDate(period) => Some(period.name().to_owned()),
            Extent::Trailing(_) => None,
        });
        let to_date: Vec<String> = to_date.collect();
        let zone = self.calendar.zone_name();
        let to_date = (!to_date.is_empty()).then(|| format!("the {} to date ({zone})", to_date.join(", the ")));
        let trailing = (!trailing.is_empty()).then(|| format!("the trailing {trailing}"));
        let windows: Vec<String> = trailing.into_iter().chain(to_date).collect();
        let excluded = (0..).zip(&self.exclude).filter(|(at, _)| !metric.include.contains(at));
        let excluded: Vec<&str> = excluded.map(|(_, rule)| rule.name.as_str()).collect();
        let without = if excluded.is_empty() { String::new() } else { format!(", without {}", excluded.join(", ")) };
        format!("{counted} {events}{conditions} in {}{without}", windows.join(", and in "))
    }

    /// `7, 28 days (Europe/Berlin)`; `None` if there are none of the grain.
    fn lengths(&self, metric: &Metric, grain: Grain) -> Option<String> {
        let length = |window: Window| match window.extent {
            Extent::Trailing(length) => Some(length.to_string()),
            Extent::ToDate(_) => None,
        };
        let lengths: Vec<String> = metric.windows_of(grain).filter_map(length).collect();
        let name = match lengths.as_slice() {
            [] => return None,
            [one] if one == "1" => grain.name().to_owned(),
            _ => format!("{}s", grain.name()),
        };
        let zone = if grain == Grain::Day { format!(" ({})", self.calendar.zone_name()) } else { String::new() };
        Some(format!("{} {name}{zone}", lengths.join(", ")))
    }
}

fn condition(Condition { property, part, one_of }: &Condition) -> String {
    let of = if *part == Part::Domain { "the domain of " } else { "" };
    format!("{of}{} is {}", property.join("."), or(one_of.iter().map(literal)))
}

fn literal(literal: &Literal) -> String {
    match literal {
        Literal::Bool(value) => value.to_string(),
        Literal::Int(value) => value.to_string(),
        Literal::Float(value) => format!("{value:?}"),
        Literal::Text(value) => format!("\"{value}\""),
    }
}

fn or(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(" or ")
}
