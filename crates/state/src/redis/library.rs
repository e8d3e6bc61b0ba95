//! The function library: the code that runs within the server.
//!
//! Its name and those of its functions carry a hash of the code. So what is loaded under a name is that code, two
//! versions of nsm at one server do not replace each other's functions, and nothing is ever loaded twice.

use ::redis::{Cmd, Connection, RedisError, RedisResult, Value, cmd};
use std::sync::LazyLock;
use xxhash_rust::xxh3::xxh3_64;

const BODY: &str = include_str!("functions.lua");

static LIBRARY: LazyLock<Library> = LazyLock::new(|| Library::of(BODY));

struct Library {
    name: String,
    code: String,
    commit: String,
    snapshot: String,
    records: String,
    portion: String,
    discard: String,
}

impl Library {
    fn of(body: &str) -> Library {
        let version = format!("{:016x}", xxh3_64(body.as_bytes()));
        let name = format!("northstar_{version}");
        let [commit, snapshot, records, portion, discard] =
            ["commit", "snapshot", "records", "portion", "discard"].map(|function| format!("nsm_{function}_{version}"));
        let code = format!(
            "#!lua name={name}\n\
             local COMMIT, SNAPSHOT, RECORDS = '{commit}', '{snapshot}', '{records}'\n\
             local PORTION, DISCARD = '{portion}', '{discard}'\n\
             {body}"
        );
        Library { name, code, commit, snapshot, records, portion, discard }
    }
}

/// Starts a call of the function that writes a batch.
pub(super) fn commit(keys: &[String]) -> Cmd {
    call("FCALL", &LIBRARY.commit, keys)
}

/// Starts a call of the function that reads totals.
pub(super) fn snapshot(keys: &[String]) -> Cmd {
    call("FCALL_RO", &LIBRARY.snapshot, keys)
}

/// Starts a call of the function that reads records.
pub(super) fn records(keys: &[String]) -> Cmd {
    call("FCALL_RO", &LIBRARY.records, keys)
}

/// Starts a call of the function that reads whole buckets.
pub(super) fn portion(keys: &[String]) -> Cmd {
    call("FCALL_RO", &LIBRARY.portion, keys)
}

/// Starts a call of the function that deletes an incarnation.
pub(super) fn discard(keys: &[String]) -> Cmd {
    call("FCALL", &LIBRARY.discard, keys)
}

fn call(command: &str, function: &str, keys: &[String]) -> Cmd {
    let mut call = cmd(command);
    call.arg(function).arg(keys.len()).arg(keys);
    call
}

/// Loads the library where it is not there yet.
pub(super) fn load(connection: &mut Connection) -> RedisResult<()> {
    let there: Vec<Value> = cmd("FUNCTION").arg("LIST").arg("LIBRARYNAME").arg(&LIBRARY.name).query(connection)?;
    if !there.is_empty() {
        return Ok(());
    }
    tracing::info!(library = LIBRARY.name, "loading the function library into the state store");
    match cmd("FUNCTION").arg("LOAD").arg(&LIBRARY.code).query::<Value>(connection) {
        Err(error) if says(&error, "already exists") => Ok(()),
        answer => answer.map(drop),
    }
}

/// Whether an error says that the library is not loaded, and that therefore nothing ran.
pub(super) fn is_missing(error: &RedisError) -> bool {
    says(error, "Function not found")
}

fn says(error: &RedisError, what: &str) -> bool {
    error.code() == Some("ERR") && error.detail().is_some_and(|detail| detail.contains(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_code_has_another_name() {
        let (one, other) = (Library::of("return 1"), Library::of("return 2"));
        assert_ne!(one.name, other.name);
        assert_ne!(one.commit, other.commit);
        assert!(one.code.starts_with(&format!("#!lua name={}\n", one.name)));
    }
}
