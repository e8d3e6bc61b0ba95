"""The stream as the source topic holds it: raw records, judged partition by partition, in the order of offsets."""

import json
import sys
from copy import copy
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Iterator, NamedTuple, Optional
from zoneinfo import ZoneInfo

from metrics import ATTRIBUTES, FUTURE_MS, GRAINS, HOUR_MS, LATENESS_MS, MINUTE_MS, ZONE

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
QUARTER_MS = 15 * MINUTE_MS
_ZONE = ZoneInfo(ZONE)


class Event:
    """An event that counts, and its bucket of every grain for which it is in time; `None` where it is late."""

    __slots__ = ("event_id", "name", "user_id", "account_id", "seat", "plan", "cents", "minute", "hour", "day")

    def __init__(self, fields: dict, time: int, behind: int) -> None:
        properties = fields.get("properties") or {}
        self.event_id = fields.get("event_id")
        self.name = sys.intern(fields["event"])
        self.user_id = fields.get("user_id") and sys.intern(fields["user_id"])
        self.account_id = fields.get("account_id") and sys.intern(fields["account_id"])
        named = self.account_id is not None and self.user_id is not None
        self.seat = sys.intern(f"{self.account_id}/{self.user_id}") if named else None
        self.plan = properties.get("plan")
        self.cents = cents_of(properties.get("amount"))
        for grain in GRAINS:
            in_time = behind <= LATENESS_MS[grain]
            setattr(self, grain, bucket(grain, time) if in_time else None)


    def only(self, grains: set[str]) -> "Event":
        """The event as one that counts in these grains alone."""
        other = copy(self)
        for grain in GRAINS:
            if grain not in grains:
                setattr(other, grain, None)
        return other


class Partition:
    """The records of a partition by offset: the event, or `None`, and where the partition's clock stands after it."""

    def __init__(self) -> None:
        self.events: list[Optional[Event]] = []
        self.clocks: list[Optional[int]] = []
        # The offset of every record that is rejected, and why.
        self.rejected: dict[int, str] = {}
        self.late = {grain: 0 for grain in GRAINS}

    def clock_at(self, position: int) -> Optional[int]:
        """Where the clock stands before the record at a position."""
        return self.clocks[position - 1] if position else None

    def take(self, payload: str, now: int) -> None:
        """Takes the next record, judged at a wall time."""
        clock = self.clocks[-1] if self.clocks else None
        event = None
        fields, time, why = read(payload, now)
        if why is None:
            clock = time if clock is None else max(clock, time)
            event = Event(fields, time, clock - time)
            if event.day is None:
                event, why = None, "late"
        if event is not None:
            for grain in GRAINS:
                self.late[grain] += getattr(event, grain) is None
        if why is not None:
            self.rejected[len(self.events)] = why
        self.events.append(event)
        self.clocks.append(clock)


class Change(NamedTuple):
    """From a time on, some attributes of an account are in these slices."""

    offset: int
    account: str
    time: int
    slices: dict[str, str]


class Changes:
    """The records about accounts of a partition by offset, and where the partition's clock stands after each."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.clocks: list[Optional[int]] = []

    def clock_at(self, position: int) -> Optional[int]:
        """Where the clock stands before the record at a position."""
        return self.clocks[position - 1] if position else None

    def take(self, stamp: int, key: str, payload: str) -> None:
        """Takes the next record. One without a payload takes all away as of its stamp, and moves no clock."""
        clock = self.clocks[-1] if self.clocks else None
        if payload:
            fields = json.loads(payload)
            time, told, account = millis(fields["timestamp"]), fields["attributes"], fields["account_id"]
            clock = time if clock is None else max(clock, time)
        else:
            time, told, account = stamp, dict.fromkeys(ATTRIBUTES), key
        slices = {name: of.slice_of(told[name]) for name, of in ATTRIBUTES.items() if name in told}
        self.changes.append(Change(len(self.changes), account, time, slices))
        self.clocks.append(clock)


def millis(text: str) -> int:
    """A time as it is written, in milliseconds."""
    return (datetime.fromisoformat(text.replace("Z", "+00:00")) - EPOCH) // timedelta(milliseconds=1)


def read(payload: str, now: int) -> tuple[dict, int, Optional[str]]:
    """Fields and time of a record, or why it cannot be counted."""
    try:
        fields = json.loads(payload, parse_float=Decimal)
    except ValueError:
        return {}, 0, "broken_json"
    if "timestamp" not in fields:
        return {}, 0, "missing_field"
    time = millis(fields["timestamp"])
    if fields["event"] == "purchase" and "event_id" not in fields:
        return {}, 0, "missing_field"
    if fields["event"] == "purchase" and not is_amount((fields.get("properties") or {}).get("amount")):
        return {}, 0, "bad_value"
    if "user_id" not in fields and "account_id" not in fields:
        return {}, 0, "no_entity"
    if time > now + FUTURE_MS:
        return {}, 0, "far_future"
    return fields, time, None


def is_amount(amount: object) -> bool:
    """Whether it is a number, or one as text."""
    try:
        return amount is not None and Decimal(amount).is_finite()
    except InvalidOperation:
        return False


def cents_of(amount: object) -> Optional[int]:
    """An amount of at most two decimals, as number or text, in cents."""
    return int(Decimal(amount) * 100) if is_amount(amount) else None


def bucket(grain: str, time: int) -> int:
    """The bucket of a grain in which a time lies: minutes and hours since 1970, days of the zone's calendar."""
    if grain == "day":
        return day_of(time // QUARTER_MS)
    return time // (MINUTE_MS if grain == "minute" else HOUR_MS)


@lru_cache(maxsize=None)
def day_of(quarter: int) -> int:
    """The day of a quarter of an hour: no zone of our times changes its clocks within one."""
    moment = EPOCH + timedelta(milliseconds=quarter * QUARTER_MS)
    return moment.astimezone(_ZONE).date().toordinal()


def load(path: str, partitions: int, now: int) -> list[Partition]:
    """All partitions, from lines of partition, offset and payload, separated by tabs."""
    loaded = [Partition() for _ in range(partitions)]
    for partition, offset, payload in lines(path):
        of = loaded[int(partition)]
        assert len(of.events) == int(offset), f"the source topic has a gap before {partition}/{offset}"
        of.take(payload, now)
    return loaded


def load_changes(path: str, partitions: int) -> list[Changes]:
    """All partitions, from lines of partition, offset, stamp, key and payload, separated by tabs."""
    loaded = [Changes() for _ in range(partitions)]
    for partition, offset, stamp, key, payload in lines(path, 5):
        of = loaded[int(partition)]
        assert len(of.changes) == int(offset), f"the accounts' topic has a gap before {partition}/{offset}"
        of.take(int(stamp), key, payload)
    return loaded


def lines(path: str, fields: int = 3) -> Iterator[list[str]]:
    """The lines of a file, cut at tabs."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            yield line.rstrip("\n").split("\t", fields - 1)
