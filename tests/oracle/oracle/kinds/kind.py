"""What a kind of metric is to the counting: which events it wants, what its units are, and how many each counts for."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Callable, Optional

from catalogue import Catalogue, Dimension, Tests, Window, many, tests, window
from ground import Ground

# Of the table `seen` (`unit`, `bucket`, `ms`, `id`, `name`, `value`), which has the events that are in time: for every
# as-of bucket and unit the parts to which it counts, and for how much, as columns `as_of`, `unit`, `part` and `n`.
Rows = Callable[[Ground, Window], str]


@dataclass(frozen=True)
class Near:
    """How nearly a value is told."""

    # By how much it may be off, as a share of it.
    error: Decimal
    # What is larger need not be told.
    up_to: Decimal


@dataclass(frozen=True)
class Kind:
    """A metric, or a family of metrics that are counted together."""

    name: str
    # The page of the kind, by the name of its file.
    page: str
    # A unit is an entity; where events are counted, whoever they are sliced by.
    entity: Optional[str]
    # Which events are wanted: any if there are none; and nothing at all if attributes alone count.
    events: Optional[list[str]]
    where: Tests
    windows: list[Window]
    by: list[Dimension]
    include: list[str]
    rows: Rows
    # By window: the parts, by what is appended to the name, each with its decimals.
    parts: Callable[[Window], dict[str, int]]
    # The value of an event, as SQL.
    value: str = "NULL"
    # What a part comes to, all units together, as SQL; `part` is one of the groups.
    total: str = "sum(n)"
    # Parts that are told nearly, and have no value where there is nothing.
    near: dict[str, "Near"] = field(default_factory=dict)
    # Other metrics that are counted before, for each unit of this one, as tables of these names: `as_of`, `unit`, `n`.
    of: dict[str, "Kind"] = field(default_factory=dict)
    # What follows from the parts, as the catalogue would write it, by what is appended to the name.
    formulas: dict[str, dict] = field(default_factory=dict)


def shared(name: str, told: dict, measure: dict, catalogue: Catalogue) -> dict[str, Any]:
    """What most kinds say in the same words."""
    events = measure.get("events")
    return {
        "name": name,
        "entity": measure.get("entity"),
        "events": None if events in (None, "any") else many(events),
        "where": tests(measure.get("where"), catalogue.dimensions, catalogue.keys),
        "windows": [window(each) for each in many(told.get("windows", []))],
        "by": [catalogue.dimensions[each] for each in many(told.get("by", []))],
        "include": many(told.get("include", [])),
    }


def counts(*parts: str) -> Callable[[Window], dict[str, int]]:
    """Parts that are counts."""
    return lambda _: dict.fromkeys(parts, 0)
