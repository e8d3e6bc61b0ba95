//! What the judge of examples lets through, and what not.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use docs::{Page, judge};

const PAGE: &str = r#"
```yaml
version: 1
product: test
sources: { usage: { topic: usage }, crm: { topic: crm, attributes_of: user } }
entities: { user: { key: user_id } }
dimensions: { plan: { of: user, values: [team] } }
metrics:
  users: { type: simple, measure: { agg: count_distinct, entity: user, events: any }, windows: [1d], by: plan }
```
```events
{"event": "read", "user_id": "ada", "timestamp": "2026-03-02T09:00:00Z"}
```
```events crm
{"user_id": "ada", "timestamp": "2026-03-01T00:00:00Z", "attributes": {"plan": "team"}}
```
```expected
nsm_users{window="1d",complete="false"} 1
nsm_users{window="1d",complete="true"} 0
```
A day later, and one comes late:
```events
{"event": "read", "user_id": "bob", "timestamp": "2026-03-03T09:00:00Z"}
{"event": "read", "user_id": "eve", "timestamp": "2026-03-02T09:00:00Z"}
```
```expected
nsm_users{window="1d",complete="false"} 1
nsm_users{window="1d",complete="true"} 2
nsm_users_by_plan{window="1d",complete="false",plan="team"} 0
nsm_users_by_plan{window="1d",complete="true",plan="team"} 1
nsm_users_by_plan{window="1d",complete="false",plan="__none__"} 1
nsm_users_by_plan{window="1d",complete="true",plan="__none__"} 1
nsm_users_by_plan{window="1d",complete="false",plan="__other__"} 0
nsm_users_by_plan{window="1d",complete="true",plan="__other__"} 0
```
```expected nonzero
nsm_users_by_plan{window="1d",complete="true",plan="team"} 1
nsm_users_by_plan{window="1d",complete="false",plan="__none__"} 1
nsm_users_by_plan{window="1d",complete="true",plan="__none__"} 1
```
```accounts
users --fell-out --since 2026-03-03
ada: last active 2026-03-02, fell out 2026-03-03
eve: last active 2026-03-02, fell out 2026-03-03
```
"#;

/// What is said of all examples of a page that is changed.
fn judged(old: &str, new: &str) -> Result<(), String> {
    assert!(PAGE.contains(old), "{old}");
    Page::read(&PAGE.replacen(old, new, 1))?.examples.iter().try_for_each(judge)
}

#[test]
fn a_story_goes_on_and_is_judged_at_every_step() {
    assert_eq!(judged("ada", "ada"), Ok(()));
    assert_eq!(Page::read(PAGE).unwrap().examples.len(), 4);
}

#[test]
fn another_value_a_missing_sample_or_one_too_many_is_told() {
    for (old, new) in [
        ("complete=\"true\"} 2", "complete=\"true\"} 3"),
        ("nsm_users{window=\"1d\",complete=\"true\"} 0\n", ""),
        ("expected nonzero", "expected"),
        ("eve: last active 2026-03-02, fell out 2026-03-03\n", ""),
        ("ada: last active 2026-03-02", "ada: last active 2026-03-01"),
        ("users --fell-out --since 2026-03-03", "users"),
        ("\"true\"} 0\n", "\"true\"} 0\nnsm_users{window=\"7d\",complete=\"true\"} 1\n"),
    ] {
        let told = judged(old, new).unwrap_err();
        assert!(told.contains("the page says") && told.contains("what comes out is"), "{told}");
    }
}

#[test]
fn what_cannot_be_run_is_told() {
    let told = |old, new| judged(old, new).unwrap_err();
    assert!(told("\"user_id\": \"ada\", ", "").contains("an event is rejected"));
    assert!(told("\"timestamp\": \"2026-03-02T09:00:00Z\"", "\"at\": 1").contains("when?"));
    assert!(told("events crm", "events cmr").contains("there is no source"));
    assert!(told("product: test\n", "").contains("product"));
    assert!(told("version: 1", "edition: 1").contains("there is no catalogue above"));
    assert!(told("A day later", "```").contains("line"));
    assert!(told("--since", "--sinse").contains("`--sinse`"));
    assert!(told("users --fell-out", "user --fell-out").contains("no metric `user`"));
    assert!(told("A day later", "```catalogue\ndeploy/none.yaml\n```\n").contains("deploy/none.yaml"));
}

#[test]
fn a_page_may_name_the_file_of_a_catalogue_and_rows() {
    let text = "# Rows\n## Row 7: so\n```catalogue\ndeploy/examples/music.yaml\n```\n### Part\n```expected\n```\n";
    let page = Page::read(text).unwrap();
    assert!(page.catalogues[0].1.contains("product: music"));
    let [row] = &page.rows[..] else { panic!("{:?}", page.rows) };
    assert_eq!((row.number, &row.parts[..], &row.examples[..]), (7, &["Part".to_owned()][..], &[0][..]));
}
