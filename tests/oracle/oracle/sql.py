"""Pieces of SQL that are made of what a catalogue says."""

import json
from typing import Any

from catalogue import Catalogue, Dimension, Tests, Window

NONE = "__none__"
OTHER = "__other__"
# What the slices of what is excluded are told apart by.
RULE = "rule"


def text(value: str) -> str:
    """A text of SQL."""
    return "'" + value.replace("'", "''") + "'"


def place(path: str) -> str:
    """A path as DuckDB writes it."""
    return text("$" + "".join(f'."{part}"' for part in path.split(".") if part))


def found(column: str, path: str) -> str:
    """The JSON text of what lies at a path of a column; null if nothing does."""
    return f"({column} -> {place(path)})::VARCHAR"


def is_one_of(column: str, path: str, values: list[Any]) -> str:
    """Whether what lies at a path is one of the values, by type and value."""
    literals = ", ".join(text(json.dumps(value, ensure_ascii=False)) for value in values)
    return f"coalesce({found(column, path)} IN ({literals}), false)"


def holds(where: dict[str, list[Any]]) -> str:
    """Whether all of the conditions hold of an event."""
    tests = []
    for path, values in where.items():
        if isinstance(values[0], dict):
            ((how, field),) = values[0].items()
            sign = {"same_as": "=", "differs_from": "<>"}[how]
            tests.append(f"coalesce(nullif((properties ->> {place(path)}), '') {sign} \"{field}\", false)")
        elif path == "email_domain":
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
    declared = " ".join(
        f"WHEN {text(json.dumps(value, ensure_ascii=False))} THEN {text(label(value))}" for value in dimension.values
    )
    rest = f"{column} ->> {place(dimension.path)}" if dimension.is_open else f"'{OTHER}'"
    value = f"coalesce({found(column, dimension.path)}, 'null')"
    return f"CASE {value} WHEN 'null' THEN '{NONE}' {declared} ELSE {rest} END"


def key(entity: str, catalogue: Catalogue) -> str:
    """What names an entity; null if a part is missing. The parts are columns of events and of what is told."""
    return " || chr(31) || ".join(f'"{part}"' for part in catalogue.keys[entity])


def verdict(where: Tests, rules: list[tuple[str, Tests]]) -> str:
    """What becomes of something that may count, by what its owner was: empty if it counts, the rule that excludes it,
    or null if it is not wanted. The attributes are in tables `<dimension>_of`, in the column `label`."""

    def hold(tests: Tests) -> str:
        one_of = [(of.name, ", ".join(text(label(value)) for value in values)) for of, values in tests.attributes]
        return " AND ".join(f"coalesce({name}_of.label, '{NONE}') IN ({values})" for name, values in one_of) or "true"

    cases = "".join(f" WHEN {hold(rule)} THEN {text(name)}" for name, rule in rules if rule.attributes)
    return f"CASE WHEN NOT ({hold(where)}) THEN NULL{cases} ELSE '' END"


def units(value: str, decimals: int) -> str:
    """A value as text in units of the last of so many decimals, rounded from the middle to the even digit."""
    exact = f"(({value})::DECIMAL(28, 10) * {10**decimals})"
    rest = f"({exact} - floor({exact}))"
    up = f"CASE WHEN {rest} > 0.5 OR {rest} = 0.5 AND floor({exact}) % 2 <> 0 THEN 1 ELSE 0 END"
    return f"(floor({exact}) + {up})::HUGEINT"


def first_covered(window: Window, catalogue: Catalogue) -> str:
    """The first bucket that a window covers as of `as_of`."""
    if window.length is not None:
        return f"as_of - {window.length - 1}"
    return period_start(window.name, "as_of", catalogue)


def period_start(name: str, day: str, catalogue: Catalogue) -> str:
    """The first day of the week, month or quarter (to date) with a day."""
    if name == "wtd":
        return f"({day} - ((isodow({day}) - {catalogue.week_starts} + 7) % 7)::INTEGER)"
    return f"date_trunc('{dict(mtd='month', qtd='quarter')[name]}', {day})::DATE"
