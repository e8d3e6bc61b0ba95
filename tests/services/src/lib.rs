//! Real services for tests: Kafka, Redis, a schema registry, Prometheus and Alertmanager as child processes on the loopback interface.
//!
//! Each value of [`Kafka`], [`Redis`], [`Registry`], [`Prometheus`] or [`Alertmanager`] is one server with ports and a folder of its
//! own, so tests can run side by side. Three rules hold for every process that is started here:
//!
//! - **It does not outlive its owner.** Dropping the value stops the process, by its own process id
//!   and with a deadline; the kernel kills it when the test process itself is killed ([`Process`]).
//! - **It is ready when its constructor returns.** Readiness is asked of the service, with a deadline;
//!   a service that does not come up fails the test with the end of its log.
//! - **It keeps its ports and data over [`Kafka::restart`] and [`Redis::restart`].** So clients see what
//!   they would see of a server that crashed and came back.
//!
//! Everything here panics instead of returning an error: the caller is a test, and a service that
//! does not work ends it. A broker and a registry need the jars that `make services` fetches; the others are
//! taken from the `PATH`.

mod alertmanager;
mod http;
mod installed;
mod kafka;
mod ports;
mod process;
mod programs;
mod progress;
mod prometheus;
mod proxy;
mod redis;
mod registry;
mod scrape;
mod spawner;
mod wait;

pub use alertmanager::Alertmanager;
pub use http::Pages;
pub use kafka::Kafka;
pub use ports::free_port;
pub use process::Process;
pub use programs::{isolated, program, python};
pub use progress::Progress;
pub use prometheus::Prometheus;
pub use proxy::{Held, Proxy};
pub use redis::Redis;
pub use registry::Registry;
pub use scrape::Scrape;
pub use wait::wait_until;
