//! A network between client and server that can break.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

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
    thread::spawn(move || pass(from_client, to_server, &there, false));
    thread::spawn(move || pass(server, client, &back, true));
    Ok(())
}

fn pass(mut from: TcpStream, mut to: TcpStream, route: &Route, is_answer: bool) {
    let mut bytes = [0; 16_384];
    while let Ok(length) = from.read(&mut bytes) {
        if is_answer && route.loses_answers.load(Ordering::SeqCst) {
            break;
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
