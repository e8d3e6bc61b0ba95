//! The ready-made mappings, and the correction of clocks: records as their specifications show them.

mod common;

use activity::Millis;
use activity::additive::IdSpace;
use catalog::Plan;
use common::{counted, touched};
use event::{Reader, Touches};

/// `2026-11-22T09:30:00Z`.
const TIME: i64 = common::TIME.0;

fn plan(source: &str) -> Plan {
    let text = format!(
        "
version: 1
product: test
sources: {{ usage: {{ topic: usage, {source} }} }}
entities: {{ user: {{ key: user_id }}, account: {{ key: account_id }} }}
metrics:
  users: {{ type: simple, measure: {{ agg: count_distinct, entity: user, events: any }}, windows: [1d] }}
  teams: {{ type: simple, measure: {{ agg: count_distinct, entity: account, events: any, where: {{ plan: team }} }}, windows: [1d] }}
  pages: {{ type: simple, measure: {{ agg: count, events: [page] }}, windows: [1d] }}
"
    );
    catalog::parse(&text).unwrap_or_else(|mistakes| panic!("{}", mistakes.render("test", &text)))
}

/// When it happened, whom it names for which metric, and its id if it is counted itself; or the reason of its rejection.
type Outcome = Result<(i64, Vec<(String, Vec<u16>)>, Option<activity::EventId>), &'static str>;

fn read(plan: &Plan, record: &str) -> Outcome {
    read_with(plan, record, &[])
}

fn read_with(plan: &Plan, record: &str, headers: &[(&str, &[u8])]) -> Outcome {
    let mut touches = Touches::default();
    let reader = Reader::new(plan, 0);
    let read = reader.read_with(record.as_bytes(), headers.iter().copied(), &mut touches);
    let time = read.map_err(|reject| reject.reason())?;
    let name = |(key, _, metrics): common::Touched| {
        let key = activity::EntityKey::parse(&key).expect("it is a key");
        (key.parts().collect(), metrics)
    };
    Ok((time.0, touched(&touches).into_iter().map(name).collect(), counted(&touches).map(|(id, ..)| id)))
}

fn named(names: &[(&str, &[u16])]) -> Vec<(String, Vec<u16>)> {
    names.iter().map(|(name, metrics)| ((*name).to_owned(), metrics.to_vec())).collect()
}

#[test]
fn calls_of_segments_spec_are_read() {
    let plan = plan("format: segment");
    let call = |more: &str| {
        let common = r#""messageId":"ajs-1","timestamp":"2026-11-22T09:30:00.000Z","version":2,"integrations":{}"#;
        read(&plan, &format!("{{{more},{common}}}"))
    };
    let track = r#""type":"track","event":"Report Exported","userId":"97980cfea0067","anonymousId":"23adfd82"
        ,"context":{"groupId":"acme","ip":"8.8.8.8"},"properties":{"plan":"team","revenue":14.99}"#;
    assert_eq!(call(track), Ok((TIME, named(&[("97980cfea0067", &[0]), ("acme", &[1])]), None)));
    let identify =
        r#""type":"identify","userId":"97980cfea0067","traits":{"plan":"team"},"context":{"groupId":"acme"}"#;
    assert_eq!(call(identify), call(track), "traits are its properties");
    let group = r#""type":"group","userId":"97980cfea0067","groupId":"acme","traits":{"plan":"team","name":"Initech"}"#;
    assert_eq!(call(group), call(track), "the group that it is about is the account");
    let page = r#""type":"page","name":"Pricing","userId":"97980cfea0067","properties":{"url":"https://a.example/"}"#;
    let id = IdSpace::of("usage").id("ajs-1");
    assert_eq!(call(page), Ok((TIME, named(&[("97980cfea0067", &[0])]), Some(id))), "it is named by its type");

    assert_eq!(call(r#""type":"track","userId":"97980cfea0067""#), Err("missing_field"), "a track has a name");
    assert_eq!(call(r#""event":"Report Exported","userId":"97980cfea0067""#), Err("missing_field"));
    assert_eq!(call(r#""type":"page","anonymousId":"23adfd82""#).map(|read| read.1), Ok(named(&[])));
    assert_eq!(call(r#""type":"screen","anonymousId":"23adfd82""#), Err("no_entity"));
}

#[test]
fn cloud_events_in_structured_mode_are_read() {
    let plan = plan("format: cloudevents");
    let event = |kind: &str, data: &str| {
        let attributes = r#""specversion":"1.0","source":"/shop/7","id":"A234-1234-1234","subject":"report 9""#;
        let record = format!(r#"{{{attributes},"type":"{kind}","time":"2026-11-22T09:30:00Z",{data}}}"#);
        read(&plan, &record)
    };
    let data = r#""datacontenttype":"application/json","data":{"user_id":"ada","account_id":"acme","plan":"team"}"#;
    let both = named(&[("ada", &[0]), ("acme", &[1])]);
    assert_eq!(event("com.example.exported", data), Ok((TIME, both.clone(), None)));
    let id = IdSpace::of("usage").within("/shop/7").id("A234-1234-1234");
    assert_eq!(event("page", data), Ok((TIME, both, Some(id))), "an id is one among those of its source");
    assert_eq!(event("page", r#""data_base64":"eyJ1c2VyX2lkIjoiYWRhIn0=""#), Err("wrong_type"));
    let timeless = r#"{"specversion":"1.0","source":"/a","id":"1","type":"page","data":{"user_id":"ada"}}"#;
    assert_eq!(read(&plan, timeless), Err("missing_field"));
}

/// The headers of an event in binary mode, and of a producer that adds some of its own.
const BINARY: [(&str, &[u8]); 7] = [
    ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("ce_specversion", b"1.0"),
    ("ce_source", b"/shop/7"),
    ("ce_id", b"A234-1234-1234"),
    ("ce_type", b"page"),
    ("ce_time", b"2026-11-22T09:30:00Z"),
    ("content-type", b"application/json; charset=utf-8"),
];

/// Those headers, with one in place of that of the same name.
fn but(name: &'static str, value: &'static [u8]) -> Vec<(&'static str, &'static [u8])> {
    let others = BINARY.into_iter().filter(|(of, _)| *of != name);
    others.chain([(name, value)]).collect()
}

#[test]
fn cloud_events_in_binary_mode_are_those_in_structured_mode() {
    let plan = plan("format: cloudevents");
    let structured = r#"{"specversion":"1.0","source":"/shop/7","id":"A234-1234-1234","type":"page","time":"2026-11-22T09:30:00Z",
        "data":{"user_id":"ada","account_id":"acme","plan":"team"}}"#;
    let data = r#"{"user_id":"ada","account_id":"acme","plan":"team","id":"7","time":5}"#;
    let expected = read(&plan, structured);
    assert!(expected.as_ref().is_ok_and(|(_, names, id)| names.len() == 2 && id.is_some()), "{expected:?}");
    assert_eq!(read_with(&plan, data, &BINARY), expected);
    // A mode is told by the content type, record by record; what an event in structured mode has in headers is a copy.
    for content_type in [&b"application/cloudevents+json"[..], b"Application/CloudEvents+JSON; charset=UTF-8"] {
        assert_eq!(read_with(&plan, structured, &but("content-type", content_type)), expected);
        assert_eq!(read_with(&plan, structured, &[("content-type", content_type)]), expected);
        assert_eq!(read_with(&plan, data, &but("content-type", content_type)), Err("missing_field"));
    }
    assert_eq!(read_with(&plan, structured, &[("content-type", b"application/json"), ("ce", b"1")]), expected);
    assert_eq!(
        read_with(&plan, structured, &but("ce_type", b"other")),
        Err("no_entity"),
        "the payload is nothing but data"
    );
    for json in [&b"text/json"[..], b"application/vnd.acme+json", b"APPLICATION/JSON"] {
        assert_eq!(read_with(&plan, data, &but("content-type", json)), expected);
    }
    let untold: Vec<_> = BINARY.into_iter().filter(|(name, _)| *name != "content-type").collect();
    assert_eq!(read_with(&plan, data, &untold), expected, "what is not told is JSON");
}

#[test]
fn a_cloud_event_in_binary_mode_that_cannot_be_read_says_why() {
    let plan = plan("format: cloudevents");
    let data = r#"{"user_id":"ada"}"#;
    for (name, value, reason) in [
        ("ce_type", &b""[..], "missing_field"),
        ("ce_type", b"\xff", "wrong_type"),
        ("ce_time", b"today", "bad_time"),
        ("ce_id", b"", "missing_field"),
        ("content-type", b"application/xml", "wrong_type"),
        ("content-type", b"json", "wrong_type"),
    ] {
        assert_eq!(read_with(&plan, data, &but(name, value)), Err(reason), "{name} {value:?}");
    }
    assert_eq!(read_with(&plan, "{", &BINARY), Err("broken_json"));
    let id = IdSpace::of("usage").within("/shop/7").id("A234-1234-1234");
    for empty in ["", "[]", "{}"] {
        assert_eq!(read_with(&plan, empty, &BINARY), Ok((TIME, named(&[]), Some(id))), "an event may have no data");
        assert_eq!(read_with(&plan, empty, &but("ce_type", b"other")), Err("no_entity"));
    }
    // Neither is an attribute.
    assert_eq!(read_with(&plan, data, &but("ce_data", b"x")), read_with(&plan, data, &BINARY));
    assert_eq!(read_with(&plan, data, &but("ce_data_base64", b"x")), read_with(&plan, data, &BINARY));
}

#[test]
fn headers_of_other_formats_say_nothing() {
    let record = r#"{"event":"e","event_id":"1","timestamp":"2026-11-22T09:30:00Z","user_id":"ada"}"#;
    let plan = plan("format: json");
    assert_eq!(read_with(&plan, record, &BINARY), read(&plan, record));
}

#[test]
fn an_event_without_a_payload_is_one_only_where_headers_say_so() {
    let told = |source: &str, headers: &[(&str, &[u8])]| {
        Reader::new(&plan(source), 0).is_event_without_data(headers.iter().copied())
    };
    assert!(told("format: cloudevents", &BINARY));
    assert!(!told("format: cloudevents", &[]));
    assert!(!told("format: cloudevents", &but("content-type", b"application/cloudevents+json")));
    assert!(!told("format: json", &BINARY));
    let cloud = plan("format: cloudevents, fields: { user_id: subject }");
    let headers = but("ce_subject", b"ada");
    assert_eq!(
        read_with(&cloud, "", &headers).map(|read| read.1),
        Ok(named(&[("ada", &[0])])),
        "attributes can be mapped"
    );
}

#[test]
fn what_is_mapped_has_its_own_place_in_every_format() {
    let segment = plan("format: segment, fields: { event: type, user_id: anonymousId, account_id: traits.company }");
    let record = r#"{"type":"track","messageId":"1","anonymousId":"23adfd82","timestamp":"2026-11-22T09:30:00Z",
        "properties":{"company":"acme","plan":"team"}}"#;
    assert_eq!(read(&segment, record), Ok((TIME, named(&[("23adfd82", &[0]), ("acme", &[1])]), None)));
    let cloud = plan("format: cloudevents, fields: { user_id: subject, timestamp: { path: data.at, unit: s } }");
    let record = r#"{"type":"t","source":"/a","id":"1","subject":"ada","data":{"at":1795339800,"plan":"free"}}"#;
    assert_eq!(read(&cloud, record), Ok((TIME, named(&[("ada", &[0])]), None)));
}

#[test]
fn a_clock_is_corrected_where_both_times_are_given() {
    let time = |source: &str, times: &str| {
        let record = format!(r#"{{"event":"e","type":"track","event_id":"1","user_id":"ada","userId":"ada",{times}}}"#);
        read(&plan(source), &record).map(|(time, ..)| time - TIME)
    };
    const YEAR: i64 = 365 * 86_400_000;
    // Ten minutes before it was sent, and it was received half an hour later by a clock that is right.
    let fast =
        r#""timestamp":"2027-11-22T09:20:00Z","sent_at":"2027-11-22T09:30:00Z","received_at":"2026-11-22T09:30:00Z""#;
    assert_eq!(time("format: json", fast), Ok(-10 * 60_000));
    let slow =
        r#""timestamp":"1970-01-01T00:00:00Z","sent_at":"1970-01-01T00:00:05Z","received_at":"2026-11-22T09:30:00Z""#;
    assert_eq!(time("format: json", slow), Ok(-5_000));
    for missing in [r#""sent_at":"2027-11-22T09:30:00Z""#, r#""received_at":"2026-11-22T09:30:00Z","sent_at":null"#] {
        let times = format!(r#""timestamp":"2027-11-22T09:30:00Z",{missing}"#);
        assert_eq!(time("format: json", &times), Ok(YEAR), "{missing}");
    }
    let mapped = "fields: { timestamp: { path: ts, unit: ms } }";
    let times = r#""ts":1795339800000,"sent_at":"2027-11-22T09:30:00Z","received_at":"2026-11-22T09:30:00Z""#;
    assert_eq!(time(mapped, times), Ok(0), "whoever maps the time maps the others, too");
    let mapped = "fields: { timestamp: { path: ts, unit: ms }, sent_at: { path: sent, unit: s }, received_at: got }";
    let times = r#""ts":1795339800000,"sent":1795339801,"got":"2026-11-22T09:30:07Z""#;
    assert_eq!(time(mapped, times), Ok(6_000));

    let segment = fast.replace("sent_at", "sentAt").replace("received_at", "receivedAt");
    assert_eq!(time("format: segment", &segment), Ok(-10 * 60_000));
    let corrected = format!(r#"{segment},"originalTimestamp":"2028-11-22T09:20:00Z""#);
    assert_eq!(time("format: segment", &corrected), Ok(YEAR - 10 * 60_000), "its receiver has corrected it");
}

#[test]
fn a_correction_that_leads_nowhere_rejects_the_event() {
    let reason = |times: &str| {
        read(&plan("format: json"), &format!(r#"{{"event":"e","event_id":"1","user_id":"ada",{times}}}"#)).err()
    };
    let times = r#""timestamp":"2026-11-22T09:30:00Z","received_at":"2026-11-22T09:30:00Z""#;
    assert_eq!(reason(&format!(r#"{times},"sent_at":"9000-01-01T00:00:00Z""#)), Some("bad_time"));
    assert_eq!(reason(&format!(r#"{times},"sent_at":"yesterday""#)), Some("bad_time"));
    assert_eq!(reason(&format!(r#"{times},"sent_at":1795339800000"#)), Some("wrong_type"));
    assert_eq!(
        read(
            &plan("format: json"),
            &format!(r#"{{"event":"e","user_id":"ada",{times},"sent_at":"2026-11-22T09:30:00Z"}}"#)
        )
        .map(|(time, ..)| Millis(time)),
        Ok(common::TIME)
    );
}

#[test]
fn a_group_call_tells_the_accounts_attributes() {
    let text = "
version: 1
product: test
sources: { usage: { topic: usage, format: segment, attributes_of: { entity: account, events: [group] } } }
entities: { account: { key: account_id } }
dimensions: { industry: { of: account, values: [software, finance] } }
metrics:
  teams: { type: simple, measure: { agg: count_distinct, entity: account, events: any }, windows: [1d], by: [industry] }
";
    let plan = catalog::parse(text).unwrap_or_else(|mistakes| panic!("{}", mistakes.render("test", text)));
    let (reader, mut touches) = (Reader::new(&plan, 0), Touches::default());
    let mut told = |record: &str| {
        reader.read(record.as_bytes(), &mut touches).expect("it is a call");
        touches.changed().map(|changed| changed.values.to_vec())
    };
    let call = |more: &str| format!(r#"{{"messageId":"1","timestamp":"2026-11-22T09:30:00Z",{more}}}"#);
    let group = told(&call(r#""type":"group","groupId":"acme","traits":{"industry":"software"}"#));
    assert_eq!(group.map(|attributes| attributes.len()), Some(1));
    assert_eq!(told(&call(r#""type":"track","event":"e","context":{"groupId":"acme"}"#)), None);
}
