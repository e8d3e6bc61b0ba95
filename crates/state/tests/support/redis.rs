//! The Redis adapter on the bench: a server of its own.

use super::Bench;
use activity::{EntityKey, Shard};
use redis::{Cmd, Connection, FromRedisValue, Value, cmd};
use state::{Commit, RedisConfig, RedisStore, Store};
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64;

pub struct Server {
    pub server: services::Redis,
}

impl Server {
    pub fn start(arguments: &[&str]) -> Server {
        Server { server: services::Redis::start(arguments) }
    }

    pub fn config(&self) -> RedisConfig {
        config(&self.server.url())
    }

    /// A client that goes past the adapter.
    pub fn raw(&self) -> Connection {
        let client = redis::Client::open(self.server.url()).unwrap();
        client.get_connection_with_timeout(Duration::from_secs(5)).unwrap()
    }

    /// Sends words, past the adapter.
    #[track_caller]
    pub fn tell<T: FromRedisValue>(&self, words: &str) -> T {
        words_of(words).query(&mut self.raw()).unwrap()
    }
}

/// Time-outs that a busy machine keeps.
pub fn config(url: &str) -> RedisConfig {
    RedisConfig { connect_timeout: Duration::from_secs(10), timeout: Duration::from_secs(20), ..RedisConfig::new(url) }
}

pub fn words_of(words: &str) -> Cmd {
    let mut command = Cmd::new();
    command.arg(words.split(' ').collect::<Vec<_>>());
    command
}

pub fn bucket_key(shard: Shard, incarnation: activity::Incarnation, key: &EntityKey) -> String {
    format!("{{nsm:{shard}}}:{incarnation}:e:{}", xxh3_64(key.as_bytes()) % 1024)
}

impl Bench for Server {
    type Store = RedisStore;

    fn store(&self) -> RedisStore {
        RedisStore::connect(&self.config()).unwrap()
    }

    fn flush(&mut self) {
        self.tell::<()>("FLUSHALL");
    }

    fn back_up(&mut self) {
        self.tell::<()>("SAVE");
    }

    fn restore(&mut self) {
        self.server.kill();
        self.server.restart();
    }

    fn break_off(&mut self, shard: Shard, commit: &Commit) {
        match commit.claims() {
            true => self.write_some_by_hand(shard, commit),
            false => self.fail_at_the_last_bucket(shard, commit),
        }
    }
}

impl Server {
    /// Nothing in the store can make a claim fail, since it deletes what it finds. So this writes what a call would
    /// leave whose server ends midway.
    fn write_some_by_hand(&self, shard: Shard, commit: &Commit) {
        let mut raw = self.raw();
        cmd("HSET").arg(format!("{{nsm:{shard}}}:h")).arg("d").arg("1").exec(&mut raw).unwrap();
        let incarnation = commit.next.incarnation;
        for (key, value) in &commit.counters {
            let field = format!("{}:{}", key.metric.0, key.window);
            cmd("HSET").arg(format!("{{nsm:{shard}}}:{incarnation}:c")).arg(field).arg(value).exec(&mut raw).unwrap();
        }
        for (key, value) in &commit.records[1..] {
            let bucket = bucket_key(shard, incarnation, key);
            cmd("HSET").arg(bucket).arg(key.as_bytes()).arg(value.as_ref().unwrap()).exec(&mut raw).unwrap();
        }
    }

    /// Puts a key of another type where the bucket of the last record is, lets the function fail at it, and puts back
    /// what was there.
    fn fail_at_the_last_bucket(&self, shard: Shard, commit: &Commit) {
        let mut raw = self.raw();
        let bucket = bucket_key(shard, commit.next.incarnation, &commit.records.last().unwrap().0);
        let there: bool = cmd("EXISTS").arg(&bucket).query(&mut raw).unwrap();
        if there {
            cmd("RENAME").arg(&bucket).arg("aside").exec(&mut raw).unwrap();
        }
        cmd("SET").arg(&bucket).arg("of another type").exec(&mut raw).unwrap();
        self.store().commit(shard, commit).expect_err("the function fails at the bucket");
        cmd("DEL").arg(&bucket).query::<Value>(&mut raw).unwrap();
        if there {
            cmd("RENAME").arg("aside").arg(&bucket).exec(&mut raw).unwrap();
        }
    }
}
