"""What was begun, and what came of it: conversions, funnels, how long it took, and sessions."""

from catalogue import UNIT_MS, Catalogue, Window, many, only
from ground import Ground
from kinds.kind import Kind, counts, shared
from sql import text
from stream import day_of

# The first event of the first step on each day on which there is one.
ENTRIES = "SELECT unit, bucket AS day, min(ms) AS ms_0 FROM seen WHERE value = 0 GROUP BY ALL"

# After everything, in milliseconds: what follows a step that did not come. A join as of nothing would find something.
NEVER = 1 << 60


def step(steps: list[list[str]]) -> str:
    """Which step an event is, from 0."""
    cases = " ".join(f"WHEN name IN ({', '.join(map(text, names))}) THEN {at}" for at, names in enumerate(steps))
    return f"CASE {cases} END"


def follow(entries: str, steps: int) -> str:
    """Entries, with when each further step first followed the one before: `ms_<n>`, and on which day: `day_<n>`."""
    for at in range(1, steps):
        entries = f"""
            SELECT entered.*, next.ms AS ms_{at}, next.bucket AS day_{at}
            FROM ({entries}) AS entered ASOF LEFT JOIN (SELECT unit, ms, bucket FROM seen WHERE value = {at}) AS next
                ON entered.unit = next.unit AND coalesce(entered.ms_{at - 1}, {NEVER}) <= next.ms
            """
    return entries


def conversion(name: str, told: dict, catalogue: Catalogue) -> Kind:
    """Entries of the window, and which of them went through all steps in time."""
    only(told, "type", "description", "entity", "base", "conversion", "steps", "within", "windows", "by", "include")
    if "steps" in told:
        steps, within = [[event] for event in told["steps"]], told["within"]
    else:
        base, further = only(told["base"], "events"), only(told["conversion"], "events", "within")
        steps, within = [many(base["events"]), many(further["events"])], further["within"]
    length = int(within[:-1])
    if within.endswith("d"):
        deadline, is_in_time = f"day + {length}", f"day_{{}} <= day + {length}"
    else:
        ms = length * UNIT_MS[within[-1]]
        deadline, is_in_time = day_of(f"(ms_0 + {ms})", catalogue), f"ms_{{}} <= ms_0 + {ms}"
    last = len(steps) - 1

    def rows(ground: Ground, over: Window) -> str:
        came = {at: f"coalesce({is_in_time.format(at)} AND day_{at} <= as_of, false)" for at in range(1, last + 1)}
        converted, matured = came[last], "deadline < as_of"
        parts = {
            "_started": "true",
            "_converted": converted,
            "_matured": matured,
            "_matured_converted": f"{matured} AND {converted}",
            "_open": f"NOT ({matured}) AND NOT {converted}",
            **{f"_step_{at + 1}": came[at] for at in range(1, last)},
        }
        each = ", ".join(f"{{part: '{part}', n: count(*) FILTER ({test})}}" for part, test in parts.items())
        return f"""
            WITH entries AS (SELECT *, {deadline} AS deadline FROM ({follow(ENTRIES, len(steps))}))
            SELECT as_of, unit, unnest(parts, recursive := true) FROM (
                SELECT as_of, unit, [{each}] AS parts
                FROM as_of_day JOIN entries ON day BETWEEN as_of - {over.length - 1} AND as_of GROUP BY as_of, unit
            )
            """

    rate = {"type": "ratio", "numerator": f"{name}_matured_converted", "denominator": f"{name}_matured",
            "by": many(told.get("by", []))}  # fmt: skip
    between = [f"_step_{at + 1}" for at in range(1, last)]
    parts = counts("_started", "_converted", "_matured", "_matured_converted", "_open", *between)
    given = shared(name, told, told, catalogue) | {"events": [event for names in steps for event in names]}
    return Kind(**given, page="conversion", rows=rows, parts=parts, value=step(steps), formulas={"": rate})


def time_to_value(name: str, told: dict, catalogue: Catalogue) -> Kind:
    """Of entries of the window, how many could be seen for so many days and waited, and how many had come to it."""
    only(told, "type", "description", "entity", "base", "value", "windows", "by", "include")
    base, value = only(told["base"], "events"), only(told["value"], "events", "within")
    steps, most = [many(base["events"]), many(value["events"])], int(value["within"].removesuffix("d"))
    labels = [f"{{days={number}}}" for number in range(most + 1)]

    def rows(ground: Ground, over: Window) -> str:
        return f"""
            WITH waited AS (
                SELECT as_of, unit, days, count(*) AS waiting, count(*) FILTER (day_1 - day = days) AS reached
                FROM as_of_day JOIN ({follow(ENTRIES, 2)}) AS entries ON day BETWEEN as_of - {over.length - 1} AND as_of
                    JOIN range({most + 1}) AS of (days) ON days <= as_of - day AND coalesce(day_1 - day >= days, true)
                GROUP BY as_of, unit, days
            )
            SELECT as_of, unit, '_waiting{{days=' || days || '}}' AS part, waiting AS n FROM waited
            UNION ALL SELECT as_of, unit, '_reached{{days=' || days || '}}', reached FROM waited
            """

    median = {
        "type": "median", "waiting": [f"{name}_waiting{label}" for label in labels],
        "reached": [f"{name}_reached{label}" for label in labels], "by": many(told.get("by", [])),
    }  # fmt: skip
    parts = counts(*(part + label for part in ("_waiting", "_reached") for label in labels))
    given = shared(name, told, told, catalogue) | {"events": [event for names in steps for event in names]}
    return Kind(**given, page="time_to_value", rows=rows, parts=parts, value=step(steps), formulas={"": median})


def sessions(name: str, told: dict, catalogue: Catalogue) -> Kind:
    """Uses that begin on days of the window, and their time, as far as it passes on days of the window."""
    only(told, "type", "description", "entity", "events", "where", "gap", "windows", "by", "include")
    gap = int(told["gap"][:-1]) * UNIT_MS[told["gap"][-1]]
    midnight = f"epoch_ms(timezone({text(catalogue.zone)}, {{}}::TIMESTAMP))"

    def rows(ground: Ground, over: Window) -> str:
        # The time between two events that belong together, on each of the days on which some of it passes.
        passed = f"least(ms, {midnight.format('(day + 1)')}) - greatest(ms_before, {midnight.format('day')})"
        return f"""
            WITH moments AS (SELECT DISTINCT unit, ms, bucket FROM seen),
            joined AS (
                SELECT *, ms - lag(ms) OVER sent <= {gap} AS is_joined, lag(ms) OVER sent AS ms_before,
                    lag(bucket) OVER sent AS bucket_before
                FROM moments WINDOW sent AS (PARTITION BY unit ORDER BY ms)
            ),
            passing AS (
                SELECT unit, ms, ms_before, unnest(range(bucket_before, bucket + 1, INTERVAL 1 DAY))::DATE AS day
                FROM joined WHERE is_joined
            ),
            of_day AS (
                SELECT unit, bucket, '' AS part, 1 AS n FROM joined WHERE NOT coalesce(is_joined, false)
                UNION ALL SELECT unit, day, '_seconds', greatest({passed}, 0) FROM passing
            )
            SELECT as_of, unit, part, sum(n) AS n
            FROM of_day JOIN {ground.spans(over)} ON bucket BETWEEN first AND as_of GROUP BY ALL
            """

    mean = {"type": "ratio", "numerator": f"{name}_seconds", "denominator": name, "by": many(told.get("by", []))}
    given = shared(name, told, told, catalogue)
    parts = {"": 0, "_seconds": 3}
    return Kind(**given, page="sessions", rows=rows, parts=lambda _: parts, formulas={"_mean_seconds": mean})
