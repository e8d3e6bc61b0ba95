//! The answer as text.

use super::answer::Answer;
use crate::check;

pub(super) fn table(answer: &Answer) -> String {
    let row = |value: &super::answer::Value| {
        let complete = if value.complete { "yes" } else { "no" };
        let labels = value.label.iter().chain(&value.slice).map(|(name, value)| format!(" {name}={value}"));
        vec![
            value.metric.clone() + &labels.collect::<String>(),
            value.window.clone(),
            value.as_of.clone(),
            value.value.map_or_else(|| if value.is_kept { "none" } else { "not kept" }.to_owned(), |of| of.to_string()),
            complete.to_owned(),
        ]
    };
    let rows = answer.values.iter().map(row).collect();
    check::table(&["metric", "window", "as of", "value", "complete"], rows) + "\n"
}

pub(super) fn json(answer: &Answer) -> String {
    serde_json::to_string_pretty(answer).expect("all keys are text") + "\n"
}
