"""What a catalogue says, read as plain YAML: only what the example catalogues use. Anything else fails loudly."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import yaml

GRAINS = ("hour", "day")
FORMULAS = ("ratio", "derived")
LATENESS_MS = {"hour": 2 * 3_600_000, "day": 3 * 86_400_000}
UNIT_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True)
class Dimension:
    """Something to slice by: a property of events (`owner` is none), or an attribute of an account."""

    name: str
    path: str
    values: list[Any]
    # Whether further values are told apart as they turn up; there has to be room for all of them.
    is_open: bool
    owner: Optional[str]
    as_of: str


@dataclass(frozen=True)
class Tests:
    """What must hold of an event, by path, and of the account that it names, by dimension."""

    properties: dict[str, list[Any]]
    attributes: list[tuple[Dimension, list[Any]]]


@dataclass(frozen=True)
class Window:
    """So many buckets of a grain up to the present one; or, without a length, a period to date."""

    name: str
    grain: str
    length: Optional[int]


@dataclass(frozen=True)
class Metric:
    """What is counted, of which events, over which windows, and by what it is sliced."""

    name: str
    agg: str
    entity: Optional[str]
    value: Optional[str]
    decimals: int
    events: Optional[list[str]]
    where: Tests
    include: list[str]
    windows: list[Window]
    by: list[Dimension]


@dataclass
class Catalogue:
    """A whole catalogue."""

    zone: str
    week_starts: int
    usage: str
    accounts: list[str]
    clock: str
    lateness_ms: dict[str, int]
    keys: dict[str, list[str]]
    exclude: dict[str, Tests]
    metrics: list[Metric] = field(default_factory=list)
    # What follows from metrics, by name, as it is written.
    formulas: dict[str, dict] = field(default_factory=dict)


def many(value: Any) -> list[Any]:
    """A list, or the only one of it."""
    return value if isinstance(value, list) else [value]


def only(mapping: dict, *known: str) -> dict:
    """The mapping, if it has no other keys than these."""
    unknown = set(mapping) - set(known)
    assert not unknown, f"the oracle does not know {unknown} in {mapping}"
    return mapping


def tests(mapping: Optional[dict], dimensions: dict[str, Dimension]) -> Tests:
    """What must hold: `account.plan` is a dimension of accounts, everything else a property."""
    properties, attributes = {}, []
    for path, values in (mapping or {}).items():
        owner, _, name = path.partition(".")
        of = dimensions.get(name) if owner == "account" else None
        if of is None:
            properties[path.removeprefix("properties.")] = many(values)
        elif of.owner is None:
            properties[of.path] = many(values)
        else:
            attributes.append((of, many(values)))
    return Tests(properties, attributes)


def window(name: str) -> Window:
    """A window by its name."""
    if name.endswith("td"):
        return Window(name, "day", None)
    return Window(name, {"h": "hour", "d": "day"}[name[-1]], int(name[:-1]))


def dimension(name: str, told: dict) -> Dimension:
    """A dimension as it is declared."""
    only(told, "of", "from", "values", "limit", "as_of")
    as_of = told.get("as_of", "bucket") if "of" in told else "event"
    owner = told.get("of") if as_of != "event" else None
    path = told.get("from", name).removeprefix("properties.")
    return Dimension(name, path, many(told.get("values", [])), "limit" in told, owner, as_of)


def metric(name: str, told: dict, dimensions: dict[str, Dimension]) -> Metric:
    """A metric as it is declared."""
    only(told, "type", "description", "measure", "windows", "by", "include")
    assert told["type"] == "simple"
    measure = only(told["measure"], "agg", "entity", "events", "where", "value", "decimals")
    return Metric(
        name=name,
        agg=measure["agg"],
        entity=measure.get("entity"),
        value=measure["value"].removeprefix("properties.") if "value" in measure else None,
        decimals=measure.get("decimals", 0),
        events=None if measure["events"] == "any" else many(measure["events"]),
        where=tests(measure.get("where"), dimensions),
        include=many(told.get("include", [])),
        windows=[window(each) for each in many(told["windows"])],
        by=[dimensions[each] for each in many(told.get("by", []))],
    )


def lateness(told: dict) -> dict[str, int]:
    """How late an event may be for its bucket of a grain, in milliseconds."""
    only(told, *GRAINS)
    assert len(told) in (0, len(GRAINS)), "name the lateness by hour and by day, or neither"
    given = {grain: int(text[:-1]) * UNIT_MS[text[-1]] for grain, text in told.items()}
    return {**LATENESS_MS, **given}


def read(path: Path) -> Catalogue:
    """The catalogue of a file: one source of usage events, and sources of what accounts are."""
    told = yaml.safe_load(path.read_text(encoding="utf-8"))
    only(told, "version", "product", "time_zone", "week_starts", "history", "sources", "entities", "dimensions",
         "exclude", "metrics")  # fmt: skip
    accounts = [name for name, source in told["sources"].items() if source.get("attributes_of") == "account"]
    (usage,) = set(told["sources"]) - set(accounts)
    source = only(told["sources"][usage], "topic", "clock", "lateness")
    dimensions = {name: dimension(name, of) for name, of in told["dimensions"].items()}
    assert all(of.owner in (None, "account") for of in dimensions.values()), "attributes are those of accounts"
    return Catalogue(
        zone=told.get("time_zone", "UTC"),
        week_starts=WEEKDAYS.index(told.get("week_starts", "monday")) + 1,
        usage=usage,
        accounts=accounts,
        clock=source.get("clock", "log"),
        lateness_ms=lateness(source.get("lateness", {})),
        keys={name: many(of["key"]) for name, of in told["entities"].items()},
        exclude={name: tests(of, dimensions) for name, of in told.get("exclude", {}).items()},
        metrics=[metric(name, of, dimensions) for name, of in told["metrics"].items() if of["type"] not in FORMULAS],
        formulas={name: of for name, of in told["metrics"].items() if of["type"] in FORMULAS},
    )
