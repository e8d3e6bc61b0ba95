//! Keeps one role at work: builds its worker, turns it, builds it anew after what passes, and drains it at the end.

use super::health::Beat;
use crate::stop::Stop;
use std::time::Duration;
use tracing::{info, warn};

/// What a role does. All of it blocks, within the time-outs of what it talks to.
pub(crate) trait Work {
    type Worker;

    /// Makes a worker. Nothing is lost if the process ends while this goes on.
    fn build(&mut self) -> Result<Self::Worker, Trouble>;

    /// One turn of the worker.
    fn turn(&mut self, worker: &mut Self::Worker) -> Result<Turn, Trouble>;

    /// The orderly end of the worker.
    fn drain(&mut self, worker: Self::Worker) -> Result<(), Trouble>;
}

/// How a turn went.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Turn {
    Done,
    /// It was in vain because something is not there; the worker is as good as before.
    Lacking(&'static str),
}

/// Why a worker cannot go on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It may pass: a new worker may do better.
    Passing(String),
    /// Somebody has to change something first.
    Final(String),
}

/// Keeps the role at work until a stop is requested.
///
/// # Errors
/// Trouble that does not pass.
pub(crate) fn supervise<W: Work>(work: &mut W, beat: &Beat, stop: &Stop) -> Result<(), String> {
    let mut pauses = Pauses::default();
    while !stop.is_requested() {
        beat.builds();
        let passing = match work.build() {
            Err(trouble) => trouble,
            Ok(worker) => {
                beat.works();
                // Whoever waits for roles that work may have looked just before: then there must be nothing to wait for.
                if stop.is_requested() {
                    return Ok(());
                }
                match turns(work, worker, beat, stop, &mut pauses) {
                    Ok(()) => return Ok(()),
                    Err(trouble) => trouble,
                }
            }
        };
        match passing {
            Trouble::Final(why) => return Err(why),
            Trouble::Passing(why) => {
                beat.builds();
                beat.lacks(&why);
                beat.restarts.inc();
                let pause = pauses.next();
                warn!(role = %beat.role, ?pause, "{why}; trying again");
                stop.wait(pause);
            }
        }
    }
    Ok(())
}

fn turns<W: Work>(
    work: &mut W,
    mut worker: W::Worker,
    beat: &Beat,
    stop: &Stop,
    pauses: &mut Pauses,
) -> Result<(), Trouble> {
    while !stop.is_requested() {
        match work.turn(&mut worker)? {
            Turn::Done => {
                beat.turned();
                pauses.went_well();
            }
            Turn::Lacking(what) => {
                beat.lacks(what);
                stop.wait(pauses.next());
            }
        }
    }
    match work.drain(worker) {
        Ok(()) => info!(role = %beat.role, "drained"),
        Err(Trouble::Passing(why)) => {
            warn!(role = %beat.role, "not drained: {why}; what was under way will be read again");
        }
        Err(trouble) => return Err(trouble),
    }
    Ok(())
}

/// How long to wait before trying again: longer each time, until many turns went well.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    failures: u32,
    well: u32,
}

impl Pauses {
    const SHORTEST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(10);
    /// A worker that fails again and again may still have a few turns in between.
    const ENOUGH: u32 = 100;

    pub(super) fn next(&mut self) -> Duration {
        self.well = 0;
        let pause = Self::SHORTEST.saturating_mul(1 << self.failures.min(8)).min(Self::LONGEST);
        self.failures = self.failures.saturating_add(1);
        pause
    }

    fn went_well(&mut self) {
        self.well = self.well.saturating_add(1);
        if self.well >= Self::ENOUGH {
            self.failures = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::health::Health;
    use super::*;
    use crate::cli::Role;
    use prometheus::Registry;

    /// Workers are numbers; the script says what becomes of each build, turn and drain.
    struct Script {
        builds: Vec<Result<u32, Trouble>>,
        turns: Vec<Result<Turn, Trouble>>,
        stop: Stop,
        did: Vec<String>,
    }

    impl Work for Script {
        type Worker = u32;

        fn build(&mut self) -> Result<u32, Trouble> {
            self.did.push("build".into());
            self.builds.remove(0)
        }

        fn turn(&mut self, worker: &mut u32) -> Result<Turn, Trouble> {
            self.did.push(format!("turn {worker}"));
            if self.turns.len() == 1 {
                self.stop.request();
            }
            self.turns.remove(0)
        }

        fn drain(&mut self, worker: u32) -> Result<(), Trouble> {
            self.did.push(format!("drain {worker}"));
            Ok(())
        }
    }

    fn play(
        builds: Vec<Result<u32, Trouble>>,
        turns: Vec<Result<Turn, Trouble>>,
    ) -> (Result<(), String>, Vec<String>, Health) {
        let health = Health::new(&[Role::Ingest], &Registry::new()).unwrap();
        let stop = Stop::default();
        let mut script = Script { builds, turns, stop: stop.clone(), did: Vec::new() };
        let ended = supervise(&mut script, health.beat(Role::Ingest), &stop);
        (ended, script.did, health)
    }

    fn passing() -> Trouble {
        Trouble::Passing("gone".into())
    }

    #[test]
    fn stop_lets_the_turn_end_and_drains() {
        let (ended, did, _) = play(vec![Ok(1)], vec![Ok(Turn::Done), Ok(Turn::Done)]);
        assert_eq!(ended, Ok(()));
        assert_eq!(did, ["build", "turn 1", "turn 1", "drain 1"]);
    }

    #[test]
    fn trouble_that_passes_is_met_by_a_new_worker() {
        let (ended, did, health) = play(vec![Ok(1), Ok(2)], vec![Err(passing()), Ok(Turn::Done)]);
        assert_eq!(ended, Ok(()));
        assert_eq!(did, ["build", "turn 1", "build", "turn 2", "drain 2"]);
        assert_eq!(health.beat(Role::Ingest).restarts.get(), 1);
    }

    #[test]
    fn final_trouble_ends_the_role() {
        let last = || Trouble::Final("fenced".into());
        let (ended, did, _) = play(vec![Ok(1)], vec![Err(last())]);
        assert_eq!((ended, did.len()), (Err("fenced".into()), 2));
        let (ended, did, _) = play(vec![Err(last())], vec![]);
        assert_eq!((ended, did.len()), (Err("fenced".into()), 1));
    }

    #[test]
    fn what_is_lacking_keeps_the_worker() {
        let (ended, did, health) = play(vec![Ok(1)], vec![Ok(Turn::Lacking("store unreachable"))]);
        assert_eq!(ended, Ok(()));
        assert_eq!(did, ["build", "turn 1", "drain 1"]);
        let why = health.unready(crate::clock::steady()).unwrap();
        assert_eq!(why, "ingest: store unreachable");
    }

    #[test]
    fn pauses_grow_until_many_turns_went_well() {
        let mut pauses = Pauses::default();
        let grown: Vec<_> = (0..7).map(|_| pauses.next().as_millis()).collect();
        assert_eq!(grown, [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
        pauses.went_well();
        assert_eq!(pauses.next(), Pauses::LONGEST);
        (0..Pauses::ENOUGH).for_each(|_| pauses.went_well());
        assert_eq!(pauses.next(), Pauses::SHORTEST);
    }
}
