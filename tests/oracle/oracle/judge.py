"""Compares what the pipeline says with what has to be counted in the raw bytes of the topics.

Usage: judge.py FOLDER

The folder holds
  catalogue.yaml  what is counted
  setting.json    days: the first and the last as-of day; hours: when the first and the last as-of hour begin
  records.tsv     the topics: source, partition, offset, log time in milliseconds, key, payload
  answers.jsonl   what `nsm query --format json` said, an answer a line

Prints one JSON object. DuckDB reads the JSON, knows the zone's calendar and counts; nothing is shared with the program
that is judged.
"""

import json
import sys
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Iterator

import catalogue as catalogues
import count
import duckdb
import formulas
import stream
from catalogue import Catalogue, Metric
from count import Place
from sql import RULE, excluding, labels

# So many differences are told.
SHOWN = 20


def hour(text: str) -> int:
    """The number of the hour that begins at a time."""
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()) // 3_600


def answers(path: Path, asked: set[str]) -> dict[Place, Decimal]:
    """The values as of the buckets that are asked for; none of buckets that are not kept."""
    found = {}
    with path.open(encoding="utf-8") as file:
        for line in file:
            for value in json.loads(line, parse_float=Decimal, parse_int=Decimal)["values"]:
                by, label = value.get("slice", ("", ""))
                place = value["metric"], by, label, value["window"], value["as_of"]
                assert place not in found, f"{place} is told twice"
                if value["value"] is not None and value["as_of"] in asked:
                    found[place] = value["value"]
    return found


def slices(metric: Metric, catalogue: Catalogue, told: set[tuple[str, str, str]]) -> dict[str, list[str]]:
    """By what a metric is sliced, and what the slices are called. Values that turned up are those that are told."""
    by_name = {by.name: labels(by) for by in metric.by}
    for by in metric.by:
        turned_up = {label for of, name, label in told if (of, name) == (metric.name, by.name)}
        by_name[by.name] += sorted(turned_up - set(by_name[by.name])) if by.is_open else []
    excluded = excluding(metric, catalogue)
    return {**by_name, RULE: excluded} if excluded else by_name


def places(metric: Metric, sliced: dict[str, list[str]], buckets: dict[str, list[str]]) -> Iterator[Place]:
    """Everything of a metric that is compared."""
    for by, of in [("", [""]), *sliced.items()]:
        for window in metric.windows:
            yield from ((metric.name, by, label, window.name, as_of) for label in of for as_of in buckets[window.grain])


def main() -> None:
    """Reads the folder, prints the verdict."""
    folder = Path(sys.argv[1])
    setting = json.loads((folder / "setting.json").read_text(encoding="utf-8"))
    catalogue = catalogues.read(folder / "catalogue.yaml")
    db = duckdb.connect()
    # Nothing is fetched while it runs: what is needed is built in.
    db.execute("SET autoinstall_known_extensions = false; SET TimeZone = 'UTC'")
    stream.load(db, folder / "records.tsv", catalogue)
    days, hours = map(date.fromisoformat, setting["days"]), map(hour, setting["hours"])
    buckets = count.prepare(db, catalogue, tuple(days), tuple(hours))

    told = answers(folder / "answers.jsonl", {each for of_grain in buckets.values() for each in of_grain})
    named = {place[:3] for place in told}
    compared, not_zero, count_of_slices, wrong, series = 0, 0, 0, [], set()
    counted: formulas.Counted = {}
    for metric in catalogue.metrics:
        sliced = slices(metric, catalogue, named)
        right = {place: Decimal(value) for place, value in count.count(db, catalogue, metric)}
        counted |= right
        for place in places(metric, sliced, buckets):
            series.add(place[:4])
            expected, found = right.pop(place, Decimal(0)), told.pop(place, None)
            compared += 1
            not_zero += expected != 0
            if expected != found:
                wrong.append((*place, expected, found))
        count_of_slices += sum(map(len, sliced.values()))
        assert not right, f"this was counted, but is not compared: {list(right)[:5]}"
    declared = formulas.read(catalogue)
    worked_out = dict(formulas.worked_out(declared, counted, buckets))
    for place, expected in worked_out.items():
        series.add(place[:4])
        found = told.pop(place, None)
        compared += 1
        not_zero += bool(expected)
        if expected != (None if found is None else float(found)):
            wrong.append((*place, expected, found))
    # Of the first hours it would take more hours.
    names = {each.name for each in declared if any(of.offset for of in each.terms.values())}
    told = {place: value for place, value in told.items() if place[0] not in names or place[4] not in buckets["hour"]}
    total = {
        "metrics": len(catalogue.metrics) + len(declared), "slices": count_of_slices, "series": len(series),
        "days": len(buckets["day"]), "hours": len(buckets["hour"]), "compared": compared, "not_zero": not_zero, "wrong": len(wrong) + len(told),
    }  # fmt: skip
    differences = [
        f"{metric} {window}{by and f' by {by}={label}'} as of {as_of} is {found}, not {expected}"
        for metric, by, label, window, as_of, expected, found in wrong[:SHOWN]
    ]
    differences += [f"{place} is of nothing that the catalogue declares" for place in list(told)[:SHOWN]]
    json.dump({"stream": stream.facts(db, catalogue), "total": total, "wrong": differences}, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
