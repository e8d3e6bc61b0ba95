"""Judges a fault run, from the raw bytes of the source topic and what the pipeline showed.

Usage: judge.py FOLDER

The folder holds
  setting.json   partitions, changes (partitions of the accounts' topic), shards, seed, wall time in milliseconds, how many samples to check by brute force
  records.tsv    the source topic: partition, offset, payload
  changes.tsv    the accounts' topic: partition, offset, stamp in milliseconds, key, payload (none of a deleted record)
  shards.tsv     the shard of every key: field, key, shard
  packs.tsv      nsm.activity: shard, offset, the next position of every source partition after it
  samples.jsonl  what pages showed: stands (a next offset a shard), gauges (as they are written), times (how often)
  answers.jsonl  what `nsm query --format json` said at the end, an answer a line
  rejects.tsv    the dead letters: partition, offset, reason

Prints one JSON object. Uses the standard library only, and shares nothing with the program that it checks: it reads
JSON, judges lateness, knows the zone's calendar and counts by itself.
"""

import json
import sys
from collections import Counter, defaultdict
from datetime import date, datetime
from typing import Optional

from metrics import GRAINS, METRICS
from samples import LABELS, check
from shards import Shards
from stream import EPOCH, Changes, Partition, bucket, lines, load, load_changes
from windows import timelines, written


def ended(text: str, grain: str) -> int:
    """The bucket that an answer names."""
    if grain == "day":
        return date.fromisoformat(text).toordinal()
    time = datetime.fromisoformat(text.replace("Z", "+00:00")) - EPOCH
    return bucket(grain, int(time.total_seconds()) * 1_000)


class Final:
    """What there is in every bucket of all metrics: the distinct values, or the number or sum of the events."""

    def __init__(self, shards: Shards) -> None:
        # The distinct values, each with its account.
        self.distinct: dict[tuple[str, str, int], dict[str, str]] = defaultdict(dict)
        self.told = timelines(change for of_shard in shards.changes for of in of_shard for change in of)
        # What is added up, for each account.
        self.added: dict[tuple[str, str, int], Counter[Optional[str]]] = defaultdict(Counter)
        for counted in (counted for of_shard in shards.events for of in of_shard for counted in of):
            metric = METRICS[counted.metric]
            for grain in GRAINS:
                place = counted.metric, grain, getattr(counted.event, grain)
                if metric.kind == "distinct":
                    self.distinct[place][getattr(counted.event, metric.field)] = counted.event.account_id
                else:
                    amount = counted.event.cents if metric.kind == "sum" else 1
                    self.added[place][counted.event.account_id] += amount

    def value(self, name: str, label: str, as_of: int, of: Optional[tuple[str, str]]) -> str:
        """The value as of a bucket, of all or of a slice."""
        window = LABELS[name, label]
        places = [(name, window.grain, at) for at in range(as_of - window.length + 1, as_of + 1)]
        # How much there is of each account.
        amounts: Counter[Optional[str]] = Counter()
        if METRICS[name].kind == "distinct":
            found: dict[str, str] = {}
            for place in places:
                found.update(self.distinct.get(place, {}))
            amounts.update(found.values())
        else:
            for place in places:
                amounts.update(self.added.get(place, {}))
        wanted = METRICS[name].wanted(of)
        if wanted is not None:
            timeline, values = self.told[wanted[0]], wanted[1]
            amounts = Counter(
                {at: n for at, n in amounts.items() if timeline.at(at, window.grain, as_of) in values}
            )
        return written(name, sum(amounts.values()))


def check_answers(answers: list[dict], shards: Shards) -> dict:
    """Compares what was asked for at the end."""
    final, wrong, compared = Final(shards), [], 0
    points: dict[str, set[str]] = {grain: set() for grain in GRAINS}
    for answer in answers:
        name, label, as_of = answer["metric"], answer["window"], answer["as_of"]
        if answer["value"] is None:
            continue
        grain = LABELS[name, label].grain
        of = tuple(answer["slice"]) if "slice" in answer else None
        right = final.value(name, label, ended(as_of, grain), of)
        points[grain].add(as_of)
        compared += 1
        if answer["value"] != right:
            wrong.append(f"{name} {label} {of or ''} as of {as_of} is {answer['value']}, not {right}")
    return {"wrong": wrong, "compared": compared, "points": {grain: len(of) for grain, of in points.items()}}


def check_rejects(rejects: list[list[str]], partitions: list[Partition]) -> dict:
    """Compares the dead letters: each record once, and for its reason."""
    told = Counter((int(partition), int(offset), reason) for partition, offset, reason in rejects)
    right = Counter((at, offset, why) for at, of in enumerate(partitions) for offset, why in of.rejected.items())
    differ = [place for place in told | right if told[place] != right[place]]
    wrong = [f"{place} is told {told[place]} times, not {right[place]}" for place in differ]
    return {"wrong": wrong, "by_reason": Counter(why for of in partitions for why in of.rejected.values())}


def facts(partitions: list[Partition], changes: list[Changes]) -> dict:
    """What the stream was like."""
    events = [event for of in partitions for event in of.events if event is not None]
    days = {event.day for event in events}
    return {
        "records": sum(len(of.events) for of in partitions),
        "duplicates": len(events) - len({event.event_id for event in events}),
        "late": {grain: sum(of.late[grain] for of in partitions) for grain in GRAINS if grain != "day"},
        "days": len(days),
        "changes": sum(len(of.changes) for of in changes),
    }


def main() -> None:
    """Reads the folder, prints the verdict."""
    folder = sys.argv[1]
    with open(f"{folder}/setting.json", encoding="utf-8") as file:
        setting = json.load(file)
    partitions = load(f"{folder}/records.tsv", setting["partitions"], setting["now"])
    changes = load_changes(f"{folder}/changes.tsv", setting["changes"])
    shards = Shards(folder, partitions, changes, setting["shards"])
    with open(f"{folder}/samples.jsonl", encoding="utf-8") as file:
        samples = [json.loads(line) for line in file]
    with open(f"{folder}/answers.jsonl", encoding="utf-8") as file:
        # Numbers stay as they are written; there is no answer for times of which nothing is kept.
        asked = [json.loads(line, parse_float=str, parse_int=str) for line in file if line.strip()]
    answers = [value for answer in asked for value in answer["values"]]
    verdict = {
        "stream": facts(partitions, changes),
        "answers": check_answers(answers, shards),
        "rejects": check_rejects(list(lines(f"{folder}/rejects.tsv")), partitions),
        "samples": check(samples, shards, setting["seed"], setting["by_force"]),
    }
    json.dump(verdict, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
