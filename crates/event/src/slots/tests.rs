use super::*;

fn path(dotted: &str) -> Vec<String> {
    dotted.split('.').map(str::to_owned).collect()
}

/// The values at some paths of a record.
fn decoded<const N: usize>(paths: [&str; N], json: &str) -> [Value<'static>; N] {
    decoded_with(&[], paths, json)
}

fn decoded_with<const N: usize>(second_places: &[(Path, Path)], paths: [&str; N], json: &str) -> [Value<'static>; N] {
    let paths = paths.map(path);
    let trie = Trie::of(paths.iter().map(Vec::as_slice), second_places);
    let slots = trie.decode(json.as_bytes()).expect("the record is JSON");
    paths.each_ref().map(|path| match &slots[trie.slot(path).expect("the path is in the trie")] {
        Value::Text(text) => Value::Text(Cow::Owned(text.clone().into_owned())),
        Value::Missing => Value::Missing,
        Value::Null => Value::Null,
        Value::Bool(value) => Value::Bool(*value),
        Value::Integer(value) => Value::Integer(*value),
        Value::Float(value) => Value::Float(*value),
        Value::Array => Value::Array,
        Value::Object => Value::Object,
        other => unreachable!("JSON has no {other:?}"),
    })
}

fn text(text: &str) -> Value<'static> {
    Value::Text(Cow::Owned(text.into()))
}

#[test]
fn value_is_found_below_objects_only() {
    let paths = ["a.b", "c", "d.e.f"];
    assert_eq!(
        decoded(paths, r#"{"a":{"x":1,"b":"y"},"c":-2,"d":{"e":{"f":1.5}}}"#),
        [text("y"), Value::Integer(-2), Value::Float(1.5)]
    );
    assert_eq!(
        decoded(paths, r#"{"a":[{"b":1}],"c":null,"d":{"e":"f"}}"#),
        [Value::Missing, Value::Null, Value::Missing]
    );
    assert_eq!(decoded(paths, "{}"), [Value::Missing, Value::Missing, Value::Missing]);
}

#[test]
fn field_and_what_lies_below_it_are_kept_side_by_side() {
    let paths = ["a", "a.b"];
    assert_eq!(decoded(paths, r#"{"a":{"b":true}}"#), [Value::Object, Value::Bool(true)]);
    assert_eq!(decoded(paths, r#"{"a":7}"#), [Value::Integer(7), Value::Missing]);
    assert_eq!(decoded(paths, r#"{"a":[7]}"#), [Value::Array, Value::Missing]);
}

#[test]
fn last_of_two_values_of_one_name_counts() {
    let paths = ["a.b", "a.c", "d"];
    assert_eq!(
        decoded(paths, r#"{"a":{"b":1,"c":2},"d":1,"a":{"c":3},"d":null}"#),
        [Value::Missing, Value::Integer(3), Value::Null]
    );
    assert_eq!(decoded(["a.b"], r#"{"a":{"b":1},"a":2}"#), [Value::Missing]);
}

#[test]
fn what_stands_at_its_second_place_counts_as_at_its_first() {
    let places = [(path("properties"), path("traits")), (path("context.group"), path("group"))];
    let paths = ["properties.plan", "context.group", "traits.email", "context.ip"];
    let decoded = |json| decoded_with(&places, paths, json);
    let one = [Value::Integer(1), Value::Integer(2), Value::Integer(3), Value::Integer(4)];
    assert_eq!(decoded(r#"{"properties":{"plan":1,"email":3},"context":{"group":2,"ip":4}}"#), one);
    assert_eq!(decoded(r#"{"traits":{"plan":1,"email":3},"context":{"ip":4},"group":2}"#), one);
    let both = r#"{"traits":{"plan":9,"email":9},"context":{"group":9,"ip":4},"group":2,"properties":{"plan":1}}"#;
    assert_eq!(decoded(both), [Value::Integer(1), Value::Integer(2), Value::Missing, Value::Integer(4)]);
}

#[test]
fn names_and_texts_are_unescaped() {
    assert_eq!(decoded(["ä\"b"], r#"{"\u00e4\"b":"\n\ud83e\udd80\/"}"#), [text("\n🦀/")]);
}

#[test]
fn text_without_escapes_is_borrowed() {
    let trie = Trie::of([path("a").as_slice()], &[]);
    let slots = trie.decode(br#"{"a":"ada"}"#).expect("the record is JSON");
    assert_eq!(slots[1], Value::Text(Cow::Borrowed("ada")));
    assert!(matches!(&slots[1], Value::Text(Cow::Borrowed(_))));
}

#[test]
fn broken_json_is_rejected_with_its_place() {
    let trie = Trie::of([path("a").as_slice()], &[]);
    let broken = |payload: &[u8]| match trie.decode(payload) {
        Err(Reject::BrokenJson { line, column, what }) => (line, column, what),
        other => panic!("{other:?}"),
    };
    assert_eq!(broken(b"{\"a\":1,\n\"b\":}"), (2, 5, "expected value".into()));
    assert_eq!(broken(b"{\"a\":1} {}"), (1, 9, "trailing characters".into()));
    assert_eq!(broken(b"{\"a\":1").2, "EOF while parsing an object");
    assert_eq!(broken(b"{\"z\":\n \"\xff\"}"), (2, 3, "bytes that are not UTF-8".into()));
    assert_eq!(broken(b"{\"z\":[1,]}").2, "expected value");
    assert_eq!(broken(b"  ").2, "EOF while parsing a value");
    assert_eq!(broken(b"[1,2").2, "EOF while parsing a list");
}

#[test]
fn record_that_is_no_object_is_a_wrong_type() {
    let trie = Trie::of([path("a").as_slice()], &[]);
    for (json, kind) in [("[]", "an array"), ("null", "null"), ("3", "a whole number"), ("\"a\"", "text of 1 bytes")] {
        let slots = trie.decode(json.as_bytes()).expect("it is JSON");
        let Err(Reject::WrongType { found, .. }) = trie.check_object(&slots) else { panic!("{json} was read") };
        assert_eq!(found, kind);
    }
    assert_eq!(trie.decode(b""), Err(Reject::Empty));
}

#[test]
fn deep_nesting_costs_no_stack() {
    let trie = Trie::of([path("a.b").as_slice()], &[]);
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    assert!(trie.decode(format!(r#"{{"z":{deep},"a":{deep}}}"#).as_bytes()).is_ok());
    assert!(trie.decode(format!(r#"{{"a":{}"#, r#"{"b":"#.repeat(200_000)).as_bytes()).is_err());
}
