//! What the tests of the whole pipeline share: an installation of Northstar on real services, its
//! processes, and what an observer from outside can see of it.
//!
//! The tests see what a user sees: the program's command line, `/metrics`, the topics, Prometheus. Nothing
//! here links a crate of the program, so nothing that is wrong in the program can be wrong in the same way
//! here. Everything panics instead of returning an error, as in `services`.

mod client;
mod installation;
mod music;
mod nsm;
mod oracle;

use std::time::Duration;

pub use client::{Client, DeadLetter, Event, Isolation};
pub use installation::{Answer, Installation};
pub use music::{Music, Played};
pub use nsm::Nsm;
pub use oracle::oracle;
pub use services::{Pages, Scrape};

/// How long anything may take that is waited for. Most takes a second or two; the rest is for a machine that is busy.
pub const DEADLINE: Duration = Duration::from_secs(90);
