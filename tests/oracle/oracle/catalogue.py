"""What a catalogue says, read as plain YAML. Anything that is not known here fails loudly."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import yaml

GRAINS = ("minute", "hour", "day")
LATENESS_MS = {"minute": 600_000, "hour": 2 * 3_600_000, "day": 3 * 86_400_000}
HISTORY_DAYS = 400
UNIT_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
GRAIN_OF = {"m": "minute", "h": "hour", "d": "day"}
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# Keys of the catalogue that say nothing about what is counted.
SILENT = ("version", "product", "north_star")


@dataclass(frozen=True)
class Dimension:
    """Something to slice by: a property of events (`owner` is none), or an attribute of an entity."""

    name: str
    path: str
    values: list[Any]
    # Whether further values are told apart as they turn up; there has to be room for all of them.
    is_open: bool
    owner: Optional[str]
    as_of: str


@dataclass(frozen=True)
class Tests:
    """What must hold of an event, by path, and of the entity that it names, by dimension."""

    properties: dict[str, list[Any]] = field(default_factory=dict)
    attributes: list[tuple[Dimension, list[Any]]] = field(default_factory=list)


@dataclass(frozen=True)
class Window:
    """So many buckets of a grain up to the present one; without a length a period to date, or, `now`, what holds."""

    name: str
    grain: str
    length: Optional[int]


# What holds covers no time.
NOW = Window("now", "day", None)


@dataclass(frozen=True)
class Source:
    """Where a source's records have what they say, and how they are judged."""

    name: str
    clock: str
    lateness_ms: dict[str, int]
    fields: dict[str, Any]
    # The entity whose attributes all records tell, or, with `told_by`, these events of it.
    attributes_of: Optional[str]
    told_by: Optional[list[str]]
    attributes_path: str

    def path(self, name: str) -> str:
        """Where a native field is found."""
        given = self.fields.get(name, name)
        given = given["path"] if isinstance(given, dict) else given
        properties = self.fields.get("properties", "properties")
        if name not in self.fields and name.startswith("properties."):
            return f"{properties}.{name.removeprefix('properties.')}".removeprefix("..")
        return given


@dataclass
class Catalogue:
    """A whole catalogue. Metrics are as they are written."""

    zone: str
    week_starts: int
    history_days: int
    sources: list[Source]
    keys: dict[str, list[str]]
    dimensions: dict[str, Dimension]
    exclude: dict[str, Tests]
    metrics: dict[str, dict]


def many(value: Any) -> list[Any]:
    """A list, or the only one of it."""
    return value if isinstance(value, list) else [value]


def only(mapping: dict, *known: str) -> dict:
    """The mapping, if it has no other keys than these."""
    unknown = set(mapping) - set(known)
    assert not unknown, f"the oracle does not know {unknown} in {mapping}"
    return mapping


def tests(mapping: Optional[dict], dimensions: dict[str, Dimension], entities: Any) -> Tests:
    """What must hold: `account.plan` is a dimension of accounts, everything else a property."""
    properties, attributes = {}, []
    for path, values in (mapping or {}).items():
        owner, _, name = path.partition(".")
        of = dimensions.get(name) if owner in entities else None
        if of is None:
            properties[path.removeprefix("properties.")] = many(values)
        elif of.owner is None:
            properties[of.path] = many(values)
        else:
            assert of.owner == owner, f"{path} is no attribute of {owner}"
            attributes.append((of, many(values)))
    return Tests(properties, attributes)


def window(name: str) -> Window:
    """A window by its name."""
    if name.endswith("td"):
        return Window(name, "day", None)
    return Window(name, GRAIN_OF[name[-1]], int(name[:-1]))


def dimension(name: str, told: dict) -> Dimension:
    """A dimension as it is declared."""
    only(told, "of", "from", "values", "limit", "as_of")
    as_of = told.get("as_of", "bucket") if "of" in told else "event"
    owner = told.get("of") if as_of != "event" else None
    path = told.get("from", name).removeprefix("properties.")
    values = many(told.get("values", []))
    return Dimension(name, path, values, told.get("limit", 0) > len(values), owner, as_of)


def lateness(told: Any) -> dict[str, int]:
    """How late an event may be for its bucket of a grain, in milliseconds; for a coarser one at least as much."""
    given = {grain: span_ms(text) for grain, text in only(told, *GRAINS).items()}
    all_of, least = {}, 0
    for grain in GRAINS:
        least = max(least, given.get(grain, LATENESS_MS[grain]))
        all_of[grain] = given.get(grain, least)
    # What is named bounds what is not.
    for finer, coarser in (("hour", "day"), ("minute", "hour")):
        if finer not in given:
            all_of[finer] = min(all_of[finer], all_of[coarser])
    return all_of


def span_ms(text: str) -> int:
    """A length of time in milliseconds."""
    return int(text[:-1]) * UNIT_MS[text[-1]]


def source(name: str, told: dict) -> Source:
    """A source as it is declared."""
    only(told, "topic", "clock", "lateness", "fields", "attributes_of", "from")
    of = told.get("attributes_of")
    by_events = of if isinstance(of, dict) else {}
    only(by_events, "entity", "events", "path")
    return Source(
        name=name,
        clock=told.get("clock", "log"),
        lateness_ms=lateness(told.get("lateness", {})),
        fields=told.get("fields", {}),
        attributes_of=by_events.get("entity", of),
        told_by=many(by_events["events"]) if by_events else None,
        attributes_path=by_events.get("path", "attributes"),
    )


def history(told: Any) -> int:
    """How many days before the present one are kept."""
    told = told.get("day", f"{HISTORY_DAYS}d") if isinstance(told, dict) else told
    return int(told.removesuffix("d"))


def read(path: Path) -> Catalogue:
    """The catalogue of a file."""
    told = yaml.safe_load(path.read_text(encoding="utf-8"))
    known = ("time_zone", "week_starts", "history", "sources", "entities", "dimensions", "exclude", "metrics")
    only(told, *SILENT, *known)
    dimensions = {name: dimension(name, of) for name, of in told.get("dimensions", {}).items()}
    entities = told["entities"]
    return Catalogue(
        zone=told.get("time_zone", "UTC"),
        week_starts=WEEKDAYS.index(told.get("week_starts", "monday")) + 1,
        history_days=history(told.get("history", {})),
        sources=[source(name, of) for name, of in told["sources"].items()],
        keys={name: many(of["key"]) for name, of in entities.items()},
        dimensions=dimensions,
        exclude={name: tests(of, dimensions, entities) for name, of in told.get("exclude", {}).items()},
        metrics=told["metrics"],
    )
