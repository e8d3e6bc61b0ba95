//! The state store behind a gate of the test: a proxy through which the program reaches it, and which can be shut.

use std::fs;
use std::path::Path;

use pipeline::{DEADLINE, Installation};
use services::{Proxy, Redis, wait_until};

/// What servers are started with: what they acknowledge survives a crash.
pub(crate) const ARGUMENTS: [&str; 2] = ["--appendonly", "yes"];

/// Where the shards stood before the store went back, and after.
#[derive(Clone, Debug)]
pub(crate) struct RollBack {
    pub(crate) before: Vec<i64>,
    pub(crate) after: Vec<i64>,
}

impl RollBack {
    /// How many offsets each shard lost.
    pub(crate) fn distances(&self) -> impl Iterator<Item = i64> {
        self.before.iter().zip(&self.after).map(|(before, after)| before - after)
    }
}

/// Kills the server and starts it again with what it has on disk.
pub(crate) fn crash(installation: &Installation, meanwhile: impl FnOnce()) {
    installation.redis.kill();
    meanwhile();
    installation.redis.restart();
}

/// Takes a snapshot, lets time pass, and starts the server again with it.
pub(crate) fn restore_older(installation: &Installation, gate: &Proxy, meanwhile: impl FnOnce()) -> RollBack {
    let redis = &installation.redis;
    tell(redis, &["SAVE"]);
    let snapshot = redis.data_folder().join("dump.rdb");
    let older = redis.data_folder().join("older.rdb");
    fs::rename(&snapshot, &older).expect("SAVE has written a snapshot");
    meanwhile();
    gate.cut();
    let before = stands(installation, redis);
    redis.kill();
    begin_with(redis.data_folder(), &older);
    redis.restart();
    let after = stands(installation, redis);
    gate.pass_to(redis.port());
    RollBack { before, after }
}

/// Empties the server.
pub(crate) fn flush(installation: &Installation) -> RollBack {
    let redis = &installation.redis;
    let before = stands(installation, redis);
    tell(redis, &["FLUSHALL"]);
    let after = vec![0; before.len()];
    RollBack { before, after }
}

/// Puts a replica in the server's place, which the last writes have not reached: first its link becomes a black hole,
/// then, after what happens meanwhile, the server itself, and then the replica is promoted.
pub(crate) fn fail_over(installation: &mut Installation, gate: &Proxy, meanwhile: impl FnOnce()) -> RollBack {
    let replica = Redis::start(&ARGUMENTS);
    let link = Proxy::to(installation.redis.port());
    tell(&replica, &["REPLICAOF", "127.0.0.1", &link.port().to_string()]);
    wait_until(DEADLINE, "the replica to be in step", || {
        let info = tell(&replica, &["INFO", "replication"]);
        info.contains("master_link_status:up") && !info.contains("master_sync_in_progress:1")
    });
    link.black_hole();
    meanwhile();
    gate.black_hole();
    let before = stands(installation, &installation.redis);
    tell(&replica, &["REPLICAOF", "NO", "ONE"]);
    let after = stands(installation, &replica);
    gate.pass_to(replica.port());
    std::mem::replace(&mut installation.redis, replica).kill();
    RollBack { before, after }
}

/// Makes a snapshot what the server starts with: the base of its append-only files, to which nothing was appended yet.
fn begin_with(folder: &Path, snapshot: &Path) {
    let files = folder.join("appendonlydir");
    fs::remove_dir_all(&files).expect("there are append-only files");
    fs::create_dir(&files).expect("the folder can be written");
    fs::rename(snapshot, files.join("appendonly.aof.1.base.rdb")).expect("the snapshot is there");
    let manifest = "file appendonly.aof.1.base.rdb seq 1 type b\n";
    fs::write(files.join("appendonly.aof.manifest"), manifest).expect("the folder can be written");
}

/// Where the shards stand in this server, past the gate.
fn stands(installation: &Installation, redis: &Redis) -> Vec<i64> {
    let mut stands = None;
    wait_until(DEADLINE, "the shards to be read", || {
        stands = installation.stands_at(&redis.url());
        stands.is_some()
    });
    stands.expect("it was waited for")
}

/// Sends a command past the gate, and gives its answer if that is text.
fn tell(redis: &Redis, words: &[&str]) -> String {
    let client = redis::Client::open(redis.url()).expect("an address of a server");
    let mut connection = client.get_connection_with_timeout(DEADLINE).expect("the server answers");
    let mut command = redis::Cmd::new();
    command.arg(words);
    let answer: redis::Value = command.query(&mut connection).unwrap_or_else(|e| panic!("{words:?}: {e}"));
    redis::from_redis_value(answer).unwrap_or_default()
}
