//! A network between client and server that can break.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::wait::wait_until;

/// How long a server may take to answer what was held back.
const ANSWERS: Duration = Duration::from_secs(30);
/// How much of an answer is kept.
const HEAD: usize = 64;

/// Passes bytes to a server on 127.0.0.1 and back, over an address of its own. Ends with the test process.
///
/// It begins cut: connections are closed as soon as they come, until [`Proxy::pass_to`] names a server.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    route: Arc<Mutex<Arc<Route>>>,
}

/// The way that connections take which came while it was the proxy's. Connections keep theirs.
#[derive(Debug, Default)]
struct Route {
    /// The server's port; `None` closes connections.
    server: Option<u16>,
    /// Bytes vanish, in both directions, and connections stay open.
    is_black_hole: AtomicBool,
    /// What the server answers is lost, and the connection with it.
    loses_answers: AtomicBool,
    is_cut: AtomicBool,
    sockets: Mutex<Vec<TcpStream>>,
    holding: Mutex<Holding>,
    released: Condvar,
    /// How the server's answers to requests that were held back begin.
    answers: Mutex<Vec<Vec<u8>>>,
}

/// Which requests are held back, and how many connections have one under way.
#[derive(Debug, Default)]
struct Holding {
    /// What those contain that are; `None` holds nothing back.
    what: Option<Vec<u8>>,
    waiting: usize,
}

/// Requests that are under way until this is released: then they reach the server, however late.
#[derive(Debug)]
pub struct Held(Arc<Route>);

impl Held {
    /// How many connections have such a request under way.
    pub fn waiting(&self) -> usize {
        lock(&self.0.holding).waiting
    }

    /// Lets everything through that is under way: how the server's answers begin.
    ///
    /// # Panics
    /// When it does not answer.
    #[track_caller]
    pub fn release(self) -> Vec<Vec<u8>> {
        let waiting = self.waiting();
        self.let_through();
        wait_until(ANSWERS, "answers to what was held back", || lock(&self.0.answers).len() >= waiting);
        std::mem::take(&mut lock(&self.0.answers))
    }

    fn let_through(&self) {
        lock(&self.0.holding).what = None;
        self.0.released.notify_all();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.let_through();
    }
}

impl Proxy {
    /// A proxy that is cut.
    ///
    /// # Panics
    /// When no port can be listened on.
    pub fn start() -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port to listen on");
        let port = listener.local_addr().expect("it listens").port();
        let route = Arc::new(Mutex::new(Arc::new(Route::default())));
        let current = route.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let route = lock(&current).clone();
                // A server that is not there closes the connection.
                let _ = join(client, &route);
            }
        });
        Proxy { port, route }
    }

    /// A proxy to the server that listens on a port.
    pub fn to(server: u16) -> Proxy {
        let proxy = Proxy::start();
        proxy.pass_to(server);
        proxy
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on connections go to this server. Those that there are stay as they are.
    pub fn pass_to(&self, server: u16) {
        *lock(&self.route) = Arc::new(Route { server: Some(server), ..Route::default() });
    }

    /// Closes all connections of the current way, and those to come.
    pub fn cut(&self) {
        let before = std::mem::take(&mut *lock(&self.route));
        before.is_cut.store(true, Ordering::SeqCst);
        before.close();
    }

    /// From now on requests that contain this are held back, and what follows them, on the connections that there are. Those
    /// to come are not concerned.
    pub fn hold(&self, what: &str) -> Held {
        let mut route = lock(&self.route);
        let fresh = Arc::new(Route { server: route.server, ..Route::default() });
        let before = std::mem::replace(&mut *route, fresh);
        lock(&before.holding).what = Some(what.as_bytes().to_vec());
        Held(before)
    }

    /// From now on all connections of the current way, and those to come, are open and answer nothing: what is sent, in
    /// either direction, is lost.
    pub fn black_hole(&self) {
        lock(&self.route).is_black_hole.store(true, Ordering::SeqCst);
    }

    /// From now on what the server answers is lost, and the connection with it.
    pub fn lose_answers(&self, lost: bool) {
        lock(&self.route).loses_answers.store(lost, Ordering::SeqCst);
    }
}

impl Route {
    /// Whether a request is to be held back.
    fn holds(&self, request: &[u8]) -> bool {
        let contains = |what: &Vec<u8>| request.windows(what.len()).any(|part| part == what);
        lock(&self.holding).what.as_ref().is_some_and(contains)
    }

    fn wait_released(&self) {
        let mut holding = lock(&self.holding);
        holding.waiting += 1;
        let released = self.released.wait_while(holding, |holding| holding.what.is_some());
        released.unwrap_or_else(PoisonError::into_inner).waiting -= 1;
    }

    fn close(&self) {
        for socket in lock(&self.sockets).drain(..) {
            // An error says that it is shut down already.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn join(client: TcpStream, route: &Arc<Route>) -> std::io::Result<()> {
    let Some(port) = route.server else { return Ok(()) };
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    server.set_nodelay(true)?;
    client.set_nodelay(true)?;
    let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
    lock(&route.sockets).extend([client.try_clone()?, server.try_clone()?]);
    if route.is_cut.load(Ordering::SeqCst) {
        // It was cut while this one was being made.
        route.close();
    }
    let (there, back) = (route.clone(), route.clone());
    let was_held = Arc::new(AtomicBool::new(false));
    let is_late = was_held.clone();
    thread::spawn(move || pass(from_client, to_server, &there, &was_held, false));
    thread::spawn(move || pass(server, client, &back, &is_late, true));
    Ok(())
}

fn pass(mut from: TcpStream, mut to: TcpStream, route: &Route, is_late: &AtomicBool, is_answer: bool) {
    let mut bytes = [0; 16_384];
    while let Ok(length) = from.read(&mut bytes) {
        if is_answer && route.loses_answers.load(Ordering::SeqCst) {
            break;
        }
        if is_answer && length > 0 && is_late.swap(false, Ordering::SeqCst) {
            lock(&route.answers).push(bytes[..length.min(HEAD)].to_vec());
        } else if !is_answer && length == 0 && is_late.load(Ordering::SeqCst) {
            // Who has asked is gone, but the answer is still to come.
            return;
        } else if !is_answer && route.holds(&bytes[..length]) {
            is_late.store(true, Ordering::SeqCst);
            route.wait_released();
        }
        let is_lost = route.is_black_hole.load(Ordering::SeqCst);
        if length == 0 && is_lost {
            // Nor does the other side hear of an end.
            return;
        }
        if length == 0 || (!is_lost && to.write_all(&bytes[..length]).is_err()) {
            break;
        }
    }
    // An error says that it is shut down already.
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
