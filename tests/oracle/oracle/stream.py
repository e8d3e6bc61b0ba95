"""The raw records as tables: events that are judged, and attributes as they were told."""

from pathlib import Path

from catalogue import Catalogue, Source
from duckdb import DuckDBPyConnection
from sql import place, text

TIMES = {
    "rfc3339": "epoch_ms(({})::TIMESTAMPTZ)",
    "s": "({})::BIGINT * 1000",
    "ms": "({})::BIGINT",
    "us": "({})::BIGINT // 1000",
}


def load(db: DuckDBPyConnection, records: Path, catalogue: Catalogue) -> None:
    """Makes the tables `raw`, `events` and `told` of the dumped topics."""
    db.execute(
        f"""
        CREATE TABLE raw AS
        SELECT * REPLACE (nullif(payload, '')::JSON AS payload)
        FROM read_csv({text(str(records))}, delim='\\t', quote='', escape='', header=false,
            auto_detect=false, columns={{source: 'VARCHAR', part: 'INTEGER', place: 'BIGINT', stamp: 'BIGINT',
            key: 'VARCHAR', payload: 'VARCHAR'}})
        """
    )
    usage = [source for source in catalogue.sources if source.attributes_of is None or source.told_by]
    telling = [source for source in catalogue.sources if source.attributes_of]
    db.execute("CREATE TABLE events AS " + " UNION ALL ".join(events(source, catalogue) for source in usage))
    columns = ", ".join(f'''NULL::VARCHAR AS "{part}"''' for part in parts(catalogue))
    columns += ", NULL::JSON AS attributes, false AS is_deleted, 0::BIGINT AS ms"
    nothing = f"SELECT '' AS entity, {columns} WHERE false"
    what = " UNION ALL ".join([nothing, *(told(source, catalogue) for source in telling)])
    db.execute(f"CREATE TABLE told AS SELECT *, {buckets('ms', catalogue)} FROM ({what})")
    (differ,) = db.sql(
        """
        SELECT count(*) FROM (
            SELECT 1 FROM events WHERE event_id IS NOT NULL
            GROUP BY source, event_id HAVING count(DISTINCT payload::VARCHAR) > 1
        )
        """
    ).fetchone()
    assert differ == 0, f"{differ} ids name different events: which of them counts is not for the oracle to say"
    db.execute("ALTER TABLE events DROP payload")


def parts(catalogue: Catalogue) -> list[str]:
    """The fields of which entities' keys are made."""
    return sorted({part for key in catalogue.keys.values() for part in key})


def field(source: Source, name: str) -> str:
    """What a record has in a native field; null if that is empty."""
    given = source.fields.get(name)
    if isinstance(given, dict) and "constant" in given:
        return text(str(given["constant"]))
    if isinstance(given, list):
        return " || chr(31) || ".join(f"(payload ->> {place(path)})" for path in given)
    return f"nullif(payload ->> {place(source.path(name))}, '')"


def moment(source: Source) -> str:
    """When an event happened, in milliseconds."""
    given = source.fields.get("timestamp")
    unit = given.get("unit", "rfc3339") if isinstance(given, dict) else "rfc3339"
    return TIMES[unit].format(f"payload ->> {place(source.path('timestamp'))}")


def day_of(ms: str, catalogue: Catalogue) -> str:
    """The day of the reporting zone with a time in milliseconds."""
    return f"timezone({text(catalogue.zone)}, timezone('UTC', make_timestamp({ms} * 1000)))::DATE"


def buckets(ms: str, catalogue: Catalogue) -> str:
    """The buckets with a time in milliseconds, as columns."""
    return f"{ms} // 60000 AS minute, {ms} // 3600000 AS hour, {day_of(ms, catalogue)} AS day"


def events(source: Source, catalogue: Catalogue) -> str:
    """The events of a source. An event is judged by the running maximum of its partition's clock, its own included."""
    clock = {"log": "stamp", "event": "ms"}[source.clock]
    columns = ", ".join(f'{field(source, part)} AS "{part}"' for part in parts(catalogue))
    in_time = ", ".join(f"behind <= {ms} AS in_{grain}" for grain, ms in source.lateness_ms.items())
    return f"""
        SELECT *, {in_time}, {buckets('ms', catalogue)} FROM (
            SELECT *, max({clock}) OVER sent - ms AS behind FROM (
                SELECT source, part, place, stamp, payload, {field(source, 'event_id')} AS event_id,
                    payload ->> {place(source.path('event'))} AS name, {columns},
                    payload -> {place(source.path('properties'))} AS properties, {moment(source)} AS ms
                FROM raw WHERE source = {text(source.name)}
            ) WINDOW sent AS (PARTITION BY part ORDER BY place ROWS UNBOUNDED PRECEDING)
        )
        """


def told(source: Source, catalogue: Catalogue) -> str:
    """What records of a source tell of attributes; a key that was deleted has none any more, from its log time on."""
    key = catalogue.keys[source.attributes_of]
    column = {part: f"CASE WHEN payload IS NULL THEN key ELSE {field(source, part)} END" for part in key}
    columns = ", ".join(f'{column.get(part, "NULL")} AS "{part}"' for part in parts(catalogue))
    names = ", ".join(map(text, source.told_by or []))
    by_events = f"AND (payload ->> {place(source.path('event'))}) IN ({names})" if source.told_by else ""
    return f"""
        SELECT {text(source.attributes_of)} AS entity, {columns},
            payload -> {place(source.attributes_path)} AS attributes, payload IS NULL AS is_deleted,
            CASE WHEN payload IS NULL THEN stamp ELSE {moment(source)} END AS ms
        FROM raw WHERE source = {text(source.name)} {by_events}
        """


def facts(db: DuckDBPyConnection) -> dict[str, int]:
    """What the stream was like."""
    found = db.sql(
        """
        SELECT count(*) AS records, count(*) - count(DISTINCT (source, event_id)) AS copies,
            count(*) FILTER (NOT in_day) AS too_late, (SELECT count(*) FROM told) AS told
        FROM events
        """
    )
    return dict(zip(found.columns, found.fetchone()))
