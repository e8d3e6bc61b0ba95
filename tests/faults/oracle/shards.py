"""Whose events are whose: what the log of each shard covers of the source, and which events it counts."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from typing import Iterator, NamedTuple, Optional

from metrics import GRAINS, METRICS
from stream import Change, Changes, Event, Partition, lines

FIELDS = ("event_id", "user_id", "account_id")
# Who lies in the shard of another field.
SHARD_BY = {"seat": "account_id"}


class Counted(NamedTuple):
    """An event that a metric counts, and where it lies in its source partition."""

    offset: int
    metric: str
    event: Event


class Copy(NamedTuple):
    """One of the copies of an event."""

    partition: int
    offset: int
    event: Event


class Log:
    """The packs of a shard: their offsets, and the next position of every source partition after each."""

    def __init__(self) -> None:
        self.offsets: list[int] = []
        self.positions: list[list[int]] = []

    def before(self, stand: int, partitions: int) -> list[int]:
        """The next position of every source partition before an offset."""
        packs = bisect_left(self.offsets, stand)
        return self.positions[packs - 1] if packs else [0] * partitions

    def pack_of(self, copy: Copy) -> int:
        """The number of the pack that covers a record."""
        return bisect_right(self.positions, copy.offset, key=lambda positions: positions[copy.partition])


class Shards:
    """The events, and the changes of accounts, of each shard by source partition, in the order of offsets. The partitions of the
    accounts' topic follow those of the events'."""

    def __init__(self, folder: str, partitions: list[Partition], changes: list[Changes], shards: int) -> None:
        self.partitions = partitions
        self.clocks: list[Partition | Changes] = [*partitions, *changes]
        self.logs = [Log() for _ in range(shards)]
        for shard, offset, positions in lines(f"{folder}/packs.tsv"):
            self.logs[int(shard)].offsets.append(int(offset))
            self.logs[int(shard)].positions.append([int(position) for position in positions.split(" ")])
        self.shard_of: dict[str, dict[str, int]] = {field: {} for field in FIELDS}
        for field, key, shard in lines(f"{folder}/shards.tsv"):
            self.shard_of[field][key] = int(shard)
        self.events: list[list[list[Counted]]] = [[[] for _ in partitions] for _ in range(shards)]
        self.place_all()
        self.changes: list[list[list[Change]]] = [[[] for _ in changes] for _ in range(shards)]
        for partition, of in enumerate(changes):
            for change in of.changes:
                self.changes[self.shard_of["account_id"][change.account]][partition].append(change)

    def place_all(self) -> None:
        """Gives every event to the shards in which metrics count it; of copies, by each grain, the one that its shard meets
        first of those in time."""
        # By the field that shards the metrics, its key, and the id of the event.
        copies: dict[tuple[str, str, str], list[Copy]] = defaultdict(list)
        for partition, of in enumerate(self.partitions):
            for offset, event in enumerate(of.events):
                for name, metric in METRICS.items():
                    if event is None or not metric.counts(event):
                        continue
                    if metric.kind == "distinct":
                        self.place(name, Copy(partition, offset, event))
                        continue
                    of_event = copies[metric.field, getattr(event, metric.field), event.event_id]
                    if not of_event or of_event[-1].event is not event:
                        of_event.append(Copy(partition, offset, event))
        for (field, key, _), of_event in copies.items():
            log = self.logs[self.shard_of[field][key]]
            for copy in of_event if len(of_event) == 1 else firsts(log, of_event):
                for name, metric in METRICS.items():
                    if metric.kind != "distinct" and metric.field == field and metric.counts(copy.event):
                        self.place(name, copy)
        for of_shard in self.events:
            for of_partition in of_shard:
                of_partition.sort(key=lambda counted: counted.offset)

    def place(self, name: str, copy: Copy) -> None:
        """Gives an event to the shard in which a metric counts it."""
        field = METRICS[name].field
        key = getattr(copy.event, field)
        if key is not None:
            by = SHARD_BY.get(field, field)
            shard = self.shard_of[by][getattr(copy.event, by)]
            self.events[shard][copy.partition].append(Counted(copy.offset, name, copy.event))

    def positions(self, shard: int, stand: int) -> list[int]:
        """The next position of every source partition for a shard that stands at an offset."""
        return self.logs[shard].before(stand, len(self.clocks))

    def time(self, positions: list[int]) -> Optional[int]:
        """Shard time at these positions; `None` if a partition was not heard of."""
        clocks = [of.clock_at(position) for of, position in zip(self.clocks, positions)]
        return None if None in clocks else min(clocks)


def firsts(log: Log, copies: list[Copy]) -> Iterator[Copy]:
    """The copies that count, each in the grains for which its shard has met none in time before: by pack."""
    counted: set[str] = set()
    for copy in sorted(copies, key=log.pack_of):
        grains = {grain for grain in GRAINS if getattr(copy.event, grain) is not None} - counted
        if grains:
            yield copy._replace(event=copy.event.only(grains))
        counted |= grains
