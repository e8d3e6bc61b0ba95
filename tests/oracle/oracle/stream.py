"""The raw records as tables: events that are judged, and accounts as they were told to be."""

from pathlib import Path

from duckdb import DuckDBPyConnection

from catalogue import Catalogue
from sql import text


def load(db: DuckDBPyConnection, records: Path, catalogue: Catalogue) -> None:
    """Makes the tables `raw`, `events` and `told` of the dumped topics."""
    db.execute(
        f"""
        CREATE TABLE raw AS FROM read_csv({text(str(records))}, delim='\\t', quote='', escape='', header=false,
            auto_detect=false, columns={{source: 'VARCHAR', part: 'INTEGER', place: 'BIGINT', stamp: 'BIGINT',
            key: 'VARCHAR', payload: 'JSON'}})
        """
    )
    # An event is judged by the running maximum of its partition's clock, its own time or stamp included.
    clock = {"log": "stamp", "event": "epoch_ms(moment)"}[catalogue.clock]
    db.execute(
        f"""
        CREATE TABLE events AS
        WITH read AS (
            SELECT *, (payload ->> '$.timestamp')::TIMESTAMPTZ AS moment FROM raw WHERE source = {text(catalogue.usage)}
        )
        SELECT payload ->> '$.event_id' AS event_id, payload ->> '$.event' AS name,
            payload ->> '$.user_id' AS user_id, payload ->> '$.account_id' AS account_id,
            payload -> '$.properties' AS properties,
            timezone({text(catalogue.zone)}, moment)::DATE AS day, epoch_ms(moment) // 3600000 AS hour,
            max({clock}) OVER (PARTITION BY part ORDER BY place ROWS UNBOUNDED PRECEDING) - epoch_ms(moment) AS behind
        FROM read
        """
    )
    accounts = ", ".join(map(text, catalogue.accounts))
    db.execute(
        f"""
        CREATE TABLE told AS
        WITH read AS (
            SELECT *, (payload ->> '$.timestamp')::TIMESTAMPTZ AS moment FROM raw WHERE source IN ({accounts})
        )
        SELECT payload ->> '$.account_id' AS account_id, payload -> '$.attributes' AS attributes,
            epoch_ms(moment) AS ms, ms // 3600000 AS hour,
            timezone({text(catalogue.zone)}, moment)::DATE AS day
        FROM read
        """
    )
    (differ,) = db.sql(
        f"""
        SELECT count(*) FROM (
            SELECT payload ->> '$.event_id' FROM raw WHERE source = {text(catalogue.usage)}
            GROUP BY ALL HAVING count(DISTINCT payload::VARCHAR) > 1
        )
        """
    ).fetchone()
    assert differ == 0, f"{differ} ids name different events: which of them counts is not for the oracle to say"


def facts(db: DuckDBPyConnection, catalogue: Catalogue) -> dict[str, int]:
    """What the stream was like."""
    late = ", ".join(
        f"count(*) FILTER (behind > {ms}) AS too_late_for_its_{grain}" for grain, ms in catalogue.lateness_ms.items()
    )
    found = db.sql(
        f"""
        SELECT count(*) AS records, count(*) - count(DISTINCT event_id) AS copies, {late},
            (SELECT count(*) FROM told) - (SELECT count(DISTINCT account_id) FROM told) AS account_changes
        FROM events
        """
    )
    return dict(zip(found.columns, found.fetchone()))
