//! Metrics in plain words.

use crate::plan::{Condition, Literal, Metric, Plan};

impl Plan {
    /// Each metric's name and what it counts, in the catalogue's order: `active_users` and `distinct user with any event in
    /// the trailing 1, 7, 28 days (America/New_York)`.
    #[must_use]
    pub fn words(&self) -> Vec<(String, String)> {
        self.metrics.iter().map(|metric| (metric.name.clone(), self.sentence(metric))).collect()
    }

    fn sentence(&self, metric: &Metric) -> String {
        let entity = &self.entities[usize::from(metric.entity.0)].name;
        let events = match &metric.events {
            None => "any event".to_owned(),
            Some(names) => format!("event {}", or(names.iter().map(|name| format!("\"{name}\"")))),
        };
        let conditions: Vec<String> = metric.conditions.iter().map(condition).collect();
        let conditions =
            if conditions.is_empty() { String::new() } else { format!(" where {}", conditions.join(" and ")) };
        let lengths: Vec<String> = metric.windows.iter().map(|window| window.0.to_string()).collect();
        let days = if lengths == ["1"] { "day" } else { "days" };
        let (lengths, zone) = (lengths.join(", "), self.calendar.zone_name());
        format!("distinct {entity} with {events}{conditions} in the trailing {lengths} {days} ({zone})")
    }
}

fn condition(Condition { property, one_of }: &Condition) -> String {
    format!("{} is {}", property.join("."), or(one_of.iter().map(literal)))
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
