"""What holds as of the end of a day, how that moves, and what people last answered."""

from catalogue import NOW, Catalogue, Window, many, only
from ground import Ground
from kinds.kind import Kind, counts, shared
from sql import place, text, units

# What the latest event until the end of each day says, as spans of days; `{}` is which of two of one millisecond holds.
LEVELS = """
    SELECT unit, value, bucket AS since, lead(bucket) OVER (PARTITION BY unit ORDER BY ms) AS until
    FROM (SELECT unit, bucket, ms, {}(value) AS value FROM seen GROUP BY ALL)
    """
HOLDS = "{0} >= since AND ({0} < until OR until IS NULL)"


def state(name: str, told: dict, catalogue: Catalogue) -> Kind:
    """What holds: by events that begin and end it, by what the latest says, or by attributes alone."""
    only(told, "type", "description", "measure", "by", "include")
    measure = only(told["measure"], "agg", "entity", "from", "until", "events", "value", "decimals", "where")
    given = shared(name, told, measure, catalogue) | {"windows": [NOW]}
    if "from" in measure:
        begin, end = many(measure["from"]), many(measure["until"])
        value, of_two, decimals = f"(name IN ({', '.join(map(text, begin))}))::INTEGER", "min", 0
        given["events"] = begin + end
    elif "value" in measure:
        value, of_two, decimals = worth(measure), "max", measure.get("decimals", 0)
    else:
        # Whoever was told about is always there: filters say of whom it holds.
        rows = lambda *_: "SELECT as_of, unit, '' AS part, 1 AS n FROM as_of_day, units"  # noqa: E731
        return Kind(**given | {"events": []}, page="state", rows=rows, parts=counts(""))

    def rows(ground: Ground, over: Window) -> str:
        levels = LEVELS.format(of_two)
        return f"SELECT as_of, unit, '' AS part, value AS n FROM as_of_day JOIN ({levels}) ON {HOLDS.format('as_of')}"

    return Kind(**given, page="state", rows=rows, parts=lambda _: {"": decimals}, value=value)


def worth(measure: dict) -> str:
    """What an event says something is worth."""
    return units(f"properties ->> {place(measure['value'].removeprefix('properties.'))}", measure.get("decimals", 0))


def movements(name: str, told: dict, catalogue: Catalogue) -> Kind:
    """How what is held moves from a window earlier until now."""
    only(told, "type", "description", "measure", "windows", "by", "include")
    measure = only(told["measure"], "agg", "entity", "events", "value", "decimals", "where")
    money = ("", "_opening", "_new", "_expansion", "_contraction", "_churned")
    logos = ("_logos", "_opening_logos", "_new_logos", "_churned_logos")

    def rows(ground: Ground, over: Window) -> str:
        def as_of(column: str, day: str) -> str:
            holds = f"as_of_day JOIN levels ON {HOLDS.format(day)}"
            return f"(SELECT as_of, unit, greatest(value, 0) AS {column} FROM {holds})"

        parts = {
            "": "present",
            "_opening": "opening",
            "_new": "CASE WHEN opening = 0 THEN present ELSE 0 END",
            "_expansion": "CASE WHEN opening > 0 AND present > opening THEN present - opening ELSE 0 END",
            "_contraction": "CASE WHEN present > 0 AND present < opening THEN opening - present ELSE 0 END",
            "_churned": "CASE WHEN present = 0 THEN opening ELSE 0 END",
            "_logos": "(present > 0)::INTEGER",
            "_opening_logos": "(opening > 0)::INTEGER",
            "_new_logos": "(opening = 0 AND present > 0)::INTEGER",
            "_churned_logos": "(opening > 0 AND present = 0)::INTEGER",
        }
        each = ", ".join(f"{{part: '{part}', n: ({n})::HUGEINT}}" for part, n in parts.items())
        return f"""
            WITH levels AS ({LEVELS.format('max')}),
            ends AS (
                SELECT as_of, unit, coalesce(present, 0) AS present, coalesce(opening, 0) AS opening
                FROM {as_of('present', 'as_of')}
                    FULL JOIN {as_of('opening', f'as_of - {over.length}')} USING (as_of, unit)
            )
            SELECT as_of, unit, unnest([{each}], recursive := true) FROM ends
            """

    def parts(_: Window) -> dict[str, int]:
        return dict.fromkeys(money, measure.get("decimals", 0)) | dict.fromkeys(logos, 0)

    by = many(told.get("by", []))
    left = f"{name}_opening - {name}_contraction - {name}_churned"
    net = f"{name}_opening + {name}_expansion - {name}_contraction - {name}_churned"
    formulas = {
        "_nrr": {"type": "derived", "expr": f"({net}) / {name}_opening", "by": by},
        "_grr": {"type": "derived", "expr": f"({left}) / {name}_opening", "by": by},
    }
    given = shared(name, told, measure, catalogue)
    return Kind(**given, page="movements", rows=rows, parts=parts, value=worth(measure), formulas=formulas)


def survey(name: str, told: dict, catalogue: Catalogue) -> Kind:
    """The latest answer of each respondent in the window."""
    answer = ("entity", "score", "decimals", "scale", "events", "where")
    only(told, "type", "description", *answer, "windows", "by", "include")
    decimals, is_nps = told.get("decimals", 0), told.get("scale", "nps") == "nps"
    groups = {"_promoters": "score >= 9", "_passives": "score BETWEEN 7 AND 8", "_detractors": "score <= 6"}
    groups = groups if is_nps else {}

    def rows(ground: Ground, over: Window) -> str:
        parts = {
            "_responses": "1",
            "_score": "score",
            "_declined": f"(score < score_before AND day - day_before < {over.length})::INTEGER",
            **{part: f"({test})::INTEGER" for part, test in groups.items()},
        }
        each = ", ".join(f"{{part: '{part}', n: coalesce({n}, 0)::HUGEINT}}" for part, n in parts.items())
        return f"""
            WITH last_of_day AS (
                SELECT unit, bucket AS day, max({{ms: ms, value: value}}).value AS score FROM seen GROUP BY ALL
            ),
            answers AS (
                SELECT *, lag(score) OVER days AS score_before, lag(day) OVER days AS day_before,
                    lead(day) OVER days AS day_after
                FROM last_of_day WINDOW days AS (PARTITION BY unit ORDER BY day)
            )
            SELECT as_of, unit, unnest([{each}], recursive := true)
            FROM as_of_day JOIN answers ON day BETWEEN as_of - {over.length - 1} AND as_of
                AND (day_after > as_of OR day_after IS NULL)
            """

    by = many(told.get("by", []))
    score = {"type": "derived", "expr": f"{name}_score / {name}_responses", "by": by}
    if is_nps:
        expression = f"100 * ({name}_promoters - {name}_detractors) / {name}_responses"
        score = {"type": "derived", "expr": expression, "by": by}
    value = units(f"properties ->> {place(told['score'].removeprefix('properties.'))}", decimals)
    return Kind(
        **shared(name, told, told, catalogue),
        page="survey",
        rows=rows,
        parts=lambda _: {"_responses": 0, "_score": decimals, "_declined": 0} | dict.fromkeys(groups, 0),
        value=value,
        formulas={"": score},
    )
