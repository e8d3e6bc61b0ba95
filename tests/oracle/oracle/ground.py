"""What counting stands on: as of which buckets it is asked, which buckets a window covers as of them, and what
attributes were."""

from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from typing import Union

from catalogue import GRAINS, NOW, Catalogue, Dimension, Window
from duckdb import DuckDBPyConnection
from sql import first_covered, key, labelled, labels, text

SECONDS = {"minute": 60, "hour": 3_600}
Bucket = Union[date, int]


def written(bucket: Bucket, grain: str) -> str:
    """A day, or when an hour or a minute begins, as answers write it."""
    if isinstance(bucket, date):
        return bucket.isoformat()
    return datetime.fromtimestamp(bucket * SECONDS[grain], timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(text: str, grain: str) -> Bucket:
    """The bucket of a day, or that begins at a time."""
    if grain == "day":
        return date.fromisoformat(text)
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()) // SECONDS[grain]


@dataclass
class Ground:
    """Tables of a data base that are made when they are first asked for."""

    db: DuckDBPyConnection
    catalogue: Catalogue
    made: set[str] = field(default_factory=set)

    def ask(self, asked: dict[str, tuple[Bucket, Bucket]]) -> dict[str, list[str]]:
        """Makes the tables of as-of buckets, the first and the last of which are given by grain; the buckets as answers
        write them."""
        for grain, (first, last) in asked.items():
            start = f"DATE '{first}' + " if grain == "day" else f"{first} + "
            count = (last - first).days if grain == "day" else last - first
            numbers = f"SELECT {start}number::INTEGER AS as_of FROM range({count + 1}) of (number)"
            self.db.execute(f"CREATE TABLE as_of_{grain} AS {numbers}")
        told = {grain: self.db.sql(f"FROM as_of_{grain} ORDER BY as_of").fetchall() for grain in GRAINS}
        return {grain: [written(bucket, grain) for (bucket,) in of] for grain, of in told.items()}

    def make(self, name: str, query: str) -> str:
        """A table of this name, made at most once."""
        if name not in self.made:
            self.made.add(name)
            self.db.execute(f"CREATE TABLE {name} AS {query}")
        return name

    def spans(self, window: Window) -> str:
        """The table of the first bucket that a window covers as of every bucket."""
        assert window != NOW, "what holds covers no time"
        first = first_covered(window, self.catalogue)
        return self.make(f"spans_{window.name}", f"SELECT as_of, {first} AS first FROM as_of_{window.grain}")

    def covers(self, window: Window, shift: int = 0) -> str:
        """The table of which bucket with an event a window covers as of which one, or as of so many buckets earlier."""
        return self.make(
            f"covers_{window.name}_{shift}",
            f"""
            SELECT as_of, bucket
            FROM {self.spans(window)} JOIN (SELECT DISTINCT {window.grain} AS bucket FROM events)
                ON bucket BETWEEN first - {shift} AND as_of - {shift}
            """,
        )

    def follow(self, dimension: Dimension, grain: str, shift: int = 0) -> str:
        """The table of what an attribute was as of every bucket, by its owner: the latest change until its end, or the
        latest of all, or until so many buckets earlier; of changes at the same millisecond the value that is declared
        later."""
        order = ", ".join(map(text, labels(dimension)))
        until = "true" if dimension.as_of == "current" else f"{grain} <= as_of - {shift}"
        place = "$" + "".join(f'."{part}"' for part in dimension.path.split("."))
        return self.make(
            f"{dimension.name}_by_{grain}_{shift}",
            f"""
            WITH changes AS (
                SELECT *, {key(dimension.owner, self.catalogue)} AS owner, {labelled("attributes", dimension)} AS label,
                    ms * 1000 + coalesce(list_position([{order}], label), 0) AS rank
                FROM told
                WHERE entity = {text(dimension.owner)} AND (is_deleted OR json_exists(attributes, {text(place)}))
            )
            SELECT as_of, owner, arg_max(label, rank) AS label
            FROM as_of_{grain} JOIN changes ON {until} GROUP BY ALL
            """,
        )
