//! The version is that of what is stored: it changes with whatever shapes it, and with nothing else.

use activity::CatalogVersion;

const CATALOGUE: &str = "
version: 1
product: music
time_zone: Europe/Berlin
history: 100d
sources:
  plays: { topic: plays, lateness: { day: 3d }, fields: { event: page } }
  likes: { topic: likes, lateness: { day: 2d } }
entities:
  user: { key: [account_id, user_id], shard_by: account_id }
  account: { key: account_id }
metrics:
  listeners:
    type: simple
    description: People who played a song
    measure: { agg: count_distinct, entity: user, events: [play, skip], where: { level: [paid, trial], plan: 1 } }
    windows: [1d, 7d]
  spins: { type: simple, measure: { agg: count, events: play }, windows: [7d] }
  income: { type: simple, measure: { agg: sum, value: price, decimals: 2, events: pay }, windows: [7d] }
  payers: { type: simple, measure: { agg: count_distinct, entity: account, events: any }, windows: [7d] }
";

fn version(text: &str) -> CatalogVersion {
    catalog::parse(text).unwrap_or_else(|mistakes| panic!("{}", mistakes.render("catalogue.yaml", text))).version
}

fn version_with(old: &str, new: &str) -> CatalogVersion {
    assert_eq!(CATALOGUE.matches(old).count(), 1, "{old}");
    version(&CATALOGUE.replace(old, new))
}

#[test]
fn whatever_shapes_stored_state_changes_the_version() {
    let changes = [
        ("Europe/Berlin", "Europe/Paris"),
        ("history: 100d", "history: 101d"),
        ("history: 100d", "history: { day: 100d, hour: 3h }"),
        ("day: 3d", "day: 3d, minute: 30m"),
        ("day: 3d", "day: 4d"),
        ("topic: plays", "topic: songs"),
        ("  likes: { topic: likes, lateness: { day: 2d } }\n", ""),
        ("[account_id, user_id], shard_by: account_id", "[account_id, user_id], shard_by: user_id"),
        ("[account_id, user_id], shard_by: account_id", "[user_id, account_id], shard_by: account_id"),
        ("account: { key: account_id }", "account: { key: team_id }"),
        ("  account: { key: account_id }", "  account: { key: account_id }\n  other: { key: account_id }"),
        ("  listeners:", "  hearers:"),
        ("entity: user", "entity: account"),
        ("events: [play, skip]", "events: [play]"),
        ("events: [play, skip]", "events: [play, skips]"),
        ("events: [play, skip]", "events: any"),
        ("level: [paid, trial]", "level: [paid]"),
        ("level: [paid, trial]", "levels: [paid, trial]"),
        ("plan: 1", "plan: \"1\""),
        ("plan: 1", "plan: 1.5"),
        ("plan: 1", "plan.name: 1"),
        (", plan: 1", ""),
        ("agg: count,", "agg: sum, value: seconds,"),
        ("agg: count,", "agg: count_distinct, entity: user,"),
        ("value: price", "value: price.net"),
        ("decimals: 2", "decimals: 3"),
        ("windows: [1d, 7d]", "windows: [1d, 8d]"),
        ("windows: [1d, 7d]", "windows: [7d]"),
        ("windows: [1d, 7d]", "windows: [1h, 7d]"),
        ("windows: [1d, 7d]", "windows: [1m, 7d]"),
    ];
    let mut versions: Vec<_> = changes.iter().map(|(old, new)| version_with(old, new)).collect();
    versions.push(version(CATALOGUE));
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(versions.len(), changes.len() + 1, "each change has a version of its own");
}

#[test]
fn an_index_means_the_same_only_in_the_same_order() {
    let (head, metrics) = CATALOGUE.split_once("metrics:\n").unwrap();
    let (first, second) = metrics.split_once("  payers").unwrap();
    assert_ne!(version(&format!("{head}metrics:\n  payers{second}{first}")), version(CATALOGUE));
}

#[test]
fn whatever_does_not_shape_stored_state_keeps_the_version() {
    let changes = [
        ("product: music", "product: songs"),
        ("People who played a song", "Listeners"),
        ("  plays:", "  songs:"),
        ("topic: likes, lateness: { day: 2d }", "topic: likes, clock: event, lateness: { day: 1d }"),
        ("event: page", "event: name"),
        ("topic: likes,", "topic: likes, format: segment, from: latest,"),
        ("events: [play, skip]", "events: [skip, play]"),
        ("level: [paid, trial], plan: 1", "properties.plan: [1], level: [trial, paid]"),
        ("windows: [1d, 7d]", "windows: [7d, 1d]"),
    ];
    for (old, new) in changes {
        assert_eq!(version_with(old, new), version(CATALOGUE), "{old} -> {new}");
    }
}
