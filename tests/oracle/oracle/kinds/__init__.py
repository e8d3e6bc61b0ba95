"""The kinds of metrics, a module a family of them. Which a metric is, its `type` and its measure say."""

from catalogue import Catalogue
from kinds import active, entries, events, held, shares
from kinds.kind import Kind

FORMULAS = ("ratio", "derived")
BY_TYPE = {
    "frequency": active.frequency,
    "growth": active.growth,
    "retention": active.retention,
    "baseline": events.baseline,
    "movements": held.movements,
    "survey": held.survey,
    "conversion": entries.conversion,
    "time_to_value": entries.time_to_value,
    "sessions": entries.sessions,
    "recency": active.recency,
}
BY_MEASURE = {
    "count_distinct": active.simple,
    "count": events.added,
    "sum": events.added,
    "average": events.added,
    "median": events.percentiles,
    "percentile": events.percentiles,
    "state": held.state,
}


def read(catalogue: Catalogue) -> list[Kind]:
    """The metrics of a catalogue that are counted, in its order."""
    return [kind(name, told, catalogue) for name, told in catalogue.metrics.items() if told["type"] not in FORMULAS]


def kind(name: str, told: dict, catalogue: Catalogue) -> Kind:
    """A metric that is counted."""
    if told["type"] == "share":
        return shares.share(name, told, catalogue, lambda other: kind(other, catalogue.metrics[other], catalogue))
    if told["type"] in BY_TYPE:
        return BY_TYPE[told["type"]](name, told, catalogue)
    assert told["type"] in ("simple", "cumulative"), f"the oracle does not know a metric of {told['type']}: {name}"
    measure = told["measure"]
    least = measure.get("at_least")
    if isinstance(least, dict) and "values" in least:
        return active.varied(name, told, catalogue)
    if isinstance(least, int) or isinstance(least, dict) and "events" in least:
        return events.enough(name, told, catalogue)
    return BY_MEASURE[measure["agg"]](name, told, catalogue)
