use super::*;
use crate::cli::Format;
use crate::golden;
use activity::fence::{FORMAT, Fence};
use activity::header::Header;
use activity::record::Record;
use activity::{
    DimensionIndex, DimensionValue, EntityKey, EntityKind, Grain, Incarnation, MetricIndex, Millis, Offset, Shard,
    TopicId, Track, key,
};
use state::{Commit, MemoryStore, Verdict};

const CATALOGUE: &str = "
version: 1
product: crm
history: 30d
sources: { usage: { topic: usage, lateness: { day: 1d } }, crm: { topic: crm, attributes_of: account } }
entities:
  account: { key: account_id }
  account_user: { key: [account_id, user_id], shard_by: account_id }
dimensions:
  plan: { of: account, values: [trial, team] }
  owner: { of: account, values: [ada], as_of: current }
metrics:
  accounts:
    type: simple
    measure: { agg: count_distinct, entity: account, events: any }
    windows: [1d, 7d]
  users:
    type: simple
    measure: { agg: count_distinct, entity: account_user, events: any }
    windows: [7d]
";
/// 2018-11-30, 12:00.
const NOON: Millis = Millis(1_543_579_200_000);
const DAY: i64 = 86_400_000;
const SHARDS: u16 = 2;

type Account = (&'static str, &'static [i32], &'static [(i64, u16)]);

/// An account, how many days ago it was active, and of which plan it was from how many days ago on.
const ACCOUNTS: [Account; 5] = [
    ("acme", &[0, 1, 2, 3, 20], &[(400, 1), (2, 2)]),
    ("bolt", &[6, 25], &[(10, 2)]),
    ("coda", &[8], &[(1, 3)]),
    ("dune", &[30, 33, 36, 0], &[]),
    ("echo", &[4, 11, 18, 25, 32, 36, 37], &[(5, 2), (-1, 1)]),
];

fn record(metric: u16, days_ago: &[i32], plans: &[(i64, u16)]) -> Record {
    let (plan, mut record) = (catalog::parse(CATALOGUE).unwrap(), Record::default());
    let today = plan.calendar.day(NOON);
    for days in days_ago {
        record.mask_mut(Track { metric: MetricIndex(metric), grain: Grain::Day }).insert(today.plus(-days));
    }
    for (days, value) in plans {
        for (dimension, value) in [(0, *value), (1, 1)] {
            let attribute = record.attribute_mut(DimensionIndex(dimension));
            attribute.set(Millis(NOON.0 - days * DAY), DimensionValue(value));
        }
    }
    record.trim(&plan.floors(NOON));
    record
}

fn shard_of(account: &str) -> Shard {
    let mut part = Vec::new();
    key::push_part(account, &mut part);
    key::shard_of(&part, SHARDS)
}

/// Accounts and a user of each, who was active on one of the account's days.
fn store(plan: &Plan) -> MemoryStore {
    let mut store = MemoryStore::default();
    for shard in 0..SHARDS {
        let header = Header { time: Some(NOON), sealed_at: NOON, ..Header::default() };
        let (topic, incarnation) = (TopicId([7; 16]), Incarnation(1));
        let next = Fence { format: FORMAT, topic, catalogue: plan.version, incarnation, next: Offset(40) };
        let of_shard = ACCOUNTS.into_iter().filter(|(name, ..)| shard_of(name) == Shard(shard));
        let records = of_shard.flat_map(|(name, days, plans)| {
            let account = EntityKey::of(EntityKind(0), &[name]);
            let user = EntityKey::of(EntityKind(1), &[name, "u,1"]);
            [(account, Some(record(0, days, plans).encode())), (user, Some(record(1, &days[..1], &[]).encode()))]
        });
        let (header, counters, records) = (header.encode(), Vec::new(), records.collect());
        let commit = Commit { expected: None, next, header, counters, records };
        assert_eq!(store.commit(Shard(shard), &commit).unwrap(), Verdict::Committed);
    }
    store
}

fn ask(line: &str) -> Result<String, String> {
    ask_of(CATALOGUE, line)
}

fn ask_of(catalogue: &str, line: &str) -> Result<String, String> {
    use clap::Parser;
    let cli = crate::cli::Cli::try_parse_from(["nsm", "accounts"].into_iter().chain(line.split(' '))).unwrap();
    let crate::cli::Command::Accounts(accounts) = cli.command else { panic!("it is accounts") };
    let plan = catalog::parse(catalogue).unwrap();
    let shown = show(&mut store(&plan), &plan, SHARDS, &accounts);
    shown.map_err(|failure| failure.to_string().trim_start_matches("nsm: ").to_owned())
}

#[test]
fn lists_read_as_agreed() {
    let lines = [
        "accounts",
        "accounts --window 1d --members",
        "accounts --entered",
        "accounts --entered --since 2018-11-24",
        "accounts --fell-out --since 2018-11-24",
        "accounts --due-to-fall-out --within 3d",
        "accounts --members --segment plan=team --segment plan=trial",
        "users --segment plan=team --format csv",
        "accounts --fell-out --since 2018-11-29 --format json",
        "accounts --entered --since 2018-11-30 --segment plan=team",
        "accounts --limit 2",
        "accounts --limit 2 --after bolt",
        "users --limit 1 --after acme --after u,1",
    ];
    let told: Vec<String> = lines.iter().map(|line| format!("$ nsm accounts {line}\n{}", ask(line).unwrap())).collect();
    golden::check("accounts.txt", &told.join("\n"));
}

/// Acme has become a team the day before yesterday, echo will be on trial tomorrow, and dune has no plan.
#[test]
fn who_is_excluded_by_an_attribute_does_not_count_and_comes_in_when_that_changes() {
    let filtered =
        format!("{CATALOGUE}exclude: {{ trial: {{ account.plan: trial }}, none: {{ account.plan: __none__ }} }}\n");
    let rows = |line: &str| {
        let told = ask_of(&filtered, &format!("{line} --format csv")).unwrap();
        let row = |row: &str| {
            row.split(',').filter(|of| !["team", "ada", "__other__"].contains(of)).collect::<Vec<_>>().join(" ")
        };
        told.lines().skip(1).map(row).collect::<Vec<_>>()
    };
    let acme = "acme 2018-11-30 2018-11-28 2018-12-07";
    let bolt = "bolt 2018-11-24 2018-11-24 2018-12-01";
    let echo = "echo 2018-11-26 2018-11-25 2018-12-01";
    assert_eq!(rows("accounts"), [acme, bolt, echo]);
    assert_eq!(rows("accounts --entered --since 2018-11-28"), [acme]);
    assert_eq!(rows("accounts --due-to-fall-out --within 1d"), [bolt, echo]);
    assert_eq!(rows("users --due-to-fall-out --within 1d").len(), 2, "they follow their accounts");
    let plan = catalog::parse(&filtered).unwrap();
    for (entity, id) in [("account", &["echo"][..]), ("account_user", &["echo", "u,1"])] {
        let (id, entity) = (id.iter().map(|part| (*part).to_owned()).collect(), entity.to_owned());
        let account = crate::cli::Account { id, entity, alone: false, format: Format::Json };
        let json = crate::account::show(&mut store(&plan), &plan, SHARDS, &account).unwrap();
        let told: serde_json::Value = serde_json::from_str(&json).unwrap();
        for told in [&told, &told["members"][0]].into_iter().filter(|told| !told.is_null()) {
            let window = told["metrics"][0]["windows"].as_array().unwrap().last().unwrap();
            assert_eq!((&window["member"], &window["until"]), (&true.into(), &"2018-12-01".into()), "{json}");
        }
    }
}

#[test]
fn one_account_reads_as_agreed() {
    let plan = catalog::parse(CATALOGUE).unwrap();
    let look = |id: &[&str], entity: &str, alone, format| {
        let (id, entity) = (id.iter().map(|part| (*part).to_owned()).collect(), entity.to_owned());
        let account = crate::cli::Account { id, entity, alone, format };
        crate::account::show(&mut store(&plan), &plan, SHARDS, &account).map_err(|failure| failure.to_string())
    };
    let show = |id: &[&str], entity: &str, format| look(id, entity, false, format);
    let alone = look(&["acme"], "account", true, Format::Table).unwrap();
    golden::check("account.txt", &(show(&["acme"], "account", Format::Table).unwrap() + "\n" + &alone));
    let json = show(&["acme", "u,1"], "account_user", Format::Json).unwrap();
    let told: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(told["metrics"][0]["windows"][0]["until"], "2018-12-07", "{json}");
    let told = |id: &[&str], entity| show(id, entity, Format::Json).unwrap_err();
    assert_eq!(told(&["nobody"], "account"), "nsm: nothing is kept of account `nobody`: it was not active of late");
    assert_eq!(told(&["x"], "acount"), "nsm: there is no entity `acount`; did you mean `--entity account`?");
    let told = told(&["x"], "account_user");
    assert_eq!(
        told,
        "nsm: the id of one `account_user` is its account_id and user_id: write them apart, in this order"
    );
}

#[test]
fn pages_are_the_list_however_long_they_are() {
    let plan = catalog::parse(CATALOGUE).unwrap();
    let read = |metric: &str, limit, after| {
        let asked = Asked { metric: metric.into(), limit, after, ..Asked::default() };
        lists::list(&mut store(&plan), &plan, SHARDS, &asked).unwrap()
    };
    for metric in ["accounts", "users"] {
        let whole = read(metric, None, Vec::new());
        assert_eq!((whole.total, &whole.next), (whole.rows.len(), &None));
        for limit in 1..=5 {
            let (mut rows, mut after) = (Vec::new(), Some(Vec::new()));
            while let Some(from) = after {
                let page = read(metric, Some(limit), from);
                assert!(page.total == whole.total && (1..=limit).contains(&page.rows.len()), "{page:?}");
                rows.extend(page.rows);
                after = page.next;
            }
            assert_eq!(rows, whole.rows, "{metric} by {limit}");
        }
        let short = Asked { metric: metric.into(), after: vec!["acme".into(); 3], ..Asked::default() };
        let told = lists::list(&mut store(&plan), &plan, SHARDS, &short).unwrap_err().to_string();
        assert!(told.contains("`after` is given"), "{told}");
    }
}

#[test]
fn no_cell_is_run_as_a_formula() {
    for formula in ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1", "\n=1"] {
        assert_eq!(harmless(formula), format!("'{formula}"));
    }
    for text in ["acme", "a=b", "", "'=1", "1-1"] {
        assert_eq!(harmless(text), text);
    }
    let answer = Answer {
        metric: "accounts".into(),
        window: "7d".into(),
        list: "members",
        words: "count".into(),
        as_of: "2018-11-30".into(),
        fields: vec!["account_id".into()],
        attributes: Vec::new(),
        total: 1,
        rows: vec![Told {
            id: [("account_id".to_owned(), "=cmd|x".to_owned())].into(),
            attributes: [].into(),
            member: true,
            last_active: "2018-11-30".into(),
            since: None,
            until: "2018-12-07".into(),
        }],
        next: None,
    };
    assert_eq!(csv(&answer).unwrap(), "account_id,last_active,since,until\n'=cmd|x,2018-11-30,earlier,2018-12-07\n");
}

#[test]
fn what_is_not_kept_any_more_cannot_be_told() {
    // 30 days of history, three of lateness, and one more.
    assert!(ask("accounts --entered --since 2018-10-28").is_ok());
    assert_eq!(
        ask("accounts --entered --since 2018-10-27"),
        Err("what happened at 2018-10-27 is not kept any more: the first bucket that can be told from the one before is \
             2018-10-28"
            .into())
    );
}

#[test]
fn who_may_have_come_in_before_what_is_kept_came_in_earlier() {
    let plan = catalog::parse(CATALOGUE).unwrap();
    let mut store = store(&plan);
    // What is kept begins 40 days ago. Who was active 41 days ago counted until the day before the 34th.
    for (name, days, since) in [
        ("late", &[33, 27, 21, 15, 9, 3][..], Some("2018-10-28")),
        ("edge", &[34, 28, 22, 16, 10, 4], None),
        ("early", &[41, 34, 28, 22, 16, 10, 4], None),
    ] {
        let shard = shard_of(name);
        let stored = store.stored(shard).unwrap().unwrap();
        let records = vec![(EntityKey::of(EntityKind(0), &[name]), Some(record(0, days, &[]).encode()))];
        let (fence, header, counters) = (stored.state.fence, stored.header, Vec::new());
        let commit = Commit { expected: Some(fence), next: fence, header, counters, records };
        assert_eq!(store.commit(shard, &commit).unwrap(), Verdict::Committed);
        let asked = Asked { metric: "accounts".into(), ..Asked::default() };
        let told = lists::list(&mut store, &plan, SHARDS, &asked).unwrap();
        let row = told.rows.iter().find(|row| row.id["account_id"] == name).unwrap();
        assert_eq!(row.since.as_deref(), since, "{name}");
    }
}

#[test]
fn what_the_fastest_shard_let_go_of_cannot_be_told_either() {
    let plan = catalog::parse(CATALOGUE).unwrap();
    let mut store = store(&plan);
    let stored = store.stored(Shard(1)).unwrap().unwrap().state.fence;
    let header = Header { time: Some(Millis(NOON.0 + DAY)), sealed_at: NOON, ..Header::default() }.encode();
    let commit = Commit { expected: Some(stored), next: stored, header, counters: Vec::new(), records: Vec::new() };
    assert_eq!(store.commit(Shard(1), &commit).unwrap(), Verdict::Committed);
    let since = |since: &str| Asked {
        metric: "accounts".into(),
        list: Some("entered".into()),
        since: Some(since.into()),
        ..Asked::default()
    };
    let told = lists::list(&mut store, &plan, SHARDS, &since("2018-10-28")).unwrap_err().to_string();
    assert!(told.ends_with("is 2018-10-29"), "{told}");
    assert_eq!(lists::list(&mut store, &plan, SHARDS, &since("2018-10-29")).unwrap().as_of, "2018-11-30");
}

#[test]
fn a_shard_that_nothing_is_known_of_makes_no_list() {
    let plan = catalog::parse(CATALOGUE).unwrap();
    let asked = Asked { metric: "accounts".into(), ..Asked::default() };
    let told = lists::list(&mut store(&plan), &plan, SHARDS + 1, &asked).unwrap_err().to_string();
    assert!(told.starts_with("nothing is stored of shard 2"), "{told}");
}
