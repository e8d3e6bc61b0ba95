//! The thread that starts every child process, so that none outlives the test process.
//!
//! A child asks the kernel to be killed when its parent dies (`PR_SET_PDEATHSIG`). The kernel means the
//! parent *thread*: started from a test's thread, a server shared by several tests would be killed at the
//! end of the test that happened to start it. So all children are started from one thread that lives as
//! long as the process.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex, PoisonError};

use rustix::process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal};

struct Request {
    command: Command,
    reply: Sender<io::Result<Child>>,
}

static SPAWNER: LazyLock<Mutex<Sender<Request>>> = LazyLock::new(|| {
    let (requests, inbox) = channel::<Request>();
    std::thread::Builder::new()
        .name("spawner".to_owned())
        .spawn(move || {
            // Never ends: the sender is a static.
            for Request { mut command, reply } in inbox {
                // Who asked waits for the answer, so sending it cannot fail.
                let _ = reply.send(command.spawn());
            }
        })
        .expect("the spawner thread starts");
    Mutex::new(requests)
});

/// Starts `command` as a child that the kernel kills when this process dies in any way.
pub(crate) fn spawn(mut command: Command) -> io::Result<Child> {
    die_with_parent(&mut command, getpid());
    let (reply, answer) = channel();
    SPAWNER
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .send(Request { command, reply })
        .expect("the spawner thread never ends");
    answer.recv().expect("the spawner thread answers")
}

/// Lets the child be killed with `parent`.
fn die_with_parent(command: &mut Command, parent: Pid) {
    let before_exec = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died before the line above: then nobody would send the signal.
        if getppid() == Some(parent) { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    };
    // SAFETY: between fork and exec only async-signal-safe work is allowed. The closure makes two
    // system calls, does not allocate or lock, and owns its one captured value, which is `Copy`.
    unsafe {
        command.pre_exec(before_exec);
    }
}
