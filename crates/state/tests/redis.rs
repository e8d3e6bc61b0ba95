//! What only a server on a network can do: be away, be set up otherwise, lose an answer, forget its functions.

#![allow(clippy::unwrap_used, reason = "a test may panic, helpers of tests too")]

mod support;

use activity::fence::Refusal;
use activity::{Incarnation, Offset};
use redis::cmd;
use services::Proxy;
use state::{RedisConfig, RedisStore, Store, StoreError, Verdict};
use std::time::{Duration, Instant};
use support::redis::{Server, bucket_key, config};
use support::{Bench, CommitExt, SHARD, bare, commit, contents, everyone, fence, first, key, read, texts};

#[track_caller]
fn is_unreachable<T: std::fmt::Debug>(outcome: Result<T, StoreError>) -> String {
    match outcome {
        Err(error @ StoreError::Unreachable { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn is_unfit(config: &RedisConfig) -> String {
    match RedisStore::connect(config) {
        Err(error @ StoreError::Unfit { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn lost_answer_is_told_by_reading_again() {
    let server = Server::start(&[]);
    let proxy = Proxy::to(server.server.port());
    let mut store = RedisStore::connect(&config(&format!("redis://127.0.0.1:{}", proxy.port()))).unwrap();
    commit(&mut store, &first());

    let second = bare(Some(fence(10)), fence(15)).with_records(&[("ada", Some("a2"))]);
    proxy.lose_answers(true);
    is_unreachable(store.commit(SHARD, &second));
    proxy.lose_answers(false);
    assert_eq!(store.stored(SHARD).unwrap().unwrap().state.fence, fence(15), "it was written");
    assert_eq!(store.commit(SHARD, &second).unwrap(), Verdict::Refused(Refusal::Stale));
    assert_eq!(read(&mut store, 1, &["ada"]), texts(&["a2"]));
}

#[test]
fn server_that_is_down_is_told_in_time_and_found_again() {
    let server = Server::start(&["--appendonly", "yes"]);
    let mut store = server.store();
    commit(&mut store, &first());
    server.server.kill();
    let text = is_unreachable(store.stored(SHARD));
    assert!(text.contains(&format!("127.0.0.1:{}/0", server.server.port())), "{text}");
    is_unreachable(store.snapshot(SHARD));
    is_unreachable(RedisStore::connect(&server.config()));
    server.server.restart();
    commit(&mut store, &bare(Some(fence(10)), fence(15)));
}

#[test]
#[allow(clippy::disallowed_methods, reason = "how long it takes is what is tested")]
fn silent_server_is_given_up_in_time() {
    let server = Server::start(&[]);
    let timeout = Duration::from_secs(1);
    let config = RedisConfig { timeout, connect_timeout: timeout, ..server.config() };
    let mut store = RedisStore::connect(&config).unwrap();
    commit(&mut store, &first());
    server.server.pause();
    for _ in 0..2 {
        let start = Instant::now();
        let text = is_unreachable(store.commit(SHARD, &bare(Some(fence(10)), fence(15))));
        assert!(text.contains("no answer in time"), "{text}");
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
    server.server.resume();
    // The commit that was given up may run only now; whichever way, the fence tells.
    let mut store = server.store();
    let verdict = store.commit(SHARD, &bare(Some(fence(10)), fence(15))).unwrap();
    assert!(matches!(verdict, Verdict::Committed | Verdict::Refused(Refusal::Stale)), "{verdict:?}");
}

#[test]
fn forgotten_functions_are_loaded_again() {
    let server = Server::start(&[]);
    let mut store = server.store();
    server.tell::<()>("FUNCTION FLUSH");
    commit(&mut store, &first());
    server.tell::<()>("FUNCTION FLUSH");
    assert!(store.snapshot(SHARD).unwrap().is_some());
    server.tell::<()>("FUNCTION FLUSH");
    store.discard(SHARD, Incarnation(9)).unwrap();
    server.server.kill();
    server.server.restart();
    is_unreachable(store.snapshot(SHARD));
    assert_eq!(store.snapshot(SHARD).unwrap(), None, "an empty server without functions");
}

#[test]
fn functions_are_loaded_once() {
    let server = Server::start(&[]);
    server.tell::<()>("CONFIG RESETSTAT");
    (0..3).for_each(|_| drop(server.store()));
    let stats: String = server.tell("INFO commandstats");
    assert!(stats.contains("cmdstat_function|load:calls=1,"), "{stats}");
}

#[test]
fn evicting_server_is_refused() {
    let server = Server::start(&["--maxmemory-policy", "allkeys-lru", "--maxmemory", "100mb"]);
    let text = is_unfit(&server.config());
    assert!(text.contains("`maxmemory-policy` is `allkeys-lru`"), "{text}");
    assert!(text.contains("set `maxmemory-policy noeviction`"), "{text}");
}

#[test]
fn server_that_came_back_evicting_is_refused() {
    let server = Server::start(&[]);
    let mut store = server.store();
    server.tell::<()>("CONFIG SET maxmemory-policy volatile-ttl");
    server.tell::<i64>("CLIENT KILL TYPE normal SKIPME yes");
    is_unreachable(store.stored(SHARD));
    assert!(matches!(store.stored(SHARD), Err(StoreError::Unfit { .. })));
    server.tell::<()>("CONFIG SET maxmemory-policy noeviction");
    assert_eq!(store.stored(SHARD).unwrap(), None);
}

#[test]
fn full_server_refuses_and_writes_nothing() {
    let server = Server::start(&[]);
    let mut store = server.store();
    commit(&mut store, &first());
    server.tell::<()>("CONFIG SET maxmemory 1");
    let text = is_unreachable(store.commit(SHARD, &bare(Some(fence(10)), fence(15))));
    assert!(text.contains("raise its `maxmemory`"), "{text}");
    server.tell::<()>("CONFIG SET maxmemory 0");
    assert!(!store.stored(SHARD).unwrap().unwrap().state.dirty);
    commit(&mut store, &bare(Some(fence(10)), fence(15)));
}

#[test]
fn replica_is_unreachable_for_writing_until_it_is_promoted() {
    let server = Server::start(&[]);
    let mut store = server.store();
    commit(&mut store, &first());
    server.tell::<()>("REPLICAOF 127.0.0.1 1");
    is_unreachable(store.commit(SHARD, &bare(Some(fence(10)), fence(15))));
    server.tell::<()>("REPLICAOF NO ONE");
    commit(&mut store, &bare(Some(fence(10)), fence(15)));
}

#[test]
fn password_is_never_shown() {
    let server = Server::start(&["--requirepass", "hunter2"]);
    let url = |password: &str| server.server.url().replace("redis://", &format!("redis://:{password}@"));
    let right = RedisConfig { url: url("hunter2"), ..server.config() };
    let mut store = RedisStore::connect(&right).unwrap();
    commit(&mut store, &first());
    let wrong = is_unfit(&RedisConfig { url: url("hunter3"), ..server.config() });
    let none = is_unfit(&server.config());
    assert!(wrong.contains("user and password") && none.contains("user and password"), "{wrong}; {none}");
    server.server.kill();
    let down = store.stored(SHARD).unwrap_err();
    for text in [format!("{right:?} {store:?} {down:?} {down}"), wrong, store.address().to_owned()] {
        assert!(!text.contains("hunter"), "{text}");
    }
}

#[test]
fn user_needs_no_more_rights_than_the_error_names() {
    let server = Server::start(&[]);
    let config = RedisConfig { url: server.server.url().replace("redis://", "redis://nsm:pw@"), ..server.config() };
    server.tell::<()>("ACL SETUSER nsm on >pw ~{nsm:* +@read +@write +@connection +config|get");
    let text = is_unfit(&config);
    let rights = text.split('`').nth(1).unwrap_or_else(|| panic!("{text}"));
    server.tell::<()>(&format!("ACL SETUSER nsm reset on >pw {rights}"));
    let mut store = RedisStore::connect(&config).unwrap();
    commit(&mut store, &first());
    assert!(store.snapshot(SHARD).unwrap().is_some());
    assert_eq!(everyone(&mut store, SHARD, Incarnation(1)).len(), 2);
    store.discard(SHARD, Incarnation(9)).unwrap();

    server.tell::<()>("ACL SETUSER nsm -info");
    let text = is_unfit(&config);
    assert!(text.contains("`maxmemory-policy` cannot be read"), "{text}");
    server.tell::<()>("ACL SETUSER nsm +config|get");
    RedisStore::connect(&config).unwrap();
}

#[test]
fn state_of_a_shard_lies_in_one_slot_of_a_cluster() {
    let server = Server::start(&["--cluster-enabled", "yes"]);
    let mut store = server.store();
    is_unreachable(store.stored(SHARD));
    server.tell::<()>("CLUSTER ADDSLOTSRANGE 0 16383");
    services::wait_until(Duration::from_secs(20), "the cluster", || store.stored(SHARD).is_ok());
    commit(&mut store, &first());
    assert_eq!(store.snapshot(SHARD).unwrap().unwrap().counters.len(), 1);
    store.discard(SHARD, Incarnation(9)).unwrap();
    assert_eq!(everyone(&mut store, SHARD, Incarnation(1)).len(), 2);
}

#[test]
fn what_nsm_did_not_write_is_corrupt() {
    let server = Server::start(&[]);
    let mut store = server.store();
    server.tell::<()>("HSET {nsm:3}:h f nonsense d 0 b x");
    for error in [
        store.stored(SHARD).unwrap_err(),
        store.snapshot(SHARD).unwrap_err(),
        store.commit(SHARD, &bare(Some(fence(10)), fence(15))).unwrap_err(),
    ] {
        assert!(matches!(&error, StoreError::Corrupt { place, .. } if place == "{nsm:3}:h f"), "{error}");
        assert!(error.to_string().contains("nonsense"), "{error}");
    }
    server.tell::<()>("DEL {nsm:3}:h");
    server.tell::<()>("SET {nsm:3}:h x");
    let error = store.stored(SHARD).unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt { place, .. } if place.starts_with("{nsm:3}:h at ")), "{error}");
}

#[test]
fn state_of_another_format_is_left_alone() {
    let server = Server::start(&[]);
    let mut store = server.store();
    server.tell::<()>("HSET {nsm:3}:h f 9|of-another-shape d 0 b x");
    assert_eq!(store.stored(SHARD).unwrap().unwrap().state.fence.format, 9);
    assert_eq!(store.snapshot(SHARD).unwrap().unwrap().counters, []);
    let verdict = store.commit(SHARD, &bare(Some(fence(10)), fence(15))).unwrap();
    assert_eq!(verdict, Verdict::Refused(Refusal::OtherFormat));
}

#[test]
fn failing_function_is_an_error_and_leaves_the_mark() {
    let server = Server::start(&[]);
    let mut store = server.store();
    commit(&mut store, &first());
    server.tell::<()>("DEL {nsm:3}:1:c");
    server.tell::<()>("SET {nsm:3}:1:c x");
    let second = bare(Some(fence(10)), fence(15)).with_counter(0, "x");
    let error = store.commit(SHARD, &second).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(store.stored(SHARD).unwrap().unwrap().state.dirty);
    assert_eq!(store.commit(SHARD, &second).unwrap(), Verdict::Refused(Refusal::Dirty));
}

/// More arguments than older servers take in one request.
#[test]
fn commit_of_half_a_million_records_goes_through() {
    let server = Server::start(&[]);
    let mut store = server.store();
    let mut large = bare(None, fence(1));
    large.records = (0..550_000).map(|n| (key(&format!("user-{n}")), Some(vec![7; 8]))).collect();
    commit(&mut store, &large);
    let portions = 0..store.portions();
    let there: usize =
        portions.map(|portion| store.portion(SHARD, Incarnation(1), portion).unwrap().anyway().len()).sum();
    assert_eq!(there, 550_000);
}

/// 100 entities in each of the buckets, with 30 bytes of key and record: what a shard of about 100,000 users has.
#[test]
fn records_lie_compact() {
    let server = Server::start(&[]);
    let mut store = server.store();
    let before: u64 = used_memory(&server);
    let entities: u32 = 100 * 1024;
    let mut next = bare(None, fence(0));
    next.records = (0..entities).map(|n| (key(&format!("{n:016x}")), Some(vec![1; 12]))).collect();
    assert_eq!(next.records[0].0.as_bytes().len() + 12, 30);
    commit(&mut store, &next);

    let bytes = used_memory(&server) - before;
    println!("{} bytes an entity, of which key and record are 30", bytes / u64::from(entities));
    let bucket = bucket_key(SHARD, Incarnation(1), &next.records[0].0);
    let encoding: String = server.tell(&format!("OBJECT ENCODING {bucket}"));
    let length: u32 = server.tell(&format!("HLEN {bucket}"));
    println!("a bucket of {length} is a {encoding}");
    assert!(bytes < u64::from(entities) * 60, "{bytes}");

    let hundred: Vec<_> = (0..100).flat_map(|n| [format!("{n:018x}"), "r".repeat(12)]).collect();
    cmd("HSET").arg("hundred").arg(hundred).exec(&mut server.raw()).unwrap();
    assert_eq!(server.tell::<String>("OBJECT ENCODING hundred"), "listpack");
}

fn used_memory(server: &Server) -> u64 {
    let info: redis::InfoDict = server.tell("INFO memory");
    info.get("used_memory").unwrap()
}

#[test]
fn refused_commit_changes_not_a_byte_of_the_server() {
    let server = Server::start(&["--enable-debug-command", "local"]);
    let mut store = server.store();
    commit(&mut store, &first());
    let before = (server.tell::<String>("DEBUG DIGEST"), contents(&mut store, SHARD, &[Incarnation(1)]));
    let stale = bare(Some(fence(9)), fence(15)).with_records(&[("ada", None)]).with_counter(0, "x");
    assert_eq!(store.commit(SHARD, &stale).unwrap(), Verdict::Refused(Refusal::Stale));
    assert_eq!((server.tell::<String>("DEBUG DIGEST"), contents(&mut store, SHARD, &[Incarnation(1)])), before);
    assert_eq!(before.1.snapshot.unwrap().stored.state.fence.next, Offset(10));
}
