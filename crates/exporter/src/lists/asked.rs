//! What people ask for, checked against the catalogue.

use super::{Kind, Wanted};
use activity::{DimensionIndex, DimensionValue, EntityKey, EntityKind, Grain, MetricIndex, Millis, Window};
use catalog::{Metric, Moment, Names, Plan, suggest};
use std::collections::BTreeMap;

/// A question as it is written: on the command line, or in the address of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The metric's name.
    pub metric: String,
    /// `members`, `entered`, `fell-out` or `due-to-fall-out`; the first if it is not given.
    pub list: Option<String>,
    /// One of the metric's windows; its longest if it is not given.
    pub window: Option<String>,
    /// For those that entered or fell out: from when on; the last seven days if it is not given.
    pub since: Option<String>,
    /// For those that are about to fall out: how soon; within seven days if it is not given.
    pub within: Option<String>,
    /// Attributes and their values, each as in `plan=team`.
    pub segments: Vec<String>,
    /// Only the first so many; all of them if it is not given.
    pub limit: Option<usize>,
    /// Only those that follow the entity with this id, part by part, in the order of the list; from the start if it is empty.
    pub after: Vec<String>,
}

/// The lists that there are.
pub const LISTS: [&str; 4] = ["members", "entered", "fell-out", "due-to-fall-out"];
const WEEK: Window = Window::days(7);

impl Asked {
    /// What is wanted, at shard time `time`, when values that were admitted are called by these names.
    ///
    /// # Errors
    /// Everything that the catalogue cannot answer, each with what to write.
    pub(crate) fn wanted(&self, plan: &Plan, names: &Names, time: Millis) -> Result<Wanted, Vec<String>> {
        let (metric, of) = self.metric(plan).map_err(|mistake| vec![mistake])?;
        let mut mistakes = Vec::new();
        let window = self.window(of).map_err(|mistake| mistakes.push(mistake));
        let grain = window.map_or(Grain::Day, |window| window.grain);
        let kind = self.kind(plan, time, grain).map_err(|mistake| mistakes.push(mistake));
        if let (Ok(window), Ok(Kind::DueToFallOut(within_ms))) = (&window, &kind)
            && *within_ms < window.grain.nominal_ms()
        {
            let (within, grain) = (self.within.as_deref().unwrap_or_default(), window.grain.name());
            mistakes.push(format!("within `{within}` no window of {grain}s moves on; write at least one {grain}"));
        }
        let mut segments = BTreeMap::<DimensionIndex, Vec<DimensionValue>>::new();
        let entity = of.entity().expect("it was looked for among those that count entities");
        for segment in &self.segments {
            match segment_of(plan, names, entity, segment) {
                Ok((dimension, value)) => segments.entry(dimension).or_default().push(value),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        let after = self.after(plan, entity).map_err(|mistake| mistakes.push(mistake));
        match (window, kind, after) {
            (Ok(window), Ok(kind), Ok(after)) if mistakes.is_empty() => {
                Ok(Wanted { metric, window, kind, segments, after, limit: self.limit })
            }
            _ => Err(mistakes),
        }
    }

    fn metric<'p>(&self, plan: &'p Plan) -> Result<(MetricIndex, &'p Metric), String> {
        let counts = |metric: &Metric| metric.counts_entities();
        let counting = || (0..).map(MetricIndex).zip(&plan.metrics).filter(|(_, metric)| counts(metric));
        counting().find(|(_, metric)| metric.name == self.metric).ok_or_else(|| {
            if let Some(formula) = plan.formulas.iter().find(|formula| formula.name == self.metric) {
                let of: Vec<&str> = plan.parts(formula).collect();
                let what = format!("`{}` follows from other metrics, and has no members", self.metric);
                return format!("{what}; ask for those of what it follows from: {}", of.join(", "));
            }
            let names: Vec<&str> = counting().map(|(_, metric)| metric.name.as_str()).collect();
            let what = format!("no metric `{}` counts entities", self.metric);
            what + "; " + &meant(&self.metric, &names)
        })
    }

    fn window(&self, metric: &Metric) -> Result<Window, String> {
        let longest =
            || metric.windows.iter().copied().max_by_key(|of| i64::from(of.longest()) * of.grain.nominal_ms());
        let Some(text) = &self.window else { return Ok(longest().expect("every metric has a window")) };
        let found = text.parse().ok().filter(|window| metric.windows.contains(window));
        found.ok_or_else(|| {
            let windows: Vec<String> = metric.windows.iter().map(Window::to_string).collect();
            format!("`{}` has no window `{text}`; there are {}", metric.name, windows.join(", "))
        })
    }

    fn kind(&self, plan: &Plan, time: Millis, grain: Grain) -> Result<Kind, String> {
        let list = self.list.as_deref().unwrap_or(LISTS[0]);
        let (is_since, is_within) = (["entered", "fell-out"].contains(&list), list == "due-to-fall-out");
        if self.since.is_some() && !is_since {
            return Err(format!("`since` says nothing about `{list}`; it goes with `entered` and `fell-out`"));
        }
        if self.within.is_some() && !is_within {
            return Err(format!("`within` says nothing about `{list}`; it goes with `due-to-fall-out`"));
        }
        match list {
            "members" => Ok(Kind::Members),
            "entered" => self.since(plan, time, grain).map(Kind::Entered),
            "fell-out" => self.since(plan, time, grain).map(Kind::FellOut),
            "due-to-fall-out" => self.within().map(Kind::DueToFallOut),
            other => Err(format!("there is no list `{other}`; {}", meant(other, &LISTS))),
        }
    }

    fn after(&self, plan: &Plan, entity: EntityKind) -> Result<Option<EntityKey>, String> {
        let (fields, parts) = (&plan.entities[usize::from(entity.0)].key, self.after.iter().map(String::as_str));
        match self.after.len() {
            0 => Ok(None),
            given if given == fields.len() => Ok(Some(EntityKey::of(entity, &parts.collect::<Vec<_>>()))),
            given => {
                let (all, fields) = (fields.len(), fields.join(" and "));
                Err(format!("an id is {fields} here: `after` is given {all} times, in this order, not {given}"))
            }
        }
    }

    /// From when on who came in or fell out did so: those who did not count, or did, as of the bucket before.
    fn since(&self, plan: &Plan, time: Millis, grain: Grain) -> Result<Millis, String> {
        match &self.since {
            None => Ok(Millis(time.0 - span_ms(WEEK) + grain.nominal_ms())),
            Some(text) => Moment::parse(plan, text).and_then(|moment| moment.start(plan)).ok_or_else(|| {
                format!("since `{text}` is neither a date nor a time; write `2018-11-30` or `2018-11-30T12:00:00Z`")
            }),
        }
    }

    fn within(&self) -> Result<i64, String> {
        let text = self.within.as_deref();
        let window = text.map_or(Ok(WEEK), |text| text.parse());
        window.map(span_ms).map_err(|()| {
            format!("within `{}` is no span of time; write one as in `60m`, `24h` or `7d`", text.unwrap_or_default())
        })
    }
}

fn span_ms(span: Window) -> i64 {
    i64::from(span.longest()) * span.grain.nominal_ms()
}

/// The attribute, of the entity or of one that it follows, and its value.
fn segment_of(
    plan: &Plan,
    names: &Names,
    entity: EntityKind,
    text: &str,
) -> Result<(DimensionIndex, DimensionValue), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("segment `{text}` is not an attribute and its value; write one as in `plan=team`"))?;
    let followed = plan.followed_by(entity).map(|of| (of.dimension, plan.dimension(of.dimension)));
    let followed: Vec<(DimensionIndex, &catalog::Dimension)> = followed.collect();
    let Some((index, _)) = followed.iter().find(|(_, dimension)| dimension.name == name) else {
        let names: Vec<&str> = followed.iter().map(|(_, dimension)| dimension.name.as_str()).collect();
        return Err(format!("there is no attribute `{name}` here; {}", meant(name, &names)));
    };
    let labels: Vec<_> = plan.labels(names, *index).collect();
    labels.iter().find(|(_, label)| label == value).map(|(found, _)| (*index, *found)).ok_or_else(|| {
        let labels: Vec<&str> = labels.iter().map(|(_, label)| label.as_ref()).collect();
        format!("`{name}` is never `{value}`; {}", meant(value, &labels))
    })
}

fn meant(word: &str, names: &[&str]) -> String {
    match suggest::nearest(word, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "there are none".to_owned(),
        None => format!("there are {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity::admission::Admitted;

    const CATALOGUE: &str = "
version: 1
product: test
sources: { usage: { topic: usage }, crm: { topic: crm, attributes_of: account } }
entities: { account: { key: account_id } }
dimensions: { plan: { of: account, values: [trial, team] } }
metrics:
  accounts:
    type: simple
    measure: { agg: count_distinct, entity: account, events: any }
    windows: [24h, 7d]
  plays: { type: simple, measure: { agg: count, events: any }, windows: [7d] }
";
    const NOW: Millis = Millis(1_750_000_000_000);

    fn wanted(change: impl Fn(&mut Asked)) -> Result<Wanted, String> {
        let mut asked = Asked { metric: "accounts".into(), ..Asked::default() };
        change(&mut asked);
        asked
            .wanted(&catalog::parse(CATALOGUE).unwrap(), &Names::default(), NOW)
            .map_err(|mistakes| mistakes.join("\n"))
    }

    #[test]
    fn what_is_not_said_is_the_longest_window_and_the_last_week() {
        assert_eq!(wanted(|_| {}).unwrap().window, Window::days(7));
        let list = |list: &str| wanted(|asked| asked.list = Some(list.into())).unwrap().kind;
        assert_eq!(
            LISTS.map(list),
            [
                Kind::Members,
                Kind::Entered(Millis(NOW.0 - 6 * 86_400_000)),
                Kind::FellOut(Millis(NOW.0 - 6 * 86_400_000)),
                Kind::DueToFallOut(7 * 86_400_000),
            ]
        );
    }

    #[test]
    fn segments_are_asked_for_by_the_names_that_admitted_values_have_by_now() {
        let plan = catalog::parse(&CATALOGUE.replace("[trial, team]", "[trial, team], limit: 3")).unwrap();
        let segments = vec!["plan=school".to_owned()];
        let asked = Asked { metric: "accounts".into(), segments, ..Asked::default() };
        let told = asked.wanted(&plan, &Names::default(), NOW).unwrap_err();
        assert_eq!(told, ["`plan` is never `school`; there are __none__, trial, team, __other__"]);
        let (dimension, number) = (DimensionIndex(0), DimensionValue(3));
        let school = Admitted { dimension, number, value: "school".into() };
        let wanted = asked.wanted(&plan, &[school].iter().collect(), NOW).unwrap();
        assert_eq!(wanted.segments, BTreeMap::from([(dimension, vec![number])]));
    }

    #[test]
    fn a_formula_has_no_members() {
        let catalogue = format!("{CATALOGUE}  each: {{ type: ratio, numerator: plays, denominator: accounts }}\n");
        let asked = Asked { metric: "each".into(), ..Asked::default() };
        let told = asked.wanted(&catalog::parse(&catalogue).unwrap(), &Names::default(), NOW).unwrap_err();
        let expected = "`each` follows from other metrics, and has no members; ask for those of what it follows from: plays, accounts";
        assert_eq!(told, [expected]);
    }

    #[test]
    fn every_mistake_is_told_with_what_to_write() {
        let told = wanted(|asked| {
            asked.window = Some("8d".into());
            asked.since = Some("2020-01-01".into());
            asked.segments = vec!["plan=teem".into(), "size=1".into(), "plan".into()];
        });
        assert_eq!(
            told.unwrap_err(),
            "`accounts` has no window `8d`; there are 24h, 7d\n\
             `since` says nothing about `members`; it goes with `entered` and `fell-out`\n\
             `plan` is never `teem`; did you mean `team`?\n\
             there is no attribute `size` here; there are plan\n\
             segment `plan` is not an attribute and its value; write one as in `plan=team`"
        );
        let told = |change: fn(&mut Asked)| wanted(change).unwrap_err();
        assert_eq!(
            told(|asked| asked.metric = "plays".into()),
            "no metric `plays` counts entities; there are accounts"
        );
        assert_eq!(
            told(|asked| asked.list = Some("enterd".into())),
            "there is no list `enterd`; did you mean `entered`?"
        );
        let since = told(|asked| (asked.list, asked.since) = (Some("entered".into()), Some("soon".into())));
        assert!(since.starts_with("since `soon` is neither a date nor a time"), "{since}");
        let within = told(|asked| (asked.list, asked.within) = (Some("due-to-fall-out".into()), Some("12h".into())));
        assert_eq!(within, "within `12h` no window of days moves on; write at least one day");
        let within = told(|asked| (asked.list, asked.within) = (Some("due-to-fall-out".into()), Some("7".into())));
        assert!(within.starts_with("within `7` is no span of time"), "{within}");
    }
}
