//! A network between client and server that can lose answers.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Passes bytes to a server on this machine and back. Ends with the test process.
pub struct Proxy {
    port: u16,
    loses_answers: Arc<AtomicBool>,
}

impl Proxy {
    pub fn to(server: u16) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let loses_answers = Arc::new(AtomicBool::new(false));
        let flag = loses_answers.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                join(client, server, &flag);
            }
        });
        Proxy { port, loses_answers }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// From now on what the server answers is lost, and the connection with it.
    pub fn lose_answers(&self, lost: bool) {
        self.loses_answers.store(lost, Ordering::SeqCst);
    }
}

fn join(client: TcpStream, server: u16, loses_answers: &Arc<AtomicBool>) {
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else { return };
    let (from_client, to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || pass(from_client, to_server, &AtomicBool::new(false)));
    let flag = loses_answers.clone();
    thread::spawn(move || pass(server, client, &flag));
}

fn pass(mut from: TcpStream, mut to: TcpStream, is_lost: &AtomicBool) {
    let mut bytes = [0; 16_384];
    while let Ok(length) = from.read(&mut bytes) {
        if length == 0 || is_lost.load(Ordering::SeqCst) || to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    // An error says that it is shut down already.
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
