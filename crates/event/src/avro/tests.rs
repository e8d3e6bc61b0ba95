//! What is decoded is what apache-avro decodes and resolves, for random schemas, evolutions of them and values.

use super::*;
use crate::value::Value;
use activity::Millis;
use apache_avro::types::Value as Datum;
use apache_avro::{reader::datum::GenericDatumReader, writer::datum::GenericDatumWriter};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value as Json, json};
use std::borrow::Cow;

fn schema(json: &Json) -> Schema {
    Schema::parse_str(&json.to_string()).unwrap_or_else(|error| panic!("{json}: {error}"))
}

fn record(fields: &[Json]) -> Json {
    json!({ "type": "record", "name": "Event", "namespace": "shop", "fields": fields })
}

fn trie(paths: &[&str]) -> Trie {
    let paths: Vec<Vec<String>> = paths.iter().map(|path| path.split('.').map(str::to_owned).collect()).collect();
    Trie::of(paths.iter().map(Vec::as_slice), &[])
}

fn written(schema: &Schema, datum: Datum) -> Vec<u8> {
    GenericDatumWriter::builder(schema).build().unwrap().write_value_to_vec(datum).unwrap()
}

fn program(writer: &Schema, reader: Option<&Schema>, trie: &Trie) -> Result<Program, String> {
    compile((writer, &[]), reader, trie.root())
}

/// The values at some paths of a datum.
fn read(
    writer: &Json,
    reader: Option<&Json>,
    paths: &[&str],
    datum: impl Into<Datum>,
) -> Result<Vec<Value<'static>>, Reject> {
    let (writer, trie) = (schema(writer), trie(paths));
    let program = program(&writer, reader.map(schema).as_ref(), &trie);
    let program = program.map_err(|what| Reject::UnfitSchema { what })?;
    let bytes = written(&writer, datum.into());
    let slots = program.run(&bytes)?;
    let value = |path: &&str| {
        let path: Vec<String> = path.split('.').map(str::to_owned).collect();
        owned(&slots[trie.slot(&path).unwrap()])
    };
    Ok(paths.iter().map(value).collect())
}

fn owned(value: &Value<'_>) -> Value<'static> {
    match value.borrowed() {
        Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
        Value::Missing => Value::Missing,
        Value::Null => Value::Null,
        Value::Bool(value) => Value::Bool(value),
        Value::Integer(value) => Value::Integer(value),
        Value::Float(value) => Value::Float(value),
        Value::Decimal { units, scale } => Value::Decimal { units, scale },
        Value::Time(time) => Value::Time(time),
        Value::Bytes => Value::Bytes,
        Value::Array => Value::Array,
        Value::Object => Value::Object,
    }
}

/// What a datum of apache-avro is here.
fn expected(datum: &Datum) -> Value<'static> {
    match datum {
        Datum::Union(_, datum) => expected(datum),
        Datum::Null => Value::Null,
        Datum::Boolean(value) => Value::Bool(*value),
        Datum::Int(value) => Value::Integer((*value).into()),
        Datum::Long(value) => Value::Integer((*value).into()),
        Datum::Float(value) => Value::Float((*value).into()),
        Datum::Double(value) => Value::Float(*value),
        Datum::String(text) | Datum::Enum(_, text) => Value::Text(Cow::Owned(text.clone())),
        Datum::TimestampMillis(time) => Value::Time(Millis(*time)),
        Datum::TimestampMicros(time) => Value::Time(Millis(time.div_euclid(1_000))),
        Datum::Bytes(_) | Datum::Fixed(..) => Value::Bytes,
        Datum::Array(_) => Value::Array,
        Datum::Map(_) | Datum::Record(_) => Value::Object,
        other => panic!("{other:?} is not drawn"),
    }
}

fn find<'d>(datum: &'d Datum, path: &[&str]) -> Option<&'d Datum> {
    let datum = if let Datum::Union(_, inner) = datum { inner } else { datum };
    let Some((name, rest)) = path.split_first() else { return Some(datum) };
    match datum {
        Datum::Record(fields) => find(&fields.iter().find(|(field, _)| field == name)?.1, rest),
        Datum::Map(entries) => find(entries.get(*name)?, rest),
        _ => None,
    }
}

/// A type, and a value of it.
fn typed() -> impl Strategy<Value = (Json, Datum)> {
    let symbols = ["free", "team", "pro"];
    let leaf = prop_oneof![
        Just((json!("null"), Datum::Null)),
        any::<bool>().prop_map(|value| (json!("boolean"), Datum::Boolean(value))),
        any::<i32>().prop_map(|value| (json!("int"), Datum::Int(value))),
        any::<i64>().prop_map(|value| (json!("long"), Datum::Long(value))),
        (-1e9f32..1e9).prop_map(|value| (json!("float"), Datum::Float(value))),
        (-1e300..1e300).prop_map(|value| (json!("double"), Datum::Double(value))),
        ".{0,9}".prop_map(|text| (json!("string"), Datum::String(text))),
        vec(any::<u8>(), 0..9).prop_map(|bytes| (json!("bytes"), Datum::Bytes(bytes))),
        any::<i64>().prop_map(|time| {
            (json!({ "type": "long", "logicalType": "timestamp-millis" }), Datum::TimestampMillis(time))
        }),
        any::<i64>().prop_map(|time| {
            (json!({ "type": "long", "logicalType": "timestamp-micros" }), Datum::TimestampMicros(time))
        }),
    ];
    leaf.prop_recursive(3, 12, 4, move |inner| {
        let nullable = (inner.clone(), any::<bool>()).prop_filter_map("a union has no union in it", |((of, datum), some)| {
            let fits = of != json!("null") && !of.is_array();
            let at = u32::from(some);
            fits.then(|| (json!(["null", of]), Datum::Union(at, Box::new(if some { datum } else { Datum::Null }))))
        });
        let fields = vec((select(&["a", "b", "c"][..]), inner.clone()), 1..4);
        prop_oneof![
            3 => nullable,
            1 => inner.clone().prop_map(|(of, datum)| {
                (json!({ "type": "array", "items": of }), Datum::Array(vec![datum.clone(), datum]))
            }),
            1 => inner.clone().prop_map(|(of, datum)| {
                let entries = ["a", "z"].map(|name| (name.to_owned(), datum.clone()));
                (json!({ "type": "map", "values": of }), Datum::Map(entries.into()))
            }),
            2 => (fields, any::<u64>()).prop_map(|(mut fields, number)| {
                fields.sort_by_key(|(name, _)| *name);
                fields.dedup_by_key(|(name, _)| *name);
                let of = |(name, (of, _)): &(&str, (Json, Datum))| json!({ "name": name, "type": of });
                let schemas: Vec<Json> = fields.iter().map(of).collect();
                let datum = fields.into_iter().map(|(name, (_, datum))| (name.to_owned(), datum)).collect();
                (json!({ "type": "record", "name": format!("R{number}"), "fields": schemas }), Datum::Record(datum))
            }),
            1 => select(&[0u32, 1, 2][..]).prop_map(move |at| {
                let symbol = symbols[at as usize].to_owned();
                (json!({ "type": "enum", "name": format!("E{}", rand_name(at)), "symbols": symbols }), Datum::Enum(at, symbol))
            }),
        ]
    })
}

/// Names of types must differ within a schema, unless the types are the same.
fn rand_name(at: u32) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{at}x{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// What a field becomes in the reader's schema.
#[derive(Clone, Copy, Debug)]
enum Change {
    Kept,
    Removed,
    Renamed,
    Nullable,
    Promoted,
}

const NAMES: [&str; 5] = ["event", "user_id", "plan", "seats", "at"];
const PATHS: [&str; 9] = ["event", "user_id", "user_id.a", "user_id.a.b", "plan", "plan.a", "seats", "at", "at.c"];

fn evolved() -> impl Strategy<Value = (Vec<(Json, Datum)>, Vec<Change>)> {
    let change = select(vec![Change::Kept, Change::Removed, Change::Renamed, Change::Nullable, Change::Promoted]);
    (vec(typed(), 5), vec(change, 5))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn values_are_those_that_apache_avro_reads((fields, changes) in evolved(), is_evolved in any::<bool>()) {
        let field = |(name, (of, _)): (&&str, &(Json, Datum))| json!({ "name": name, "type": of });
        let written_fields: Vec<Json> = NAMES.iter().zip(&fields).map(field).collect();
        let datum = NAMES.iter().zip(&fields).map(|(name, (_, datum))| ((*name).to_owned(), datum.clone())).collect();
        // apache-avro does not know aliases when it reads: its writer has the reader's names, as the specification puts it.
        let mut renamed = written_fields.clone();
        let mut reader = Vec::new();
        for (at, change) in changes.iter().enumerate() {
            let (name, of) = (NAMES[at], &fields[at].0);
            let promoted = match of.as_str() {
                Some("int") => json!("long"),
                Some("long" | "float") => json!("double"),
                _ => of.clone(),
            };
            match change {
                Change::Kept => reader.insert(0, json!({ "name": name, "type": of })),
                Change::Removed => {}
                Change::Renamed => {
                    renamed[at] = json!({ "name": format!("new_{name}"), "type": of });
                    reader.insert(0, json!({ "name": format!("new_{name}"), "type": of, "aliases": ["x", name] }));
                }
                Change::Nullable if !of.is_array() && of != "null" => {
                    reader.push(json!({ "name": name, "type": ["null", of] }));
                }
                Change::Nullable => reader.push(json!({ "name": name, "type": of })),
                Change::Promoted => reader.push(json!({ "name": name, "type": promoted })),
            }
        }
        reader.push(json!({ "name": "added", "type": "string", "default": "free" }));
        let (writer, reader) = (record(&written_fields), record(&reader));
        let reader = if is_evolved { reader } else { writer.clone() };
        let bytes = written(&schema(&writer), Datum::Record(datum));
        let (writer_schema, renamed, reader_schema) = (schema(&writer), schema(&record(&renamed)), schema(&reader));
        let oracle_writer = if is_evolved { &renamed } else { &writer_schema };
        let oracle = GenericDatumReader::builder(oracle_writer).reader_schema(&reader_schema).build().unwrap();
        let oracle = oracle.read_value(&mut bytes.as_slice()).unwrap();

        // Only what the reader's schema has can be asked for.
        let new = PATHS.map(|path| format!("new_{path}"));
        let has = |path: &&str| program(&reader_schema, Some(&reader_schema), &trie(&[path])).is_ok();
        let paths: Vec<&str> = PATHS.into_iter().chain(new.iter().map(String::as_str)).chain(["added"]).filter(has).collect();
        let trie = trie(&paths);
        let program = program(&writer_schema, Some(&reader_schema), &trie).unwrap();
        let slots = program.run(&bytes).unwrap();
        for path in paths {
            let names: Vec<&str> = path.split('.').collect();
            let slot = trie.slot(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
            let expected = find(&oracle, &names).map_or(Value::Missing, expected);
            prop_assert_eq!(&slots[slot], &expected, "{} of {} as {}", path, writer, reader);
        }
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(
        (fields, _) in evolved(),
        bytes in vec(any::<u8>(), 0..200),
        cut in any::<prop::sample::Index>(),
    ) {
        let field = |(name, (of, _)): (&&str, &(Json, Datum))| json!({ "name": name, "type": of });
        let fields_of: Vec<Json> = NAMES.iter().zip(&fields).map(field).collect();
        let datum = NAMES.iter().zip(&fields).map(|(name, (_, datum))| ((*name).to_owned(), datum.clone())).collect();
        let writer = schema(&record(&fields_of));
        let program = program(&writer, None, &trie(&PATHS)).unwrap();
        let _ = program.run(&bytes);
        let good = written(&writer, Datum::Record(datum));
        prop_assert!(program.run(&good).is_ok());
        prop_assert!(good.is_empty() || program.run(&good[..cut.index(good.len())]).is_err(), "a piece is no datum");
        prop_assert!(program.run(&[good, vec![0]].concat()).is_err(), "nothing may follow it");
    }
}

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
