"""Pieces of SQL that are made of what a catalogue says."""

import json
from typing import Any

from catalogue import Catalogue, Dimension, Metric, Window

NONE = "__none__"
OTHER = "__other__"


def text(value: str) -> str:
    """A text of SQL."""
    return "'" + value.replace("'", "''") + "'"


def found(column: str, path: str) -> str:
    """The JSON text of what lies at a path of a column; null if nothing does."""
    place = "$" + "".join(f'."{part}"' for part in path.split("."))
    return f"({column} -> {text(place)})::VARCHAR"


def is_one_of(column: str, path: str, values: list[Any]) -> str:
    """Whether what lies at a path is one of the values, by type and value."""
    literals = ", ".join(text(json.dumps(value)) for value in values)
    return f"coalesce({found(column, path)} IN ({literals}), false)"


def holds(where: dict[str, list[Any]]) -> str:
    """Whether all of the conditions hold of an event."""
    tests = []
    for path, values in where.items():
        if path == "email_domain":
            domains = ", ".join(text(value.lower()) for value in values)
            domain = "lower(regexp_extract(properties ->> '$.email', '@([^@]*)$', 1))"
            tests.append(f"coalesce({domain} IN ({domains}), false)")
        else:
            tests.append(is_one_of("properties", path, values))
    return "(" + " AND ".join(tests or ["true"]) + ")"


def label(value: Any) -> str:
    """How a declared value is called."""
    return value if isinstance(value, str) else json.dumps(value)


def labels(dimension: Dimension) -> list[str]:
    """How all values of a dimension are called."""
    return [NONE, *map(label, dimension.values), OTHER]


def labelled(column: str, dimension: Dimension) -> str:
    """How the value of a dimension is called that lies in a column."""
    place = found(column, dimension.path)
    declared = " ".join(f"WHEN {text(json.dumps(value))} THEN {text(label(value))}" for value in dimension.values)
    return f"CASE coalesce({place}, 'null') WHEN 'null' THEN '{NONE}' {declared} ELSE '{OTHER}' END"


def wanted(metric: Metric, catalogue: Catalogue) -> str:
    """Whether a metric wants an event."""
    tests = [holds(metric.where)]
    if metric.events is not None:
        tests.append("name IN (" + ", ".join(map(text, metric.events)) + ")")
    tests += [f"NOT {holds(rule)}" for name, rule in catalogue.exclude.items() if name not in metric.include]
    return " AND ".join(tests)


def who(metric: Metric, catalogue: Catalogue) -> str:
    """What names an entity that a metric counts; null if a part is missing."""
    return " || chr(31) || ".join(catalogue.keys[metric.entity])


def first_covered(window: Window, catalogue: Catalogue) -> str:
    """The first bucket that a window covers as of `as_of`."""
    if window.length is not None:
        return f"as_of - {window.length - 1}"
    if window.name == "wtd":
        return f"as_of - ((isodow(as_of) - {catalogue.week_starts} + 7) % 7)::INTEGER"
    return f"date_trunc('{dict(mtd='month', qtd='quarter')[window.name]}', as_of)::DATE"
