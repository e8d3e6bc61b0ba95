//! What a registry's answers mean, and what is no answer. (A real registry is asked in `tests/pipeline`.)

// A helper that fails fails the test.
#![allow(clippy::unwrap_used)]

use registry::{Config, Credentials, Found, Registry, SchemaId, Times};
use services::wait_until;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(30);
const ID: SchemaId = SchemaId(7);

/// The path and the authorization of a request.
type Asked = (String, Option<String>);

/// A server whose pages a test changes; every other page is not found, as a server says it that is no registry.
#[derive(Clone)]
struct Server {
    port: u16,
    pages: Arc<Mutex<BTreeMap<String, (u16, String)>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Serves until the test process ends.
    fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Server { port, pages: Arc::default(), asked: Arc::default() };
        let served = server.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let _ = served.answer(connection);
            }
        });
        server
    }

    fn answer(&self, connection: std::io::Result<std::net::TcpStream>) -> std::io::Result<()> {
        let mut connection = connection?;
        let mut lines = BufReader::new(connection.try_clone()?).lines();
        let first = lines.next().unwrap_or(Ok(String::new()))?;
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut authorization = None;
        for line in lines {
            match line?.split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                    authorization = Some(value.to_owned())
                }
                Some(_) => {}
                None => break,
            }
        }
        let page = self.pages.lock().unwrap().get(&path).cloned();
        self.asked.lock().unwrap().push((path, authorization));
        let (status, body) = page.unwrap_or((404, "<html>no such page</html>".to_owned()));
        write!(connection, "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    }

    fn page(&self, path: &str, status: u16, body: &str) {
        self.pages.lock().unwrap().insert(path.to_owned(), (status, body.to_owned()));
    }

    fn times_asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn registry(&self, credentials: Credentials) -> Registry {
        let (connect_timeout, timeout) = (Duration::from_secs(5), Duration::from_secs(5));
        let config = Config { url: format!("http://127.0.0.1:{}/", self.port), credentials, connect_timeout, timeout };
        let times = Times { unknown_for: Duration::from_millis(50), retry: Duration::from_millis(20) };
        Registry::start(&config, times).unwrap()
    }
}

/// The schema and what it refers to.
#[track_caller]
fn schema(found: &Found) -> (&str, Vec<&str>) {
    match found {
        Found::Schema(text) => (&text.schema, text.references.iter().map(String::as_str).collect()),
        other => panic!("it was not found: {other:?}"),
    }
}

#[test]
fn a_schema_is_asked_for_once_with_the_credentials() {
    let server = Server::start();
    server.page("/schemas/ids/7", 200, r#"{"schema":"\"string\"","references":[]}"#);
    let registry = server.registry(Credentials::Basic { username: "ada".into(), password: "pw".to_owned().into() });
    for _ in 0..3 {
        assert_eq!(schema(&registry.find(ID, DEADLINE)), ("\"string\"", vec![]));
    }
    let basic = Some("Basic YWRhOnB3".to_owned());
    assert_eq!(*server.asked.lock().unwrap(), [("/schemas/ids/7".to_owned(), basic)]);
}

#[test]
fn what_a_schema_refers_to_is_found_however_deep() {
    let server = Server::start();
    let refers = |to: &str, version: u32| format!(r#"[{{"name":"n","subject":"{to}","version":{version}}}]"#);
    server.page("/schemas/ids/7", 200, &format!(r#"{{"schema":"a","references":{}}}"#, refers("shop/user", 2)));
    let path = "/subjects/shop%2Fuser/versions/2";
    server.page(path, 200, &format!(r#"{{"schema":"b","references":{}}}"#, refers("plan", 1)));
    // It refers back, which no registry should let it.
    server.page(
        "/subjects/plan/versions/1",
        200,
        &format!(r#"{{"schema":"c","references":{}}}"#, refers("shop/user", 2)),
    );
    let registry = server.registry(Credentials::None);
    assert_eq!(schema(&registry.find(ID, DEADLINE)), ("a", vec!["b", "c"]));
}

#[test]
fn only_the_registrys_own_word_says_that_there_is_none_and_it_is_asked_again_later() {
    let server = Server::start();
    let registry = server.registry(Credentials::Bearer("token".to_owned().into()));
    let page = "/schemas/ids/7";
    // Pages of servers that are no registry, refuse, or are in trouble.
    for (status, body) in [
        (404, "<html>no such page</html>"),
        (404, r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#),
        (401, r#"{"error_code":40101,"message":"Unauthorized"}"#),
        (403, ""),
        (500, r#"{"error_code":50001}"#),
        (429, ""),
        (302, ""),
        (200, "<html>welcome</html>"),
        (200, "{}"),
    ] {
        server.page(page, status, body);
        let before = server.times_asked();
        wait_until(DEADLINE, "it to be asked again and again", || {
            assert_eq!(registry.find(ID, Duration::ZERO), Found::Pending, "{status} {body}");
            server.times_asked() > before + 2
        });
    }
    server.page(page, 404, r#"{"error_code":40403,"message":"Schema not found"}"#);
    assert_eq!(registry.find(ID, DEADLINE), Found::Nothing);
    server.page(page, 200, r#"{"schema":"\"string\""}"#);
    wait_until(DEADLINE, "it to be believed no more", || registry.find(ID, DEADLINE) != Found::Nothing);
    assert_eq!(schema(&registry.find(ID, DEADLINE)).0, "\"string\"");
    let asked = server.asked.lock().unwrap();
    assert!(asked.iter().all(|(_, authorization)| authorization.as_deref() == Some("Bearer token")), "{asked:?}");
}

#[test]
fn a_schema_of_another_language_is_none_that_can_be_read() {
    let server = Server::start();
    server.page("/schemas/ids/7", 200, r#"{"schema":"syntax = \"proto3\";","schemaType":"PROTOBUF"}"#);
    let registry = server.registry(Credentials::None);
    assert!(schema(&registry.find(ID, DEADLINE)).0.contains("PROTOBUF"));
}

#[test]
fn who_waits_for_a_registry_that_is_down_waits_no_longer_than_it_will() {
    let server = Server::start();
    let registry = server.registry(Credentials::None);
    assert_eq!(registry.find(ID, Duration::from_millis(30)), Found::Pending);
    // It ends although it never got an answer.
    drop(registry);
}
