"""Pieces of SQL that are made of what a catalogue says."""

import json
from typing import Any

from catalogue import Catalogue, Dimension, Metric, Tests, Window

NONE = "__none__"
OTHER = "__other__"
# What the slices of what is excluded are told apart by.
RULE = "rule"


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
    """How all values of a dimension are called that are declared."""
    return [NONE, *map(label, dimension.values), OTHER]


def labelled(column: str, dimension: Dimension) -> str:
    """How the value of a dimension is called that lies in a column."""
    place = found(column, dimension.path)
    declared = " ".join(f"WHEN {text(json.dumps(value))} THEN {text(label(value))}" for value in dimension.values)
    rest = f"{column} ->> {text('$.' + dimension.path)}" if dimension.is_open else f"'{OTHER}'"
    return f"CASE coalesce({place}, 'null') WHEN 'null' THEN '{NONE}' {declared} ELSE {rest} END"


def wanted(metric: Metric, catalogue: Catalogue) -> str:
    """Whether a metric wants an event."""
    tests = [holds(metric.where.properties)]
    if metric.events is not None:
        tests.append("name IN (" + ", ".join(map(text, metric.events)) + ")")
    tests += [f"NOT {holds(rule.properties)}" for _, rule in rules(metric, catalogue) if rule.properties]
    return " AND ".join(tests)


def rules(metric: Metric, catalogue: Catalogue) -> list[tuple[str, Tests]]:
    """What is excluded from a metric, by name."""
    return [(name, rule) for name, rule in catalogue.exclude.items() if name not in metric.include]


def excluding(metric: Metric, catalogue: Catalogue) -> list[str]:
    """The rules by attributes, all of them if one holds for the metric."""
    if not any(rule.attributes for _, rule in rules(metric, catalogue)):
        return []
    return [name for name, rule in catalogue.exclude.items() if rule.attributes]


def filters(metric: Metric, catalogue: Catalogue) -> list[Dimension]:
    """The attributes that say what counts for a metric."""
    asked = [metric.where, *(rule for _, rule in rules(metric, catalogue))]
    return list({of.name: of for each in asked for of, _ in each.attributes}.values())


def verdict(metric: Metric, catalogue: Catalogue) -> str:
    """What becomes of something that may count, by what its account was: empty if it counts, the rule that excludes it,
    or null if the metric does not want it. The attributes are in tables `<dimension>_of`, in the column `label`."""

    def hold(tests: Tests) -> str:
        one_of = [(of.name, ", ".join(text(label(value)) for value in values)) for of, values in tests.attributes]
        return " AND ".join(f"coalesce({name}_of.label, '{NONE}') IN ({values})" for name, values in one_of) or "true"

    excluded = [(name, rule) for name, rule in rules(metric, catalogue) if rule.attributes]
    cases = "".join(f" WHEN {hold(rule)} THEN {text(name)}" for name, rule in excluded)
    return f"CASE WHEN NOT ({hold(metric.where)}) THEN NULL{cases} ELSE '' END"


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
