//! Free ports on the loopback interface.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Below Linux' default range for outgoing connections (32768 to 60999).
///
/// A port from that range would be given, sooner or later, to a client as its source port: while a
/// server is down between `kill` and `restart`, a client that reconnects to it can even get the very
/// port that it dials and so connect to itself.
const CANDIDATES: Range<u16> = 15_000..32_000;

static HANDED_OUT: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// A TCP port on 127.0.0.1 that nobody listens on.
///
/// A port is handed out once per process, so tests in one binary cannot collide. Another process can
/// still take it before it is used; services of this crate start again on other ports then.
///
/// # Panics
/// When no candidate is free.
pub fn free_port() -> u16 {
    let mut handed_out = HANDED_OUT.lock().unwrap_or_else(PoisonError::into_inner);
    let count = u64::from(CANDIDATES.end - CANDIDATES.start);
    // A random start keeps test binaries that run at the same time apart.
    let start = RandomState::new().hash_one(std::process::id()) % count;
    let port = (0..count)
        .filter_map(|i| u16::try_from((start + i) % count).ok())
        .map(|offset| CANDIDATES.start + offset)
        .find(|port| !handed_out.contains(port) && is_free(*port))
        .expect("some port between 15000 and 32000 is free");
    handed_out.insert(port);
    port
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_handed_out_once() {
        let ports: HashSet<u16> = (0..200).map(|_| free_port()).collect();
        assert_eq!(ports.len(), 200);
    }

    #[test]
    fn a_port_in_use_is_not_free() {
        let port = free_port();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert!(!is_free(port));
        drop(listener);
        assert!(is_free(port));
    }
}
