//! `nsm account`: one account, or another entity: its days, its windows, and its users.

use crate::check;
use crate::cli::{Account, Format};
use crate::config::Config;
use crate::failure::Failure;
use activity::EntityKind;
use catalog::{Plan, suggest};
use exporter::portrait::{Member, OfMetric, OfWindow, Portrait, STRIP_DAYS, portrait};
use state::{RedisStore, Store};

/// Prints the entity that is asked for.
pub(crate) fn account(config: &Config, plan: &Plan, account: &Account) -> Result<(), Failure> {
    let mut store = RedisStore::connect(&config.redis_config()).map_err(Failure::new)?;
    print!("{}", show(&mut store, plan, config.shards(), account)?);
    Ok(())
}

pub(crate) fn show<S: Store>(store: &mut S, plan: &Plan, shards: u16, account: &Account) -> Result<String, Failure> {
    let kind = entity(plan, &account.entity)?;
    let fields = &plan.entities[usize::from(kind.0)].key;
    if account.id.len() != fields.len() {
        let (name, fields) = (&account.entity, fields.join(" and "));
        return Err(Failure::new(format!("the id of one `{name}` is its {fields}: write them apart, in this order")));
    }
    let id: Vec<&str> = account.id.iter().map(String::as_str).collect();
    let found = portrait(store, plan, shards, (kind, &id), !account.alone).map_err(Failure::new)?;
    let found = found.ok_or_else(|| {
        Failure::new(format!("nothing is kept of {} `{}`: it was not active of late", account.entity, id.join("/")))
    })?;
    Ok(match account.format {
        Format::Table => table(&found),
        Format::Json => serde_json::to_string_pretty(&found).expect("all keys are text") + "\n",
    })
}

fn entity(plan: &Plan, name: &str) -> Result<EntityKind, Failure> {
    let names = || plan.entities.iter().map(|entity| entity.name.as_str());
    let found = (0..).map(EntityKind).zip(names()).find(|(_, of)| *of == name);
    found.map(|(kind, _)| kind).ok_or_else(|| {
        let help = match suggest::nearest(name, names()) {
            Some(near) => format!("did you mean `--entity {near}`?"),
            None => format!("write `--entity` and one of {}", names().collect::<Vec<_>>().join(", ")),
        };
        Failure::new(format!("there is no entity `{name}`; {help}"))
    })
}

fn table(portrait: &Portrait) -> String {
    let Portrait { entity, id, attributes, as_of, metrics, members } = portrait;
    let told: Vec<String> = attributes.iter().map(|(name, value)| format!(" {name}={value}")).collect();
    let mut out = format!("{entity} {}{}, as of {as_of}\n", id.join("/"), told.concat());
    let heading = |first| [first, "window", "counts", "last active", "until"];
    if !metrics.is_empty() {
        out += &format!(
            "\n{}\n",
            check::table(&heading("metric"), metrics.iter().flat_map(|of| rows(&of.metric, of)).collect())
        );
        out += &strips(metrics.iter().map(|of| (of.metric.as_str(), of)));
    }
    if let Some(members) = members.as_ref().filter(|members| !members.is_empty()) {
        let of_member = |member: &Member| {
            let name = |of: &OfMetric| format!("{} {} {}", member.entity, member.id.join("/"), of.metric);
            member.metrics.iter().flat_map(|of| rows(&name(of), of)).collect::<Vec<_>>()
        };
        out += &format!("\n{}\n", check::table(&heading("member"), members.iter().flat_map(of_member).collect()));
    }
    out
}

fn rows(name: &str, of: &OfMetric) -> Vec<Vec<String>> {
    let or_never = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let row = |window: &OfWindow| {
        let counts = if window.member { "yes" } else { "no" };
        vec![
            name.to_owned(),
            window.window.clone(),
            counts.to_owned(),
            or_never(&window.last_active),
            or_never(&window.until),
        ]
    };
    of.windows.iter().map(row).collect()
}

/// The days of each metric that has windows of days.
fn strips<'m>(metrics: impl Iterator<Item = (&'m str, &'m OfMetric)>) -> String {
    let strips = metrics.filter_map(|(name, of)| Some(vec![name.to_owned(), of.days.clone()?]));
    let strips: Vec<Vec<String>> = strips.collect();
    if strips.is_empty() {
        return String::new();
    }
    let heading = format!("the last {STRIP_DAYS} days");
    format!("\n{}\n", check::table(&["metric", &heading], strips))
}
