//! The rules by which a record is read, one test each.

mod common;

use catalog::{Asks, Condition, Literal, Measure, Metric, Origin, TimeForm};
use common::{
    ACCOUNT, ACCOUNT_USER, TIME, USER, at, counted, measured, metric, native, path, plan, read, sum, text, touch,
};
use event::{Reader, Reject, Touches};

/// A record of `played` at [`TIME`] with more fields.
fn played(more: &str) -> String {
    format!(r#"{{"event_id":"e1","event":"played","timestamp":"2026-11-22T09:30:00Z",{more}"sent_at":null}}"#)
}

fn reader(metrics: Vec<catalog::Metric>) -> Reader {
    Reader::new(&plan(native(), metrics), 0)
}

/// Users of any event.
fn users() -> Reader {
    reader(vec![metric(USER, None, &[])])
}

#[test]
fn metrics_of_one_entity_share_a_touch() {
    let reader = reader(vec![
        metric(ACCOUNT_USER, None, &[]),
        metric(USER, Some(&["played"]), &[]),
        metric(ACCOUNT, Some(&["paused"]), &[]),
        metric(USER, None, &[]),
        metric(USER, Some(&["paused", "played"]), &[]),
    ]);
    let record = played(r#""user_id":"ada","account_id":"acme","#);
    assert_eq!(
        read(&reader, &record),
        Ok(vec![touch(USER, &["ada"], "ada", &[1, 3, 4]), touch(ACCOUNT_USER, &["ada", "acme"], "acme", &[0]),])
    );
    assert_eq!(reader.read(record.as_bytes(), &mut Touches::default()), Ok(TIME));
    assert_eq!(reader.time(record.as_bytes()), Ok(TIME));
}

#[test]
fn event_that_no_metric_wants_touches_nothing_whomever_it_names() {
    let reader = reader(vec![metric(USER, Some(&["paused"]), &[])]);
    for more in ["", r#""user_id":"ada","#, r#""user_id":{"id":1},"#, r#""user_id":0.5,"#] {
        assert_eq!(read(&reader, &played(more)), Ok(vec![]), "{more}");
    }
}

#[test]
fn every_record_needs_an_event_name_and_a_time() {
    let reader = reader(vec![metric(USER, Some(&["paused"]), &[])]);
    let reason = |record: &str| read(&reader, record).expect_err(record).reason();
    let missing = |record: &str| read(&reader, record).expect_err(record).to_string();
    assert!(missing(r#"{"timestamp":"2026-11-22T09:30:00Z"}"#).starts_with("event is absent"));
    assert!(missing(r#"{"event":"","timestamp":"2026-11-22T09:30:00Z"}"#).starts_with("event is absent"));
    assert!(missing(r#"{"event":"played","timestamp":null}"#).starts_with("timestamp is absent"));
    assert_eq!(reason(r#"{"event":7,"timestamp":"2026-11-22T09:30:00Z"}"#), "wrong_type");
    assert_eq!(reason(r#"{"event":["played"],"timestamp":"2026-11-22T09:30:00Z"}"#), "wrong_type");
    assert_eq!(reason(r#"{"event":"played","timestamp":1795339800000}"#), "wrong_type");
    assert_eq!(reason(r#"{"event":"played","timestamp":"2026-11-22T09:30:00"}"#), "bad_time");
    assert_eq!(reason(r#"{"event":"played","timestamp":"2026-11-22T09:30:00Z"}}"#), "broken_json");
    assert_eq!(reason(""), "empty");
}

#[test]
fn id_is_text_or_a_whole_number() {
    let id = |id: &str| read(&users(), &played(&format!(r#""user_id":{id},"#)));
    let user = |id: &str| Ok(vec![touch(USER, &[id], id, &[0])]);
    assert_eq!(id(r#""ada""#), user("ada"));
    assert_eq!(id("42"), user("42"));
    assert_eq!(id("-42"), user("-42"));
    assert_eq!(id("18446744073709551615"), user("18446744073709551615"));
    assert_eq!(id("-9223372036854775808"), user("-9223372036854775808"));
    assert_eq!(id(r#""\u0000\n\u00fc""#), user("\0\nü"));
    assert_eq!(id(r#""0f8fad5b-d9cb-469f-a165-70867728950e""#), user("0f8fad5b-d9cb-469f-a165-70867728950e"));
    for wrong in ["0.5", "5.0", "1e3", "18446744073709551616", "true", "[1]", r#"{"id":1}"#] {
        assert_eq!(id(wrong).expect_err(wrong).reason(), "wrong_type", "{wrong}");
    }
}

#[test]
fn id_has_at_most_512_bytes() {
    let id = |id: &str| read(&users(), &played(&format!(r#""user_id":"{id}","#)));
    assert!(id(&"x".repeat(512)).is_ok());
    assert!(id(&"ü".repeat(256)).is_ok());
    let Err(Reject::WrongType { field, expected, found }) = id(&"ü".repeat(257)) else { panic!("it was read") };
    assert_eq!([field.as_str(), &expected, &found], ["user_id", "text of at most 512 bytes", "text of 514 bytes"]);
}

#[test]
fn wanted_event_that_names_no_entity_is_rejected() {
    let reader = reader(vec![metric(ACCOUNT_USER, None, &[]), metric(USER, None, &[])]);
    for more in ["", r#""user_id":"","#, r#""user_id":null,"account_id":"","#] {
        let expected = Reject::NoEntity { event: "played".into(), fields: vec!["user_id".into(), "account_id".into()] };
        assert_eq!(read(&reader, &played(more)), Err(expected), "{more}");
    }
    let Err(Reject::NoEntity { fields, .. }) = read(&reader, &played(r#""account_id":"acme","#)) else {
        panic!("it was read")
    };
    assert_eq!(fields, ["user_id"]);
}

#[test]
fn entity_that_is_not_named_is_left_out_beside_one_that_is() {
    let reader = reader(vec![metric(ACCOUNT, None, &[]), metric(ACCOUNT_USER, None, &[]), metric(USER, None, &[])]);
    assert_eq!(read(&reader, &played(r#""user_id":"ada","#)), Ok(vec![touch(USER, &["ada"], "ada", &[2])]));
    assert_eq!(read(&reader, &played(r#""account_id":7,"#)), Ok(vec![touch(ACCOUNT, &["7"], "7", &[0])]));
}

#[test]
fn id_of_a_wrong_type_rejects_the_event_even_if_another_entity_is_named() {
    let reader = reader(vec![metric(USER, None, &[]), metric(ACCOUNT_USER, None, &[])]);
    let mut touches = Touches::default();
    for more in [r#""user_id":"ada","account_id":true,"#, r#""account_id":0.5,"#] {
        let reject = reader.read(played(more).as_bytes(), &mut touches).expect_err(more);
        assert!(reject.to_string().starts_with("account_id must be text or a whole number"), "{reject}");
        assert!(touches.counts_nowhere(), "a rejected event touches nothing");
    }
}

#[test]
fn condition_holds_for_one_of_its_values() {
    let paid: &[Literal] = &[text("paid"), text("trial"), Literal::Int(5), Literal::Bool(true), Literal::Float(0.5)];
    let reader = reader(vec![metric(USER, None, &[("plan", paid)])]);
    let holds = |properties: &str| {
        let record = played(&format!(r#""user_id":"ada","properties":{properties},"#));
        !read(&reader, &record).expect(properties).is_empty()
    };
    for yes in [r#""paid""#, r#""tri\u0061l""#, "5", "5.0", "50e-1", "true", "0.5"] {
        assert!(holds(&format!(r#"{{"plan":{yes}}}"#)), "{yes}");
    }
    for no in [r#""Paid""#, r#""5""#, "5.5", "false", "null", "[\"paid\"]", r#"{"paid":5}"#, r#""true""#, "1"] {
        assert!(!holds(&format!(r#"{{"plan":{no}}}"#)), "{no}");
    }
    for nothing in ["{}", "null", "[]", "\"paid\"", r#"{"x":{"plan":"paid"}}"#] {
        assert!(!holds(nothing), "{nothing}");
    }
}

#[test]
fn a_property_is_compared_with_who_does_it() {
    for (is_same, [same, different]) in [(true, [true, false]), (false, [false, true])] {
        let asks = Asks::Key { name: "user_id".to_owned(), is_same };
        let compared = Metric {
            conditions: vec![Condition { property: vec!["owner".to_owned()], asks }],
            ..metric(ACCOUNT, None, &[])
        };
        // No metric counts users: their field is read for the comparison alone.
        let reader = reader(vec![compared]);
        let holds = |user: &str, owner: &str| {
            let record = played(&format!(r#""account_id":"a-1",{user}"properties":{{{owner}}},"#));
            !read(&reader, &record).expect(owner).is_empty()
        };
        assert_eq!(holds(r#""user_id":"ada","#, r#""owner":"ada""#), same);
        assert_eq!(holds(r#""user_id":"ada","#, r#""owner":"bob""#), different);
        assert_eq!(holds(r#""user_id":7,"#, r#""owner":"7""#), same);
        assert_eq!(holds(r#""user_id":"7","#, r#""owner":7"#), same);
        assert_eq!(holds(r#""user_id":7,"#, r#""owner":7"#), same);
        assert_eq!(holds(r#""user_id":"07","#, r#""owner":7"#), different);
        for (user, owner) in [
            ("", r#""owner":"ada""#),
            (r#""user_id":"ada","#, ""),
            (r#""user_id":"","#, r#""owner":"""#),
            (r#""user_id":null,"#, r#""owner":null"#),
            (r#""user_id":"ada","#, r#""owner":["ada"]"#),
        ] {
            assert!(!holds(user, owner), "{user} {owner}: what is not there is neither the same nor another");
        }
    }
}

#[test]
fn every_condition_must_hold() {
    let conditions: &[(&str, &[Literal])] = &[("plan", &[text("paid")]), ("song.length", &[Literal::Int(3)])];
    let reader = reader(vec![metric(USER, Some(&["played"]), conditions), metric(USER, None, &conditions[1..])]);
    let metrics = |properties: &str| {
        let record = played(&format!(r#""user_id":"ada","properties":{properties},"#));
        read(&reader, &record).expect(properties).into_iter().flat_map(|touch| touch.2).collect::<Vec<_>>()
    };
    assert_eq!(metrics(r#"{"plan":"paid","song":{"length":3}}"#), [0, 1]);
    assert_eq!(metrics(r#"{"plan":"free","song":{"length":3}}"#), [1]);
    assert_eq!(metrics(r#"{"plan":"paid","song":3}"#), [0u16; 0]);
}

#[test]
fn source_may_find_fields_elsewhere_or_give_them() {
    let mut fields = native();
    fields.event = Origin::Constant(text("opened"));
    fields.timestamp = at("meta.at");
    fields.time_form = TimeForm::Seconds;
    fields.keys = vec![("user_id".into(), at("who.id")), ("account_id".into(), Origin::Constant(Literal::Int(7)))];
    fields.properties = path("meta");
    let metrics = vec![
        metric(ACCOUNT_USER, Some(&["opened"]), &[("level", &[text("paid")])]),
        metric(ACCOUNT, Some(&["closed"]), &[]),
    ];
    let reader = Reader::new(&plan(fields, metrics), 0);
    let record = r#"{"who":{"id":3},"meta":{"at":1795339800,"level":"paid"},"event":[],"timestamp":{}}"#;
    assert_eq!(read(&reader, record), Ok(vec![touch(ACCOUNT_USER, &["3", "7"], "7", &[0])]));
    assert_eq!(reader.time(record.as_bytes()), Ok(TIME));
    let reject = read(&reader, r#"{"who":{"id":0.5},"meta":{"at":1,"level":"paid"}}"#).expect_err("no id");
    assert!(reject.to_string().starts_with("user_id (at `who.id`) must be"), "{reject}");
}

#[test]
fn field_of_an_entity_that_no_metric_counts_is_not_looked_at() {
    assert!(read(&users(), &played(r#""user_id":"ada","account_id":"\ud800","#)).is_ok());
    let both = reader(vec![metric(USER, None, &[]), metric(ACCOUNT, None, &[])]);
    assert_eq!(read(&both, &played(r#""user_id":"ada","account_id":"\ud800","#)).unwrap_err().reason(), "broken_json");
}

#[test]
fn touches_of_the_event_before_are_forgotten() {
    let (reader, mut touches) = (users(), Touches::default());
    for (more, expected) in [(r#""user_id":"ada","#, 1), ("", 0), (r#""user_id":"bob","#, 1)] {
        assert_eq!(reader.read(played(more).as_bytes(), &mut touches).is_ok(), expected == 1);
        assert_eq!(touches.iter().count(), expected);
    }
    assert!(reader.read(b"{", &mut touches).is_err());
    assert!(touches.counts_nowhere());
}

#[test]
fn message_echoes_little_of_a_value() {
    let reader = users();
    let long = "top secret ".repeat(100);
    for record in [
        format!(r#"{{"event":"{long}","timestamp":"2026-11-22T09:30:00Z"}}"#),
        format!(r#"{{"event":"played","timestamp":"{long}"}}"#),
        format!(r#"{{"event":"played","timestamp":"2026-11-22T09:30:00Z","user_id":"{long}"}}"#),
    ] {
        let message = read(&reader, &record).expect_err("it is rejected").to_string();
        assert!(message.matches("top secret").count() <= 6 && message.len() < 400, "{message}");
    }
}

#[test]
fn event_that_is_counted_needs_an_id_and_what_is_added_up_a_number() {
    let reader = reader(vec![
        sum("amount", 2, Some(&["played"])),
        measured(Measure::Count, None, &[]),
        metric(USER, None, &[]),
        sum("amount", 0, None),
    ]);
    let summed = |more: &str| {
        let mut touches = Touches::default();
        let event = format!(r#"{{"event":"played","timestamp":"2026-11-22T09:30:00Z",{more}}}"#);
        reader.read(event.as_bytes(), &mut touches).map(|_| counted(&touches).expect("it is counted"))
    };
    let id = |text: &str| activity::additive::IdSpace::of("usage").id(text);
    let counted = summed(r#""event_id":17,"properties":{"amount":12.345}"#);
    assert_eq!(counted, Ok((id("17"), vec![1], vec![(0, 1234), (3, 12)])), "nobody was named, and the event counts");
    let told = |more: &str| {
        let reject = summed(more).expect_err(more);
        (reject.reason(), reject.to_string())
    };
    let (reason, text) = told(r#""user_id":1,"properties":{"amount":1}"#);
    assert!(reason == "missing_field" && text.starts_with("event_id is absent"), "{text}");
    let (reason, text) = told(r#""event_id":"a","properties":{}"#);
    assert!(reason == "missing_field" && text.starts_with("amount (at `properties.amount`) is absent"), "{text}");
    let (reason, text) = told(r#""event_id":"a","properties":{"amount":"1e3"}"#);
    assert!(reason == "bad_value" && text.contains("\"1e3\" (it is not digits"), "{text}");
    let (reason, text) = told(r#""event_id":"a","properties":{"amount":1e17}"#);
    assert!(reason == "bad_value" && text.contains("with 2 decimals it does not fit"), "{text}");
    assert_eq!(told(r#""event_id":"a","properties":{"amount":true}"#).0, "wrong_type");
    assert_eq!(told(r#""event_id":[],"properties":{"amount":1}"#).0, "wrong_type");
}
