//! Lists over HTTP, beside everything else that is served.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use exporter::lists::{Asked, Unanswered};
use exporter::{Access, Lists, Pages, Withheld, serve};
use prometheus::Registry;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use tokio::sync::oneshot;

/// A server of these lists, until the sender is dropped.
fn server(lists: Lists) -> (SocketAddr, oneshot::Sender<()>, thread::JoinHandle<()>) {
    let pages = Pages {
        registry: Registry::new(),
        gauges: Arc::new(|| Some("nsm_users 1\n".into())),
        dead: Arc::new(|| None),
        unready: Arc::new(|| None),
        lists: Some(lists),
    };
    let (tell, told) = mpsc::channel();
    let (close, closed) = oneshot::channel::<()>();
    let serving = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let until = async move { drop(closed.await) };
        runtime.block_on(serve(address, pages, |address| tell.send(address).unwrap(), until)).unwrap();
    });
    (told.recv().unwrap(), close, serving)
}

#[test]
fn lists_are_read_one_after_the_other_and_a_scrape_waits_for_none() {
    const ASKING: usize = 3;
    let (begun, has_begun) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    let (under_way, may_go) = (AtomicUsize::new(0), Mutex::new(may_go));
    let read = move |_: &Asked| {
        assert_eq!(under_way.fetch_add(1, Ordering::SeqCst), 0, "another list is being read");
        begun.send(()).unwrap();
        may_go.lock().unwrap().recv().unwrap();
        under_way.fetch_sub(1, Ordering::SeqCst);
        Err(Unanswered::Withheld(Withheld::NoTime))
    };
    let (address, close, serving) = server(Lists::new(Arc::new(read), Access::Local));
    let get = move |path: &str| {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer = agent.get(format!("http://{address}{path}")).call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    };
    let asking: Vec<_> = (0..ASKING).map(|_| thread::spawn(move || get("/lists/users"))).collect();
    for _ in 0..ASKING {
        has_begun.recv().unwrap();
        assert_eq!(get("/metrics"), (200, "nsm_users 1\n".to_owned()));
        go.send(()).unwrap();
    }
    for asked in asking {
        let (status, text) = asked.join().unwrap();
        assert_eq!(status, 503, "{text}");
        assert!(text.starts_with("shard time is not known yet"), "{text}");
    }
    drop(close);
    serving.join().unwrap();
}
