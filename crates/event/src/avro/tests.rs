//! What is decoded is what apache-avro decodes and resolves, for random schemas, evolutions of them and values.

mod rules;

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
