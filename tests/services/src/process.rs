//! One child process: its log, its signals, its end.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::spawner;
use crate::wait::happens_within;

/// How long a process may take to end after SIGTERM before it is killed on drop.
const GRACE: Duration = Duration::from_secs(5);
/// How long the kernel may take to end a process after SIGKILL.
const KILL_DEADLINE: Duration = Duration::from_secs(10);
const TAIL_LINES: usize = 40;

/// A child process that does not outlive its owner.
///
/// Standard output and standard error go to one log file; standard input is empty. On drop the process
/// gets SIGTERM, and SIGKILL when it is still there after five seconds; when the test process dies
/// itself, the kernel kills it. When the drop happens while a test is failing, the end of the log is
/// printed.
///
/// Signals go to the process id under the lock that also reaps the child, so they never reach another
/// process that got the same id.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: u32,
    child: Mutex<Child>,
    log: PathBuf,
    // Holds the log if the caller has no folder for it.
    _folder: Option<TempDir>,
}

/// Why a process is not ready; the text ends with the last lines of its log.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct NotReady {
    message: String,
    /// Somebody else listens on its port, so it is worth trying another one.
    pub(crate) port_taken: bool,
}

impl Process {
    /// Starts `command`, with its log in a folder of its own. `name` is what messages call it.
    ///
    /// # Panics
    /// When it cannot be started.
    #[track_caller]
    pub fn spawn(name: &str, command: Command) -> Process {
        let folder = TempDir::with_prefix("northstar-process-")
            .unwrap_or_else(|e| panic!("no folder for the log of {name}: {e}"));
        let log = folder.path().join("log");
        let mut process = Self::spawn_with_log(name, command, &log);
        process._folder = Some(folder);
        process
    }

    /// Starts `command` and appends its output to the file `log`.
    #[track_caller]
    pub(crate) fn spawn_with_log(name: &str, mut command: Command, log: &Path) -> Process {
        let (out, err) =
            open_log(log).unwrap_or_else(|e| panic!("cannot write the log of {name}, {}: {e}", log.display()));
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let program = command.get_program().to_owned();
        let child = spawner::spawn(command).unwrap_or_else(|e| {
            panic!("cannot start {name} ({program:?}): {e}; `make services` installs what the tests need")
        });
        Process { name: name.to_owned(), pid: child.id(), child: Mutex::new(child), log: log.to_owned(), _folder: None }
    }

    /// The process id, also after the end of the process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Everything that the process has written so far.
    pub fn log(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// How the process ended, or `None` while it lives (also while it is paused).
    pub fn exit_status(&self) -> Option<ExitStatus> {
        self.lock().try_wait().expect("the status of an own child can be asked")
    }

    /// Whether the process lives (also while it is paused).
    pub fn is_running(&self) -> bool {
        self.exit_status().is_none()
    }

    /// Waits until `ready` is true.
    ///
    /// # Panics
    /// With the end of the log, when the process ends or the deadline passes before that.
    #[track_caller]
    pub fn wait_ready(&self, deadline: Duration, ready: impl FnMut() -> bool) {
        if let Err(e) = self.try_ready(deadline, ready) {
            panic!("{e}");
        }
    }

    pub(crate) fn try_ready(&self, deadline: Duration, mut ready: impl FnMut() -> bool) -> Result<(), NotReady> {
        let mut is_ready = false;
        happens_within(deadline, || {
            is_ready = ready();
            is_ready || !self.is_running()
        });
        // Its end wins: what answered may be somebody else who has the port.
        let why = match self.exit_status() {
            Some(status) => format!("ended before it was ready ({status})"),
            None if is_ready => return Ok(()),
            None => format!("is not ready after {deadline:?}"),
        };
        Err(NotReady {
            message: format!("{} {why}\n{}", self.name, self.tail()),
            port_taken: self.log().to_lowercase().contains("address already in use"),
        })
    }

    /// Waits for the end of the process.
    ///
    /// # Panics
    /// With the end of the log, when it still lives at the deadline.
    #[track_caller]
    pub fn wait(&self, deadline: Duration) -> ExitStatus {
        match self.wait_for_end(deadline) {
            Some(status) => status,
            None => panic!("{} has not ended after {deadline:?}\n{}", self.name, self.tail()),
        }
    }

    /// Sends SIGTERM and returns at once; [`Process::wait`] waits for the end.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends SIGKILL, as a crash, and waits until the process is gone.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
        self.wait(KILL_DEADLINE);
    }

    /// Stops the process without ending it (SIGSTOP): its connections stay open and answer nothing.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a paused process go on (SIGCONT).
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Sends `signal`, or nothing to a process that has ended.
    fn signal(&self, signal: Signal) {
        let mut child = self.lock();
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        // Not reaped, and the lock is held: the id still belongs to this child.
        if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, signal).expect("an own child accepts a signal");
        }
    }

    fn wait_for_end(&self, deadline: Duration) -> Option<ExitStatus> {
        let mut status = None;
        happens_within(deadline, || {
            status = self.exit_status();
            status.is_some()
        });
        status
    }

    fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
        format!("--- end of the log of {} ---\n{}", self.name, tail.join("\n"))
    }

    fn lock(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.tail());
        }
        self.signal(Signal::TERM);
        // A paused process handles SIGTERM only when it goes on.
        self.signal(Signal::CONT);
        if self.wait_for_end(GRACE).is_none() {
            self.signal(Signal::KILL);
            // Not a panic: a second one while a test fails would abort the whole run.
            if self.wait_for_end(KILL_DEADLINE).is_none() {
                eprintln!("{} (process {}) cannot be killed", self.name, self.pid);
            }
        }
    }
}

/// Calls `start`, with new ports each time, until it works.
///
/// # Panics
/// When it fails for another reason than a taken port, or three times for that one.
#[track_caller]
pub(crate) fn start_on_free_ports<T>(mut start: impl FnMut() -> Result<T, NotReady>) -> T {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match start() {
            Ok(service) => return service,
            Err(e) if e.port_taken && attempts < 3 => {}
            Err(e) => panic!("{e}"),
        }
    }
}

fn open_log(path: &Path) -> std::io::Result<(File, File)> {
    let out = OpenOptions::new().create(true).append(true).open(path)?;
    let err = out.try_clone()?;
    Ok((out, err))
}
