"""What has to be counted: every metric in every window, whole and by every slice, as of every bucket.

A metric counts units: entities, or owners of events. Its kind says for how much each unit counts as of each bucket;
here that is filtered and sliced by what attributes were as of the same bucket. A slice by what events say has units of
its own, each with the events that say so.
"""

from decimal import Decimal
from typing import Iterator, Optional

from catalogue import NOW, Catalogue, Dimension, Tests, Window
from ground import Ground, written
from kinds.kind import Kind
from sql import NONE, RULE, holds, key, labelled, text, verdict

# Metric with its label, dimension and label (empty for the whole), window, as-of bucket as answers write it.
Place = tuple[str, str, str, str, str]
Values = Iterator[tuple[Place, Decimal]]


def rules(kind: Kind, catalogue: Catalogue) -> list[tuple[str, Tests]]:
    """What is excluded from a metric, by name."""
    return [(name, rule) for name, rule in catalogue.exclude.items() if name not in kind.include]


def excluding(kind: Kind, catalogue: Catalogue) -> list[str]:
    """The rules by attributes, all of them if one holds for the metric."""
    if not any(rule.attributes for _, rule in rules(kind, catalogue)):
        return []
    return [name for name, rule in catalogue.exclude.items() if rule.attributes]


def filters(kind: Kind, catalogue: Catalogue) -> list[Dimension]:
    """The attributes that say what counts for a metric."""
    asked = [kind.where, *(rule for _, rule in rules(kind, catalogue))]
    return list({of.name: of for each in asked for of, _ in each.attributes}.values())


def count(ground: Ground, kind: Kind) -> Values:
    """All values of a metric that are not zero."""
    for by in [None, *(by for by in kind.by if not by.owner)]:
        if not kind.of:
            want(ground, kind, by)
        for window in kind.windows:
            see(ground, kind, window)
            judge(ground, kind, window)
            if by is not None:
                yield from rows(ground, kind, window, by.name, "slice", "verdict = ''")
                continue
            yield from rows(ground, kind, window, "", "''", "verdict = ''")
            # What follows from counts has no slices by what is excluded.
            told = "".join(f" AND part <> {text(part)}" for part in kind.near)
            yield from rows(ground, kind, window, RULE, "verdict", f"verdict <> ''{told}")
            for of in kind.by:
                if of.owner:
                    table = ground.follow(of, window.grain, window.length if of.as_of == "opening" else 0)
                    yield from rows(ground, kind, window, of.name, "label", "verdict = ''", table)


def want(ground: Ground, kind: Kind, by: Optional[Dimension], of: Optional[str] = None) -> None:
    """Makes the tables of wanted events, and of the units that they make. Owned they are by the entity whose attributes are
    asked, or by the one that is given."""
    catalogue = ground.catalogue
    owners = {of} if of else {of.owner for of in (*kind.by, *filters(kind, catalogue)) if of.owner}
    assert len(owners) <= 1, f"{kind.name} asks attributes of {owners}"
    owner = key(next(iter(owners)), catalogue) if owners else "NULL::VARCHAR"
    who = key(kind.entity, catalogue) if kind.entity else f"coalesce({owner}, '')"
    tests = [holds(kind.where.properties)]
    if kind.events is not None:
        tests.append(f"name IN ({', '.join(map(text, kind.events))})")
    tests += [f"NOT {holds(rule.properties)}" for _, rule in rules(kind, catalogue) if rule.properties]
    wanted = f"""
        SELECT {who} AS who, {owner} AS owner, {labelled('properties', by) if by else "''"} AS slice,
            source || chr(31) || event_id AS id, name, {kind.value} AS value,
            ms, minute, hour, day, in_minute, in_hour, in_day
        FROM events WHERE {' AND '.join(tests)}
        """
    if kind.events == []:
        wanted = f"SELECT {who} AS who, {owner} AS owner, '' AS slice FROM told WHERE entity = {text(kind.entity)}"
    ground.db.execute(f"CREATE OR REPLACE TABLE wanted AS FROM ({wanted}) WHERE who IS NOT NULL")
    ground.db.execute(
        """
        CREATE OR REPLACE TABLE units AS SELECT row_number() OVER ()::INTEGER AS unit, * FROM (
            SELECT who, slice, any_value(owner) AS owner FROM wanted GROUP BY ALL
        )
        """
    )


def see(ground: Ground, kind: Kind, window: Window) -> None:
    """Makes the table of wanted events that are in time for a window's buckets, or those of what others count."""
    if kind.of:
        part(ground, kind, window)
    elif kind.events != []:
        ground.db.execute(
            f"""
            CREATE OR REPLACE TABLE seen AS
            SELECT unit, {window.grain} AS bucket, ms, id, name, value
            FROM wanted JOIN units USING (who, slice) WHERE in_{window.grain}
            """
        )


def part(ground: Ground, kind: Kind, window: Window) -> None:
    """Makes the tables of what other metrics count for each unit, and of the units."""
    for name, of in kind.of.items():
        over = of.windows[0] if of.windows == [NOW] else window
        want(ground, of, None, kind.entity)
        see(ground, of, over)
        counted = f"SELECT as_of, owner, n FROM ({of.rows(ground, over)}) JOIN units USING (unit)"
        query = f"SELECT as_of, owner, sum(n)::HUGEINT AS n FROM ({counted}) WHERE owner IS NOT NULL GROUP BY ALL"
        ground.db.execute(f"CREATE OR REPLACE TABLE of_{name} AS {query}")
    owners = " UNION ".join(f"SELECT owner FROM of_{name}" for name in kind.of)
    units = f"SELECT row_number() OVER ()::INTEGER AS unit, owner AS who, '' AS slice, owner FROM ({owners})"
    ground.db.execute(f"CREATE OR REPLACE TABLE units AS {units}")
    for name in kind.of:
        ground.db.execute(f"CREATE OR REPLACE TABLE {name} AS FROM of_{name} JOIN units USING (owner)")


def judge(ground: Ground, kind: Kind, window: Window) -> None:
    """Makes the table of what may count, with what becomes of it by what its owner was."""
    asked = filters(kind, ground.catalogue)
    tables = [(ground.follow(by, window.grain), f"{by.name}_of") for by in asked]
    joins = "".join(f" LEFT JOIN {table} AS {name} USING (as_of, owner)" for table, name in tables)
    counting = f"SELECT as_of, part, n, owner, slice FROM ({kind.rows(ground, window)}) JOIN units USING (unit)"
    ground.db.execute(
        f"""
        CREATE OR REPLACE TABLE counted AS
        SELECT it.*, {verdict(kind.where, rules(kind, ground.catalogue))} AS verdict
        FROM ({counting}) AS it{joins}
        """
    )


def rows(ground: Ground, kind: Kind, window: Window, by: str, label: str, which: str, of_owner: str = "") -> Values:
    """The values of what is counted as of every bucket, by part and label."""
    joined = f" LEFT JOIN {of_owner} USING (as_of, owner)" if of_owner else ""
    query = f"""
        SELECT as_of, part, coalesce({label}, '{NONE}') AS cut, ({kind.total})::HUGEINT AS total
        FROM counted{joined} WHERE {which} GROUP BY as_of, part, cut
        """
    decimals = kind.parts(window)
    for as_of, part, slice_, n in ground.db.execute(query).fetchall():
        place = kind.name + part, by, slice_, window.name, written(as_of, window.grain)
        if n is not None:
            yield place, Decimal(n).scaleb(-decimals[part])
