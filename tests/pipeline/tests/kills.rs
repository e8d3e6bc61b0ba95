//! Crashes at any point lose nothing and count nothing twice.

// A helper that fails fails the test.
#![allow(clippy::unwrap_used)]

use pipeline::{DEADLINE, Event, Installation, Music, Nsm};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::json;
use services::wait_until;

const SEED: u64 = 4;
const PARTITIONS: i32 = 12;
/// How many records are sent between two kills.
const SLICE: usize = 600;
/// At most so many of them are covered when the next process is killed.
const COVERED: i64 = 350;

/// A process that is killed again and again.
struct Victim {
    role: &'static str,
    /// `None` only between a kill and the restart.
    nsm: Option<Nsm>,
    kills: u32,
}

impl Victim {
    fn start(installation: &Installation, role: &'static str) -> Victim {
        Victim { role, nsm: Some(installation.run(role, &[role])), kills: 0 }
    }

    /// How far its work has come; it only grows when the process works.
    fn progress(&self, installation: &Installation) -> i64 {
        match self.role {
            "ingest" => installation.client.covered(Music::TOPIC).unwrap_or(0),
            _ => installation.stands(),
        }
    }

    /// Says whether fewer than `sent` records were covered when it died.
    fn kill_and_restart(&mut self, installation: &Installation, sent: i64) -> bool {
        self.nsm.take().unwrap().kill();
        let covered = installation.client.covered(Music::TOPIC);
        self.nsm = Some(installation.run(self.role, &[self.role]));
        covered.is_some_and(|covered| covered < sent)
    }
}

/// Ten kills while records are left, half of them of each process. A kill that comes too late for that is not one of the ten;
/// should the log be over before there are ten, it is sent again, which may not count.
#[test]
fn kills_midway_lose_nothing_and_count_nothing_twice() {
    let music = Music::load("UTC");
    // Small portions: there are many points at which a kill can hit.
    let settings = json!({
        "kafka": { "properties": { "fetch.message.max.bytes": "4096", "queued.min.messages": "1" } },
        "ingest": { "transact": "1ms" },
        "window": { "batch": "1KiB" },
    });
    let installation = Installation::new(&music.catalogue(), settings);
    installation.kafka.create_topic(Music::TOPIC, PARTITIONS, &[]);
    let passes = [music.shuffled(SEED), music.shuffled(SEED + 1)];
    let events: Vec<Event<'_>> =
        passes.iter().zip(SEED..).flat_map(|(played, seed)| Music::spread(played, PARTITIONS, seed)).collect();
    let mut slices = events.chunks(SLICE);
    let mut random = SmallRng::seed_from_u64(SEED);

    let mut victims = ["ingest", "window"].map(|role| Victim::start(&installation, role));
    let mut order = [0, 1].repeat(5);
    order.shuffle(&mut random);
    let mut sent = 0_i64;
    for index in order {
        let victim = &mut victims[index];
        loop {
            let slice = slices.next().expect("ten kills midway before the end of the second pass");
            let (before, covered) = (victim.progress(&installation), installation.client.covered(Music::TOPIC));
            installation.client.send(Music::TOPIC, slice.iter().copied());
            sent += i64::try_from(slice.len()).unwrap();
            // Both have to work: the process that is killed, and the whole.
            let target = covered.unwrap_or(0) + random.random_range(1..=COVERED);
            wait_until(DEADLINE, &format!("{} to work", victim.role), || {
                installation.client.covered(Music::TOPIC) >= Some(target) && victim.progress(&installation) > before
            });
            if victim.kill_and_restart(&installation, sent) {
                victim.kills += 1;
                break;
            }
        }
    }
    assert_eq!(victims.each_ref().map(|victim| victim.kills), [5, 5]);

    let rest = usize::try_from(sent).unwrap()..music.played.len().max(usize::try_from(sent).unwrap());
    installation.client.send(Music::TOPIC, events[rest].iter().copied());
    installation.wait_settled(&[Music::TOPIC]);
    music.check_every_day(&installation);
}
