"""Values of trailing windows: step by step for many samples, and by brute force for a few and for the end."""

from bisect import bisect_left
from collections import defaultdict
from typing import Iterable, Optional

from metrics import METRICS, Metric, Window
from stream import Event


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


class Running:
    """A metric of the events that were added so far."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.windows = {window: Trailing() for window in metric.windows}
        self.of_grain: dict[str, list[Window]] = defaultdict(list)
        for window in metric.windows:
            self.of_grain[window.grain].append(window)
        # Of distinct values: the buckets of each, ascending.
        self.active: dict[tuple[str, str], list[int]] = defaultdict(list)

    def add(self, event: Event) -> None:
        """Adds an event that the metric counts."""
        for grain, windows in self.of_grain.items():
            bucket = getattr(event, grain)
            if bucket is None:
                continue
            if self.metric.kind == "distinct":
                self.activate(grain, getattr(event, self.metric.field), bucket, windows)
            else:
                amount = event.cents if self.metric.kind == "sum" else 1
                for window in windows:
                    self.windows[window].add(bucket, bucket + window.length - 1, amount)

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
        buckets.insert(at, bucket)

    def as_of(self, window: Window, bucket: int) -> int:
        """The value of a window as of a bucket."""
        return self.windows[window].as_of(bucket)


def brute(name: str, window: Window, as_of: int, events: Iterable[Event]) -> int:
    """The value of a metric, from all of its events, each once."""
    metric = METRICS[name]
    first = as_of - window.length + 1
    placed = [(event, getattr(event, window.grain)) for event in events]
    inside = [event for event, at in placed if at is not None and first <= at <= as_of]
    if metric.kind == "distinct":
        return len({getattr(event, metric.field) for event in inside})
    return sum(event.cents for event in inside) if metric.kind == "sum" else len(inside)


def written(name: str, value: int) -> str:
    """A value as the pipeline writes it."""
    if METRICS[name].kind != "sum":
        return str(value)
    sign = "-" if value < 0 else ""
    return f"{sign}{abs(value) // 100}.{abs(value) % 100:02}"
