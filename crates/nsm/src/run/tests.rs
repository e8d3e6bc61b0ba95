use super::supervise::{Trouble, Turn};
use super::*;
use std::sync::Mutex;

/// A role whose turns and drains are given.
struct Fake<T, D> {
    turn: T,
    drain: D,
}

impl<T, D> Work for Fake<T, D>
where
    T: FnMut() -> Result<Turn, Trouble>,
    D: FnMut() -> Result<(), Trouble>,
{
    type Worker = ();

    fn build(&mut self) -> Result<(), Trouble> {
        Ok(())
    }

    fn turn(&mut self, (): &mut ()) -> Result<Turn, Trouble> {
        (self.turn)()
    }

    fn drain(&mut self, (): ()) -> Result<(), Trouble> {
        (self.drain)()
    }
}

/// Runs ingest with these turns beside a window that works until it is drained: how it ended, and whether window was.
fn run_beside_window(
    turn: impl FnMut() -> Result<Turn, Trouble> + Send + 'static,
    stop: &Stop,
) -> (Result<(), Failure>, bool) {
    let roles = vec![Role::Ingest, Role::Window];
    let health = Arc::new(Health::new(&roles, &Registry::new()).unwrap());
    let (events, told) = mpsc::channel();
    let drained = Arc::new(Mutex::new(false));
    let (seen, idle) = (drained.clone(), stop.clone());
    let window = Fake {
        turn: move || {
            idle.wait(TICK);
            Ok(Turn::Done)
        },
        drain: move || {
            *seen.lock().unwrap() = true;
            Ok(())
        },
    };
    spawn(Role::Window, window, health.clone(), stop.clone(), events.clone()).unwrap();
    while health.working().next().is_none() {
        std::thread::yield_now();
    }
    let ingest = Fake { turn, drain: || Ok(()) };
    spawn(Role::Ingest, ingest, health.clone(), stop.clone(), events).unwrap();
    let ended = wait(roles, &health, stop, &told, Duration::from_secs(2));
    let drained = *drained.lock().unwrap();
    (ended, drained)
}

#[test]
fn panic_ends_the_process_after_the_others_have_drained() {
    let (ended, drained) = run_beside_window(|| panic!("index out of range"), &Stop::default());
    assert_eq!(ended.unwrap_err().to_string(), "nsm: ingest: a bug: index out of range");
    assert!(drained);
}

#[test]
fn final_trouble_ends_the_process_after_the_others_have_drained() {
    let (ended, drained) = run_beside_window(|| Err(Trouble::Final("fenced".into())), &Stop::default());
    assert_eq!(ended.unwrap_err().to_string(), "nsm: ingest: fenced");
    assert!(drained);
}

#[test]
fn signal_ends_the_process_well() {
    let stop = Stop::default();
    let signal = stop.clone();
    let turn = move || {
        signal.request();
        Ok(Turn::Done)
    };
    let (ended, drained) = run_beside_window(turn, &stop);
    assert_eq!(ended, Ok(()));
    assert!(drained);
}

#[test]
fn worker_that_hangs_is_left_behind() {
    let stop = Stop::default();
    let signal = stop.clone();
    let (_kept, never) = mpsc::channel::<()>();
    let turn = move || {
        signal.request();
        let _ = never.recv();
        Ok(Turn::Done)
    };
    let (ended, drained) = run_beside_window(turn, &stop);
    assert_eq!(ended.unwrap_err().to_string(), "nsm: ingest not drained in time: ending all the same");
    assert!(drained);
}
