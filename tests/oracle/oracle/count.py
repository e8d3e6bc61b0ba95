"""What has to be counted: every metric in every window, in all and by every slice, as of every bucket.

An entity counts as of a bucket if one of its events lies in the buckets that the window then covers: here that is a join
with the table of which bucket is covered as of which, and distinct values.
"""

from datetime import date, datetime, timezone
from typing import Iterator

from duckdb import DuckDBPyConnection

from catalogue import GRAINS, Catalogue, Dimension, Metric, Window
from sql import NONE, first_covered, labelled, labels, text, wanted, who

# Metric, dimension and label (empty for the whole), window, as-of bucket as answers write it.
Place = tuple[str, str, str, str, str]


def prepare(
    db: DuckDBPyConnection, catalogue: Catalogue, days: tuple[date, date], hours: tuple[int, int]
) -> dict[str, list[str]]:
    """Makes the tables of as-of buckets, the first and the last of which are given, of what every window covers as of them,
    and of what accounts were. The as-of buckets by grain, as answers write them."""
    first, last = days
    db.execute(f"CREATE TABLE as_of_day AS SELECT DATE '{first}' + unnest(range({(last - first).days + 1}))::INTEGER AS as_of")
    db.execute(f"CREATE TABLE as_of_hour AS SELECT unnest(range({hours[0]}, {hours[1] + 1})) AS as_of")
    for window in {window for metric in catalogue.metrics for window in metric.windows}:
        db.execute(
            f"""
            CREATE TABLE covers_{window.name} AS
            WITH spans AS (SELECT as_of, {first_covered(window, catalogue)} AS first FROM as_of_{window.grain})
            SELECT as_of, bucket
            FROM spans, (SELECT DISTINCT {window.grain} AS bucket FROM events)
            WHERE bucket BETWEEN first AND as_of
            """
        )
    for dimension in {by.name: by for metric in catalogue.metrics for by in metric.by if by.owner}.values():
        follow(db, dimension)
    as_of = {grain: db.sql(f"FROM as_of_{grain}").fetchall() for grain in GRAINS}
    return {grain: [written(bucket) for (bucket,) in of] for grain, of in as_of.items()}


def written(bucket: date | int) -> str:
    """A day, or when an hour begins."""
    if isinstance(bucket, date):
        return bucket.isoformat()
    return datetime.fromtimestamp(bucket * 3_600, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def follow(db: DuckDBPyConnection, dimension: Dimension) -> None:
    """Makes the tables of what an attribute of an account was as of every bucket: of changes at the same millisecond the
    value that is declared later holds."""
    for grain in GRAINS:
        until = f"{grain} <= as_of" if dimension.as_of == "bucket" else "true"
        order = ", ".join(map(text, labels(dimension)))
        db.execute(
            f"""
            CREATE TABLE {dimension.name}_by_{grain} AS
            WITH changes AS (
                SELECT *, {labelled("attributes", dimension)} AS label,
                    ms * 1000 + list_position([{order}], label) AS rank
                FROM told WHERE json_exists(attributes, '$."{dimension.path}"')
            )
            SELECT as_of, account_id, arg_max(label, rank) AS label
            FROM as_of_{grain} JOIN changes ON {until} GROUP BY ALL
            """
        )


def count(db: DuckDBPyConnection, catalogue: Catalogue, metric: Metric) -> Iterator[tuple[Place, object]]:
    """All values of a metric that are not zero."""
    slices = "".join(f", {labelled('properties', by)} AS {by.name}" for by in metric.by if not by.owner)
    counted = f"{who(metric, catalogue)} AS who" if metric.entity else "event_id AS who"
    value = f"(properties ->> '$.{metric.value}')::DECIMAL(18, {metric.decimals})" if metric.value else "1"
    db.execute(
        f"""
        CREATE OR REPLACE TABLE wanted AS
        SELECT {counted}, {value} AS value, account_id, hour, day, behind{slices}
        FROM events WHERE {wanted(metric, catalogue)} AND who IS NOT NULL
        """
    )
    for window in metric.windows:
        yield from (distinct if metric.entity else added)(db, catalogue, metric, window)


def distinct(db: DuckDBPyConnection, catalogue: Catalogue, metric: Metric, window: Window) -> Iterator[tuple[Place, object]]:
    """Of a metric that counts entities: each counts once, and once in each slice in which an event of its lies."""
    in_time = f"behind <= {catalogue.lateness_ms[window.grain]}"

    def covered(columns: str) -> str:
        return f"""
            SELECT DISTINCT as_of, {columns}
            FROM (SELECT DISTINCT {window.grain} AS bucket, {columns} FROM wanted WHERE {in_time})
            JOIN covers_{window.name} USING (bucket)
            """

    # What is counted has one account, if it is sliced by what accounts are.
    has_owner = any(by.owner for by in metric.by)
    columns = "who, account_id" if has_owner else "who"
    db.execute(f"CREATE OR REPLACE TABLE counted AS {covered(columns)}")
    yield from rows(db, metric, "", window, "SELECT as_of, '' AS label, count(*) FROM counted GROUP BY ALL")
    for by in metric.by:
        if by.owner:
            query = f"""
                SELECT as_of, coalesce(label, '{NONE}') AS label, count(*)
                FROM counted LEFT JOIN {by.name}_by_{window.grain} USING (as_of, account_id) GROUP BY ALL
                """
        else:
            query = f"SELECT as_of, {by.name}, count(*) FROM ({covered(f'who, {by.name}')}) GROUP BY ALL"
        yield from rows(db, metric, by.name, window, query)


def added(db: DuckDBPyConnection, catalogue: Catalogue, metric: Metric, window: Window) -> Iterator[tuple[Place, object]]:
    """Of a metric that counts events or adds something up: each event once, however many of its copies are in time."""
    lateness = catalogue.lateness_ms
    assert window.grain == "day" or lateness["hour"] == lateness["day"], "which copy counts is left to the order of reading"
    slices = "".join(f", any_value({by.name}) AS {by.name}" for by in metric.by)
    db.execute(
        f"""
        CREATE OR REPLACE TABLE counted AS
        WITH once AS (
            SELECT who, any_value(value) AS value, any_value({window.grain}) AS bucket{slices}
            FROM wanted WHERE behind <= {lateness[window.grain]} GROUP BY who
        )
        FROM once JOIN covers_{window.name} USING (bucket)
        """
    )
    for by in ["", *(by.name for by in metric.by)]:
        label = by or "''"
        yield from rows(
            db, metric, by, window, f"SELECT as_of, {label} AS label, sum(value) FROM counted GROUP BY ALL"
        )


def rows(
    db: DuckDBPyConnection, metric: Metric, by: str, window: Window, query: str
) -> Iterator[tuple[Place, object]]:
    """The rows of a query for as-of bucket, label and value."""
    for as_of, label, value in db.execute(query).fetchall():
        yield (metric.name, by, label, window.name, written(as_of)), value
