//! What is asked for, checked against the catalogue.

use crate::cli::Query;
use crate::failure::Failure;
use activity::Window;
use catalog::{Cut, Gauge, Moment, Plan};

/// What is asked for.
#[derive(Debug)]
pub(super) struct Wanted<'p> {
    /// Metrics in the catalogue's order, then formulas.
    pub(super) counts: Vec<(Series<'p>, Window)>,
    /// `None` is shard time.
    pub(super) as_of: Option<Moment>,
    /// All buckets from this one's on; `None` is that of `as_of` alone.
    pub(super) since: Option<Moment>,
}

/// A gauge, or a slice of one.
pub(super) type Series<'p> = (Gauge<'p>, Option<Cut>);

impl<'p> Wanted<'p> {
    /// # Errors
    /// Everything of the question that the catalogue cannot answer.
    pub(super) fn of(plan: &'p Plan, query: &Query) -> Result<Wanted<'p>, Failure> {
        let mut mistakes = Vec::new();
        let mut keep = |result: Result<_, String>| result.map_err(|mistake| mistakes.push(mistake)).ok();
        let mut time =
            |option, text: &Option<String>| text.as_deref().and_then(|text| keep(moment(plan, option, text)));
        let (as_of, since) = (time("--as-of", &query.as_of), time("--since", &query.since));
        let counts = counts(plan, query).map_err(|mistake| mistakes.push(mistake)).unwrap_or_default();
        if mistakes.is_empty() { Ok(Wanted { counts, as_of, since }) } else { Err(Failure::new(mistakes.join("\n"))) }
    }
}

/// The moment of an option's text.
///
/// # Errors
/// If it is neither a date nor a time.
pub(crate) fn moment(plan: &Plan, option: &str, text: &str) -> Result<Moment, String> {
    Moment::parse(plan, text).ok_or_else(|| {
        format!(
            "{option} `{text}` is neither a date nor a time; write one as in `2018-11-30` or `2018-11-30T12:00:00Z`"
        )
    })
}

fn counts<'p>(plan: &'p Plan, query: &Query) -> Result<Vec<(Series<'p>, Window)>, String> {
    let gauges: Vec<Gauge> = match &query.metric {
        None => plan.gauges().collect(),
        Some(name) => {
            // More than one, if a label tells them apart.
            let named: Vec<Gauge> = plan.gauges().filter(|gauge| gauge.name() == name).collect();
            if named.is_empty() { Err(unknown(plan, name)) } else { Ok(named) }?
        }
    };
    let series = series(plan, query.by.as_deref(), &gauges)?;
    let all = series.iter().flat_map(|(gauge, cut)| gauge.windows().iter().map(|window| ((*gauge, *cut), *window)));
    let Some(text) = &query.window else { return Ok(all.collect()) };
    let window = window(text)?;
    let kept: Vec<_> = all.clone().filter(|(_, own)| *own == window).collect();
    if !kept.is_empty() {
        return Ok(kept);
    }
    let mut windows: Vec<Window> = all.map(|(_, window)| window).collect();
    windows.sort_unstable();
    windows.dedup();
    let windows: Vec<String> = windows.iter().map(Window::to_string).collect();
    let who = query.metric.as_deref().map_or_else(|| "no metric".to_owned(), |name| format!("`{name}` does not"));
    let have = if query.metric.is_some() { "have" } else { "has" };
    Err(format!("{who} {have} a window of {window}; there are {}", windows.join(", ")))
}

/// The gauges themselves, or their slices by a dimension.
fn series<'p>(plan: &Plan, by: Option<&str>, gauges: &[Gauge<'p>]) -> Result<Vec<Series<'p>>, String> {
    let Some(name) = by else {
        return Ok(gauges.iter().map(|gauge| (*gauge, None)).collect());
    };
    let all = gauges.iter().flat_map(|gauge| plan.shown_by(*gauge).into_iter().map(move |by| (*gauge, by)));
    let sliced = all.clone().filter(|(_, by)| plan.dimension(*by).name == name);
    let slices = sliced.flat_map(|(gauge, by)| plan.cuts(gauge, by).into_iter().map(move |cut| (gauge, Some(cut))));
    let slices: Vec<Series> = slices.collect();
    if !slices.is_empty() {
        return Ok(slices);
    }
    let mut names: Vec<&str> = all.map(|(_, by)| plan.dimension(by).name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    match (yaml::suggest::nearest(name, names.iter().copied()), names.is_empty()) {
        (Some(near), _) => Err(format!("nothing here is sliced by `{name}`; did you mean `{near}`?")),
        (None, true) => Err(format!("nothing here is sliced by `{name}`, or by anything")),
        (None, false) => Err(format!("nothing here is sliced by `{name}`; there are {}", names.join(", "))),
    }
}

fn window(text: &str) -> Result<Window, String> {
    text.parse().map_err(|()| format!("--window `{text}` is not a window; write one as in `60m`, `24h` or `7d`"))
}

fn unknown(plan: &Plan, name: &str) -> String {
    let mut names: Vec<&str> = plan.gauges().map(Gauge::name).collect();
    names.dedup();
    match yaml::suggest::nearest(name, names.iter().copied()) {
        Some(near) => format!("there is no metric `{name}`; did you mean `{near}`?"),
        None => format!("there is no metric `{name}`; there are {}", names.join(", ")),
    }
}
