"""Values of trailing windows: step by step for many samples, and by brute force for a few and for the end."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from typing import Iterable, Iterator, Optional

from metrics import ATTRIBUTES, GRAINS, METRICS, Attribute, Metric, Window
from stream import Change, Event, bucket


class Trailing:
    """The value of one window as of any bucket, kept as the steps between buckets."""

    def __init__(self) -> None:
        self.steps: dict[int, int] = defaultdict(int)
        # The value as of a bucket: the next question is most often about it or its neighbour.
        self.at: Optional[int] = None
        self.value = 0

    def add(self, first: int, last: int, amount: int) -> None:
        """Adds an amount to the value as of every bucket from the first to the last."""
        if first > last:
            return
        self.steps[first] += amount
        self.steps[last + 1] -= amount
        if self.at is not None:
            self.value += amount * (first <= self.at) - amount * (last < self.at)

    def as_of(self, bucket: int) -> int:
        """The value as of a bucket."""
        if self.at is None:
            self.at = bucket
            self.value = sum(step for at, step in self.steps.items() if at <= bucket)
        while self.at < bucket:
            self.at += 1
            self.value += self.steps.get(self.at, 0)
        while self.at > bucket:
            self.value -= self.steps.get(self.at, 0)
            self.at -= 1
        return self.value


class Timelines:
    """What an attribute of every account was: at each moment of a change, the slice from then on."""

    def __init__(self, attribute: Attribute) -> None:
        self.attribute = attribute
        self.rank = {name: rank for rank, name in enumerate(attribute.slices())}
        self.changes: dict[str, dict[int, str]] = defaultdict(dict)
        # By account and grain, as long as nothing changes: from which bucket on, at its end, the account is in which slice.
        self.steps: dict[tuple[str, str], list[tuple[int, str]]] = {}

    def take(self, account: str, time: int, name: str) -> None:
        """Takes a change. Of two at one moment the slice of the higher rank holds."""
        of = self.changes[account]
        of[time] = max(of.get(time, name), name, key=self.rank.__getitem__)
        for grain in GRAINS:
            self.steps.pop((account, grain), None)

    def at(self, account: str, grain: str, as_of: int) -> str:
        """The slice at the end of a bucket, from scratch."""
        of = self.changes.get(account, {})
        past = [time for time in of if self.attribute.current or bucket(grain, time) <= as_of]
        return of[max(past)] if past else "__none__"

    def pieces(self, account: str, grain: str, first: int, last: int) -> Iterator[tuple[str, int, int]]:
        """The slices at the ends of the buckets from the first to the last: each with the first and last of its buckets."""
        if self.attribute.current:
            yield self.at(account, grain, first), first, last
            return
        steps = self.steps.get((account, grain)) or self.steps.setdefault((account, grain), self.stepped(account, grain))
        next_step = bisect_right(steps, first, key=lambda step: step[0])
        name = steps[next_step - 1][1] if next_step else "__none__"
        for at, after in steps[next_step:]:
            if at > last:
                break
            yield name, first, at - 1
            first, name = at, after
        yield name, first, last

    def stepped(self, account: str, grain: str) -> list[tuple[int, str]]:
        """The steps of an account at a grain: where clocks are set back, a later time may lie in an earlier bucket."""
        of, latest, time = self.changes.get(account, {}), {}, None
        for at in of:
            latest[bucket(grain, at)] = max(at, latest.get(bucket(grain, at), at))
        steps = []
        for place in sorted(latest):
            time = latest[place] if time is None else max(time, latest[place])
            steps.append((place, of[time]))
        return steps


def timelines(changes: Iterable[Change]) -> dict[str, Timelines]:
    """What every attribute was, by these changes."""
    told = {name: Timelines(attribute) for name, attribute in ATTRIBUTES.items()}
    for change in changes:
        for name, value in change.slices.items():
            told[name].take(change.account, change.time, value)
    return told


class Sliced:
    """A metric by an attribute, as of the changes that were taken so far: steps of every window and slice."""

    def __init__(self, metric: Metric, attribute: Attribute) -> None:
        self.metric = metric
        self.timelines = Timelines(attribute)
        self.windows = {(window, name): Trailing() for window in metric.windows for name in attribute.slices()}

    def add(self, window: Window, account: str, first: int, last: int, amount: int) -> None:
        """Something of an account counts as of the buckets from the first to the last; or no more, by a negative amount."""
        if first <= last:
            for name, start, end in self.timelines.pieces(account, window.grain, first, last):
                self.windows[window, name].add(start, end, amount)


def runs(buckets: list[int], length: int) -> Iterator[tuple[int, int]]:
    """The first and last as-of bucket of every run in which a window of this length touches one of the buckets."""
    first, last = None, 0
    for at in buckets:
        if first is not None and at > last + 1:
            yield first, last
            first = None
        first, last = at if first is None else first, at + length - 1
    if first is not None:
        yield first, last


class Running:
    """A metric of the events that were added so far, and its slices."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.windows = {window: Trailing() for window in metric.windows}
        self.of_grain: dict[str, list[Window]] = defaultdict(list)
        for window in metric.windows:
            self.of_grain[window.grain].append(window)
        # Of distinct values: the buckets of each, ascending.
        self.active: dict[tuple[str, str], list[int]] = defaultdict(list)
        self.sliced = {name: Sliced(metric, ATTRIBUTES[name]) for name in metric.told_by()}
        self.account_of: dict[str, str] = {}
        self.of_account: dict[str, set[str]] = defaultdict(set)
        # Of what is added up: the amounts of each account, by bucket.
        self.amounts: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)

    def add(self, event: Event) -> None:
        """Adds an event that the metric counts."""
        for grain, windows in self.of_grain.items():
            at = getattr(event, grain)
            if at is None:
                continue
            if self.metric.kind == "distinct":
                value = getattr(event, self.metric.field)
                if self.sliced:
                    self.account_of[value] = event.account_id
                    self.of_account[event.account_id].add(value)
                self.activate(grain, value, at, windows)
            else:
                amount = event.cents if self.metric.kind == "sum" else 1
                if self.sliced:
                    self.amounts[grain, event.account_id].append((at, amount))
                for window in windows:
                    self.windows[window].add(at, at + window.length - 1, amount)
                    for sliced in self.sliced.values():
                        sliced.add(window, event.account_id, at, at + window.length - 1, amount)

    def activate(self, grain: str, value: str, bucket: int, windows: list[Window]) -> None:
        """A value counts once where the windows of its buckets overlap."""
        buckets = self.active[grain, value]
        at = bisect_left(buckets, bucket)
        if at < len(buckets) and buckets[at] == bucket:
            return
        for window in windows:
            first, last = bucket, bucket + window.length - 1
            if at > 0:
                first = max(first, buckets[at - 1] + window.length)
            if at < len(buckets):
                last = min(last, buckets[at] - 1)
            self.windows[window].add(first, last, 1)
            for sliced in self.sliced.values():
                sliced.add(window, self.account_of[value], first, last, 1)
        buckets.insert(at, bucket)

    def change(self, change: Change) -> None:
        """All that an account has goes from slice to slice as it changes."""
        for name, sliced in self.sliced.items():
            if name in change.slices:
                self.count_account(sliced, change.account, -1)
                sliced.timelines.take(change.account, change.time, change.slices[name])
                self.count_account(sliced, change.account, 1)

    def count_account(self, sliced: Sliced, account: str, sign: int) -> None:
        """Counts all that an account has, or takes it away."""
        for window in self.metric.windows:
            for value in self.of_account.get(account, ()):
                for first, last in runs(self.active.get((window.grain, value), []), window.length):
                    sliced.add(window, account, first, last, sign)
            for at, amount in self.amounts.get((window.grain, account), ()):
                sliced.add(window, account, at, at + window.length - 1, sign * amount)

    def as_of(self, window: Window, bucket: int, of: Optional[tuple[str, str]] = None) -> int:
        """The value of a window as of a bucket: of all that counts, or of a slice by an attribute."""
        wanted = self.metric.wanted(of)
        if wanted is None:
            return self.windows[window].as_of(bucket)
        name, values = wanted
        return sum(self.sliced[name].windows[window, value].as_of(bucket) for value in values)


def brute(
    name: str,
    window: Window,
    as_of: int,
    events: Iterable[Event],
    changes: dict[str, Timelines],
    of: Optional[tuple[str, str]] = None,
) -> int:
    """The value of a metric, or of a slice of it, from all of its events, each once."""
    metric = METRICS[name]
    first = as_of - window.length + 1
    placed = [(event, getattr(event, window.grain)) for event in events]
    inside = [event for event, at in placed if at is not None and first <= at <= as_of]
    wanted = metric.wanted(of)
    if wanted is not None:
        attribute, values = wanted
        accounts = {event.account_id for event in inside}
        slices = {account: changes[attribute].at(account, window.grain, as_of) for account in accounts}
        inside = [event for event in inside if slices[event.account_id] in values]
    if metric.kind == "distinct":
        return len({getattr(event, metric.field) for event in inside})
    return sum(event.cents for event in inside) if metric.kind == "sum" else len(inside)


def written(name: str, value: int) -> str:
    """A value as the pipeline writes it."""
    if METRICS[name].kind != "sum":
        return str(value)
    sign = "-" if value < 0 else ""
    return f"{sign}{abs(value) // 100}.{abs(value) % 100:02}"
