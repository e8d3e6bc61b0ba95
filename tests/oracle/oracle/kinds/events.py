"""Events themselves, each id once: how many, what they add up to, and how many each entity had."""

from decimal import Decimal

from catalogue import Catalogue, Window, many, only
from ground import Ground
from kinds.active import MEASURE
from kinds.kind import Kind, Near, counts, shared
from sql import place, units

# How many events there are in every bucket, and what they add up to. Copies are the same bytes, so of an id all have
# one bucket and one value.
ONCE = """
    SELECT unit, bucket, count(*) AS events, sum(value) AS total FROM (
        SELECT unit, id, any_value(bucket) AS bucket, any_value(value) AS value FROM seen GROUP BY unit, id
    ) GROUP BY unit, bucket
    """
PARTS = {"count": {"": "events"}, "sum": {"": "total"}, "average": {"_count": "events", "_sum": "total"}}


def added(name: str, told: dict, catalogue: Catalogue) -> Kind:
    """How many events there are, what a value of theirs adds up to, or is on average."""
    only(told, "type", "description", "measure", "windows", "by", "include")
    measure = only(told["measure"], "agg", "events", "where", "value", "decimals")
    agg, decimals = measure["agg"], measure.get("decimals", 0)
    value = "NULL"
    if agg != "count":
        value = units(f"properties ->> {place(measure['value'].removeprefix('properties.'))}", decimals)

    def rows(ground: Ground, over: Window) -> str:
        sums = "SELECT as_of, unit, '{}' AS part, sum({}) AS n FROM covered GROUP BY ALL"
        each = " UNION ALL ".join(sums.format(part, what) for part, what in PARTS[agg].items())
        return f"WITH covered AS (FROM ({ONCE}) JOIN {ground.covers(over)} USING (bucket)) {each}"

    mean = {"type": "ratio", "numerator": f"{name}_sum", "denominator": f"{name}_count", "by": many(told.get("by", []))}
    return Kind(
        **shared(name, told, measure, catalogue),
        page="simple",
        rows=rows,
        parts=lambda _: {part: decimals if what == "total" else 0 for part, what in PARTS[agg].items()},
        value=value,
        formulas={"": mean} if agg == "average" else {},
    )


def percentiles(name: str, told: dict, catalogue: Catalogue) -> Kind:
    """Which value so many of a hundred events are not above."""
    only(told, "type", "description", "measure", "windows", "include")
    measure = only(told["measure"], "agg", "events", "where", "value", "decimals", "up_to", "error", "percentiles")
    decimals, asked = measure.get("decimals", 0), {"": 50}
    if measure["agg"] == "percentile":
        asked = {f"{{percentile={each}}}": each for each in many(measure["percentiles"])}
    # In order, the value at the place, rounded up; what is below 0 or too large is not told.
    cases = " ".join(
        f"WHEN '{part}' THEN list_sort(list(n))[(count(*) * {share} + 99) // 100]" for part, share in asked.items()
    )
    error, up_to = Decimal(str(measure.get("error", 0.01))), Decimal(measure["up_to"])
    # Values share a bin that are no further apart than twice the error: what is too large may be told with what is not.
    most = up_to.scaleb(decimals) * (1 + error) / (1 - error)
    value = f"CASE part {cases} END"

    def rows(ground: Ground, over: Window) -> str:
        parts = ", ".join(f"'{part}'" for part in asked)
        return f"""
            WITH once AS (
                SELECT unit, id, any_value(bucket) AS bucket, any_value(value) AS value FROM seen GROUP BY unit, id
            ),
            covered AS (FROM once JOIN {ground.covers(over)} USING (bucket))
            SELECT as_of, unit, unnest([{parts}]) AS part, value AS n FROM covered
            UNION ALL SELECT as_of, unit, '_sum', value FROM covered
            UNION ALL SELECT as_of, unit, '_count', 1 FROM covered
            """

    return Kind(
        **shared(name, told, measure, catalogue),
        page="percentile",
        rows=rows,
        parts=lambda _: dict.fromkeys([*asked, "_sum"], decimals) | {"_count": 0},
        value=units(f"properties ->> {place(measure['value'].removeprefix('properties.'))}", decimals),
        total=f"CASE WHEN part IN ('_sum', '_count') THEN sum(n) WHEN {value} BETWEEN 0 AND {most:f} THEN {value} END",
        near=dict.fromkeys(asked, Near(error, up_to)),
    )


def enough(name: str, told: dict, catalogue: Catalogue) -> Kind:
    """Entities that had enough events in the window."""
    only(told, "type", "description", "measure", "windows", "by", "include")
    measure = only(told["measure"], *MEASURE, "at_least")
    least = measure["at_least"]
    least = least["events"] if isinstance(least, dict) else least

    def rows(ground: Ground, over: Window) -> str:
        return f"""
            SELECT as_of, unit, '' AS part, 1 AS n FROM ({ONCE}) JOIN {ground.covers(over)} USING (bucket)
            GROUP BY ALL HAVING sum(events) >= {least}
            """

    return Kind(**shared(name, told, measure, catalogue), page="at_least", rows=rows, parts=counts(""))


def baseline(name: str, told: dict, catalogue: Catalogue) -> Kind:
    """Entities that had fewer events a day than a share of what they had in the days before the window, or more."""
    only(told, "type", "description", "measure", "windows", "by", "include", "against", "below", "above")
    measure = only(told["measure"], *MEASURE)
    days = int(told["against"].removesuffix("d"))
    sign, share = ("<", told["below"]) if "below" in told else (">", told["above"])
    share = f"{share:.3f}::DECIMAL(18, 3)"

    def rows(ground: Ground, over: Window) -> str:
        before = ground.covers(Window(f"{days}d", "day", days), over.length)
        total = "SELECT as_of, unit, sum(events) AS events FROM once JOIN {} USING (bucket) GROUP BY ALL"
        return f"""
            WITH once AS ({ONCE}),
            present AS ({total.format(ground.covers(over))}),
            past AS ({total.format(before)})
            SELECT as_of, unit, '' AS part, 1 AS n FROM past LEFT JOIN present USING (as_of, unit)
            WHERE coalesce(present.events, 0) * {days} {sign} {share} * past.events * {over.length}
            """

    return Kind(**shared(name, told, measure, catalogue), page="baseline", rows=rows, parts=counts(""))
