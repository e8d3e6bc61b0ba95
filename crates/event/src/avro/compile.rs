//! From a writer's schema, the reader's if there is one, and the paths that the plan needs, to a program.
//!
//! The rules are those of Avro's schema resolution, for the fields that the plan needs alone: a field is the writer's of the
//! same name, else of one of the names that the reader's schema gives it as aliases, else the default of the reader's schema.
//! Without a reader's schema a field that the writer's has not is missing, as in JSON.

use super::kind::{Kind, kind, leaf};
use super::program::{Leaf, Program, Skip, Step};
use crate::slots::Node;
use crate::value::Value;
use apache_avro::Schema;
use apache_avro::schema::{EnumSchema, Name, RecordSchema};
use hashbrown::HashMap;
use serde_json::Value as Json;

/// The types of a schema that have names.
type Names<'s> = HashMap<&'s Name, &'s Schema>;

/// Makes a program for what was written with a schema, which may refer to others.
pub(super) fn compile(
    (writer, references): (&Schema, &[Schema]),
    reader: Option<&Schema>,
    root: &Node,
) -> Result<Program, String> {
    let (mut writers, mut readers) = (Names::new(), Names::new());
    std::iter::once(writer).chain(references).for_each(|schema| collect(schema, &mut writers));
    reader.into_iter().for_each(|schema| collect(schema, &mut readers));
    let has = |path: &[String]| match reader {
        Some(reader) => reaches(reader, path, &readers),
        None => reaches(writer, path, &writers),
    };
    let mut lacking = Vec::new();
    root.leaves(Vec::new(), &mut |path| lacking.extend((!has(path)).then(|| path.join("."))));
    lacking.sort();
    if reader.is_some() && !lacking.is_empty() {
        return Err(format!("the source's schema has no `{}`", lacking.join("`, no `")));
    }
    let mut compiler = Compiler { writers, readers, numbers: HashMap::new(), named: Vec::new(), path: Vec::new() };
    let root_step = compiler.step(writer, reader, root)?;
    let named = compiler.named.into_iter().map(|skip| skip.expect("every type that was begun was ended")).collect();
    Ok(Program { root: root_step, named, slots: root.slots().end, lacking })
}

/// Whether records of a schema can have something at a path.
fn reaches(schema: &Schema, path: &[String], names: &Names<'_>) -> bool {
    let (Ok(schema), Some((name, rest))) = (resolved(schema, names), path.split_first()) else {
        return path.is_empty();
    };
    match schema {
        Schema::Record(record) => place(record, name).is_some_and(|at| reaches(&record.fields[at].schema, rest, names)),
        Schema::Map(map) => reaches(&map.types, rest, names),
        Schema::Union(union) => union.variants().iter().any(|branch| reaches(branch, path, names)),
        _ => false,
    }
}

fn collect<'s>(schema: &'s Schema, names: &mut Names<'s>) {
    match schema {
        Schema::Record(record) => {
            names.insert(&record.name, schema);
            record.fields.iter().for_each(|field| collect(&field.schema, names));
        }
        Schema::Enum(of) => drop(names.insert(&of.name, schema)),
        Schema::Array(array) => collect(&array.items, names),
        Schema::Map(map) => collect(&map.types, names),
        Schema::Union(union) => union.variants().iter().for_each(|variant| collect(variant, names)),
        Schema::Ref { .. } => {}
        // Some logical types keep their name inside.
        other => {
            if let Some(name) = other.name() {
                names.insert(name, other);
            }
        }
    }
}

struct Compiler<'s> {
    writers: Names<'s>,
    readers: Names<'s>,
    numbers: HashMap<&'s Name, usize>,
    /// By number; `None` while it is being worked out.
    named: Vec<Option<Skip>>,
    /// Where in the record it is.
    path: Vec<String>,
}

fn resolved<'s>(schema: &'s Schema, names: &Names<'s>) -> Result<&'s Schema, String> {
    match schema {
        Schema::Ref { name } => names
            .get(name)
            .copied()
            .ok_or_else(|| format!("the schema names a type `{}` that it has not", name.fullname(None))),
        schema => Ok(schema),
    }
}

impl<'s> Compiler<'s> {
    /// What to do with a value that `node` wants, or something below it.
    fn step(&mut self, writer: &'s Schema, reader: Option<&'s Schema>, node: &Node) -> Result<Step, String> {
        let writer = resolved(writer, &self.writers)?;
        let reader = reader.map(|reader| resolved(reader, &self.readers)).transpose()?;
        match (writer, reader) {
            (Schema::Union(union), _) => {
                let branches: Vec<_> = union.variants().iter().map(|branch| self.step(branch, reader, node)).collect();
                if let Some(Err(why)) = branches.iter().find(|_| branches.iter().all(Result::is_err)) {
                    return Err(why.clone());
                }
                Ok(Step::Union(
                    branches.into_iter().map(|step| step.unwrap_or_else(|why| Step::Unfit(why.into()))).collect(),
                ))
            }
            (_, Some(Schema::Union(union))) => {
                let readers = &self.readers;
                let unlikeness = |branch: &&Schema| match resolved(branch, readers) {
                    Ok(branch) if kind(branch) == kind(writer) => u8::from(branch.name() != writer.name()),
                    _ => 2,
                };
                let mut branches: Vec<&Schema> = union.variants().iter().collect();
                branches.sort_by_key(unlikeness);
                let fits = branches.into_iter().find_map(|branch| self.step(writer, Some(branch), node).ok());
                fits.ok_or_else(|| self.unlike(writer, reader))
            }
            (Schema::Record(writer), None) => self.record_as_it_is(writer, node),
            (Schema::Record(writer), Some(Schema::Record(reader))) => self.record(writer, reader, node),
            (Schema::Map(map), None) => self.map(&map.types, None, node),
            (Schema::Map(map), Some(Schema::Map(reader))) => self.map(&map.types, Some(&reader.types), node),
            (Schema::Array(_), None | Some(Schema::Array(_))) => {
                Ok(Step::Keep(node.slots().start, Leaf::Array(self.skip(writer)?)))
            }
            (Schema::Enum(writer), Some(Schema::Enum(reader))) => {
                Ok(Step::Keep(node.slots().start, symbols(writer, reader)))
            }
            (writer, reader) => match leaf(writer, reader) {
                Some(leaf) => Ok(Step::Keep(node.slots().start, leaf)),
                None => Err(self.unlike(writer, reader)),
            },
        }
    }

    fn unlike(&self, writer: &Schema, reader: Option<&Schema>) -> String {
        let path = if self.path.is_empty() { "the record".to_owned() } else { format!("`{}`", self.path.join(".")) };
        let reader = reader.map_or_else(|| "nothing".to_owned(), |reader| kind(reader).to_string());
        format!("{path} was written as {}, which cannot be read as {reader}", kind(writer))
    }

    fn record_as_it_is(&mut self, writer: &'s RecordSchema, node: &Node) -> Result<Step, String> {
        let mut fields = Vec::with_capacity(writer.fields.len());
        for field in &writer.fields {
            fields.push(match node.child(&field.name) {
                Some(child) => self.below(&field.name, |compiler| compiler.step(&field.schema, None, child))?,
                None => Step::Skip(self.skip(&field.schema)?),
            });
        }
        Ok(Step::Record { slot: node.slots().start, fields, absent: Vec::new() })
    }

    fn record(&mut self, writer: &'s RecordSchema, reader: &'s RecordSchema, node: &Node) -> Result<Step, String> {
        let mut wanted: HashMap<usize, Step> = HashMap::new();
        let mut absent = Vec::new();
        for (name, child) in node.children() {
            self.below(name, |compiler| {
                // Another branch of a union has it.
                let Some(field) = place(reader, name).map(|at| &reader.fields[at]) else { return Ok(()) };
                let mut names = std::iter::once(&field.name).chain(&field.aliases);
                match (names.find_map(|name| place(writer, name)), &field.default) {
                    (Some(at), _) => {
                        let step = compiler.step(&writer.fields[at].schema, Some(&field.schema), child)?;
                        wanted.insert(at, step);
                    }
                    (None, Some(default)) => compiler.constant(default, &field.schema, child, &mut absent)?,
                    (None, None) => {
                        return Err(format!(
                            "`{}` was not written, and the source's schema has no default for it",
                            compiler.path.join(".")
                        ));
                    }
                }
                Ok(())
            })?;
        }
        let field = |(at, field): (usize, &'s apache_avro::schema::RecordField)| match wanted.remove(&at) {
            Some(step) => Ok(step),
            None => Ok(Step::Skip(self.skip(&field.schema)?)),
        };
        let fields = writer.fields.iter().enumerate().map(field).collect::<Result<_, String>>()?;
        Ok(Step::Record { slot: node.slots().start, fields, absent })
    }

    fn map(&mut self, writer: &'s Schema, reader: Option<&'s Schema>, node: &Node) -> Result<Step, String> {
        let mut wanted = Vec::new();
        for (name, child) in node.children() {
            let step = self.below(name, |compiler| compiler.step(writer, reader, child))?;
            wanted.push((name.into(), child.slots(), step));
        }
        Ok(Step::Map { slots: node.slots(), wanted, other: self.skip(writer)? })
    }

    fn below<T>(&mut self, name: &str, with: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        self.path.push(name.to_owned());
        let outcome = with(self);
        self.path.pop();
        outcome
    }

    /// The values of a default of the reader's schema.
    fn constant(
        &self,
        default: &Json,
        schema: &'s Schema,
        node: &Node,
        values: &mut Vec<(usize, Value<'static>)>,
    ) -> Result<(), String> {
        let schema = resolved(schema, &self.readers)?;
        let slot = node.slots().start;
        match (schema, default) {
            (Schema::Union(union), default) => {
                let of_branch = |branch| {
                    let mut values = Vec::new();
                    self.constant(default, branch, node, &mut values).is_ok().then_some(values)
                };
                values.extend(union.variants().iter().find_map(of_branch).ok_or_else(|| self.no_default(schema))?);
            }
            (Schema::Record(record), Json::Object(fields)) => {
                values.push((slot, Value::Object));
                for (name, child) in node.children() {
                    let Some(field) = place(record, name).map(|at| &record.fields[at]) else { continue };
                    let default = fields.get(name).or(field.default.as_ref()).ok_or_else(|| self.no_default(schema))?;
                    self.constant(default, &field.schema, child, values)?;
                }
            }
            (Schema::Map(map), Json::Object(entries)) => {
                values.push((slot, Value::Object));
                for (name, child) in node.children() {
                    if let Some(value) = entries.get(name) {
                        self.constant(value, &map.types, child, values)?;
                    }
                }
            }
            (schema, default) => match super::kind::constant(schema, default) {
                Some(value) => values.push((slot, value)),
                None => return Err(self.no_default(schema)),
            },
        }
        Ok(())
    }

    fn no_default(&self, schema: &Schema) -> String {
        format!("the default of `{}` in the source's schema is not {}", self.path.join("."), kind(schema))
    }

    /// How to pass over a value.
    fn skip(&mut self, schema: &'s Schema) -> Result<Skip, String> {
        let schema = resolved(schema, &self.writers)?;
        Ok(match schema {
            Schema::Array(array) => Skip::Array(Box::new(self.skip(&array.items)?)),
            Schema::Map(map) => Skip::Map(Box::new(self.skip(&map.types)?)),
            Schema::Union(union) => {
                Skip::Union(union.variants().iter().map(|branch| self.skip(branch)).collect::<Result<_, _>>()?)
            }
            Schema::Record(record) => {
                if let Some(number) = self.numbers.get(&record.name) {
                    return Ok(Skip::Named(*number));
                }
                let number = self.named.len();
                self.numbers.insert(&record.name, number);
                self.named.push(None);
                let fields = record.fields.iter().map(|field| self.skip(&field.schema)).collect::<Result<_, _>>()?;
                self.named[number] = Some(Skip::Record(fields));
                Skip::Named(number)
            }
            other => match kind(other) {
                Kind::Null => Skip::Fixed(0),
                Kind::Boolean => Skip::Fixed(1),
                Kind::Int | Kind::Long | Kind::Time(_) | Kind::Enum => Skip::Number,
                Kind::Float => Skip::Fixed(4),
                Kind::Double => Skip::Fixed(8),
                Kind::Text | Kind::Bytes | Kind::Decimal { size: None, .. } => Skip::Prefixed,
                Kind::Fixed(size) | Kind::Decimal { size: Some(size), .. } => Skip::Fixed(size),
                Kind::Array | Kind::Map | Kind::Record | Kind::Union | Kind::Ref => {
                    unreachable!("they were told apart above")
                }
            },
        })
    }
}

/// Where a record has a field of this name. (Its own table has the writer's aliases in it, which count for nothing.)
fn place(record: &RecordSchema, name: &str) -> Option<usize> {
    record.fields.iter().position(|field| field.name == name)
}

/// The symbols of an enum as the reader's schema has them.
fn symbols(writer: &EnumSchema, reader: &EnumSchema) -> Leaf {
    let symbol = |symbol: &String| {
        let known = reader.symbols.contains(symbol).then_some(symbol);
        known.or(reader.default.as_ref()).map(|symbol| symbol.as_str().into())
    };
    Leaf::Enum(writer.symbols.iter().map(symbol).collect())
}
