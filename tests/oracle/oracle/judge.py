"""Compares what the pipeline says with what has to be counted in the raw bytes of the topics.

Usage: judge.py FOLDER

The folder holds
  catalogue.yaml  what is counted
  setting.json    days, hours, minutes: the first and the last as-of day, and when the first and the last as-of hour or
                  minute begin; end: where shard time stands
  records.tsv     the topics: source, partition, offset, log time in milliseconds, key, payload
  answers.jsonl   what `nsm query --format json` said, an answer a line

Prints one JSON object. DuckDB reads the JSON, knows the zone's calendar and counts; nothing is shared with the program
that is judged.
"""

import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Optional

import catalogue as catalogues
import count
import duckdb
import formulas
import ground
import kinds
import stream
from catalogue import Catalogue, Dimension
from count import Place
from kinds.kind import Kind, Near
from sql import RULE, labels

# So many differences are told of a metric.
SHOWN = 2
# What is told nearly is told in doubles.
SLACK = Decimal("1e-9")


def answers(path: Path, asked: dict[str, set[str]]) -> dict[Place, Decimal]:
    """The values as of the buckets that are asked for; none of buckets that are not kept."""
    found = {}
    with path.open(encoding="utf-8") as file:
        for line in file:
            for value in json.loads(line, parse_float=Decimal, parse_int=Decimal)["values"]:
                by, label = value.get("slice", ("", ""))
                name = value["metric"] + ("{{{}={}}}".format(*value["label"]) if "label" in value else "")
                place = name, by, label, value["window"], value["as_of"]
                assert place not in found, f"{place} is told twice"
                grain = catalogues.GRAIN_OF.get(value["window"][-1], "day") if value["window"][0].isdigit() else "day"
                if value["value"] is not None and value["as_of"] in asked[grain]:
                    found[place] = value["value"]
    return found


@dataclass
class Tally:
    """What was told and has not been compared yet, and what came of the rest, by kind."""

    told: dict[Place, Decimal]
    kinds: dict[str, Counter] = field(default_factory=dict)
    series: set[tuple[str, ...]] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    complaints: Counter = field(default_factory=Counter)

    def __post_init__(self) -> None:
        turned_up: dict[tuple[str, str], set[str]] = {}
        for name, by, label, *_ in self.told:
            turned_up.setdefault((name, by), set()).add(label)
        self.turned_up = turned_up

    def labels(self, name: str, by: Dimension) -> list[str]:
        """What the slices of a metric are called. Values that turned up are those that are told."""
        declared = labels(by)
        return declared + sorted(self.turned_up.get((name, by.name), set()) - set(declared)) if by.is_open else declared

    def compare(self, page: str, place: Place, expected: Any, near: Optional[Near] = None) -> Any:
        """Compares a value with what is told, perhaps nearly: what is told, if that is right."""
        found, of = self.told.pop(place, None), self.kinds.setdefault(page, Counter())
        if place[:4] not in self.series:
            self.series.add(place[:4])
            of["series"] += 1
        if isinstance(expected, float) and found is not None:
            found = float(found)
        is_right = expected == found
        if near and expected is not None:
            most = near.error * expected + SLACK
            is_right = expected > near.up_to if found is None else abs(found - expected) <= most
        of.update(compared=1, not_zero=bool(expected), wrong=not is_right)
        if not is_right:
            self.complain(place, f"is {found}, not {expected}")
        return found if is_right else expected

    def complain(self, place: Place, what: str) -> None:
        """Tells what is wrong, if not enough was told of the metric."""
        self.complaints[place[0]] += 1
        if self.complaints[place[0]] <= SHOWN:
            self.wrong.append(f"{shown(place)} {what}")


def shown(place: Place) -> str:
    """A place for people."""
    metric, by, label, window, as_of = place
    return f"{metric} {window}{by and f' by {by}={label}'} as of {as_of}"


def asked(setting: dict, catalogue: Catalogue) -> tuple[dict[str, tuple], set[str]]:
    """The first and the last as-of bucket by grain, and the grains of which nothing lies before the first."""
    of = {grain: tuple(ground.read(text, grain) for text in setting[f"{grain}s"]) for grain in catalogues.GRAINS}
    kept = date.fromisoformat(setting["end"][:10]) - timedelta(days=catalogue.history_days - 1)
    first, last = of["day"]
    return of | {"day": (max(first, kept), last)}, {"day"} if first >= kept else set()


def compare_kind(tally: Tally, stand: ground.Ground, kind: Kind, buckets: dict[str, list[str]]) -> dict[Place, Any]:
    """Compares all values of a metric: what was counted."""
    right = dict(count.count(stand, kind))
    left = set(right)
    excluded = count.excluding(kind, stand.catalogue)
    for window in kind.windows:
        for name in (kind.name + part for part in kind.parts(window)):
            cuts = [("", "")] + [(by.name, label) for by in kind.by for label in tally.labels(name, by)]
            near = kind.near.get(name.removeprefix(kind.name))
            for by, label in cuts + [(RULE, rule) for rule in excluded if near is None]:
                for as_of in buckets[window.grain]:
                    place = name, by, label, window.name, as_of
                    if near is None:
                        tally.compare(kind.page, place, right.get(place, Decimal(0)))
                    else:
                        # What follows from it follows from what is told.
                        told = tally.compare(kind.page, place, right.get(place), near)
                        right[place] = None if told is None else float(told)
                    left.discard(place)
    assert not left, f"this was counted, but is not compared: {sorted(left)[:5]}"
    return right


def main() -> None:
    """Reads the folder, prints the verdict."""
    folder = Path(sys.argv[1])
    setting = json.loads((folder / "setting.json").read_text(encoding="utf-8"))
    catalogue = catalogues.read(folder / "catalogue.yaml")
    db = duckdb.connect(config={"threads": 2, "memory_limit": "6GB", "temp_directory": str(folder / "spill")})
    # Nothing is fetched while it runs: what is needed is built in.
    db.execute("SET autoinstall_known_extensions = false; SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
    stream.load(db, folder / "records.tsv", catalogue)
    stand = ground.Ground(db, catalogue)
    spans, from_the_start = asked(setting, catalogue)
    buckets = stand.ask(spans)

    tally = Tally(answers(folder / "answers.jsonl", {grain: set(of) for grain, of in buckets.items()}))
    declared = kinds.read(catalogue)
    values = formulas.Values({}, buckets, from_the_start)
    for kind in declared:
        values.counted |= compare_kind(tally, stand, kind, buckets)
        tally.kinds[kind.page]["metrics"] += 1
    followed = formulas.read(catalogue, declared)
    for formula in followed:
        cuts = [("", "")] + [(by.name, label) for by in formula.by for label in tally.labels(formula.name, by)]
        for by, label in cuts:
            for window in formula.windows:
                for as_of, expected in values.of(formula, by, label, window):
                    tally.compare(formula.page, (formula.name, by, label, window.name, as_of), expected)
        tally.kinds[formula.page]["metrics"] += formula.name in catalogue.metrics and formula.page in kinds.FORMULAS
    # Of the first buckets with an offset it would take earlier ones.
    offset = {each.name for each in followed if any(of.offset for of in each.terms.values())}
    partial = {each for grain, of in buckets.items() if grain not in from_the_start for each in of}
    for place, value in tally.told.items():
        if place[0] not in offset or place[4] not in partial:
            tally.complain(place, f"is {value}, which nothing declares")
    facts = stream.facts(db) | {f"{grain}s": len(of) for grain, of in buckets.items()}
    json.dump({"stream": facts, "kinds": tally.kinds, "wrong": tally.wrong}, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
