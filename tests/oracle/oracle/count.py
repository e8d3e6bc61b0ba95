"""What has to be counted: every metric in every window, whole and by every slice, as of every bucket.

An entity counts as of a bucket if one of its events lies in the buckets that the window then covers: here that is a
join with the table of which bucket is covered as of which, and distinct values.
"""

from datetime import date, datetime, timezone
from typing import Iterator

from duckdb import DuckDBPyConnection

from catalogue import GRAINS, Catalogue, Dimension, Metric, Window
from sql import NONE, RULE, filters, first_covered, labelled, labels, text, verdict, wanted, who

# Metric, dimension and label (empty for the whole), window, as-of bucket as answers write it.
Place = tuple[str, str, str, str, str]
Values = Iterator[tuple[Place, object]]


def prepare(
    db: DuckDBPyConnection, catalogue: Catalogue, days: tuple[date, date], hours: tuple[int, int]
) -> dict[str, list[str]]:
    """Makes the tables of as-of buckets, the first and the last of which are given, of what every window covers as of
    them, and of what accounts were. The as-of buckets by grain, as answers write them."""
    first, last = days
    number = "unnest(range({}, {}))"
    day = f"DATE '{first}' + {number.format(0, (last - first).days + 1)}::INTEGER"
    db.execute(f"CREATE TABLE as_of_day AS SELECT {day} AS as_of")
    db.execute(f"CREATE TABLE as_of_hour AS SELECT {number.format(hours[0], hours[1] + 1)} AS as_of")
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
    followed = [by for metric in catalogue.metrics for by in (*metric.by, *filters(metric, catalogue)) if by.owner]
    for dimension in {by.name: by for by in followed}.values():
        follow(db, dimension)
    as_of = {grain: db.sql(f"FROM as_of_{grain}").fetchall() for grain in GRAINS}
    return {grain: [written(bucket) for (bucket,) in of] for grain, of in as_of.items()}


def written(bucket: date | int) -> str:
    """A day, or when an hour begins."""
    if isinstance(bucket, date):
        return bucket.isoformat()
    return datetime.fromtimestamp(bucket * 3_600, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def follow(db: DuckDBPyConnection, dimension: Dimension) -> None:
    """Makes the tables of what an attribute of an account was as of every bucket: the latest change until its end, or
    the latest of all; of changes at the same millisecond the value that is declared later."""
    order = ", ".join(map(text, labels(dimension)))
    for grain in GRAINS:
        until = f"{grain} <= as_of" if dimension.as_of == "bucket" else "true"
        db.execute(
            f"""
            CREATE TABLE {dimension.name}_by_{grain} AS
            WITH changes AS (
                SELECT *, {labelled("attributes", dimension)} AS label,
                    ms * 1000 + coalesce(list_position([{order}], label), 0) AS rank
                FROM told WHERE json_exists(attributes, '$."{dimension.path}"')
            )
            SELECT as_of, account_id, arg_max(label, rank) AS label
            FROM as_of_{grain} JOIN changes ON {until} GROUP BY ALL
            """
        )


def count(db: DuckDBPyConnection, catalogue: Catalogue, metric: Metric) -> Values:
    """All values of a metric that are not zero."""
    counted = who(metric, catalogue) if metric.entity else "event_id"
    value = f"(properties ->> '$.{metric.value}')::DECIMAL(18, {metric.decimals})" if metric.value else "1"
    slices = "".join(f", {labelled('properties', by)} AS {by.name}" for by in metric.by if not by.owner)
    db.execute(
        f"""
        CREATE OR REPLACE TABLE wanted AS
        SELECT {counted} AS who, {value} AS value, account_id, hour, day, behind{slices}
        FROM events WHERE {wanted(metric, catalogue)} AND who IS NOT NULL
        """
    )
    for window in metric.windows:
        yield from (distinct if metric.entity else added)(db, catalogue, metric, window)


def distinct(db: DuckDBPyConnection, catalogue: Catalogue, metric: Metric, window: Window) -> Values:
    """Of a metric that counts entities: each counts once, and once in each slice in which an event of its lies."""
    in_time = f"behind <= {catalogue.lateness_ms[window.grain]}"

    def covered(columns: str) -> str:
        of = f"""
            SELECT DISTINCT as_of, {columns}
            FROM (SELECT DISTINCT {window.grain} AS bucket, {columns} FROM wanted WHERE {in_time})
            JOIN covers_{window.name} USING (bucket)
            """
        return judged(of, catalogue, metric, window)

    # What is counted has one account, if it is filtered or sliced by what accounts are.
    follows = filters(metric, catalogue) or any(by.owner for by in metric.by)
    columns = "who, account_id" if follows else "who"
    db.execute(f"CREATE OR REPLACE TABLE counted AS {covered(columns)}")
    yield from whole(db, metric, window, "count(*)")
    for by in metric.by:
        of = of_owner(by, window) if by.owner else f"({covered(f'{columns}, {by.name}')})"
        yield from rows(db, metric, by.name, window, "label" if by.owner else by.name, "count(*)", counting(of))


def added(db: DuckDBPyConnection, catalogue: Catalogue, metric: Metric, window: Window) -> Values:
    """Of a metric that counts events or adds something up: each event once, if any of its copies is in time. An event
    goes with the account that it names: where that is another as of a bucket, so is the event."""
    slices = "".join(f", any_value({by.name}) AS {by.name}" for by in metric.by if not by.owner)
    db.execute(
        f"""
        CREATE OR REPLACE TABLE counted AS
        WITH once AS (
            SELECT who, any_value(value) AS value, any_value(account_id) AS account_id,
                any_value({window.grain}) AS bucket{slices}
            FROM wanted WHERE behind <= {catalogue.lateness_ms[window.grain]} GROUP BY who
        )
        {judged(f"FROM once JOIN covers_{window.name} USING (bucket)", catalogue, metric, window)}
        """
    )
    yield from whole(db, metric, window, "sum(value)")
    for by in metric.by:
        label, of = ("label", of_owner(by, window)) if by.owner else (by.name, "counted")
        yield from rows(db, metric, by.name, window, label, "sum(value)", counting(of))


def judged(of: str, catalogue: Catalogue, metric: Metric, window: Window) -> str:
    """What may count, with what becomes of it by what its account was."""
    asked = [f"{by.name}_by_{window.grain} AS {by.name}_of" for by in filters(metric, catalogue)]
    joins = "".join(f" LEFT JOIN {table} USING (as_of, account_id)" for table in asked)
    return f"SELECT it.*, {verdict(metric, catalogue)} AS verdict FROM ({of}) AS it{joins}"


def counting(of: str) -> str:
    """Of what may count that which does."""
    return f"{of} WHERE verdict = ''"


def whole(db: DuckDBPyConnection, metric: Metric, window: Window, value: str) -> Values:
    """The metric itself, and what rules exclude from it."""
    yield from rows(db, metric, "", window, "''", value, counting("counted"))
    yield from rows(db, metric, RULE, window, "verdict", value, "counted WHERE verdict <> ''")


def of_owner(by: Dimension, window: Window) -> str:
    """What is counted, with the value of an attribute of the account that it has."""
    return f"counted LEFT JOIN {by.name}_by_{window.grain} USING (as_of, account_id)"


def rows(
    db: DuckDBPyConnection, metric: Metric, by: str, window: Window, label: str, value: str, of: str
) -> Values:
    """The values of what is counted as of every bucket, by label."""
    query = f"SELECT as_of, coalesce({label}, '{NONE}') AS slice, {value} FROM {of} GROUP BY ALL"
    for as_of, slice_, found in db.execute(query).fetchall():
        yield (metric.name, by, slice_, window.name, written(as_of)), found
