//! The Redis server, seen by a client.

use std::time::Duration;

use redis::{Commands, Connection, RedisResult};
use services::{Redis, wait_until};

fn connect(server: &Redis) -> RedisResult<Connection> {
    let client = redis::Client::open(server.url())?;
    let connection = client.get_connection_with_timeout(Duration::from_secs(1))?;
    connection.set_read_timeout(Some(Duration::from_secs(1)))?;
    Ok(connection)
}

fn get(server: &Redis) -> RedisResult<Option<String>> {
    connect(server)?.get("key")
}

fn set(server: &Redis, value: &str) -> RedisResult<()> {
    connect(server)?.set("key", value)
}

#[test]
fn forgets_everything_in_a_restart_by_default() {
    let server = Redis::start(&[]);
    set(&server, "value").unwrap();
    assert_eq!(get(&server).unwrap().as_deref(), Some("value"));
    let port = server.port();
    server.restart();
    assert_eq!(server.port(), port);
    assert_eq!(get(&server).unwrap(), None);
}

#[test]
fn keeps_its_data_in_a_crash_when_it_is_told_to() {
    let server = Redis::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    set(&server, "value").unwrap();
    server.kill();
    assert!(get(&server).is_err());
    server.restart();
    assert_eq!(get(&server).unwrap().as_deref(), Some("value"));
    assert!(server.data_folder().join("appendonlydir").is_dir());
}

#[test]
fn a_stopped_server_refuses_connections() {
    let server = Redis::start(&[]);
    server.stop();
    assert!(get(&server).is_err());
}

#[test]
fn a_paused_server_answers_when_it_is_resumed() {
    let server = Redis::start(&[]);
    set(&server, "value").unwrap();
    server.pause();
    assert!(get(&server).is_err());
    server.resume();
    wait_until(Duration::from_secs(10), "an answer", || {
        get(&server).is_ok_and(|value| value.as_deref() == Some("value"))
    });
}

#[test]
#[should_panic(expected = "no-such-setting")]
fn a_mistake_in_the_arguments_shows_the_log() {
    Redis::start(&["--no-such-setting", "1"]);
}
