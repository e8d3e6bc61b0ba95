"""What the gauges of a sample have to be: the sum over the shards, each at the prefix of the source it stands for."""

import random
import re
from collections import defaultdict
from typing import NamedTuple, Optional

from metrics import ATTRIBUTES, METRICS
from shards import Counted, Shards
from stream import Change, Event, bucket
from windows import Running, brute, timelines, written

GAUGE = re.compile(r'nsm_(\w+?)(?:_by_(\w+))?\{window="(\w+)",complete="(true|false)"(?:,(\w+)="(\w+)")?\}')
LABELS = {(name, window.label): window for name, metric in METRICS.items() for window in metric.windows}


class Gauge(NamedTuple):
    """A gauge: metric, window, whether it is of the last complete bucket, and of which slice: an attribute and its value."""

    metric: str
    window: str
    complete: bool
    of: Optional[tuple[str, str]] = None


def slices(name: str) -> list[Optional[tuple[str, str]]]:
    """What there is of a metric: all of it, and its slices."""
    return [None, *((by, value) for by in METRICS[name].by for value in ATTRIBUTES[by].slices())]


ALL = [
    Gauge(name, label, complete, of) for name, label in LABELS for complete in (False, True) for of in slices(name)
]
KNOWN = frozenset(ALL)


def parse(name: str) -> Optional[Gauge]:
    """The gauge of a name with labels."""
    found = GAUGE.fullmatch(name)
    if not found or found[2] != found[5]:
        return None
    gauge = Gauge(found[1], found[3], found[4] == "true", (found[5], found[6]) if found[5] else None)
    return gauge if gauge in KNOWN else None


class Walk:
    """A shard that goes through its events and changes, from one stand to the next."""

    def __init__(self, events: list[list[Counted]], changes: list[list[Change]]) -> None:
        self.records: list[list[Counted | Change]] = [*events, *changes]
        self.done = [0] * len(self.records)
        self.metrics = {name: Running(metric) for name, metric in METRICS.items()}

    def to(self, positions: list[int]) -> None:
        """Goes on to what lies before these positions."""
        for partition, position in enumerate(positions):
            records, at = self.records[partition], self.done[partition]
            while at < len(records) and records[at].offset < position:
                self.take(records[at])
                at += 1
            self.done[partition] = at


    def take(self, record: Counted | Change) -> None:
        """Takes the next event or change."""
        if isinstance(record, Counted):
            self.metrics[record.metric].add(record.event)
        else:
            for running in self.metrics.values():
                running.change(record)


def as_of(gauge: Gauge, time: int) -> int:
    """The bucket as of which a gauge is at shard time."""
    return bucket(LABELS[gauge.metric, gauge.window].grain, time) - gauge.complete


def expected(samples: list[dict], shards: Shards) -> list[Optional[dict[Gauge, int]]]:
    """All gauges of every sample; `None` for one that has no time."""
    times = []
    for sample in samples:
        of = [shards.time(shards.positions(shard, stand)) for shard, stand in enumerate(sample["stands"])]
        times.append(None if None in of else min(of))
    values: list[Optional[dict[Gauge, int]]] = [None if time is None else defaultdict(int) for time in times]
    for shard, events in enumerate(shards.events):
        walk = Walk(events, shards.changes[shard])
        timed = [at for at, time in enumerate(times) if time is not None]
        for at in sorted(timed, key=lambda at: samples[at]["stands"][shard]):
            walk.to(shards.positions(shard, samples[at]["stands"][shard]))
            for gauge in ALL:
                window = LABELS[gauge.metric, gauge.window]
                values[at][gauge] += walk.metrics[gauge.metric].as_of(window, as_of(gauge, times[at]), gauge.of)
    return values


def brute_force(sample: dict, shards: Shards) -> dict[Gauge, int]:
    """All gauges of one sample, from scratch."""
    positions = [shards.positions(shard, stand) for shard, stand in enumerate(sample["stands"])]
    time = min(shards.time(of) for of in positions)
    total: dict[Gauge, int] = defaultdict(int)
    for shard, of in enumerate(positions):
        inside: dict[str, list[Event]] = defaultdict(list)
        for partition, position in enumerate(of):
            for counted in shards.events[shard][partition] if partition < len(shards.partitions) else ():
                if counted.offset < position:
                    inside[counted.metric].append(counted.event)
        events = len(shards.partitions)
        known = [(of_partition, of[events + at]) for at, of_partition in enumerate(shards.changes[shard])]
        told = timelines(change for changes, position in known for change in changes if change.offset < position)
        for gauge in ALL:
            window = LABELS[gauge.metric, gauge.window]
            total[gauge] += brute(gauge.metric, window, as_of(gauge, time), inside[gauge.metric], told, gauge.of)
    return total


def check(samples: list[dict], shards: Shards, seed: int, by_force: int) -> dict:
    """Compares every gauge of every sample; some samples, drawn by the seed, also with brute force."""
    wrong, gauges = [], 0
    values = expected(samples, shards)
    for sample, right in zip(samples, values):
        gauges += len(sample["gauges"]) * sample["times"]
        for name, told in sample["gauges"].items():
            gauge = parse(name)
            should = "absent" if right is None or gauge is None else written(gauge.metric, right[gauge])
            if told != should:
                wrong.append(f"{name} is {told}, not {should}, at {sample['stands']}")
    timed = [at for at, right in enumerate(values) if right is not None]
    drawn = random.Random(seed).sample(timed, min(by_force, len(timed)))
    for at in drawn:
        forced = brute_force(samples[at], shards)
        if forced != values[at]:
            wrong.append(f"the oracle contradicts itself at {samples[at]['stands']}: {forced} and {values[at]}")
    return {"wrong": wrong, "gauges": gauges, "by_force": len(drawn), "all": len(ALL)}
