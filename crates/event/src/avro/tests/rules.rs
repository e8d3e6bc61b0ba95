//! The rules by which Avro is read, one test each.

use super::*;

fn text(text: &str) -> Value<'static> {
    Value::Text(Cow::Owned(text.to_owned()))
}

fn datum(fields: &[(&str, Datum)]) -> Datum {
    Datum::Record(fields.iter().map(|(name, datum)| ((*name).to_owned(), datum.clone())).collect())
}

#[test]
fn a_decimal_is_its_units_and_its_scale() {
    let decimal = |scale| json!({ "type": "bytes", "logicalType": "decimal", "precision": 9, "scale": scale });
    let of = |scale: u32| record(&[json!({ "name": "amount", "type": decimal(scale), "default": "\u{00fb}\u{002e}" })]);
    let amount = || datum(&[("amount", Datum::Decimal(vec![0xfb, 0x2e].into()))]);
    assert_eq!(read(&of(2), None, &["amount"], amount()), Ok(vec![Value::Decimal { units: -1234, scale: 2 }]));
    assert!(read(&of(2), Some(&of(3)), &["amount"], amount()).is_err(), "the scale is part of the type");
    let defaulted = read(&record(&[]), Some(&of(2)), &["amount"], datum(&[]));
    assert_eq!(defaulted, Ok(vec![Value::Decimal { units: -1234, scale: 2 }]));
    assert_eq!(program::units(&[]), Some(0));
    assert_eq!(program::units(&[0x80; 16]).map(i128::is_negative), Some(true));
    assert_eq!(program::units(&[&[0xff; 9][..], &[0x80; 16]].concat()), program::units(&[0x80; 16]));
    assert_eq!(program::units(&[&[0][..], &[0xff; 16]].concat()), None);
}

#[test]
fn what_was_not_written_is_the_readers_default_or_a_refusal_and_never_nothing() {
    let writer = record(&[json!({ "name": "event", "type": "string" })]);
    let event = || datum(&[("event", "played".into())]);
    let with = |field: Json| record(&[json!({ "name": "event", "type": "string" }), field]);
    let plan =
        |field: Json| read(&writer, Some(&with(field)), &["event", "plan"], event()).map(|values| values[1].clone());
    assert_eq!(plan(json!({ "name": "plan", "type": "string", "default": "free" })), Ok(text("free")));
    assert_eq!(plan(json!({ "name": "plan", "type": ["null", "string"], "default": null })), Ok(Value::Null));
    let refused = plan(json!({ "name": "plan", "type": "string" })).unwrap_err().to_string();
    assert!(refused.contains("`plan` was not written, and the source's schema has no default for it"), "{refused}");
    let unknown = plan(json!({ "name": "level", "type": "string" })).unwrap_err().to_string();
    assert!(unknown.contains("the source's schema has no `plan`"), "{unknown}");
    let other = plan(json!({ "name": "plan", "aliases": ["event"], "type": "long" })).unwrap_err().to_string();
    assert!(other.contains("`plan` was written as a string, which cannot be read as a long"), "{other}");
    // Without a schema of the source, as in JSON.
    assert_eq!(read(&writer, None, &["plan"], event()), Ok(vec![Value::Missing]));
    let lacking = program(&schema(&writer), None, &trie(&["event", "plan.seats", "plan.name"])).unwrap().lacking;
    assert_eq!(lacking, ["plan.name", "plan.seats"]);
}

#[test]
fn a_path_that_no_branch_of_the_sources_schema_has_is_told() {
    let part = |name: &str, field: &str| json!({ "type": "record", "name": name, "fields": [{ "name": field, "type": "int" }] });
    let of = record(&[json!({ "name": "part", "type": ["null", part("A", "a"), part("B", "b")] })]);
    let fits = |paths: &[&str]| program(&schema(&of), Some(&schema(&of)), &trie(paths)).map(drop);
    assert_eq!(fits(&["part.a", "part.b"]), Ok(()));
    let why = "the source's schema has no `part.a.x`, no `part.c`".to_owned();
    assert_eq!(fits(&["part.c", "part.a.x", "part.b"]), Err(why));
    let b = Datum::Union(2, Box::new(datum(&[("b", Datum::Int(7))])));
    let values = read(&of, Some(&of), &["part.a", "part.b"], datum(&[("part", b)]));
    assert_eq!(values, Ok(vec![Value::Missing, Value::Integer(7)]));
}

#[test]
fn a_default_below_holds_where_the_record_around_it_was_written() {
    let fields = |more: &[Json]| {
        let own = [json!({ "name": "name", "type": "string" })];
        let inner = json!({ "type": "record", "name": "Plan", "fields": ([&own[..], more].concat()) });
        record(&[json!({ "name": "plan", "type": ["null", inner], "default": null })])
    };
    let (writer, reader) = (fields(&[]), fields(&[json!({ "name": "seats", "type": "int", "default": 3 })]));
    let seats = |plan: Datum| read(&writer, Some(&reader), &["plan.seats"], datum(&[("plan", plan)])).unwrap();
    let some = Datum::Union(1, Box::new(datum(&[("name", "team".into())])));
    assert_eq!(seats(some), [Value::Integer(3)]);
    assert_eq!(seats(Datum::Union(0, Box::new(Datum::Null))), [Value::Missing]);
}

#[test]
fn a_symbol_that_the_reader_has_not_is_its_default_or_a_refusal() {
    let of = |symbols: &[&str], default: Option<&str>| {
        let mut plan = json!({ "type": "enum", "name": "Plan", "symbols": symbols });
        if let Some(default) = default {
            plan["default"] = json!(default);
        }
        record(&[json!({ "name": "plan", "type": plan })])
    };
    let writer = of(&["free", "team", "pro"], None);
    let plan = |reader: Json| {
        read(&writer, Some(&reader), &["plan"], datum(&[("plan", Datum::Enum(2, "pro".into()))]))
            .map(|values| values[0].clone())
    };
    assert_eq!(plan(of(&["pro", "free"], None)), Ok(text("pro")));
    assert_eq!(plan(of(&["free", "other"], Some("other"))), Ok(text("other")));
    assert_eq!(plan(of(&["free", "team"], None)).unwrap_err().reason(), "unfit_schema");
}

#[test]
fn a_branch_without_a_place_is_refused_only_where_it_is_taken() {
    let of = |types: Json| record(&[json!({ "name": "id", "type": types })]);
    let (writer, reader) = (of(json!(["string", "boolean", "long"])), of(json!(["long", "string"])));
    let id = |at, value| read(&writer, Some(&reader), &["id"], datum(&[("id", Datum::Union(at, Box::new(value)))]));
    assert_eq!(id(0, "ada".into()), Ok(vec![text("ada")]));
    assert_eq!(id(2, 7i64.into()), Ok(vec![Value::Integer(7)]));
    assert_eq!(id(1, true.into()).unwrap_err().reason(), "unfit_schema");
    assert!(read(&of(json!("boolean")), Some(&reader), &["id"], datum(&[("id", true.into())])).is_err());
}

#[test]
fn a_type_that_contains_itself_is_passed_over_to_a_depth() {
    let list =
        json!({ "type": "record", "name": "List", "fields": [{ "name": "rest", "type": ["null", "shop.List"] }] });
    let writer =
        schema(&record(&[json!({ "name": "list", "type": list }), json!({ "name": "event", "type": "string" })]));
    let trie = trie(&["event", "list.rest.rest.rest"]);
    let program = program(&writer, None, &trie).unwrap();
    // Each level says that there is one more.
    let nested = |depth: usize| [vec![2; depth], vec![0, 2, b'e']].concat();
    for depth in [0, 1, 5, 60] {
        assert!(program.run(&nested(depth)).is_ok(), "{depth}");
    }
    for depth in [100, 1_000_000] {
        assert!(program.run(&nested(depth)).unwrap_err().to_string().contains("nested too deep"), "{depth}");
    }
}

#[test]
fn few_bytes_do_not_stand_for_many_items() {
    let nothing = json!({ "type": "array", "items": "null" });
    let writer = schema(&record(&[json!({ "name": "list", "type": nothing })]));
    let program = program(&writer, None, &trie(&["list"])).unwrap();
    assert!(program.run(&[0]).is_ok());
    let many = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0];
    assert!(program.run(&many).unwrap_err().to_string().contains("more items than there are bytes"));
    let overlong = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0];
    assert!(program.run(&overlong).unwrap_err().to_string().contains("more than 64 bits"));
}

#[test]
fn a_record_names_its_schema_which_has_to_be_learnt() {
    let trie = trie(&["event"]);
    let (mut avro, fits) = Avro::new(Wire::Confluent, None, &trie);
    assert_eq!(fits, Ok(()));
    let writer = record(&[json!({ "name": "event", "type": "string" })]);
    let framed =
        |id: u32| [&[0][..], &id.to_be_bytes(), &written(&schema(&writer), datum(&[("event", "e".into())]))].concat();
    assert_eq!(avro.unknown_schema(&framed(7)), Some(SchemaId(7)));
    assert_eq!(avro.decode(&framed(7)), Err(Reject::UnknownSchema { id: 7 }));
    let learnt = SchemaText { schema: writer.to_string(), references: Vec::new() };
    assert_eq!(avro.learn(SchemaId(7), &learnt, &trie), Ok(Vec::new()));
    assert_eq!(avro.unknown_schema(&framed(7)), None);
    assert_eq!(avro.decode(&framed(7)).map(|slots| owned(&slots[1])), Ok(text("e")));

    let broken = SchemaText { schema: "{".into(), references: Vec::new() };
    assert_eq!(avro.learn(SchemaId(8), &broken, &trie).unwrap_err().reason(), "unfit_schema");
    assert_eq!(avro.unknown_schema(&framed(8)), None, "it is known to be unfit");
    assert_eq!(avro.decode(&framed(8)).unwrap_err().reason(), "unfit_schema");
    for rubbish in [&b"\x01\0\0\0\x07\x02e"[..], b"\0\0\0", b"{}"] {
        assert_eq!(avro.unknown_schema(rubbish), None);
        assert_eq!(avro.decode(rubbish).unwrap_err().reason(), "broken_avro");
    }
    assert_eq!(avro.decode(b""), Err(Reject::Empty));
}

#[test]
fn a_schema_may_refer_to_others() {
    let trie = trie(&["who.id"]);
    let (mut avro, _) = Avro::new(Wire::Confluent, None, &trie);
    let schema = record(&[json!({ "name": "who", "type": "shop.User" })]).to_string();
    let user = r#"{"type":"record","name":"User","namespace":"shop","fields":[{"name":"id","type":"string"}]}"#;
    let text_of = |references: &[&str]| SchemaText {
        schema: schema.clone(),
        references: references.iter().map(|text| (*text).to_owned()).collect(),
    };
    assert!(avro.learn(SchemaId(1), &text_of(&[]), &trie).is_err());
    assert_eq!(avro.learn(SchemaId(2), &text_of(&[user]), &trie), Ok(Vec::new()));
    assert_eq!(avro.decode(b"\0\0\0\0\x02\x06ada").map(|slots| owned(&slots[2])), Ok(text("ada")));
}
