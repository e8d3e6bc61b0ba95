//! The configuration as a JSON Schema, for editors.
//!
//! The types here only describe what the parent module reads, and units are those that it reads. That the settings are the
//! same is tested. Ranges, and what must go together, `nsm check` tells.

// They are made to be described, not to be built.
#![expect(dead_code, reason = "schemars reads the fields")]

use super::units::{DURATIONS, SIZES};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::collections::BTreeMap;

/// The schema of a configuration.
pub(crate) fn schema() -> Schema {
    yaml::schema_of::<Configuration>()
}

/// Northstar's configuration. A variable of the environment overrules it: `NSM__KAFKA__BROKERS` is `kafka.brokers`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("type" = ["object", "null"]))]
struct Configuration {
    /// The metric catalogue, a path relative to this file. Default: catalogue.yaml.
    #[schemars(default, schema_with = "text")]
    catalogue: Option<String>,
    /// The consumer group, and the name under which the processes of one installation belong together. Default: northstar.
    #[schemars(default, schema_with = "name")]
    group: Option<String>,
    /// The name of this process among those of the group, stable over restarts. Default: the host name.
    #[schemars(default, schema_with = "name")]
    instance: Option<String>,
    /// How many shards there are. It cannot change later. Default: 16.
    #[schemars(default, schema_with = "count")]
    shards: Option<u16>,
    kafka: Option<Kafka>,
    topics: Option<Topics>,
    registry: Option<Registry>,
    ingest: Option<Ingest>,
    window: Option<Window>,
    state: Option<State>,
    exporter: Option<Exporter>,
    http: Option<Http>,
    log: Option<Log>,
}

/// How to reach the brokers.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("type" = ["object", "null"]))]
struct Kafka {
    /// The bootstrap servers, separated by commas. Default: 127.0.0.1:9092.
    #[schemars(default, schema_with = "text")]
    brokers: Option<String>,
    /// Settings for librdkafka, such as `security.protocol`. Their values are never shown.
    #[schemars(default, schema_with = "properties")]
    properties: Option<()>,
    /// After how long the broker aborts a transaction whose writer has died. Default: 10s.
    #[schemars(default, schema_with = "duration")]
    transaction_timeout: Option<String>,
    /// After how long without a heartbeat the partitions of a process go to others. Default: 10s.
    #[schemars(default, schema_with = "duration")]
    session_timeout: Option<String>,
    /// After how long without a turn a process gives its partitions up. Default: 5m.
    #[schemars(default, schema_with = "duration")]
    poll_interval: Option<String>,
    /// How long to wait for an answer of the broker. Default: 30s.
    #[schemars(default, schema_with = "duration")]
    request_timeout: Option<String>,
}

/// The topics that Northstar owns.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("type" = ["object", "null"]))]
struct Topics {
    /// What ingest writes and window reads. Default: nsm.activity.
    #[schemars(default, schema_with = "topic")]
    activity: Option<String>,
    /// Where events go that cannot be read. Default: nsm.dead-letter.
    #[schemars(default, schema_with = "topic")]
    dead_letter: Option<String>,
    /// In whose order values are admitted to dimensions with a `limit`. Default: nsm.admitted.
    #[schemars(default, schema_with = "topic")]
    admitted: Option<String>,
}

/// How to reach the schema registry of sources in Avro.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("type" = ["object", "null"]))]
struct Registry {
    /// Its address, as in `http://127.0.0.1:8081`, without a user. Default: none.
    #[schemars(default, schema_with = "text")]
    url: Option<String>,
    /// Who asks it. Default: nobody.
    #[schemars(default, schema_with = "text")]
    username: Option<String>,
    /// The user's password, a secret.
    #[schemars(default, schema_with = "text")]
    password: Option<String>,
    /// Instead of a user: what is sent as `Authorization: Bearer`, a secret.
    #[schemars(default, schema_with = "text")]
    token: Option<String>,
    /// Default: 2s.
    #[schemars(default, schema_with = "duration")]
    connect_timeout: Option<String>,
    /// Default: 5s.
    #[schemars(default, schema_with = "duration")]
    timeout: Option<String>,
    /// The longest pause before it is asked again. Default: 10s.
    #[schemars(default, schema_with = "duration")]
    retry: Option<String>,
    /// For how long it is believed that there is no such schema. Default: 30s.
    #[schemars(default, schema_with = "duration")]
    unknown_for: Option<String>,
}

/// From events to packs.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("type" = ["object", "null"]))]
struct Ingest {
    /// Where to begin in a source partition that was never read. Default: earliest.
    #[schemars(extend("enum" = ["earliest", "latest"]))]
    from: Option<String>,
    /// How often a transaction is written while there is something to write. Default: 100ms.
    #[schemars(default, schema_with = "duration")]
    transact: Option<String>,
    /// How often one is written while there is nothing. Default: 1s.
    #[schemars(default, schema_with = "duration")]
    heartbeat: Option<String>,
    /// A batch of this size is written at once. Default: 1MiB.
    #[schemars(default, schema_with = "size")]
    batch: Option<String>,
    /// How far ahead of the clock on the wall an event may lie. Default: 10m.
    #[schemars(default, schema_with = "duration")]
    future: Option<String>,
    /// The largest event that is read. Default: 1MiB.
    #[schemars(default, schema_with = "size")]
    payload: Option<String>,
    /// How much of a rejected event the dead-letter topic gets. Default: 16KiB.
    #[schemars(default, schema_with = "size")]
    dead_letter: Option<String>,
    /// How far an idle partition's clock stays behind the clock on the wall. Default: 5s.
    #[schemars(default, schema_with = "duration")]
    idle_margin: Option<String>,
    /// How far a partition may run ahead of the slowest one before it is paused. Default: 2d.
    #[schemars(default, schema_with = "duration")]
    run_ahead: Option<String>,
    /// How many entities the cache of forwarded activity holds. Default: 1000000.
    #[schemars(default, schema_with = "count")]
    cache_entities: Option<u64>,
}

/// From packs to state.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("type" = ["object", "null"]))]
struct Window {
    /// A batch of this size is written at once. Default: 4MiB.
    #[schemars(default, schema_with = "size")]
    batch: Option<String>,
    /// The packs of a shard are gathered until they have this size. Default: 256KiB.
    #[schemars(default, schema_with = "size")]
    gather: Option<String>,
    /// How long packs are gathered at most. Default: 400ms.
    #[schemars(default, schema_with = "duration")]
    gather_for: Option<String>,
    /// How many records a shard keeps at hand between batches. Default: 100000.
    #[schemars(default, schema_with = "count")]
    cache_entities: Option<u64>,
    /// How long to wait before the next portion of a shard is looked through for what is out of date. Default: 50ms.
    #[schemars(default, schema_with = "duration")]
    sweep_every: Option<String>,
}

/// Where the state is kept.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("type" = ["object", "null"]))]
struct State {
    redis: Option<Redis>,
}

/// How to reach Redis.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("type" = ["object", "null"]))]
struct Redis {
    /// `redis://[[user]:password@]host[:port][/db]`, a secret. Default: redis://127.0.0.1:6379.
    #[schemars(regex(pattern = "^(rediss?|unix|redis\\+unix)://"))]
    url: Option<String>,
    /// Default: 2s.
    #[schemars(default, schema_with = "duration")]
    connect_timeout: Option<String>,
    /// How long the server may be silent after a request. Default: 5s.
    #[schemars(default, schema_with = "duration")]
    timeout: Option<String>,
}

/// From state to gauges.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("type" = ["object", "null"]))]
struct Exporter {
    /// How often the state is read. Default: 1s.
    #[schemars(default, schema_with = "duration")]
    refresh: Option<String>,
    /// Gauges are absent when the last pack of some shard is older than this. Default: 10s.
    #[schemars(default, schema_with = "duration")]
    stale_after: Option<String>,
}

/// What is served.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("type" = ["object", "null"]))]
struct Http {
    /// An IP address and a port, for /metrics, /livez and /readyz. Default: 127.0.0.1:9464.
    #[schemars(regex(pattern = "^[0-9a-fA-F.:\\[\\]]+:[0-9]+$"))]
    listen: Option<String>,
    /// What has to be said to see lists of entities, a secret of at least 16 bytes. Default: none.
    #[schemars(length(min = 16))]
    token: Option<String>,
}

/// What is logged.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("type" = ["object", "null"]))]
struct Log {
    /// Default: text.
    #[schemars(extend("enum" = ["text", "json"]))]
    format: Option<String>,
    /// error, warn, info, debug or trace, or directives such as `info,ingest=debug`. Default: info.
    #[schemars(default, schema_with = "text")]
    level: Option<String>,
}

fn text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": "\\S" })
}

fn name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "number"], "pattern": "^[A-Za-z0-9._-]{1,100}$" })
}

fn topic(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "number"], "pattern": "^[A-Za-z0-9._-]{1,249}$" })
}

fn count(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "minimum": 1 })
}

fn duration(_: &mut SchemaGenerator) -> Schema {
    quantity(DURATIONS)
}

fn size(_: &mut SchemaGenerator) -> Schema {
    quantity(SIZES)
}

fn quantity(units: &[(&str, u64)]) -> Schema {
    let units = units.iter().map(|(unit, _)| *unit).collect::<Vec<_>>().join("|");
    json_schema!({ "type": "string", "pattern": format!("^[0-9]+ *({units})$") })
}

/// Nested mappings are joined by dots.
fn properties(generator: &mut SchemaGenerator) -> Schema {
    #[derive(JsonSchema)]
    #[schemars(untagged)]
    enum Property {
        Text(String),
        Number(f64),
        Truth(bool),
        Nested(BTreeMap<String, Property>),
    }
    json_schema!({ "type": ["object", "null"], "additionalProperties": generator.subschema_for::<Property>() })
}
