//! A Redis server.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tempfile::TempDir;

use crate::ports::free_port;
use crate::process::{NotReady, Process, start_on_free_ports};

const READY_DEADLINE: Duration = Duration::from_secs(20);
const STOP_DEADLINE: Duration = Duration::from_secs(20);

/// A Redis server on 127.0.0.1 with a data folder of its own.
///
/// It keeps nothing on disk unless the extra arguments say so: after [`Redis::restart`] it is empty by
/// default, and has its data with `&["--appendonly", "yes"]`.
#[derive(Debug)]
pub struct Redis {
    process: Mutex<Process>,
    port: u16,
    extra_args: Vec<String>,
    // After the process: the folder is removed when the server is gone.
    folder: TempDir,
}

impl Redis {
    /// Starts a server and waits until it answers.
    ///
    /// `extra_args` follow the defaults (`--save "" --appendonly no`) on the command line and so win over
    /// them, as in `&["--maxmemory", "4mb"]`.
    ///
    /// # Panics
    /// When it does not come up within 20 seconds.
    #[track_caller]
    pub fn start(extra_args: &[&str]) -> Redis {
        let folder = TempDir::with_prefix("northstar-redis-").expect("a folder for Redis");
        let extra_args: Vec<String> = extra_args.iter().map(|&arg| arg.to_owned()).collect();
        let (process, port) = start_on_free_ports(|| {
            let port = free_port();
            launch(port, &extra_args, folder.path()).map(|process| (process, port))
        });
        Redis { process: Mutex::new(process), port, extra_args, folder }
    }

    /// The address for clients, `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id; another one after [`Redis::restart`].
    pub fn pid(&self) -> u32 {
        self.process().pid()
    }

    /// The folder with the snapshot and the append-only files.
    pub fn data_folder(&self) -> &Path {
        self.folder.path()
    }

    /// Kills the server (SIGKILL), as a crash, and waits until it is gone.
    pub fn kill(&self) {
        self.process().kill();
    }

    /// Stops the server in order (SIGTERM) and waits until it is gone.
    #[track_caller]
    pub fn stop(&self) {
        let process = self.process();
        process.terminate();
        process.wait(STOP_DEADLINE);
    }

    /// Starts the server again on the same port and folder; stops it before when it still runs.
    ///
    /// # Panics
    /// When it does not come up within 20 seconds.
    #[track_caller]
    pub fn restart(&self) {
        self.stop();
        let mut process = self.process();
        *process = launch(self.port, &self.extra_args, self.folder.path()).unwrap_or_else(|e| panic!("{e}"));
    }

    /// Stops the server without ending it (SIGSTOP): connections stay open and answer nothing.
    pub fn pause(&self) {
        self.process().pause();
    }

    /// Lets a paused server go on.
    pub fn resume(&self) {
        self.process().resume();
    }

    /// Everything that the server has logged.
    pub fn log(&self) -> String {
        self.process().log()
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[track_caller]
fn launch(port: u16, extra_args: &[String], folder: &Path) -> Result<Process, NotReady> {
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--daemonize", "no", "--save", "", "--appendonly", "no"])
        .arg("--dir")
        .arg(folder)
        .args(extra_args);
    let process = Process::spawn_with_log("redis-server", command, &folder.join("log"));
    process.try_ready(READY_DEADLINE, || answers(port))?;
    Ok(process)
}

/// Whether a server on `port` answers, and not with "I am still loading".
///
/// Spoken over a bare socket, so that no client's time-outs or reconnections take part.
fn answers(port: u16) -> bool {
    ping(port).is_ok_and(|answer| answer.starts_with("+PONG") || answer.starts_with("-NOAUTH"))
}

fn ping(port: u16) -> std::io::Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut socket = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    socket.write_all(b"PING\r\n")?;
    let mut answer = [0; 64];
    let length = socket.read(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}
