//! Every company of the examples has a page, on which every metric that it lives by comes out as it was worked out by hand.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use docs::{Example, Row, judge, names, pages, root};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::RangeInclusive;

/// The rows: what companies are known to watch.
const ROWS: RangeInclusive<u32> = 1..=36;
/// What has to stand in a row, each under a heading of its own.
const PARTS: &[(u32, &str)] = &[
    (33, "Qualified leads"),
    (33, "Pipeline value"),
    (33, "Bookings"),
    (33, "Partner-sourced revenue"),
    (33, "Payback period"),
    (34, "Page views"),
    (34, "Sign-ups"),
    (34, "Shares"),
    (34, "Live posts"),
    (34, "Time a page"),
    (34, "Time a session"),
    (36, "Renewals"),
    (36, "NRR by firmographics"),
    (36, "NPS decline"),
];
/// Files beside the companies' catalogues.
const BESIDE: &[&str] = &["demo", "music", "northstar"];

#[test]
fn every_company_has_a_page() {
    let mut companies = names("deploy/examples", "yaml");
    companies.retain(|name| !BESIDE.contains(&name.as_str()));
    assert_eq!(names("docs/examples", "md"), companies);
}

#[test]
fn catalogues_say_who_it_is_what_they_ask_and_where_its_days_begin() {
    for company in names("docs/examples", "md") {
        let text = fs::read_to_string(root().join(format!("deploy/examples/{company}.yaml"))).unwrap();
        let plan = catalog::parse(&text).unwrap_or_else(|mistakes| panic!("{}", mistakes.render(&company, &text)));
        assert_eq!(plan.product, company);
        assert_ne!(plan.calendar.zone_name(), "UTC", "{company}");
        assert!(!plan.exclude.is_empty(), "{company} excludes nothing");
        let metrics = plan.metrics.iter().map(|metric| (&metric.name, &metric.description));
        let formulas = plan.formulas.iter().map(|formula| (&formula.name, &formula.description));
        for (name, description) in metrics.chain(formulas) {
            assert!(description.ends_with(['?', '.']), "{company}: what does {name} answer?");
        }
    }
}

#[test]
fn every_row_has_a_page() {
    let pages = pages("docs/examples");
    let rows: Vec<&Row> = pages.iter().flat_map(|(_, page)| &page.rows).collect();
    let has: BTreeSet<u32> = rows.iter().map(|row| row.number).collect();
    assert_eq!(rows.len(), has.len(), "a row stands on two pages");
    assert_eq!(has, ROWS.collect(), "rows that have a page (left)");
    for (number, part) in PARTS {
        let row = rows.iter().find(|row| row.number == *number).unwrap();
        assert!(row.parts.iter().any(|of| of == part), "row {number} has no `### {part}`");
    }
}

#[test]
fn rows_come_out_as_the_page_says() {
    let mut wrong = Vec::new();
    for (name, page) in pages("docs/examples") {
        for example in page.examples {
            wrong.extend(judge(&example).err().map(|why| format!("{name}, line {}: {why}", example.line)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What counts are wrong by, if they are: something late, something twice, an end of a day, an attribute that changes.
#[test]
fn every_row_has_what_is_hard() {
    let mut lacking = Vec::new();
    for (name, page) in pages("docs/examples") {
        for Row { number, examples, .. } in &page.rows {
            let all = examples.last().unwrap_or_else(|| panic!("{name}, row {number}: no example"));
            let stream = Stream::of(&page.examples[*all]);
            let has = [
                (stream.has_late_event(), "late event"),
                (stream.has_duplicate(), "duplicate"),
                (stream.has_end_of_day(), "event in the first or last minute of a day"),
                (stream.has_change(), "change of an attribute"),
            ];
            let lacks = has.iter().filter(|(has, _)| !has);
            lacking.extend(lacks.map(|(_, what)| format!("{name}, row {number}: no {what}")));
        }
    }
    assert!(lacking.is_empty(), "{}", lacking.join("\n"));
}

/// The records of an example, and the zone of its days.
struct Stream {
    events: Vec<String>,
    /// What records say of attributes, by all else that they say, which is about whom.
    attributes: BTreeMap<String, BTreeSet<String>>,
    zone: TimeZone,
}

impl Stream {
    fn of(example: &Example) -> Stream {
        let plan = catalog::parse(&example.catalogue).unwrap();
        let (mut events, mut attributes) = (Vec::new(), BTreeMap::<_, BTreeSet<_>>::new());
        for (source, record) in &example.records {
            let is_named = |name: &str| source.as_ref().is_none_or(|source| source == name);
            let source = plan.sources.iter().find(|source| is_named(&source.name)).unwrap();
            let Some(of) = &source.attributes else {
                events.push(record.clone());
                continue;
            };
            let mut value: Value = serde_json::from_str(record).unwrap();
            let fields = value.as_object_mut().unwrap();
            fields.remove("timestamp");
            let said = fields.remove(&of.object[0]).unwrap_or_default();
            attributes.entry(value.to_string()).or_default().insert(said.to_string());
        }
        Stream { events, attributes, zone: TimeZone::get(plan.calendar.zone_name()).unwrap() }
    }

    fn times(&self) -> impl Iterator<Item = Timestamp> {
        self.events.iter().map(|event| {
            let event: Value = serde_json::from_str(event).unwrap();
            event["timestamp"].as_str().unwrap().parse().unwrap()
        })
    }

    fn has_late_event(&self) -> bool {
        !self.times().is_sorted()
    }

    fn has_duplicate(&self) -> bool {
        self.events.iter().collect::<BTreeSet<_>>().len() < self.events.len()
    }

    fn has_end_of_day(&self) -> bool {
        let of_day = |time: Timestamp| time.to_zoned(self.zone.clone()).time();
        self.times().map(of_day).any(|time| matches!((time.hour(), time.minute()), (23, 59) | (0, 0)))
    }

    fn has_change(&self) -> bool {
        self.attributes.values().any(|said| said.len() > 1)
    }
}
