#!/usr/bin/env python3
"""Checks that the simulation notices deliberate mistakes.

Each mutant is a small patch of the program's own code. It is applied to a copy of the sources, the simulation is built from
that copy and run, and has to fail. A patch whose place is no longer found exactly once is an error: it has to follow the
code.

    scripts/mutants.py [--seeds N] [NAME...]
"""

import argparse
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "mutants"

# name: [(file, what stands there, what the mutant puts there)...]
MUTANTS = {
    "no fence": [
        (
            "crates/activity/src/fence.rs",
            "    match (expected, stored) {\n        (None, None) => Ok(()),",
            "    match (expected, stored) {\n        _ if !claims => Ok(()),\n        (None, None) => Ok(()),",
        ),
    ],
    "no incarnation": [
        (
            "crates/window/src/opening.rs",
            "Incarnation(old.map_or(0, |fence| fence.incarnation.0) + 1)",
            "Incarnation(old.map_or(1, |fence| fence.incarnation.0))",
        ),
        # Without incarnations nothing could tell that a rebuild may write over dirty state.
        ("crates/state/src/port.rs", "expected.incarnation != self.next.incarnation", "expected.next > self.next.next"),
        ("crates/state/src/memory.rs", "if commit.claims() {", "if false {"),
    ],
    "first seen only while it is kept": [
        ("crates/window/src/shard/masks.rs", "tracks.retain(|aimed| aimed.asks_first());", "tracks.clear();"),
    ],
    "kinds without a before": [
        (
            "crates/window/src/shard/masks.rs",
            "before.into_iter().map(|(key, at, n)| (key, at, -n))",
            "before.into_iter().map(|(key, at, n)| (key, at, 0 * n))",
        ),
    ],
    "values that wait for nothing": [
        ("crates/event/src/admitted.rs", "(self.left == 0).then_some(other)", "Some(other)"),
    ],
    "numbers that are told before they are committed": [
        (
            "crates/ingest/src/admission.rs",
            "        self.telling = self.known.len();\n        &self.known[self.told..]",
            "        let told = std::mem::replace(&mut self.told, self.known.len());\n        self.telling = self.told;\n        &self.known[told..]",
        ),
    ],
    "a clock that moves by a record that waits": [
        (
            "crates/ingest/src/step.rs",
            "                return progress.wait(Waiting::Values(undecided.to_vec()));",
            "                progress.current.clock = moved;\n"
            "                return progress.wait(Waiting::Values(undecided.to_vec()));",
        ),
    ],
    "cache that learns before commit": [
        (
            "crates/ingest/src/forwarded.rs",
            "            self.entities[at].forget(place, bit);\n",
            "            let _ = (at, place, bit);\n",
        ),
    ],
    "reads uncommitted": [
        (
            "crates/kafka/src/port.rs",
            "pub const ISOLATION: Isolation = Isolation::Committed;",
            "pub const ISOLATION: Isolation = Isolation::Uncommitted;",
        ),
    ],
    "increments instead of absolute values": [
        (
            "crates/window/src/shard.rs",
            "        self.counters.committed();\n",
            "        self.counters = Counters::of(&self.plan);\n",
        ),
    ],
    "wall clock in window": [
        (
            "crates/window/src/shard.rs",
            "        let Some(time) = self.header.time else {\n            return;\n        };\n",
            "        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();\n"
            "        let time = activity::Millis(i64::try_from(since.as_millis()).unwrap());\n",
        ),
    ],
    "offset stored apart": [
        (
            "crates/window/src/worker.rs",
            "        self.write(shard, &commit)?;\n        state.committed(&self.settings);",
            "        let alone = Commit { counters: Vec::new(), records: Vec::new(), ..commit.clone() };\n"
            "        self.write(shard, &alone)?;\n"
            "        self.write(shard, &Commit { expected: Some(commit.next), ..commit })?;\n"
            "        state.committed(&self.settings);",
        ),
    ],
    "clock applied before the deltas": [
        (
            "crates/window/src/shard.rs",
            "                let behind = self.runs_behind(pack);\n",
            "                let behind = self.runs_behind(pack);\n"
            "                continuity::advance(&mut self.header, pack);\n"
            "                self.slide();\n",
        ),
    ],
    "minimum over heard partitions only": [
        (
            "crates/activity/src/clock.rs",
            "    let slowest = clocks().min().flatten();",
            "    let slowest = clocks().flatten().min();",
        ),
    ],
    "pack order not kept in a rebalance": [
        (
            "crates/ingest/src/worker.rs",
            "        if !self.ingest.partitions.is_empty() && self.write(clock)? == Outcome::Aborted {\n",
            "        self.log.consumer().release()?;\n        return Ok(());\n        #[expect(unreachable_code)]\n"
            "        if !self.ingest.partitions.is_empty() && self.write(clock)? == Outcome::Aborted {\n",
        ),
    ],
    "a topic made again goes unnoticed": [
        (
            "crates/ingest/src/step.rs",
            "|(before, now)| before.id != now.id)",
            "|(before, now)| before.partitions > now.partitions)",
        ),
    ],
    "the clock is forgotten when a topic is made again": [
        (
            "crates/ingest/src/recovery.rs",
            "return Ok(Standing { next: bounds.start, clock, jump: Some(Jump::ReplacedTopic) });",
            "return Ok(Standing { next: bounds.start, clock: PartitionClock::default(), "
            "jump: Some(Jump::ReplacedTopic) });",
        ),
    ],
    "duplicates count": [
        (
            "crates/window/src/seen.rs",
            "        latest.is_none_or(|latest| latest.is_past(now))\n",
            "        true\n",
        ),
    ],
    "ids of events are not read again": [
        (
            "crates/window/src/shard.rs",
            "reads: header.ids_from.unwrap_or(stored.next).min(stored.next),",
            "reads: stored.next,",
        ),
    ],
    "ids of events are forgotten too early": [
        (
            "crates/window/src/seen.rs",
            "        Hour(time.0.div_euclid(HOUR_MS) + ",
            "        Hour(time.0.div_euclid(HOUR_MS) - 24 + ",
        ),
    ],
    "events of packs that were not committed stay known": [
        (
            "crates/window/src/shard/events.rs",
            "        self.seen.undo();\n",
            "",
        ),
    ],
    "events read again are counted again": [
        (
            "crates/window/src/shard.rs",
            "        if offset < self.next {\n            self.remember(offset, pack);\n            self.settle_events();\n"
            "            return Ok(());\n        }\n",
            "        if offset < self.next {\n            self.header_changed = true;\n"
            "            for events in &pack.additive {\n                self.apply_additive(offset, events, true)?;\n"
            "            }\n            return Ok(());\n        }\n",
        ),
    ],
    "the base value of an attribute is forgotten": [
        (
            "crates/activity/src/timeline.rs",
            "        self.0.drain(..until.saturating_sub(1));\n",
            "        self.0.drain(..until);\n",
        ),
    ],
    "attributes that are told late are late": [
        (
            "crates/ingest/src/judge.rs",
            "behind_ms > self.longest_ms && touches.changed().is_none()",
            "behind_ms > self.longest_ms",
        ),
    ],
    "pairs do not move with their account": [
        (
            "crates/window/src/shard/segments.rs",
            "        Whose::Members(_) => {\n            let members = record.members(metric, window).into_iter()",
            "        Whose::Members(_) => {\n            let members = None.into_iter()",
        ),
    ],
    "events do not move with their account": [
        (
            "crates/window/src/shard/segments.rs",
            "Whose::Events => record.events(track).into_iter()",
            "Whose::Events => None.into_iter()",
        ),
    ],
    "positions outlive the activity topic": [
        (
            "crates/ingest/src/recovery.rs",
            "left.filter(|left| left.note.activity == self.activity)",
            "left",
        ),
    ],
}


def copy_sources(into: pathlib.Path) -> None:
    """Lays the working tree's sources out below `into`, untouched files keeping their times."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in listed.stdout.splitlines():
        source, copy = ROOT / name, into / name
        if not source.is_file():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not copy.exists() or copy.read_bytes() != source.read_bytes():
            shutil.copyfile(source, copy)


@contextlib.contextmanager
def patched(tree: pathlib.Path, name: str) -> Iterator[None]:
    """The copy with a mutant's patch in it, and without it afterwards."""
    originals = {}
    for file, before, after in MUTANTS[name]:
        path = tree / file
        text = path.read_text()
        originals.setdefault(path, text)
        if text.count(before) != 1:
            sys.exit(f"mutants: `{name}`: {file} holds its place {text.count(before)} times, not once: renew the patch")
        path.write_text(text.replace(before, after))
    yield
    for path, text in originals.items():
        path.write_text(text)


def build(tree: pathlib.Path) -> None:
    environment = {**os.environ, "CARGO_TARGET_DIR": str(WORK / "target"), "RUSTFLAGS": "-Awarnings"}
    command = ["cargo", "build", "--quiet", "--release", "--locked", "-p", "simulation"]
    # A mutant is built once and run once: no time for the last few percent.
    command += ["--config", "profile.release.lto=false", "--config", "profile.release.codegen-units=16"]
    built = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)
    if built.returncode != 0:
        sys.exit(f"mutants: the sources do not build:\n{built.stderr}")


def simulate(seeds: int) -> subprocess.CompletedProcess:
    program = WORK / "target" / "release" / "simulation"
    return subprocess.run([program, "--seeds", str(seeds)], capture_output=True, text=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10_000, help="schedules that a mutant has to survive to be missed")
    parser.add_argument("names", nargs="*", metavar="NAME", help="mutants to try; all when none is named")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(MUTANTS):
        sys.exit(f"mutants: there is no mutant {sorted(unknown)}; there are {sorted(MUTANTS)}")
    tree = WORK / "tree"
    copy_sources(tree)
    build(tree)
    if (sound := simulate(1_000)).returncode != 0:
        sys.exit(f"mutants: the simulation fails without any mutant:\n{sound.stdout}{sound.stderr}")
    missed = []
    for name in arguments.names or MUTANTS:
        began = time.monotonic()
        with patched(tree, name):
            build(tree)
            outcome = simulate(arguments.seeds)
        complaints = [line for line in outcome.stdout.splitlines() if line.startswith(("seed ", "never happened"))]
        noticed = outcome.returncode != 0 and (outcome.stderr or any(line.startswith("seed ") for line in complaints))
        missed += [] if noticed else [name]
        why = (complaints or outcome.stderr.splitlines() or [""])[0][:110]
        print(f"{'noticed' if noticed else 'MISSED':8} {name:40} {time.monotonic() - began:5.0f} s  {why}", flush=True)
    total = len(arguments.names or MUTANTS)
    print(f"{total - len(missed)} passed, {len(missed)} failed")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
