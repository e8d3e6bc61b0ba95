"""What is counted: catalogue.yaml in the oracle's own words."""

from typing import NamedTuple, Optional

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

ZONE = "Africa/Casablanca"
GRAINS = ("minute", "hour", "day")
# How far behind its partition's clock an event may lie and still count in a bucket of the grain.
LATENESS_MS = {"minute": 10 * MINUTE_MS, "hour": 2 * HOUR_MS, "day": 3 * DAY_MS}
# An event that lies this far ahead of the clock on the wall is rejected.
FUTURE_MS = 10 * MINUTE_MS


class Window(NamedTuple):
    """A trailing window: so many buckets of a grain, the last one included."""

    label: str
    grain: str
    length: int


class Attribute(NamedTuple):
    """What an account has: the values that have slices of their own, and whether the latest counts at all times."""

    values: tuple[str, ...]
    current: bool

    def slices(self) -> tuple[str, ...]:
        """All slices: no value, the declared ones, and any other. Of two values of one moment the later one here holds."""
        return ("__none__", *self.values, "__other__")

    def slice_of(self, value: Optional[str]) -> str:
        """The slice of a value."""
        if value is None:
            return "__none__"
        return value if value in self.values else "__other__"


ATTRIBUTES = {"tier": Attribute(("trial", "team"), False), "owner": Attribute(("ada", "bob"), True)}


class Metric(NamedTuple):
    """What a metric counts: distinct values of a field, events, or their amounts in cents. The field shards it: an account where
    its attributes say what counts, or in which slice."""

    kind: str
    field: str
    events: Optional[frozenset[str]]
    plans: Optional[frozenset[str]]
    windows: tuple[Window, ...]
    # What its slices are told by, attributes of the event's account.
    by: tuple[str, ...] = ()
    # Of all only this counts: an attribute, and the slices of it.
    where: Optional[tuple[str, frozenset[str]]] = None

    def told_by(self) -> tuple[str, ...]:
        """The attributes that matter."""
        return (*self.by, self.where[0]) if self.where else self.by

    def wanted(self, of: Optional[tuple[str, str]]) -> Optional[tuple[str, frozenset[str]]]:
        """What is asked for of an account where a slice is asked for, or all that counts; `None` if nothing."""
        return (of[0], frozenset({of[1]})) if of else self.where

    def counts(self, event: "object") -> bool:
        """Whether an event is one that the metric wants."""
        wanted = self.events is None or event.name in self.events
        return wanted and (self.plans is None or event.plan in self.plans)


def windows(*labels: str) -> tuple[Window, ...]:
    """The windows of these labels."""
    grains = {"m": "minute", "h": "hour", "d": "day"}
    return tuple(Window(label, grains[label[-1]], int(label[:-1])) for label in labels)


ALL = windows("60m", "24h", "1d", "7d", "28d")

METRICS = {
    "users": Metric("distinct", "user_id", None, None, ALL),
    "accounts": Metric(
        "distinct",
        "account_id",
        frozenset({"report_exported", "purchase"}),
        frozenset({"team", "pro"}),
        ALL,
        ("tier", "owner"),
    ),
    "seats": Metric("distinct", "seat", None, None, windows("60m", "7d"), ("tier",)),
    "team_seats": Metric(
        "distinct", "seat", None, None, windows("60m", "7d"), where=("tier", frozenset({"team", "__other__"}))
    ),
    "ada_purchases": Metric(
        "count",
        "account_id",
        frozenset({"purchase"}),
        None,
        windows("24h", "7d"),
        where=("owner", frozenset({"ada"})),
    ),
    "account_revenue": Metric(
        "sum", "account_id", frozenset({"purchase"}), None, windows("60m", "28d"), ("tier", "owner")
    ),
    "purchases": Metric("count", "event_id", frozenset({"purchase"}), None, ALL),
    "revenue": Metric("sum", "event_id", frozenset({"purchase"}), None, windows("60m", "1d", "28d")),
}
