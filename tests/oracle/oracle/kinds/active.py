"""Who was active: in a window, often enough, how often, again, and by cohort."""

from catalogue import NOW, Catalogue, Window, many, only, window
from ground import Ground
from kinds.kind import Kind, counts, shared
from sql import NONE, labelled, period_start

MEASURE = ("agg", "entity", "events", "where")
# The entities that are active as of every bucket, and in how many buckets of the window.
ACTIVE = """
    SELECT as_of, unit, count(*) AS buckets
    FROM (SELECT DISTINCT unit, bucket FROM seen) JOIN {} USING (bucket) GROUP BY ALL
    """
PERIODS = {"week": "wtd", "month": "mtd", "quarter": "qtd"}


def simple(name: str, told: dict, catalogue: Catalogue) -> Kind:
    """Entities that were active in the window; with `at_least` on enough days of it."""
    only(told, "type", "description", "measure", "windows", "by", "include")
    measure = only(told["measure"], *MEASURE, "at_least")
    of = measure.get("at_least", {})
    least = next(iter(of.values()), 1) if isinstance(of, dict) else of

    def rows(ground: Ground, over: Window) -> str:
        enough = f"HAVING count(*) >= {least}"
        return f"SELECT as_of, unit, '' AS part, 1 AS n FROM ({ACTIVE.format(ground.covers(over))} {enough})"

    page = "at_least" if "at_least" in measure else "simple"
    return Kind(**shared(name, told, measure, catalogue), page=page, rows=rows, parts=counts(""))


def varied(name: str, told: dict, catalogue: Catalogue) -> Kind:
    """Entities whose events of the window said enough different values of a dimension."""
    only(told, "type", "description", "measure", "windows", "by", "include")
    measure = only(told["measure"], *MEASURE, "at_least")
    least = only(measure["at_least"], "values", "of")

    def rows(ground: Ground, over: Window) -> str:
        return f"""
            SELECT as_of, unit, '' AS part, 1 AS n
            FROM (SELECT DISTINCT unit, bucket, value FROM seen WHERE value <> '{NONE}')
                JOIN {ground.covers(over)} USING (bucket)
            GROUP BY ALL HAVING count(DISTINCT value) >= {least["values"]}
            """

    value = labelled("properties", catalogue.dimensions[least["of"]])
    return Kind(**shared(name, told, measure, catalogue), page="at_least", rows=rows, parts=counts(""), value=value)


def recency(name: str, told: dict, catalogue: Catalogue) -> Kind:
    """Entities that were active in the window by how many days ago they were so for the last time."""
    only(told, "type", "description", "measure", "windows", "since", "by", "include")
    measure = only(told["measure"], *MEASURE)
    since = [0, *(int(each.removesuffix("d")) for each in many(told["since"]))]
    spans = [(first, next_ - 1) for first, next_ in zip(since, since[1:])] + [(since[-1], None)]
    labels = [
        f"{first}+" if last is None else str(first) if first == last else f"{first}-{last}" for first, last in spans
    ]
    parts = [f"_by_days_ago{{days_ago={label}}}" for label in labels]

    def rows(ground: Ground, over: Window) -> str:
        from_last = reversed([*zip(since, parts)])
        cases = " ".join(f"WHEN as_of - last >= {first} THEN '{part}'" for first, part in from_last)
        return f"""
            WITH active AS (
                SELECT as_of, unit, max(bucket) AS last
                FROM (SELECT DISTINCT unit, bucket FROM seen) JOIN {ground.covers(over)} USING (bucket) GROUP BY ALL
            )
            SELECT as_of, unit, unnest(['', CASE {cases} END]) AS part, 1 AS n FROM active
            """

    return Kind(**shared(name, told, measure, catalogue), page="recency", rows=rows, parts=counts("", *parts))


def frequency(name: str, told: dict, catalogue: Catalogue) -> Kind:
    """Entities by on how many days of the window they were active."""
    only(told, "type", "description", "measure", "windows", "by", "include")
    measure = only(told["measure"], *MEASURE)

    def part(over: Window, number: str) -> str:
        return f"_by_{over.grain}s{{{over.grain}s={number}}}"

    def rows(ground: Ground, over: Window) -> str:
        prefix, suffix = part(over, "|").split("|")
        return f"""
            WITH active AS ({ACTIVE.format(ground.covers(over))})
            SELECT as_of, unit, unnest(['', '{prefix}' || buckets || '{suffix}']) AS part, 1 AS n FROM active
            """

    def parts(over: Window) -> dict[str, int]:
        return {"": 0} | {part(over, str(number)): 0 for number in range(1, over.length + 1)}

    return Kind(**shared(name, told, measure, catalogue), page="frequency", rows=rows, parts=parts)


def growth(name: str, told: dict, catalogue: Catalogue) -> Kind:
    """Entities that are new, stayed, came back or went, against the window before or the same a bucket earlier."""
    only(told, "type", "description", "measure", "windows", "by", "include", "against")
    measure = only(told["measure"], *MEASURE)

    def rows(ground: Ground, over: Window) -> str:
        shift = over.length if told.get("against", "period") == "period" else 1
        return f"""
            WITH active AS ({ACTIVE.format(ground.covers(over))}),
            before AS ({ACTIVE.format(ground.covers(over, shift))}),
            first AS (SELECT unit, min(bucket) AS first FROM seen GROUP BY unit),
            both_of AS (
                SELECT as_of, unit, active.buckets IS NOT NULL AS is_now, before.buckets IS NOT NULL AS was_before
                FROM active FULL JOIN before USING (as_of, unit)
            )
            SELECT as_of, unit, 1 AS n, unnest(CASE
                WHEN NOT is_now THEN ['_lapsed']
                WHEN was_before THEN ['', '_retained']
                WHEN first > as_of - {shift} THEN ['', '_new']
                ELSE ['', '_resurrected'] END) AS part
            FROM both_of JOIN first USING (unit)
            """

    parts = counts("", "_new", "_retained", "_resurrected", "_lapsed")
    return Kind(**shared(name, told, measure, catalogue), page="growth", rows=rows, parts=parts)


def retention(name: str, told: dict, catalogue: Catalogue) -> Kind:
    """Entities by the period in which they were first seen, and which of them are active in the present one."""
    only(told, "type", "description", "measure", "every", "periods", "by", "include")
    measure = only(told["measure"], *MEASURE)
    every, periods = told.get("every", "week"), told.get("periods", 12)
    present = window(PERIODS[every])
    labels = [f"{{{every}s={number}}}" for number in range(periods + 1)]

    def rows(ground: Ground, over: Window) -> str:
        start = {day: period_start(present.name, day, catalogue) for day in ("as_of", "first")}
        since = f"date_diff('{every}', {start['first']}, {start['as_of']})"
        if every == "week":
            since = f"({start['as_of']} - {start['first']}) // 7"
        return f"""
            WITH active AS ({ACTIVE.format(ground.covers(present))}),
            first AS (SELECT unit, min(bucket) AS first FROM seen GROUP BY unit),
            cohort AS (
                SELECT as_of, unit, '{{{every}s=' || {since} || '}}' AS label
                FROM as_of_day JOIN first ON first <= as_of WHERE {since} <= {periods}
            )
            SELECT as_of, unit, '_cohort' || label AS part, 1 AS n FROM cohort
            UNION ALL SELECT as_of, unit, '_active' || label, 1 FROM cohort JOIN active USING (as_of, unit)
            """

    shares = {
        label: {"type": "ratio", "numerator": f"{name}_active{label}", "denominator": f"{name}_cohort{label}",
                "by": many(told.get("by", []))}
        for label in labels
    }  # fmt: skip
    parts = counts(*(part + label for part in ("_cohort", "_active") for label in labels))
    given = shared(name, told, measure, catalogue) | {"windows": [NOW]}
    return Kind(**given, page="retention", rows=rows, parts=parts, formulas=shares)
